# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The report of a quantisation as one HTML page."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Sequence
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
    latency: str | os.PathLike[str] | None = None,
    title: str | None = None,
) -> Path:
    """Writes the page `output` (.html) of the report file `report`; it needs no other file and no network.

    compare: another report, whose errors, bits and sizes are put beside.
    latency: what `gpfq bench --layers --json` printed of the library, whose times are put beside.
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
    times = None if latency is None else _read_latency(Path(latency), main)
    page = environment.get_template("report.html").render(
        title=title or report.stem,
        run=main,
        other=other,
        rows=_make_rows(main, other, times),
        activations=_make_activations(main, other),
        times=times,
        scale=_error_scale(main, other),
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


def _read_latency(path: Path, run: _Run) -> dict[str, Any]:
    """The measurement, with the time of each layer by its name."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        measured = json.loads(path.read_text())
        layers = {layer["name"]: layer["microseconds"] for layer in measured["layers"]}
        result = {"median": measured["median"], "cpu": measured["cpu"], "target": measured["target"], "layers": layers}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not what gpfq bench --layers --json prints: {error}") from error
    if run.layers and not any(layer["name"] in layers for layer in run.layers):
        raise DataError(f"{path}: has none of the layers of {run.name}; is it of the same network?")
    known = {layer["name"] for layer in run.layers}
    return result | {"rest": {name: time for name, time in layers.items() if name not in known}}


def _make_rows(main: _Run, other: _Run | None, times: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What the page shows of each layer."""
    others = {layer["name"]: layer for layer in other.layers} if other else {}
    stored = {layer["name"]: layer["weight_bytes"] for layer in main.report.get("compiled_layers", [])}
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
                "bytes": stored.get(layer["name"]),
                "time": None if times is None else times["layers"].get(layer["name"]),
                "chart": _make_chart(layer),
                "other": beside,
                "other_error": None if beside is None else _get_error(beside),
            }
        )
    return rows


_MOST_BARS = 64


def _make_activations(main: _Run, other: _Run | None) -> list[dict[str, Any]]:
    """What the page shows of each quantised activation."""
    others = {tuple(a["layers"]): a for a in other.report.get("activations", [])} if other else {}
    rows = []
    for entry in main.report.get("activations", []):
        scale, zero, values = entry["scale"], entry["zero_point"], entry["values"]
        rows.append(
            {
                "entry": entry,
                "low": -zero * scale,
                "high": (len(entry["codes"]) - 1 - zero) * scale,
                "used": sum(count > 0 for count in entry["codes"]),
                "chart": _make_activation_chart(entry) if values["high"] > values["low"] else None,
                "other": others.get(tuple(entry["layers"])),
            }
        )
    return rows


@dataclass(frozen=True)
class _Box:
    """A chart of 600 x 160: the values at its sides, and the height of the highest bar."""

    low: float
    high: float
    top: float

    def to_x(self, value: float) -> float:
        return round(600 * (value - self.low) / (self.high - self.low), 1)

    def to_y(self, height: float) -> float:
        return round(150 - 140 * height / self.top, 1)

    def to_width(self, width: float) -> float:
        return round(600 * width / (self.high - self.low), 1)

    def outline(self, first: float, step: float, heights: Sequence[float]) -> str:
        """The points of a histogram of bins of `step` from `first` on."""
        sides = [(self.to_x(first + i * step), self.to_x(first + (i + 1) * step)) for i in range(len(heights))]
        points = [(x, self.to_y(height)) for pair, height in zip(sides, heights, strict=True) for x in pair]
        return " ".join(f"{x},{y}" for x, y in [(sides[0][0], 150.0), *points, (sides[-1][1], 150.0)])


def _make_activation_chart(entry: dict[str, Any]) -> dict[str, Any]:
    """Bars of codes, several in one where there are many, and the outline of the float values, in a box of 600 x 160.

    Heights are square roots of shares, so that rare values are seen beside the many zeros.
    """
    values, codes = entry["values"], entry["codes"]
    together = math.ceil(len(codes) / _MOST_BARS)
    shares = [sum(codes[i : i + together]) for i in range(0, len(codes), together)]
    total = max(sum(codes), 1e-30)
    width = together * entry["scale"]
    first = -(entry["zero_point"] + 0.5) * entry["scale"]
    low, high = min(first, values["low"]), max(first + len(shares) * width, values["high"])
    bins = values["counts"]
    step = (values["high"] - values["low"]) / len(bins)
    heights = [math.sqrt(share / total / width) for share in shares]
    outline = [math.sqrt(count / total / step) for count in bins]
    box = _Box(low, high, max(*heights, *outline, 1e-30))

    bars = []
    for i, height in enumerate(heights):
        last = min(len(codes), (i + 1) * together) - 1
        bar = {"x": box.to_x(first + i * width), "y": box.to_y(height), "codes": f"{i * together} to {last}"}
        bars.append(bar | {"width": box.to_width(width), "height": round(150 - bar["y"], 1)})
        bars[-1]["share"] = shares[i] / total
    ticks = [{"middle": box.to_x(x), "text": f"{x:.3g}"} for x in sorted({values["low"], 0.0, values["high"]})]
    return {"bars": bars, "outline": box.outline(values["low"], step, outline), "ticks": ticks}


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
    box = _Box(low, high, max(*level_density, *weight_density, 1e-30))
    bars = [
        {"x": box.to_x(level - 0.4 * spacing), "width": box.to_width(0.8 * spacing), "y": box.to_y(density)}
        for level, density in zip(levels, level_density, strict=True)
    ]
    for bar, level, share in zip(bars, levels, shares, strict=True):
        bar |= {"height": round(150 - bar["y"], 1), "level": level, "count": share, "middle": box.to_x(level)}
    every = max(1, math.ceil(len(levels) / 16))
    return {
        "bars": bars,
        "outline": box.outline(histogram["low"], width, weight_density),
        "ticks": [bar for i, bar in enumerate(bars) if i % every == 0],
    }
