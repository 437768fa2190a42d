# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Results of long benchmarks by their settings, kept in a file so that no run is made twice."""

from __future__ import annotations

import json
from pathlib import Path

import compiling
from gpfq.tools import find_tool


class Points:
    """Settings -> point, an object of JSON that has the settings too; a line of the file is one point."""

    def __init__(self, file: Path | None) -> None:
        """Reads the file, if there is one. Raises OSError and ValueError."""
        self._file = file
        self._points: dict[str, dict] = {}
        if file and file.is_file():
            for line in file.read_text().splitlines():
                self._keep(json.loads(line))

    def _keep(self, point: dict) -> None:
        self._points[json.dumps(point["settings"], sort_keys=True)] = point

    def __len__(self) -> int:
        return len(self._points)

    def find(self, settings: dict) -> dict | None:
        return self._points.get(json.dumps(settings, sort_keys=True))

    def add(self, settings: dict, values: dict) -> dict:
        """The point of these settings and values, from now on also in the file."""
        point = {"settings": settings} | values
        self._keep(point)
        if self._file:
            with open(self._file, "a") as file:
                file.write(json.dumps(point) + "\n")
        return point


def compiler_hash() -> str:
    """A setting: another gpfq-compile makes other points."""
    return compiling.sha256(find_tool("gpfq-compile"))[:16]
