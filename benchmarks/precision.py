# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which levels change when the moments of the calibration rows are summed in f64 instead of f32 blocks.

    ./dev bench precision resnet20 squeezenet1_1

Quantises each network twice, weights only, and counts the levels that differ. With inputs=float a layer's levels
depend on no other layer, so each difference is one of its own; with inputs=quantized, the default of the compiler,
one level changes the inputs of all layers behind it. One JSON object a network.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import gpfq
import networks
from compiling import say
from gpfq.tools import find_tool

# A line of the section of resources.
LEVELS = re.compile(r'\s*([^\s":]+\.levels(?:_\d+)*): "0x([0-9A-Fa-f]*)"')
# Before the bytes of a resource: its alignment, four bytes.
HEADER = 8


def read_levels(path: Path) -> dict[str, np.ndarray]:
    """The levels of each layer in a printed module."""
    with path.open() as lines:
        matches = [match for line in lines if (match := LEVELS.match(line))]
    return {match[1]: np.frombuffer(bytes.fromhex(match[2][HEADER:]), np.int8) for match in matches}


def quantize(network: str, bits: int, options: str, folder: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Levels and the report. Raises gpfq.ToolError with what the tool says."""
    stem = networks.exported(network)
    output, report = folder / "quantized.mlir", folder / "report.json"
    command = [
        str(find_tool("gpfq-opt")),
        f"{stem}.mlir",
        f"--gpfq-prepare=weight-bits={bits}",
        f"--gpfq-quantize-weights=calibration={stem}.calib.npy report={report} {options}",
        f"-o={output}",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise gpfq.ToolError(f"status {done.returncode} of {' '.join(command)}\n{done.stderr.strip()}")
    return read_levels(output), json.loads(report.read_text())


def compare(network: str, args: argparse.Namespace) -> dict:
    """Numbers of levels that differ, for both kinds of inputs."""
    result: dict = {"network": network, "bits": args.bits, "samples": args.samples}
    with tempfile.TemporaryDirectory() as name:
        for inputs in ("float", "quantized"):
            options = f"samples={args.samples} inputs={inputs} {args.options}"
            plain, plain_report = quantize(network, args.bits, options, Path(name))
            exact, exact_report = quantize(network, args.bits, f"{options} exact-moments=true", Path(name))
            if not plain or plain.keys() != exact.keys():
                raise ValueError(f"{network}: the two runs have different layers")
            result[inputs] = {
                "levels": sum(len(levels) for levels in plain.values()),
                "different": sum(int(np.count_nonzero(plain[layer] != exact[layer])) for layer in plain),
                "layers": len(plain),
                "layers_different": sum(not np.array_equal(plain[layer], exact[layer]) for layer in plain),
                "held_out_error": [
                    float(np.sqrt(np.mean([layer["held_out_error"] ** 2 for layer in report["layers"]])))
                    for report in (plain_report, exact_report)
                ],
            }
    return result


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench precision", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--samples", type=int, default=128, metavar="N", help="of the calibration data (default 128)")
    parser.add_argument("--options", default="", help="more options of gpfq-quantize-weights")
    args = parser.parse_args()
    try:
        for network in args.networks:
            print(json.dumps(compare(network, args)), flush=True)
    except (OSError, ValueError, gpfq.ToolError) as error:
        say(f"precision: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
