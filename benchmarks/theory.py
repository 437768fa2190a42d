# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The theory of GPFQ, shown with gpfq-opt: rate and bounds of the error of one layer on its calibration rows.

    ./dev bench theory --out=docs/theory.md

(a) relative square error against the number of inputs N for m rows: slope -1 in log-log, 0 for MSQ;
(b) E||u_N||^2 against its bound for an alphabet that does not saturate, soft and hard thresholds;
(c) layers of real networks, with few of their rows.

All errors are those of the reports of gpfq-opt and gpfq-compile (recipe=paper, granularity=tensor, held-out=0).
Prints one JSON object for each of (a), (b), (c); exits with 1 when a slope is off by more than 0.15 or a bound is
exceeded. With --out, puts tables into that document and draws the figures next to it in images/ (needs the extra
`plots`).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import compiling
import gpfq
import networks
import theory_report
from compiling import say
from gpfq.tools import find_tool

ROWS = 32  # m
NEURONS = 64
DRAWS = 3
SIZES = (64, 128, 256, 512, 1024, 2048, 4096)  # N
SLOPE_TOLERANCE = 0.15
STEP = 0.25  # delta of (b); weights are in [-1, 1]
REAL_LAYERS = {
    "resnet20": ("block.2.unit2.conv", "block.5.unit2.conv", "block.8.unit2.conv"),
    "squeezenet1_1": ("fire.1.expand3.conv", "fire.7.expand3.conv"),
}
REAL_ROWS = (8, 16, 32, 64, 128, 256, 512)
REAL_SAMPLES = 8


