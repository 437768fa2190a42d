# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised networks through IREE: docs/iree.md.

    python benchmarks/iree_backend.py [NET ...]

quantises each network (default resnet20 and mobilenet_v2), hands it to iree-compile by the pipeline gpfq-to-iree, and
prints a table of sizes, times and differences, with IREE's own f32 and our library beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import compiling
import gpfq
import networks
from gpfq import evaluation
from gpfq.tools import find_tool

TARGET = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
)
TILED = ("--iree-opt-data-tiling=true", "--iree-opt-level=O3")
PACKED = ("--iree-opt-const-eval=false",)


def missing_package() -> str | None:
    """What to install, if the compiler or the runtime of IREE is not there."""
    for package in ("iree.compiler", "iree.runtime"):
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return f"no {package}: pip install -e 'python[iree]'"
    return None


def export(model: Path, output: Path, *options: str) -> Path:
    """Writes what iree-compile takes of a network at level 0, 2 or 3."""
    command = [
        find_tool("gpfq-opt"),
        model,
        f"--gpfq-to-iree={' '.join(options)}",
        "-o",
        output,
    ]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return output


def compile_module(model: Path, output: Path, *flags: str) -> Path:
    """iree-compile for this CPU."""
    from iree.compiler import tools

    tools.compile_file(str(model), output_file=str(output), extra_args=[*TARGET, *flags])
    return output


class Module:
    """A compiled module with one public function, on one thread."""

    def __init__(self, path: Path, function: str) -> None:
        import iree.runtime

        self._context = iree.runtime.SystemContext(config=iree.runtime.Config("local-sync"))
        module = iree.runtime.VmModule.mmap(self._context.instance, str(path))
        self._context.add_vm_module(module)
        self._function = getattr(self._context.modules, module.name)[function]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        # The array on the host belongs to the buffer of the device, which goes away.
        return np.array(self._function(np.ascontiguousarray(images)).to_host())

    def milliseconds(self, image: np.ndarray, repeats: int) -> float:
        """The fastest of `repeats` runs on one image."""
        import iree.runtime

        argument = iree.runtime.asdevicearray(self._context.config.device, np.ascontiguousarray(image))
        return fastest(lambda: self._function(argument).to_host(), repeats)


def fastest(run: object, repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


def rows(name: str, folder: Path, repeats: int) -> list[tuple[str, int, float, str]]:
    """Name, bytes, milliseconds an image and difference of each form of one network."""
    stem = networks.exported(name)
    image = np.array(np.load(f"{stem}.test64.npy", mmap_mode="r")[:1])
    model = Path(f"{stem}.mlir")
    result = []

    def add_module(label: str, text: Path, flags: tuple[str, ...], reference: np.ndarray | None) -> None:
        compiling.say(name, label)
        # A file of its own: modules that have run before may still be mapped.
        path = compile_module(text, folder / f"{len(result)}.vmfb", *flags)
        module = Module(path, name)
        same = ""
        if reference is not None:
            difference = float(np.abs(module(image) - reference).max())
            same = "equal" if difference == 0 else f"{difference / np.abs(reference).max():.0e}"
        result.append((label, path.stat().st_size, module.milliseconds(image, repeats), same))

    float_text = export(model, folder / "float.mlir")
    add_module("IREE f32", float_text, (), None)
    add_module("IREE f32, data tiling", float_text, TILED, None)
    for activation_bits, kind in ((8, "W4A8"), (0, "W4")):
        quantized = compiling.compile_network(
            model,
            folder / f"{kind}.mlir",
            f"--calibration={stem}.calib.npy",
            "--samples=64",
            f"--activation-bits={activation_bits}",
            "--recipe=paper",
            "--emit=quantized",
            quiet=True,
        ).output
        library = compiling.compile_network(quantized, folder / f"lib{kind}.so", quiet=True).output
        net = gpfq.load(library)
        reference = net(image)
        text = export(quantized, folder / f"{kind}.iree.mlir")
        add_module(f"{kind}: IREE", text, (), reference)
        add_module(f"{kind}: IREE, data tiling", text, TILED, reference)
        add_module(f"{kind}: IREE, weights stay packed", text, PACKED, reference)
        time_of_run = fastest(lambda net=net: net(image), repeats)
        result.append((f"{kind}: our library", library.stat().st_size, time_of_run, ""))
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description="Quantised networks through IREE, as a table.")
    parser.add_argument("nets", nargs="*", metavar="NET", default=["resnet20", "mobilenet_v2"])
    parser.add_argument("--repeats", type=int, default=100, help="runs of which the fastest counts")
    arguments = parser.parse_args()
    if missing := missing_package():
        parser.error(missing)
    print(f"{evaluation.cpu_name()}, one thread, batch 1, fastest of {arguments.repeats}\n")
    for name in arguments.nets:
        print(f"| {name} | bytes | ms | against our library |\n|---|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            for label, size, milliseconds, same in rows(name, Path(folder), arguments.repeats):
                print(f"| {label} | {size:,} | {milliseconds:.2f} | {same} |", flush=True)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
