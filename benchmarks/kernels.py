# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speed of generated kernels as a part of what this core can do.

    python benchmarks/kernels.py [--bits=8,4,2] [--target=host] [--input=i8|f32|signs] [--output=codes|signs]
                                 [--layers=REGEX] [--threads=N] [--out=FILE]

Each layer is one lowbit op with scale, bias, ReLU and requantisation, compiled by gpfq-compile. Bursts of it and of
chains of multiply-adds in registers alternate in one process; one JSON line a layer and width gives the best of each
and their ratio, which is above 1 where a kernel does with fewer products; below 6 bits codes of the input leave room
for the sums with levels, as those of quantised networks do. Chains: `bytes` vpmaddubsw+vpmaddwd+vpaddd, `words`
vpmaddwd+vpaddd on i16 (what eight bits take), `sums` vpmaddubsw+vpaddw (sums kept in i16), `fma`, `vnni256`,
`vnni512`, `signs512` vpxorq+vpopcntq+vpaddq. With --input=signs both weights and inputs are bits, which the producer
of the input has packed; on targets other than znver4 and avx512vpopcntdq the chain is that of bytes. With
--output=signs, the result of layers of signs is bits as well, as the next such layer takes them, in place of codes of
8 bits; then residual sums and channels that do not fill words are left out. For one row of a matrix there is also the
ratio to the time of reading as many bytes as the packed weights have. --threads=N adds the speed-up by N pinned
threads.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))
import gpfq  # noqa: E402
from kernel_layers import LAYERS, Layer, get_input_max, write_module  # noqa: E402

TOOLS = Path(os.environ.get("GPFQ_BUILD", ROOT / "build")) / "bin"
CHAINS = {"bytes": 0, "sums": 1, "words": 2, "fma": 3, "vnni256": 4, "vnni512": 5, "signs512": 6}


class Stopwatch:
    """The helper library roof.c."""

    def __init__(self, folder: Path) -> None:
        path = folder / "roof.so"
        command = ["clang-22", "-O2", "-mavx2", "-mfma", "-shared", "-fPIC", str(Path(__file__).with_name("roof.c"))]
        subprocess.run([*command, "-o", str(path)], check=True)
        self.library = ctypes.CDLL(str(path))
        self.library.roof_burst.restype = ctypes.c_double
        self.library.run_burst.restype = ctypes.c_double
        self.library.read_burst.restype = ctypes.c_double
        self.library.read_burst.argtypes = [ctypes.c_void_p, ctypes.c_long]
        self.library.run_burst.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_long]
        self.library.run_parallel_burst.restype = ctypes.c_double
        self.library.run_parallel_burst.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_long]

    def roof(self, chain: str) -> float:
        return self.library.roof_burst(CHAINS[chain])

    def read(self, memory: np.ndarray) -> float:
        return self.library.read_burst(memory.ctypes.data, memory.nbytes)


def choose_chain(target: str, element: str, bits: int) -> str:
    if element == "signs" and target in ("znver4", "avx512vpopcntdq"):
        return "signs512"
    if element == "f32":
        return "fma"
    if target in ("znver4", "avx512vpopcntdq", "avx512vnni", "avxvnni"):
        return "vnni256" if target == "avxvnni" else "vnni512"
    return "words" if bits == 8 else "bytes"


def pack_signs(source: str, target: str) -> str:
    """The packed layer as a function of bits."""
    command = [
        str(TOOLS / "gpfq-opt"),
        f"--pass-pipeline=builtin.module(lowbit-fuse,func.func(lowbit-pack{{target={target}}},cse))",
    ]
    packed = subprocess.run(command, input=source, check=True, capture_output=True, text=True).stdout
    found = re.search(r"\n *(%\S+) = lowbit\.pack_signs ins\(%arg0 : (\S+)\) outs\(.*\) -> (\S+)\n", packed)
    if not found:
        raise SystemExit(f"lowbit-pack makes no bits of the input on {target}:\n{packed}")
    bits, floats, words = found.groups()
    return packed.replace(found[0], "\n").replace(f"{bits},", "%arg0,").replace(f"%arg0: {floats}", f"%arg0: {words}")


def compile_layer(
    layer: Layer, bits: int, element: str, output: str, target: str, folder: Path, parallel: bool = False
) -> gpfq.CompiledModel:
    source, library = folder / f"{layer.name}.mlir", folder / f"lib{layer.name}_{bits}{element}.so"
    text = write_module(layer, bits, element, output)
    source.write_text(pack_signs(text, target) if element == "signs" else text)
    pool = ["--parallel=pool"] if parallel else []
    command = [str(TOOLS / "gpfq-compile"), str(source), f"--target={target}", "-o", str(library), *pool]
    subprocess.run(command, check=True)
    return gpfq.load(library)


