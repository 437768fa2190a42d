# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Parts of the benchmarks: the theory on small layers, rows of tables, sections of documents, random networks."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import ablation
import frontier
import kernels
import network
import networks
import precision
import roofline
import sts
import tables
import theory


@pytest.mark.parametrize(("method", "expected"), [("gpfq", -1.0), ("msq", 0.0)])
def test_error_falls_with_inputs(tmp_path: Path, method: str, expected: float) -> None:
    sizes = [128, 512, 2048]
    errors = [theory.measure_error(theory.gaussian, size, method, tmp_path) for size in sizes]
    assert theory.slope(sizes, errors) == pytest.approx(expected, abs=theory.SLOPE_TOLERANCE)


def test_bounds_hold_and_are_not_loose(tmp_path: Path) -> None:
    bounds = theory.measure_bounds((64, 256), tmp_path)
    assert len(bounds["curves"]) == 3
    for curve in bounds["curves"]:
        assert curve["bound"] / 10 < max(curve["measured"]) < curve["bound"], curve["name"]
    assert not theory.failures({"curves": []}, bounds)


def test_failures_are_named() -> None:
    rate = {"curves": [{"data": "gaussian", "method": "gpfq", "slope": -0.8}]}
    bounds = {"curves": [{"name": "soft", "bound": 1.0, "measured": [0.5, 1.5]}]}
    assert theory.failures(rate, bounds) == ["gaussian, gpfq: slope -0.800, not -1", "soft: 1.5 is above 1"]


def test_rows_of_the_ablation_end_at_the_best_recipe() -> None:
    best, paper = ablation.read_recipes()
    assert (best["method"], paper["method"]) == ("qronos", "gpfq")
    added, removed = ablation.make_rows(best, paper)
    assert paper | added[-1].options == best
    assert removed[0].arguments() == ["--recipe=best", "--granularity=channel"]
    assert len({tuple(row.arguments()) for row in [*added, *removed]}) == len(added) + len(removed)


def test_points_of_the_cache_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def measure(bench: ablation.Bench, network: str, bits: int, row: ablation.Row, calibration: Path) -> dict:
        measured.append(row.label)
        return {"top1": 90.0 + len(measured), "agreement": 95.0, "error": 0.125, "seconds": 1.0}

    monkeypatch.setattr(ablation.Bench, "measure", measure)
    rows = [ablation.Row("a", "best"), ablation.Row("b", "best", {"sweeps": "0"})]
    for _ in range(2):
        args = ablation.parse_arguments(["--bits=2", "--subsets=2", f"--cache={tmp_path / 'cache.jsonl'}"])
        bench = ablation.Bench(args, tmp_path)
        for subset in range(2):
            for row in rows:
                bench.run("net", 2, subset, row, tmp_path / "calibration.npy")
    assert measured == ["a", "b", "a", "b"]
    table = ablation.format_table(bench, "net", rows, "row", "+ ")
    assert "| a | 92.00 ±1.41 | 95.00 ±0.00 | 12.5 ±0.0 |" in table
    assert "| + b | 93.00 ±1.41 |" in table


def test_extra_rows_change_one_option_of_the_best(tmp_path: Path) -> None:
    _, removed = ablation.make_rows(*ablation.read_recipes(), ["ridge=3"])
    assert removed[-1].arguments()[-1] == "--quantize-options=ridge=3"


