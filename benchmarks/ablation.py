# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each option of gpfq-quantize-weights is worth, on whole networks.

    ./dev bench ablation --networks=resnet20 --bits=2,3 --subsets=3 --samples=512 --cache=ablation.jsonl

Rows go from recipe=paper to recipe=best, one option more in each, then recipe=best with one option as in
recipe=paper. What the recipes are is read from the table in docs/reference/TransformsPasses.md. Each row is run
on random subsets of the calibration file, the same for all rows. Prints Markdown, or with --out=FILE replaces the
sections `<!-- ablation NETWORK -->` of a document.

Points that the cache file has are not run again. A line of it is one point: settings, and top1 and agreement
(percent), error (relative, of all outputs), seconds (of quantisation). Another gpfq-compile makes other points.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import compiling
import gpfq
import networks
import tables
from compiling import say
from gpfq import evaluation
from points import Points, compiler_hash

PASSES = compiling.ROOT / "docs" / "reference" / "TransformsPasses.md"

# Options in the order in which rows add them; those of one tuple come together. Options of the recipes that are
# not here come last, one by one.
STEPS = (
    ("step",),
    ("order", "sweeps"),
    ("bias-correction",),
    ("ridge",),
    ("refit",),
    ("method",),
    ("alternations",),
    ("residual-targets",),
    ("clip-rounds",),
    ("tabu-moves",),
    ("scale-matching",),
)
METRICS = ("top1", "agreement", "error")


@dataclass(frozen=True)
class Row:
    """One line of the table: a recipe and what differs from it."""

    label: str
    recipe: str
    options: dict[str, str] = field(default_factory=dict)
    granularity: str = "channel"
    held_out: str | None = None  # None: the default of gpfq-compile

    def arguments(self) -> list[str]:
        """The row as options of gpfq-compile."""
        result = [f"--recipe={self.recipe}", f"--granularity={self.granularity}"]
        if self.held_out is not None:
            result.append(f"--held-out={self.held_out}")
        own = {name: value for name, value in self.options.items() if name in ("method", "step")}
        other = [f"{name}={value}" for name, value in self.options.items() if name not in own]
        result += [f"--{name}={value}" for name, value in own.items()]
        return result + ([f"--quantize-options={' '.join(other)}"] if other else [])


def read_recipes(document: Path = PASSES) -> tuple[dict[str, str], dict[str, str]]:
    """(recipe=best, recipe=paper) as option -> value, from the table in the reference of the passes."""
    best, paper = {}, {}
    lines = iter(document.read_text().splitlines())
    if not any(line.startswith("| option | `recipe=best` | `recipe=paper` |") for line in lines):
        raise ValueError(f"{document}: no table of recipes")
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            break
        name, best_value, paper_value = (cell.strip().strip("`") for cell in line.split("|")[1:4])
        best[name], paper[name] = best_value, paper_value
    return best, paper


def make_rows(best: dict[str, str], paper: dict[str, str], extra: Sequence[str] = ()) -> tuple[list[Row], list[Row]]:
    """(rows that add one option after the other, rows that change one of recipe=best: take it away, then `extra`)."""
    named = {name for step in STEPS for name in step}
    steps = [*STEPS, *((name,) for name in best if name not in named)]
    steps = [step for step in steps if any(best[name] != paper[name] for name in step)]
    added = [
        Row("`method=msq`, `granularity=tensor`", "paper", {"method": "msq"}, "tensor", "0"),
        Row("`recipe=paper`: `method=gpfq`, `granularity=tensor`", "paper", {}, "tensor", "0"),
        Row("`granularity=channel`", "paper", {}, "channel", "0"),
    ]
    options: dict[str, str] = {}
    for step in steps:
        new = {name: best[name] for name in step}
        options = options | new
        added.append(Row(", ".join(f"`{name}={value}`" for name, value in new.items()), "paper", options))
    removed = [Row("`recipe=best`", "best")]
    for step in reversed(steps):
        old = {name: paper[name] for name in step}
        removed.append(Row(", ".join(f"`{name}={value}`" for name, value in old.items()), "best", old))
    removed += [Row(f"`{text}`", "best", dict([text.split("=", 1)])) for text in extra]
    return added, removed