def gaussian(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Columns N(0, I)."""
    return random.standard_normal((rows, columns))


def uniform_ball(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Columns uniform in the unit ball of R^rows."""
    directions = random.standard_normal((rows, columns))
    directions /= np.linalg.norm(directions, axis=0)
    return directions * random.random(columns) ** (1.0 / rows)


def clustered(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Rows in 4 Gaussian clusters: N(0, I) centres, N(0, I / 4) around them."""
    centres = random.standard_normal((4, columns))
    return centres[np.arange(rows) % 4] + 0.5 * random.standard_normal((rows, columns))


Draw = Callable[[np.random.Generator, int, int], np.ndarray]
DISTRIBUTIONS: dict[str, Draw] = {"gaussian": gaussian, "uniform ball": uniform_ball, "clustered": clustered}


@dataclass(frozen=True)
class Setting:
    """What gpfq-opt is told. `largest` is the largest level; `error` bounds |z - q| in steps delta, when not 0."""

    alphabet: str
    largest: int
    method: str = "gpfq"
    options: str = ""
    error: float = 0.0
    levels_per_step: int = 1  # integer levels in one delta


# (a): the radius is that of the weights, as in the paper.
FINITE = "mid_tread:3"
# (b): alphabets whose largest level, 15 or more, is far above |z|, so they act as infinite ones.
BOUNDED = {
    "infinite alphabet": Setting("mid_tread:127", 127, error=0.5),
    "soft threshold, lambda = delta": Setting(
        "mid_tread:127", 127, options="threshold=soft lambda=1 lambda-unit=step", error=1.5
    ),
    "hard threshold, lambda = 1.5 delta": Setting(
        "hard_threshold:62:1.5", 127, options="threshold=hard", error=1.5, levels_per_step=2
    ),
}


def network_text(weights: np.ndarray) -> str:
    """One linalg.matmul without a bias; `weights` is inputs x neurons."""
    inputs, neurons = weights.shape
    x, y = f"tensor<1x{inputs}xf32>", f"tensor<1x{neurons}xf32>"
    w = f"tensor<{inputs}x{neurons}xf32>"
    return f"""func.func @layer(%x: {x}) -> {y} {{
  %w = arith.constant dense<"0x{weights.astype("<f4").tobytes().hex()}"> : {w}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : {y}
  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %y = linalg.matmul ins(%x, %w : {x}, {w}) outs(%i : {y}) -> {y}
  return %y : {y}
}}
"""


def quantize_layer(
    data: np.ndarray, weights: np.ndarray, setting: Setting, folder: Path, delta: float | None = None
) -> dict:
    """The entry of gpfq-opt's report for one layer.

    `delta` is the step; by default the largest level is the mean over the neurons of their largest weight. Raises
    gpfq.ToolError.
    """
    model, calibration, report = folder / "layer.mlir", folder / "rows.npy", folder / "report.json"
    model.write_text(network_text(weights))
    np.save(calibration, data.astype(np.float32))
    factor = 1.0
    if delta is not None:
        radius = np.abs(weights.astype(np.float32)).max(axis=0).mean(dtype=np.float64)
        factor = float(delta * setting.largest / setting.levels_per_step / radius)
    command = [
        str(find_tool("gpfq-opt")),
        str(model),
        f"--gpfq-annotate-layers=alphabet={setting.alphabet} granularity=tensor",
        f"--gpfq-quantize-weights=calibration={calibration} recipe=paper held-out=0 method={setting.method} "
        f"step=constant step-factor={factor!r} report={report} {setting.options}",
        "-o=/dev/null",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise gpfq.ToolError(f"status {done.returncode} of {' '.join(command)}\n{done.stderr.strip()}")
    layer = json.loads(report.read_text())["layers"][0]
    if delta is not None and abs(layer["step"] * setting.levels_per_step / delta - 1.0) > 1e-5:
        raise ValueError(f"step {layer['step']} where {delta} was asked for")
    return layer


def slope(x: list[float], y: list[float]) -> float:
    """Least squares, in log-log."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def measure_rate(sizes: tuple[int, ...], folder: Path) -> dict:
    """(a): relative square errors and slopes, for each distribution and gpfq and msq."""
    curves = []
    for name, draw in DISTRIBUTIONS.items():
        for method in ("gpfq", "msq"):
            errors = [measure_error(draw, size, method, folder) for size in sizes]
            curves.append({"data": name, "method": method, "error": errors, "slope": slope(list(sizes), errors)})
            say(f"{name}, {method}: slope {curves[-1]['slope']:.3f}")
    return {"rows": ROWS, "neurons": NEURONS, "draws": DRAWS, "alphabet": FINITE, "sizes": sizes, "curves": curves}


def measure_error(draw: Draw, size: int, method: str, folder: Path) -> float:
    """Relative square error of a layer of `size` inputs, the mean over DRAWS of data and weights."""
    errors = []
    for seed in range(DRAWS):
        random = np.random.default_rng((size, seed))
        data, weights = draw(random, ROWS, size), random.uniform(-1, 1, (size, NEURONS))
        errors.append(quantize_layer(data, weights, Setting(FINITE, 3, method), folder)["in_sample_error"] ** 2)
    return float(np.mean(errors))


def measure_bounds(sizes: tuple[int, ...], folder: Path) -> dict:
    """(b): mean over the neurons of ||u_N||^2, and its bound, for columns in the unit ball: r = 1, s^2 = 1/m."""
    curves = []
    for name, setting in BOUNDED.items():
        measured, sparsity = [], []
        for size in sizes:
            random = np.random.default_rng(size)
            data = uniform_ball(random, ROWS, size).astype(np.float32)
            weights = random.uniform(-1, 1, (size, NEURONS)).astype(np.float32)
            layer = quantize_layer(data, weights, setting, folder, delta=STEP)
            energy = np.linalg.norm(data.astype(np.float64) @ weights) ** 2
            measured.append(layer["in_sample_error"] ** 2 * energy / NEURONS)
            sparsity.append(layer["sparsity"])
        bound = (setting.error * STEP) ** 2 * ROWS
        say(f"{name}: bound / measured {bound / max(measured):.2f} or more")
        curves.append({"name": name, "bound": bound, "measured": measured, "sparsity": sparsity})
    return {"rows": ROWS, "neurons": NEURONS, "delta": STEP, "sizes": sizes, "curves": curves}


def layer_names(network: Path) -> list[str]:
    """Names of all layers that gpfq-prepare annotates."""
    command = [str(find_tool("gpfq-opt")), str(network), "--gpfq-prepare"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(dict.fromkeys(re.findall(r'#lowbit\.layer<"([^"]+)"', text)))


def measure_real(folder: Path) -> dict:
    """(c): relative square error of single layers of real networks, everything before them in float."""
    curves = []
    for network, chosen in REAL_LAYERS.items():
        stem = networks.exported(network)
        names = layer_names(Path(f"{stem}.mlir"))
        for layer in chosen:
            skip = "|".join(re.escape(name) for name in names if name != layer)
            for method in ("gpfq", "msq"):
                curve = {"network": network, "layer": layer, "method": method, "rows": [], "error": []}
                for rows in REAL_ROWS:
                    report = quantize_real(stem, skip, method, rows, folder)
                    curve["inputs"] = int(np.prod(report["shape"][1:]))
                    curve["rows"].append(rows)
                    curve["error"].append(report["in_sample_error"] ** 2)
                say(f"{network} {layer}, {method}: {curve['error'][0]:.2g} to {curve['error'][-1]:.2g}")
                curves.append(curve)
    return {"samples": REAL_SAMPLES, "curves": curves}


def quantize_real(stem: Path, skip: str, method: str, rows: int, folder: Path) -> dict:
    """The report on the one layer of the network that `skip` does not match, on so many of its rows."""
    compiled = compiling.compile_network(
        Path(f"{stem}.mlir"),
        folder / "quantized.mlir",
        f"--calibration={stem}.calib.npy",
        f"--samples={REAL_SAMPLES}",
        "--recipe=paper",
        f"--method={method}",
        "--step=constant",
        "--granularity=tensor",
        "--held-out=0",
        "--activation-bits=0",
        f"--alphabet={FINITE}",
        f"--skip={skip}",
        f"--quantize-options=max-rows={rows}",
        "--emit=quantized",
        quiet=True,
    )
    (layer,) = compiled.report["layers"]
    return layer


def failures(rate: dict, bounds: dict) -> list[str]:
    """What does not agree with the theory."""
    wrong = []
    for curve in rate["curves"]:
        expected = -1.0 if curve["method"] == "gpfq" else 0.0
        if abs(curve["slope"] - expected) > SLOPE_TOLERANCE:
            wrong.append(f"{curve['data']}, {curve['method']}: slope {curve['slope']:.3f}, not {expected:.0f}")
    for curve in bounds["curves"]:
        if max(curve["measured"]) > curve["bound"]:
            wrong.append(f"{curve['name']}: {max(curve['measured']):.3g} is above {curve['bound']:.3g}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench theory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=lambda text: tuple(map(int, text.split(","))), default=SIZES, metavar="N,..")
    parser.add_argument("--skip-real", action="store_true", help="leave (c) out, which needs GPFQ_DATA")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="document for the tables")
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            results = {"rate": measure_rate(args.sizes, folder), "bounds": measure_bounds(args.sizes, folder)}
            if not args.skip_real:
                results["real"] = measure_real(folder)
        for key, value in results.items():
            print(json.dumps({key: value}), flush=True)
        if args.out:
            theory_report.write(args.out, results)
    except (OSError, ValueError, ImportError, subprocess.CalledProcessError, gpfq.ToolError) as error:
        say(f"theory: {error}")
        return 1
    wrong = failures(results["rate"], results["bounds"])
    for line in wrong:
        say(f"theory: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
