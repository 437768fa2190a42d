# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Size against predicted error, for all allocations of bits to layers that no other one beats in both.

    ./dev bench frontier squeezenet1_1 --out=frontier.svg

Runs gpfq-allocate-bits on a network of GPFQ_DATA and prints its report, one JSON object: the losses of all
candidates, the allocation for --average-bits, the frontier. With --cache, another run needs no moments. With --out,
draws the frontier and, beside it, the networks with the same bits in each layer (needs the extra `plots`).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import gpfq
import networks
import theory_report
from compiling import say
from gpfq.tools import find_tool


def uniform_allocations(report: dict) -> list[dict]:
    """What each number of bits that all units can have gives, as the points of the frontier."""
    choices = [{choice["bits"]: choice["output_error"] for choice in unit["choices"]} for unit in report["units"]]
    common = set.intersection(*(set(unit) for unit in choices))
    weights = sum(unit["weights"] for unit in report["units"])
    return [
        {
            "bits": bits,
            "weight_bytes": weights * bits / 8,
            "predicted_error": math.sqrt(sum(unit[bits] ** 2 for unit in choices)),
        }
        for bits in sorted(common)
    ]


def allocate(network: str, args: argparse.Namespace) -> dict:
    """The report of gpfq-allocate-bits. Raises gpfq.ToolError with what the tool says."""
    stem = networks.exported(network)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = [
            f"calibration={stem}.calib.npy",
            f"samples={args.samples}",
            f"average-bits={args.average_bits}",
            f"candidates={args.candidates}",
            f"report={report}",
        ]
        if args.cache:
            options.append(f"cache={args.cache}")
        command = [
            str(find_tool("gpfq-opt")),
            f"{stem}.mlir",
            "--gpfq-prepare",
            f"--gpfq-allocate-bits={' '.join(options)}",
            "-o=/dev/null",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise gpfq.ToolError(f"status {done.returncode} of {' '.join(command)}\n{done.stderr.strip()}")
        return json.loads(report.read_text())


def draw(network: str, report: dict, path: Path) -> None:
    """Raises ImportError without matplotlib."""
    figure, axes = theory_report.make_axes("weights, bytes", "predicted relative error of the outputs", 6.0)
    points = sorted(report["frontier"], key=lambda point: point["weight_bytes"])
    axes.plot(
        [point["weight_bytes"] for point in points],
        [point["predicted_error"] for point in points],
        color=theory_report.COLOURS[0],
        marker=".",
        label="frontier",
    )
    uniform = uniform_allocations(report)
    axes.plot(
        [point["weight_bytes"] for point in uniform],
        [point["predicted_error"] for point in uniform],
        color=theory_report.COLOURS[1],
        marker=theory_report.MARKERS[1],
        linestyle="",
        label="same bits everywhere",
    )
    for point in uniform:
        axes.annotate(
            f"{point['bits']} bits",
            (point["weight_bytes"], point["predicted_error"]),
            xytext=(6, 4),
            textcoords="offset points",
        )
    chosen = report["chosen"]
    axes.plot(
        [chosen["weight_bytes"]],
        [chosen["predicted_error"]],
        color=theory_report.COLOURS[2],
        marker=theory_report.MARKERS[3],
        linestyle="",
        label="chosen",
    )
    axes.set_title(network)
    axes.legend()
    figure.savefig(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench frontier", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network")
    parser.add_argument("--average-bits", type=float, default=4.0, metavar="BITS", help="of the allocation (default 4)")
    parser.add_argument("--candidates", default="2,3,4,5,6,8", metavar="BITS,..", help="default 2,3,4,5,6,8")
    parser.add_argument("--samples", type=int, default=256, metavar="N", help="of the calibration data (default 256)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="moments of the layers, for another run")
    parser.add_argument("--out", type=Path, metavar="FILE.svg", help="figure; its suffix is its format")
    args = parser.parse_args()
    try:
        report = allocate(args.network, args)
        print(json.dumps({"network": args.network, **report}), flush=True)
        if args.out:
            draw(args.network, report, args.out)
    except (OSError, ValueError, KeyError, ImportError, gpfq.ToolError) as error:
        say(f"frontier: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