class Bench:
    """Runs points and keeps them in the cache file."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args = args
        self.folder = folder
        self.compiler = compiler_hash()
        self.points = Points(args.cache)

    def settings(self, network: str, bits: int, subset: int, row: Row) -> dict:
        return {
            "network": network,
            "weight_bits": bits,
            "activation_bits": self.args.activation_bits,
            "samples": self.args.samples,
            "images": self.args.images,
            "subset": subset,
            "options": row.arguments(),
            "compiler": self.compiler,
        }

    def find(self, network: str, bits: int, subset: int, row: Row) -> dict | None:
        return self.points.find(self.settings(network, bits, subset, row))

    def run(self, network: str, bits: int, subset: int, row: Row, calibration: Path) -> None:
        """Measures one point, unless it is there."""
        if self.find(network, bits, subset, row):
            return
        settings = self.settings(network, bits, subset, row)
        point = self.points.add(settings, self.measure(network, bits, row, calibration))
        say(f"{network}, {bits} bits, subset {subset}, {row.label}: {point['top1']:.2f}, error {point['error']:.4f}")

    def measure(self, network: str, bits: int, row: Row, calibration: Path) -> dict:
        stem = networks.exported(network)
        compiled = compiling.compile_network(
            Path(f"{stem}.mlir"),
            self.folder / f"lib{len(self.points)}.so",  # dlopen does not read a path again
            f"--calibration={calibration}",
            f"--weight-bits={bits}",
            f"--activation-bits={self.args.activation_bits}",
            "-O1",  # the same results, sooner
            *row.arguments(),
            quiet=True,
        )
        images = np.load(f"{stem}.test.npy", mmap_mode="r")[: self.args.images]
        outputs = evaluation.run_batches(gpfq.load(compiled.output), images)
        compiled.output.unlink()
        reference = networks.float_outputs(network, stem.parent)[: self.args.images]
        difference = np.linalg.norm(outputs - reference) / np.linalg.norm(reference)
        return {
            "top1": evaluation.top1(outputs, np.load(f"{stem}.labels.npy")[: self.args.images]),
            "agreement": evaluation.top1(outputs, reference.reshape(len(images), -1).argmax(1)),
            "error": float(difference),
            "seconds": compiled.report["totals"]["quantize_seconds"],
        }


def draw_subset(network: str, samples: int, subset: int, folder: Path) -> Path:
    """A file of calibration samples, drawn without replacement with `subset` as the seed, in random order."""
    data = np.load(f"{networks.exported(network)}.calib.npy", mmap_mode="r")
    if samples > len(data):
        raise ValueError(f"{network}: {samples} samples of {len(data)}")
    chosen = np.random.default_rng(subset).permutation(len(data))[:samples]
    path = folder / "calibration.npy"
    np.save(path, data[chosen])
    return path


def format_metric(name: str, values: list[float], subsets: int) -> str:
    """Mean and standard deviation over the subsets, and their number when some miss; errors in percent."""
    if not values:
        return "-"
    values = [100.0 * value for value in values] if name == "error" else values
    digits = 1 if name == "error" else 2
    spread = f" ±{statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    count = f" ({len(values)})" if len(values) < subsets else ""
    return f"{statistics.mean(values):.{digits}f}{spread}{count}"


def format_table(bench: Bench, network: str, rows: list[Row], first: str, prefix: str) -> str:
    """Rows that have at least one point at one width; `prefix` goes before the labels of all but the first."""
    args, lines = bench.args, []
    for row in rows:
        cells = []
        for bits in args.bits:
            found = [bench.find(network, bits, subset, row) for subset in range(args.subsets)]
            cells += [format_metric(name, [point[name] for point in found if point], args.subsets) for name in METRICS]
        if any(cell != "-" for cell in cells):
            lines.append([(prefix if row is not rows[0] else "") + row.label, *cells])
    header = [f"{name}, {bits} bits" for bits in args.bits for name in ("top-1", "agreement", "error %")]
    return tables.markdown([first, *header], lines)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    numbers = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser = argparse.ArgumentParser(
        prog="./dev bench ablation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default=["resnet20"], type=lambda text: text.split(","), metavar="NET,..")
    parser.add_argument("--bits", default=[2, 3], type=numbers, metavar="N,..", help="of a weight (default 2,3)")
    parser.add_argument("--activation-bits", default=0, type=int, metavar="N", help="0 (default): float")
    parser.add_argument("--subsets", default=3, type=int, metavar="N", help="calibration subsets (default 3)")
    parser.add_argument("--samples", default=512, type=int, metavar="N", help="samples of a subset (default 512)")
    parser.add_argument("--images", type=int, metavar="N", help="test images (default all)")
    parser.add_argument(
        "--extra", action="append", default=[], metavar="NAME=VALUE", help="a row: best with this option"
    )
    parser.add_argument("--rows", default="", metavar="REGEX", help="only rows whose label has a match")
    parser.add_argument("--cache", type=Path, metavar="FILE", help="JSON lines, one for each point; resumes")
    parser.add_argument("--tables-only", action="store_true", help="run nothing: the points that the cache file has")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="document with sections for the tables")
    return parser.parse_args(arguments)


def run_network(bench: Bench, network: str, added: list[Row], removed: list[Row]) -> None:
    """All points of a network, subset by subset, so that an interrupted run has whole tables."""
    for subset in range(bench.args.subsets):
        calibration = draw_subset(network, bench.args.samples, subset, bench.folder)
        for bits in bench.args.bits:
            for row in [*added, *removed]:
                bench.run(network, bits, subset, row, calibration)


def main() -> int:
    args = parse_arguments()
    try:
        added, removed = (
            [row for row in rows if re.search(args.rows, row.label)] for rows in make_rows(*read_recipes(), args.extra)
        )
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(args, Path(folder))
            for network in args.networks:
                if not args.tables_only:
                    run_network(bench, network, added, removed)
                text = tables.provenance("ablation") + "\n"
                text += format_table(bench, network, added, "one option more in each row", "+ ") + "\n"
                text += format_table(bench, network, removed, "one option of the best changed", "with ")
                if args.out:
                    tables.replace_section(args.out, f"ablation {network}", text)
                else:
                    print(f"{network}\n\n{text}", flush=True)
    except (OSError, ValueError, gpfq.ToolError, gpfq.ImportTorchError) as error:
        say(f"ablation: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
