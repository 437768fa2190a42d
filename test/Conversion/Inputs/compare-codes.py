# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares two tensors of integers that printMemrefI32 printed."""

import argparse
import re
import sys


def read_codes(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    data = text[text.index("data =") :]
    return [int(number) for number in re.findall(r"-?\d+", data)]


parser = argparse.ArgumentParser()
parser.add_argument("first")
parser.add_argument("second")
parser.add_argument("--tolerance", type=int, default=0)
arguments = parser.parse_args()
first, second = read_codes(arguments.first), read_codes(arguments.second)
if len(first) != len(second) or len(set(first)) < 4:
    sys.exit(f"nothing to compare: {len(first)} and {len(second)} codes, {len(set(first))} of them distinct")
differences = [abs(a - b) for a, b in zip(first, second, strict=False)]
if max(differences) > arguments.tolerance:
    sys.exit(f"codes differ by up to {max(differences)}\n{first}\n{second}")
if arguments.tolerance and sum(differences) * 20 > len(differences):
    sys.exit(f"{sum(differences)} of {len(differences)} codes differ; rounding explains a few")
