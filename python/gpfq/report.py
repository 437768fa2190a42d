# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The report of a quantisation as one HTML page."""

from __future__ import annotations

import itertools
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DataError, MissingPackageError
from .files import check_writable, write_text

__all__ = ["read_report", "write_report"]

_REQUIRED = {"name", "shape", "method", "bits", "alphabet", "step", "sparsity", "seconds"}


def read_report(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `gpfq-compile --report` wrote. Raises FileNotFoundError, and DataError for anything else."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        report = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a JSON file: {error}") from error
    layers = report.get("layers") if isinstance(report, dict) else None
    if not isinstance(layers, list) or report.get("version") != 1:
        raise DataError(f"{path}: not a report of gpfq-compile (version 1, with layers)")
    for layer in layers:
        missing = _REQUIRED - set(layer) if isinstance(layer, dict) else _REQUIRED
        if missing:
            raise DataError(f"{path}: a layer has no {', '.join(sorted(missing))}; make the report again")
    return report


def write_report(
    report: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    compare: str | os.PathLike[str] | None = None,
    title: str | None = None,
) -> Path:
    """Writes the page `output` (.html) of the report file `report`; it needs no other file and no network.

    compare: another report, whose errors, bits and sizes are put beside.
    title: heading of the page, by default the report's name.

    Raises FileNotFoundError, DataError when a file is no report, and MissingPackageError
    without jinja2 (`pip install gpfq[report]`).
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingPackageError(f"reports need jinja2 ({error}): pip install 'gpfq[report]'") from error
    report, output = Path(report), Path(output)
    check_writable(output)
    main = _Run(report.name, read_report(report))
    other = None if compare is None else _Run(Path(compare).name, read_report(compare))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gpfq", "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["percent"] = lambda value: "-" if value is None else f"{100 * value:.2f} %"
    page = environment.get_template("report.html").render(
        title=title or report.stem, run=main, other=other, rows=_make_rows(main, other), scale=_error_scale(main, other)
    )
    write_text(output, page)
    return output


@dataclass(frozen=True)
class _Run:
    name: str
    report: dict[str, Any]

    @property
    def layers(self) -> list[dict[str, Any]]:
        return self.report["layers"]

    @property
    def totals(self) -> dict[str, Any]:
        return self.report.get("totals", {})

    @property
    def weights(self) -> int:
        return sum(math.prod(layer["shape"]) for layer in self.layers)

    @property
    def average_bits(self) -> float:
        return sum(math.prod(layer["shape"]) * layer["bits"] for layer in self.layers) / max(self.weights, 1)

    @property
    def seconds(self) -> float:
        return sum(layer["seconds"] for layer in self.layers)


def _get_error(layer: dict[str, Any]) -> float | None:
    held_out = layer.get("held_out_error")
    return layer.get("in_sample_error") if held_out is None else held_out


def _error_scale(*runs: _Run | None) -> float:
    """The largest error of all, for the length of bars."""
    errors = [_get_error(layer) for run in runs if run for layer in run.layers]
    return max((e for e in errors if e is not None), default=1.0) or 1.0


def _make_rows(main: _Run, other: _Run | None) -> list[dict[str, Any]]:
    """What the page shows of each layer."""
    others = {layer["name"]: layer for layer in other.layers} if other else {}
    rows = []
    for layer in main.layers:
        size = math.prod(layer["shape"])
        beside = others.get(layer["name"])
        rows.append(
            {
                "layer": layer,
                "error": _get_error(layer),
                "is_held_out": layer.get("held_out_error") is not None,
                "weights": size,
                "bytes": math.ceil(size * layer["bits"] / 8),
                "chart": _make_chart(layer),
                "other": beside,
                "other_error": None if beside is None else _get_error(beside),
            }
        )
    return rows


def _make_chart(layer: dict[str, Any]) -> dict[str, Any] | None:
    """Bars of levels and the outline of the float weights, in a box of 600 x 160, in units of the step.

    Both are shares of the weights for each unit of the axis, so that they can be compared.
    """
    counts, histogram = layer.get("level_counts"), layer.get("weight_histogram")
    if not counts or not histogram:
        return None
    levels, shares = counts["levels"], counts["counts"]
    total = max(sum(shares), 1)
    low, high = min(*levels, histogram["low"]) - 0.7, max(*levels, histogram["high"]) + 0.7
    spacing = min((b - a for a, b in itertools.pairwise(levels)), default=1)
    bins = histogram["counts"]
    width = (histogram["high"] - histogram["low"]) / len(bins) or 1.0
    level_density = [share / total / spacing for share in shares]
    weight_density = [count / total / width for count in bins]
    top = max(*level_density, *weight_density, 1e-30)

    def to_x(value: float) -> float:
        return round(600 * (value - low) / (high - low), 1)

    def to_y(value: float) -> float:
        return round(150 - 140 * value / top, 1)

    points = []
    for i, value in enumerate(weight_density):
        points += [
            (to_x(histogram["low"] + i * width), to_y(value)),
            (to_x(histogram["low"] + (i + 1) * width), to_y(value)),
        ]
    bars = [
        {"x": to_x(level - 0.4 * spacing), "width": round(600 * 0.8 * spacing / (high - low), 1), "y": to_y(density)}
        for level, density in zip(levels, level_density, strict=True)
    ]
    for bar, level, share in zip(bars, levels, shares, strict=True):
        bar |= {"height": round(150 - bar["y"], 1), "level": level, "count": share, "middle": to_x(level)}
    every = max(1, math.ceil(len(levels) / 16))
    return {
        "bars": bars,
        "outline": " ".join(f"{x},{y}" for x, y in [(points[0][0], 150.0), *points, (points[-1][0], 150.0)]),
        "ticks": [bar for i, bar in enumerate(bars) if i % every == 0],
    }
