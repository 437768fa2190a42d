# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fails if an inner loop of the kernels in llc's assembly, on standard input, spills a vector register."""

import re
import sys
from collections import defaultdict

# Comments behind a label tell which loop its block belongs to.
label, loop, function = "", None, ""
inner, lines = set(), defaultdict(list)
for line in sys.stdin:
    if match := re.match(r"([.\w]+):", line):
        label, loop = match[1].removeprefix(".L"), None
        if not label.startswith("BB"):
            function = label
    if "This Inner Loop Header" in line:
        inner.add(label)
        loop = label
    elif match := re.search(r"in Loop: Header=(\w+)", line):
        loop = match[1]
    if loop:
        lines[loop].append(f"{function}: {line.strip()}")
inner_lines = [line for header in inner for line in lines[header]]
if not any(re.search("vpdpbusd|vpopcntd|vpmaddubsw|vpmaddwd|usdot|sdot|sudot", line) for line in inner_lines):
    sys.exit("no dot products in inner loops")
spills = [line for line in inner_lines if re.search(r"(?:[yz]mm|\bq\d).*-byte (?:Folded )?(?:Spill|Reload)", line)]
if spills:
    sys.exit("\n".join(spills))
