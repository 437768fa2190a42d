# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Figures and tables of benchmarks/theory.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Distinct in grey, too, and for the common colour blindnesses (Okabe and Ito).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gpfq",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
}


def write(document: Path, results: dict) -> None:
    """Replaces the sections of `document` and draws the figures into images/ next to it.

    Raises ImportError without matplotlib, ValueError when a section is missing.
    """
    images = document.parent / "images"
    images.mkdir(exist_ok=True)
    parts = {"rate": (draw_rate, rate_table), "bounds": (draw_bounds, bounds_table), "real": (draw_real, real_table)}
    for name, (draw, table) in parts.items():
        if name in results:
            draw(results[name], images / f"theory-{name}.svg")
            tables.replace_section(document, f"theory {name}", table(results[name]))
    tables.replace_section(document, "theory command", tables.provenance("theory"))


def make_axes(xlabel: str, ylabel: str, width: float) -> tuple[Figure, Axes]:
    """A figure of `width` inches with logarithmic axes. Imports matplotlib, which only figures need."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(STYLE)
    figure, axes = plt.subplots(figsize=(width, 3.8), layout="constrained")
    axes.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    return figure, axes


def save(figure: Figure, axes: Axes, ticks: list[int], path: Path) -> None:
    axes.set_xticks(ticks)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, metadata={"Date": None})


def draw_rate(rate: dict, path: Path) -> None:
    sizes = list(rate["sizes"])
    figure, axes = make_axes(f"inputs N ({rate['rows']} rows)", "relative square error", 7.6)
    names = list(dict.fromkeys(curve["data"] for curve in rate["curves"]))
    for curve in rate["curves"]:
        i, is_gpfq = names.index(curve["data"]), curve["method"] == "gpfq"
        label = f"{curve['method'].upper()}, {curve['data']}: slope {curve['slope']:.2f}"
        line = "-" if is_gpfq else ":"
        axes.plot(sizes, curve["error"], line, marker=MARKERS[i], color=COLOURS[i], label=label, markersize=5)
    start = max(curve["error"][0] for curve in rate["curves"] if curve["method"] == "gpfq") * 1.6
    axes.plot(sizes, [start * sizes[0] / size for size in sizes], "--", color="#888888", label="slope -1")
    save(figure, axes, sizes, path)


def draw_bounds(bounds: dict, path: Path) -> None:
    sizes = list(bounds["sizes"])
    figure, axes = make_axes(f"inputs N ({bounds['rows']} rows)", "mean of ‖u‖² over the neurons", 7.6)
    axes.set(ylim=(0.1, 10.0), yticks=[0.1, 0.2, 0.5, 1, 2, 5, 10])
    axes.yaxis.set_major_formatter(axes.xaxis.get_major_formatter())
    axes.minorticks_off()
    for i, curve in enumerate(bounds["curves"]):
        name = curve["name"].replace("lambda", "λ").replace("delta", "δ")
        axes.plot(sizes, curve["measured"], "-", marker=MARKERS[i], color=COLOURS[i], label=name, markersize=5)
    for i, value in enumerate(dict.fromkeys(curve["bound"] for curve in bounds["curves"])):
        which = [n for n, curve in enumerate(bounds["curves"]) if curve["bound"] == value]
        colour = COLOURS[which[0]] if len(which) == 1 else "#444444"
        label = "bound, infinite alphabet" if len(which) == 1 else "bound, both thresholds"
        axes.plot(sizes, [value] * len(sizes), "--" if i == 0 else "-.", color=colour, label=label)
    save(figure, axes, sizes, path)


def draw_real(real: dict, path: Path) -> None:
    figure, axes = make_axes("inputs for each row, N / m", "relative square error", 8.2)
    names = list(dict.fromkeys((curve["network"], curve["layer"]) for curve in real["curves"]))
    for curve in real["curves"]:
        i, is_gpfq = names.index((curve["network"], curve["layer"])), curve["method"] == "gpfq"
        ratios = [curve["inputs"] / rows for rows in curve["rows"]]
        label = f"{curve['network']} {curve['layer'].removesuffix('.conv')}" if is_gpfq else None
        line = "-" if is_gpfq else ":"
        axes.plot(ratios, curve["error"], line, marker=MARKERS[i], color=COLOURS[i], label=label, markersize=4)
    axes.plot([], [], ":", color="#444444", label="the same layers, MSQ")
    save(figure, axes, [1, 4, 16, 64], path)


def rate_table(rate: dict) -> str:
    header = ["data", "method", *(f"N = {size}" for size in rate["sizes"]), "slope"]
    rows = [
        [curve["data"], curve["method"], *(f"{error:.2g}" for error in curve["error"]), f"{curve['slope']:.2f}"]
        for curve in rate["curves"]
    ]
    return tables.markdown(header, rows)


def bounds_table(bounds: dict) -> str:
    header = ["", "bound", *(f"N = {size}" for size in bounds["sizes"]), "bound / largest", "zeros %"]
    rows = []
    for curve in bounds["curves"]:
        name = curve["name"].replace("lambda", "λ").replace("delta", "δ")
        measured = [f"{value:.3f}" for value in curve["measured"]]
        ratio = f"{curve['bound'] / max(curve['measured']):.1f}"
        rows.append([name, f"{curve['bound']:.2f}", *measured, ratio, f"{100 * curve['sparsity'][-1]:.0f}"])
    return tables.markdown(header, rows)


def real_table(real: dict) -> str:
    counts = real["curves"][0]["rows"] if real["curves"] else []
    header = ["layer", "N", "method", *(f"m = {rows}" for rows in counts)]
    rows = [
        [f"{curve['network']} {curve['layer']}", str(curve["inputs"]), curve["method"]]
        + [f"{error:.2g}" for error in curve["error"]]
        for curve in real["curves"]
    ]
    return tables.markdown(header, rows)
