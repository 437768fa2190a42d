# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demo: the digits network compiled in float and quantised, run on the test digits.

    ./dev demo                            # or python benchmarks/demo.py, once everything is built

Float, then memoryless rounding to nearest (MSQ) and GPFQ at 8, 4, 3 and 2 bits, each with
8-bit activations. Every row is a shared library that gpfq-compile made, run on 500 images
that the network was not trained on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import compiling
import gpfq
from gpfq import evaluation

DIGITS = compiling.ROOT / "test" / "data" / "digits"
BITS = (8, 4, 3, 2)


def compile_all(out: Path) -> list[tuple[str, str, gpfq.Compilation]]:
    """(network, weight bits, compiled library) for each row of the table."""
    model = DIGITS / "digits.mlir"
    rows = [("float", "32", compiling.compile_network(model, out / "libfloat.so", "--float", quiet=True))]
    for method in ("msq", "gpfq"):
        for bits in BITS:
            compiling.say(f"quantising and compiling: {method}, {bits} bits")
            compiled = compiling.compile_network(
                model,
                out / f"lib{method}{bits}.so",
                f"--calibration={DIGITS / 'calib.npy'}",
                f"--method={method}",
                f"--weight-bits={bits}",
                "--activation-bits=8",
                quiet=True,
            )
            rows.append((method, str(bits), compiled))
    return rows


def make_table(rows: list[tuple[str, str, gpfq.Compilation]]) -> Table:
    images, labels = np.load(DIGITS / "test.npy"), np.load(DIGITS / "labels.npy")
    table = Table(title=f"digits, {len(images)} test images, {evaluation.cpu_name()}")
    for heading in ("weights", "bits", "top-1 %", "weight bytes", "library bytes", "µs/image"):
        table.add_column(heading, justify="left" if heading == "weights" else "right")
    previous = None
    for method, bits, compiled in rows:
        if method != previous:
            table.add_section()
        previous = method
        library = gpfq.load(compiled.output)
        accuracy = evaluation.top1(evaluation.run_batches(library, images), labels)
        microseconds = compiling.microseconds_per_image(library, images)
        table.add_row(
            method,
            bits,
            f"{accuracy:.1f}",
            f"{library.weight_bytes:,}",
            f"{compiled.output_bytes:,}",
            f"{microseconds:.1f}",
        )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="keep the libraries and headers in this folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        try:
            table = make_table(compile_all(args.out or Path(temporary)))
        except gpfq.ToolError as error:
            compiling.say(f"demo: {error}")
            return 1
        Console(width=None if sys.stdout.isatty() else 80).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
