# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPFQ, GPTQ and Qronos of Brevitas beside recipe=best: the same network, images and levels.

    ./dev bench brevitas --networks=resnet20 --bits=4,3,2 --out=docs/ablation.md

Weights only, all layers, one scale for each output channel, levels -K..K with K = 2^(bits-1) - 1. Prints one JSON
object a line. `seconds` is the CPU time on one thread: for Brevitas that of the method alone, for ours that of
gpfq-compile from the float network to the quantised one; `times_ours` is the ratio of the two. `ours_better_by` is our
top-1 minus that of the method on the same images, in points, `standard_error` that of the difference. Makes an
environment of its own in build/peers/brevitas (some 2 GB).

A cache file keeps the class of each test image for each network, width, number of samples and method: what it has is
not run again. Ours is run again when gpfq-compile has changed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import compiling
import gpfq
import networks
import tables
from compiling import say
from gpfq import evaluation
from peers.environment import environment
from points import Points, compiler_hash

FOLDER = Path(__file__).resolve().parent
OURS = "recipe=best"
PEERS = ("gpfq", "gptq", "qronos")


def run_peer(python: Path, method: str, bits: int, stem: Path, samples: int, folder: Path) -> tuple[np.ndarray, dict]:
    """(outputs on the test images, what the worker printed); raises CalledProcessError."""
    outputs = folder / "outputs.npy"
    command = [python, "-P", FOLDER / "brevitas_worker.py", method, bits, stem.name, f"{stem}.calib.npy", samples]
    variables = {"PYTHONPATH": f"{FOLDER.parent}", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*map(str, command), f"{stem}.test.npy", str(outputs)],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return np.load(outputs), json.loads(done.stdout.splitlines()[-1])


def run_ours(bits: int, stem: Path, samples: int, folder: Path) -> tuple[np.ndarray, dict]:
    """(outputs of the library on the test images, CPU seconds of the quantisation); raises gpfq.ToolError."""
    before = children_seconds()
    quantized = compiling.compile_network(
        Path(f"{stem}.mlir"),
        folder / "quantized.mlir",
        f"--calibration={stem}.calib.npy",
        f"--samples={samples}",
        f"--alphabet=mid_tread:{2 ** (bits - 1) - 1}",
        "--activation-bits=0",
        "--threads=1",
        "--emit=quantized",
        quiet=True,
    )
    seconds = children_seconds() - before
    library = folder / f"lib{stem.name}_{bits}.so"  # dlopen does not read a path again
    compiling.compile_network(quantized.output, library, "-O1", quiet=True)
    images = np.load(f"{stem}.test.npy", mmap_mode="r")
    return evaluation.run_batches(gpfq.load(library), images), {"seconds": seconds}


def children_seconds() -> float:
    """CPU time of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Bench:
    """Runs methods on networks, or takes from the cache file what it has of them."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args = args
        self.folder = folder
        self.compiler = compiler_hash()
        self.points = Points(args.cache)

    def measure(self, stem: Path, bits: int, method: str, samples: int) -> dict:
        """What the worker or ours printed, and `classes`, the largest output of each test image."""
        settings = {"network": stem.name, "bits": bits, "method": method, "samples": samples}
        if method == OURS:
            settings["compiler"] = self.compiler
        if found := self.points.find(settings):
            return found
        say(f"{stem.name}, {bits} bits: {method}")
        if method == OURS:
            outputs, info = run_ours(bits, stem, samples, self.folder)
        else:
            outputs, info = run_peer(environment("brevitas"), method, bits, stem, samples, self.folder)
        classes = outputs.reshape(len(outputs), -1).argmax(1).tolist()
        return self.points.add(settings, {"info": info, "classes": classes})

    def run(self, network: str) -> list[dict]:
        """One result for each width and method, ours first; printed as they come."""
        stem, results = networks.exported(network), []
        samples = min(self.args.samples, len(np.load(f"{stem}.calib.npy", mmap_mode="r")))
        labels = np.load(f"{stem}.labels.npy")
        reference = networks.float_outputs(network, stem.parent).reshape(len(labels), -1).argmax(1)
        for bits in self.args.bits:
            points = {method: self.measure(stem, bits, method, samples) for method in (OURS, *PEERS)}
            classes = {method: np.array(point["classes"]) for method, point in points.items()}
            for method, point in points.items():
                difference = 100.0 * ((classes[OURS] == labels).astype(float) - (classes[method] == labels))
                result = {"network": network, "bits": bits, "method": method, "samples": samples} | point["info"]
                result |= {
                    "n": len(labels),
                    "float_top1": round(100.0 * float(np.mean(reference == labels)), 2),
                    "top1": round(100.0 * float(np.mean(classes[method] == labels)), 2),
                    "agreement": round(100.0 * float(np.mean(classes[method] == reference)), 2),
                    "ours_better_by": round(float(difference.mean()), 2),
                    "standard_error": round(float(difference.std() / len(labels) ** 0.5), 2),
                    "times_ours": round(point["info"]["seconds"] / points[OURS]["info"]["seconds"], 2),
                }
                print(json.dumps(result), flush=True)
                results.append(result)
        return results


def format_table(results: list[dict]) -> str:
    rows = []
    for result in results:
        is_ours = result["method"] == OURS
        rows.append(
            [
                f"{result['network']} ({result['float_top1']:.2f}), {result['samples']} samples",
                str(result["bits"]),
                f"`{OURS}`" if is_ours else f"Brevitas {result['method']}",
                f"{result['top1']:.2f}",
                f"{result['agreement']:.2f}",
                "" if is_ours else f"{result['ours_better_by']:+.2f} ±{result['standard_error']:.2f}",
                f"{result['seconds']:.0f}",
                "" if is_ours else f"{result['times_ours']:.1f}",
            ]
        )
    header = ["network (float)", "bits", "method", "top-1", "agreement", "ours better by", "CPU seconds", "times ours"]
    return tables.markdown(header, rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench brevitas", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    numbers = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("--networks", default=["resnet20"], type=lambda text: text.split(","), metavar="NET,..")
    parser.add_argument("--bits", default=[4, 3, 2], type=numbers, metavar="N,..", help="2 to 8 (default 4,3,2)")
    parser.add_argument("--samples", default=1000, type=int, metavar="N", help="calibration samples (default 1000)")
    parser.add_argument("--cache", type=Path, metavar="FILE", help="JSON lines of the classes found; resumes")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="document with sections for the tables")
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(args, Path(folder))
            for network in args.networks:
                table = format_table(bench.run(network))
                if args.out:
                    text = tables.provenance("brevitas") + "\n" + table
                    tables.replace_section(args.out, f"brevitas {network}", text)
    except (OSError, ValueError, subprocess.CalledProcessError, gpfq.ToolError, gpfq.ImportTorchError) as error:
        say(f"brevitas: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