@dataclass
class Times:
    """The best of all bursts."""

    call: float = float("inf")  # seconds
    parallel: float = float("inf")  # seconds of a call on several threads
    read: float = float("inf")  # seconds of reading the weights
    roof: float = 0.0  # 1e9 operations a second of the chain


def allocate(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array that begins with a cache line, as all tensors within a network do."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def measure(
    model: gpfq.CompiledModel,
    stopwatch: Stopwatch,
    chain: str,
    seconds: float,
    weight_bytes: int,
    input_max: int = 255,
    threads: int = 1,
) -> Times:
    """Alternate bursts of calls, of the chain and of reading `weight_bytes`, then calls on `threads` pinned threads."""
    random = np.random.default_rng(1)
    arrays = []
    for info in model.inputs:
        is_float = info.dtype == np.float32
        arrays.append(allocate(info.shape, np.float32 if is_float else np.uint8))
        arrays[-1][...] = (
            random.standard_normal(info.shape) if is_float else random.integers(0, input_max + 1, info.shape)
        )
    outputs = [allocate(info.shape, info.dtype) for info in model.outputs]
    workspace = allocate((model.workspace_bytes,), np.uint8)
    pointers = lambda values: (ctypes.c_void_p * len(values))(*(a.ctypes.data for a in values))  # noqa: E731
    library = ctypes.CDLL(str(model.path))
    buffers = (pointers(arrays), pointers(outputs), workspace.ctypes.data)
    run = getattr(library, model.name + "_run")
    call = lambda count: stopwatch.library.run_burst(run, *buffers, count)  # noqa: E731
    once = min(call(1) for _ in range(3))
    count = max(1, int(5e-5 / once))
    times = Times(call=once)
    weights = np.ones(-(-weight_bytes // 256) * 256, np.uint8)
    bursts = max(20, int(seconds / (count * once)))
    for _ in range(bursts):
        times.call = min(times.call, call(count))
        times.roof = max(times.roof, stopwatch.roof(chain))
        if weight_bytes:
            times.read = min(times.read, stopwatch.read(weights))
    if threads > 1:
        # Not in turns with the calls above: workers wait actively.
        pooled = gpfq.load(model.path, threads, pin=True)
        run_parallel = getattr(library, model.name + "_run_parallel")
        # A virtual CPU that has slept may take some tenths of a second to come back.
        end = time.perf_counter() + max(1.0, seconds)
        while time.perf_counter() < end:
            burst = stopwatch.library.run_parallel_burst(run_parallel, *buffers, pooled._pool, count)
            times.parallel = min(times.parallel, burst)
        del pooled  # ends its threads
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bits", default="8,4,2")
    parser.add_argument("--target", default="host")
    parser.add_argument("--input", default="i8", choices=["i8", "f32", "signs"])
    parser.add_argument("--output", default="codes", choices=["codes", "signs"], help="signs only with --input=signs")
    parser.add_argument("--layers", default="", help="regular expression on names")
    parser.add_argument("--seconds", type=float, default=0.05, help="time for each layer and width")
    parser.add_argument("--threads", type=int, default=1, help="also the speed-up by so many threads, pinned")
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    options = parser.parse_args()
    if options.output == "signs" and options.input != "signs":
        parser.error("--output=signs takes --input=signs")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stopwatch = Stopwatch(folder)
        for layer in LAYERS:
            has_signs = layer.kind != "depthwise" and layer.c >= 16
            if not re.search(options.layers, layer.name) or (options.input == "signs" and not has_signs):
                continue
            if options.output == "signs" and (layer.residual or layer.oc % 32 != 0):
                continue
            for bits in [1] if options.input == "signs" else map(int, options.bits.split(",")):
                parallel = options.threads > 1
                model = compile_layer(layer, bits, options.input, options.output, options.target, folder, parallel)
                chain = choose_chain(model.target, options.input, bits)
                is_row = layer.kind == "matmul" and layer.h * layer.w == 1
                weight_bytes = layer.c * layer.oc * bits // 8 if is_row else 0
                input_max = get_input_max(layer, bits, options.input)
                times = measure(model, stopwatch, chain, options.seconds, weight_bytes, input_max, options.threads)
                rate = layer.operations / times.call * 1e-9
                line = {
                    "layer": layer.name,
                    "bits": bits,
                    "target": model.target,
                    "microseconds": round(times.call * 1e6, 2),
                    "gops": round(rate, 1),
                    "roof": chain,
                    "roof_gops": round(times.roof, 1),
                    "ratio": round(rate / times.roof, 3),
                    "load": round(os.getloadavg()[0], 1),
                }
                if is_row:
                    line["read_ratio"] = round(times.read / times.call, 3)
                if parallel:
                    line |= {"threads": options.threads, "speedup": round(times.call / times.parallel, 2)}
                text = json.dumps(line)
                print(text, flush=True)
                if options.out:
                    with options.out.open("a") as file:
                        file.write(text + "\n")


if __name__ == "__main__":
    main()