def test_sections_are_replaced(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("a\n<!-- x -->\nold\n<!-- end x -->\nb\n")
    tables.replace_section(document, "x", tables.markdown(["h"], [["1"]]))
    assert document.read_text() == "a\n<!-- x -->\n| h |\n| --- |\n| 1 |\n<!-- end x -->\nb\n"
    with pytest.raises(ValueError, match="no section 'y'"):
        tables.replace_section(document, "y", "")


def test_frontier_and_equal_bits(tmp_path: Path) -> None:
    report = {
        "units": [
            {"weights": 80, "choices": [{"bits": 2, "output_error": 0.3}, {"bits": 4, "output_error": 0.03}]},
            {"weights": 16, "choices": [{"bits": 4, "output_error": 0.04}]},
        ],
        "chosen": {"weight_bytes": 28.0, "predicted_error": 0.31, "bits": [2, 4]},
        "frontier": [
            {"weight_bytes": 28.0, "predicted_error": 0.31, "bits": [2, 4]},
            {"weight_bytes": 48.0, "predicted_error": 0.05, "bits": [4, 4]},
        ],
    }
    assert frontier.uniform_allocations(report) == [
        {"bits": 4, "weight_bytes": 48.0, "predicted_error": pytest.approx(0.05)}
    ]
    pytest.importorskip("matplotlib")
    frontier.draw("net", report, tmp_path / "frontier.svg")
    assert "same bits everywhere" in (tmp_path / "frontier.svg").read_text()


def test_levels_are_read_from_a_module(tmp_path: Path) -> None:
    path = tmp_path / "net.mlir"
    path.write_text(
        '{-#\n      conv.levels: "0x0100000003FE00",\n      fc.levels_1: "0x0100000001",\n      fc.bias: "0x00"\n#-}'
    )
    levels = precision.read_levels(path)
    assert {name: values.tolist() for name, values in levels.items()} == {
        "conv.levels": [3, -2, 0],
        "fc.levels_1": [1],
    }


def test_rank_correlation_shares_ranks() -> None:
    x = np.array([3.0, 1.0, 2.0, 2.0])
    assert sts.ranks(x).tolist() == [3, 0, 1.5, 1.5]
    assert sts.spearman(x, np.exp(x)) == pytest.approx(100)
    assert sts.spearman(x, -x) == pytest.approx(-100)
    # 1 - 6 * (0 + 1 + 1) / (3 * 8)
    assert sts.spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == pytest.approx(50)
    many = np.random.default_rng(0).standard_normal((2, 50))
    assert sts.standard_error(many[0], 2 * many[0], many[1]) == pytest.approx(0)
    assert sts.standard_error(many[0], many[1], many[1]) > 1


def test_rows_of_sentences_name_options() -> None:
    rows = {row.name: row.options for row in sts.make_rows()}
    assert rows["W4 groups of 64, activations dynamic"] == {
        "weight-bits": 4,
        "activations": "dynamic",
        "granularity": "block",
        "block-size": 64,
    }
    assert len(rows) == len(sts.make_rows())


def test_layers_against_the_roof(tmp_path: Path) -> None:
    layers = [
        {"name": "a", "multiply_adds": 50_000, "weight_bytes": 600, "activation_bytes": 400},
        {"name": "split", "multiply_adds": 1, "weight_bytes": 1, "activation_bytes": 1},  # not in the profile
        {"name": "b", "multiply_adds": 1_000, "weight_bytes": 500, "activation_bytes": 500},
    ]
    times = {"roof_gops": 200.0, "read_gbps": 10.0, "layers": {"a": 1.0, "b": 0.5}}
    lines = roofline.describe("net", 4, layers, times, [2.0, 1.0, 0.0])
    assert [line["layer"] for line in lines] == ["a", "b"]
    assert lines[0] | {"gops": 100.0, "ratio": 0.5, "intensity": 100.0, "peer_gops": 50.0} == lines[0]
    assert lines[1]["peer_microseconds"] == 0.0 and lines[1]["peer_gops"] is None
    table = roofline.format_table({4: lines}).splitlines()
    assert table[2] == "| `a` | 100 | 1.0 | 0.50 | 2 |"
    assert table[-1] == "| all |  | 1.5 | 0.34 | 2 |"
    pytest.importorskip("matplotlib")
    roofline.draw("net", {4: lines}, tmp_path / "roofline.svg")
    assert "OpenVINO int8" in (tmp_path / "roofline.svg").read_text()


def test_dense_networks() -> None:
    pytest.importorskip("torch")
    for name, rows in (("dense_1x4096", 1), ("dense_128x4096", 128)):
        module, info = networks.build(name)
        calibration, _ = networks.images(name, info, "calib", 2)
        test, _ = networks.images(name, info, "test", 2)
        assert networks.example_input(name, info).shape == (1, rows, 4096)
        assert calibration.shape == test.shape == (2, rows, 4096) and not np.allclose(calibration, test)
        outputs = networks.evaluate(module, test)
        assert outputs.shape == test.shape
        np.testing.assert_allclose(outputs[1], test[1] @ module.fc.weight.detach().numpy().T, atol=1e-4)


def test_runners_are_compared_with_peers_of_each_kind() -> None:
    medians = {"ours W4A8": 2.0, "a f32": 10.0, "a int8": 5.0, "b dynamic int8": 4.0, "b int4": 8.0}
    ratios = network.compare(medians)
    assert ratios["ours W4A8"] == {"ratio": 0.5, "of_int4": 0.25, "of_float": 0.2, "of_best": 0.5}
    assert ratios["b int4"] == {"ratio": 2.0, "of_int4": 1.0, "of_float": 0.8, "of_best": 2.0}
    alone = {"ratio": None, "of_int4": None, "of_float": None, "of_best": None}
    assert network.compare({"ours W4A8": 2.0, "ours W8A8": 1.0}) == {"ours W4A8": alone, "ours W8A8": alone}


@pytest.mark.parametrize(
    ("name", "widths", "method", "kinds"),
    [
        ("lenet", [4, 8], [], ["f32", "int8"]),
        ("dense_1x4096", [2, 4, 8], ["--method=msq"], ["f32", "int8", "dynamic-int8", "int4"]),
    ],
)
def test_dense_networks_have_more_widths_and_peers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    widths: list[int],
    method: list[str],
    kinds: list[str],
) -> None:
    compiled, specs = [], []
    for kind in kinds:
        (tmp_path / f"{name}.{kind}.tflite").touch()  # all that is needed, so that the worker of LiteRT does not run
    np.save(tmp_path / f"{name}.calib.npy", np.zeros((5, 2), np.float32))

    def compile_ours(stem: Path, bits: list[int], options: list[str], folder: Path) -> dict[str, str]:
        compiled.append((list(bits), options))
        return {}

    def run_worker(script: str, spec: dict, folder: Path) -> dict:
        specs.append(spec)
        return {"runners": {"litert int4": {"median_us": 2.0, "min_us": 1.0}}, "load": 0.0}

    monkeypatch.setattr(networks, "exported", lambda name: tmp_path / name)
    monkeypatch.setattr(network, "compile_ours", compile_ours)
    monkeypatch.setattr(network, "run_worker", run_worker)
    args = argparse.Namespace(bits=None, samples=64, threads=1, peers=["litert"], rounds=1, models=tmp_path)
    (row,) = network.measure(args, name, tmp_path)
    assert compiled == [(widths, ["--samples=5", "--parallel=none", *method])]
    assert list(specs[0]["litert"]) == kinds
    assert row["runner"] == "litert int4" and row["of_int4"] == 1.0 and row["ratio"] is None


@pytest.mark.parametrize("threads", [1, 2])
def test_kernels(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, threads: int
) -> None:
    out = tmp_path / "lines.jsonl"
    arguments = [
        "--bits=4",
        "--layers=conv_3x3s1_8x8|matmul_1x1_1280",
        "--seconds=0.001",
        f"--threads={threads}",
        f"--out={out}",
    ]
    monkeypatch.setattr(sys, "argv", ["kernels.py", *arguments])
    monkeypatch.setattr(kernels, "TOOLS", BUILD / "bin")
    kernels.main()
    printed = capsys.readouterr().out
    assert out.read_text() == printed
    convolution, row = map(json.loads, printed.splitlines())
    assert convolution["layer"] == "conv_3x3s1_8x8_64to64" and convolution["bits"] == 4
    assert convolution["gops"] == pytest.approx(2 * 9 * 64**3 / convolution["microseconds"] * 1e-3, rel=0.01)
    assert convolution["ratio"] == pytest.approx(convolution["gops"] / convolution["roof_gops"], rel=0.01)
    assert "read_ratio" in row and "read_ratio" not in convolution
    assert ("speedup" in row) == (threads > 1)
