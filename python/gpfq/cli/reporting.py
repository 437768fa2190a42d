# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gpfq report."""

from __future__ import annotations

from pathlib import Path

import click

from ..report import write_report
from .common import FILE, examples, json_option, show


@click.command(
    name="report",
    epilog=examples(
        "gpfq report report.json -o report.html",
        "gpfq report four.json --compare three.json -o four-and-three.html",
        "gpfq bench libprofile.so --layers --json > times.json   # made with gpfq compile .. -- --profile",
        "gpfq report report.json --latency times.json -o report.html",
    ),
)
@click.argument("report", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="The page, .html.")
@click.option("--compare", type=FILE, help="Report of another run, to put beside.")
@click.option("--latency", type=FILE, help="JSON of gpfq bench --layers, for the time of each layer.")
@click.option("--title", help="Heading (default: the file's name).")
@json_option
def report_command(
    report: Path, output: Path, compare: Path | None, latency: Path | None, title: str | None, as_json: bool
) -> None:
    """Makes one self-contained HTML page of REPORT, which --report of quantize or compile wrote.

    It shows error, bits, zeros, step, size and time of each layer, its codes against the float activations, and its
    levels against the float weights.
    Needs pip install 'gpfq[report]'.
    """
    write_report(report, output, compare=compare, latency=latency, title=title)
    show(as_json, {"output": output, "bytes": output.stat().st_size}, f"{output}: {output.stat().st_size:,} bytes")


COMMANDS = [report_command]
