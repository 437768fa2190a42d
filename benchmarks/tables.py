# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Markdown tables of measured numbers, and the sections of documents that hold them."""

from __future__ import annotations

import datetime
import os
import shlex
import sys
from pathlib import Path

from gpfq import evaluation


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table; every row has as many cells as the header."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def provenance(script: str) -> str:
    """The command of this process, the machine and the date: one line that goes with a table."""
    command = shlex.join(["./dev", "bench", script, *sys.argv[1:]])
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%-d %B %Y")
    return f"`{command}`, {evaluation.cpu_name()}, {os.cpu_count()} cores, {today}.\n"


def replace_section(document: Path, name: str, text: str) -> None:
    """Puts `text` between the lines `<!-- NAME -->` and `<!-- end NAME -->` of a document.

    Raises ValueError when the document does not have them.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end {name} -->\n"
    contents = document.read_text()
    if contents.count(begin) != 1 or contents.count(end) != 1:
        raise ValueError(f"{document}: no section '{name}': it lies between {begin.strip()} and {end.strip()}")
    before, rest = contents.split(begin)
    document.write_text(before + begin + text + end + rest.split(end)[1])
