# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The gpfq command: what it makes and prints, its exit statuses, interruption."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD, DIGITS, NETWORK, ROOT, fail_command, gpfq_command

import gpfq
from gpfq.cli.main import cli
from gpfq.cli.reference import make_reference

MODEL, CALIBRATION = DIGITS / "digits.mlir", DIGITS / "calib.npy"


def succeed(*arguments: str | Path, cwd: Path | None = None) -> str:
    result = gpfq_command(*arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("name", ["", *cli.commands])
def test_help_has_examples(name: str) -> None:
    text = succeed(*([name] if name else []), "--help")
    assert "Examples:" in text
    assert f"  gpfq {name}" in text


def test_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "reference" / "gpfq.md").read_text() == make_reference(), "run ./dev docs"


def test_completion() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "_GPFQ_COMPLETE": "bash_source"}
    result = subprocess.run([sys.executable, "-m", "gpfq"], env=environment, capture_output=True, text=True)
    assert "_gpfq_completion" in result.stdout


def test_compile_evaluate_bench_run(tmp_path: Path) -> None:
    compiled = json.loads(
        succeed(
            "compile",
            MODEL,
            "--calibration",
            CALIBRATION,
            "--weight-bits",
            "3",
            "-o",
            "libnet.so",
            "--json",
            cwd=tmp_path,
        )
    )
    assert compiled["bytes"] == (tmp_path / "libnet.so").stat().st_size
    assert {layer["bits"] for layer in compiled["layers"]} == {3}
    succeed("compile", MODEL, "--float", "-o", "libfloat.so", cwd=tmp_path)
    options = [DIGITS / "test.npy", "--labels", DIGITS / "labels.npy", "--reference", "libfloat.so", "--json"]
    result = json.loads(succeed("eval", "libnet.so", *options, cwd=tmp_path))
    images, labels = np.load(DIGITS / "test.npy"), np.load(DIGITS / "labels.npy")
    outputs = gpfq.load(tmp_path / "libnet.so")(images)
    assert result["top1"] == pytest.approx(100 * np.mean(outputs.argmax(1) == labels))
    floats = gpfq.load(tmp_path / "libfloat.so")(images)
    assert result["relative_error"] == pytest.approx(
        np.linalg.norm(outputs - floats) / np.linalg.norm(floats), rel=1e-4
    )
    assert result["agreement"] == pytest.approx(100 * np.mean(outputs.argmax(1) == floats.argmax(1)))

    succeed("run", "libnet.so", DIGITS / "test.npy", "-o", "logits.npy", cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "logits.npy"), outputs)
    latency = json.loads(succeed("bench", "libnet.so", "--batch", "2", "--seconds", "0.1", "--json", cwd=tmp_path))
    assert latency["batch"] == 2
    assert 0 < latency["minimum"] <= latency["median"] <= latency["percentile_90"]


def test_bench_layers(tmp_path: Path) -> None:
    options = ["--calibration", CALIBRATION, "-o", "libnet.so", "--report", "report.json"]
    succeed("compile", MODEL, *options, "--", "--profile", cwd=tmp_path)
    bench = ["bench", "libnet.so", "--layers", "--seconds", "0.2"]
    measured = json.loads(succeed(*bench, "--json", cwd=tmp_path))
    compiled = json.loads((tmp_path / "report.json").read_text())["compiled_layers"]
    assert [layer["name"] for layer in measured["layers"]] == [*(layer["name"] for layer in compiled), "(other)"]
    assert all(layer["microseconds"] > 0 for layer in measured["layers"][:-1])
    assert sum(layer["share"] for layer in measured["layers"]) == pytest.approx(1)
    # The network takes less time than the calls, of which Python takes some.
    assert 0 < sum(layer["microseconds"] for layer in measured["layers"]) < 2 * measured["mean"]
    assert "µs" in succeed(*bench, cwd=tmp_path).splitlines()[-1]
    result = gpfq_command(*bench, "--callers", "2", cwd=tmp_path)
    assert result.returncode == 2 and "--layers measures one thread" in result.stderr

    profile = gpfq.load(tmp_path / "libnet.so").profile()
    assert profile.layers == tuple(layer["name"] for layer in compiled)
    assert profile.total == 0 and set(profile.ticks) == {0}


def test_bench_threads(tmp_path: Path, digits_library: Path) -> None:
    succeed("compile", MODEL, "--float", "-o", "libpool.so", "--", "--parallel=pool", cwd=tmp_path)
    options = ["--seconds", "0.1", "--json"]
    measured = json.loads(succeed("bench", "libpool.so", "--threads", "2", "--callers", "2", *options, cwd=tmp_path))
    assert (measured["threads"], measured["callers"]) == (2, 2)
    fail_command("compile it with --parallel=pool", "bench", digits_library, "--threads", "2", cwd=tmp_path)
    fail_command("counts no ticks; compile it with --profile", "bench", digits_library, "--layers", cwd=tmp_path)


def test_two_steps_give_the_library_of_one(tmp_path: Path) -> None:
    succeed(
        "quantize", MODEL, "--calibration", CALIBRATION, "-o", "net.q.mlir", "--report", "report.json", cwd=tmp_path
    )
    succeed("compile", "net.q.mlir", "-o", "libtwo.so", cwd=tmp_path)
    succeed("compile", MODEL, "--calibration", CALIBRATION, "-o", "libone.so", cwd=tmp_path)
    images = np.load(DIGITS / "test.npy")[:50]
    one, two = (gpfq.load(tmp_path / name)(images) for name in ("libone.so", "libtwo.so"))
    np.testing.assert_array_equal(one, two)
    assert len(json.loads((tmp_path / "report.json").read_text())["layers"]) == 6


def test_pictures_as_calibration(tmp_path: Path) -> None:
    """uint8 images become what the network reads, here pixels of 0 to 1."""
    pixels = np.round(np.load(CALIBRATION)[:64] * 255).astype(np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    np.save(tmp_path / "floats.npy", pixels.astype(np.float32) * np.float32(1 / 255))
    for name in ("pixels", "floats"):
        succeed("quantize", MODEL, "--calibration", f"{name}.npy", "-o", f"{name}.mlir", cwd=tmp_path)
    assert (tmp_path / "pixels.mlir").read_text() == (tmp_path / "floats.mlir").read_text()


def test_further_arguments_go_to_the_compiler(tmp_path: Path) -> None:
    succeed("quantize", MODEL, "--calibration", CALIBRATION, "-o", "net.mlir", "--", "--emit=integer", cwd=tmp_path)
    assert "lowbit.conv_2d" in (tmp_path / "net.mlir").read_text()


@pytest.mark.parametrize(
    ("pattern", "arguments"),
    [
        ("no such library", ["eval", "absent.so", "x.npy"]),
        ("cannot be loaded as a shared library", ["bench", "net.mlir"]),
        ("No such file", ["compile", "absent.mlir", "--float", "-o", "libnet.so"]),
        (r"net\.mlir:.*give --calibration", ["compile", "net.mlir", "-o", "libnet.so"]),
        ("absent.npy.*No such file", ["quantize", "net.mlir", "--calibration", "absent.npy", "-o", "q.mlir"]),
        ("net.mlir: not .npy", ["quantize", "net.mlir", "--calibration", "net.mlir", "-o", "q.mlir"]),
        ("weight-bits must be", ["compile", "net.mlir", "--float", "--weight-bits", "12", "-o", "libnet.so"]),
        ("no directory", ["import", "absent.onnx", "-o", "nowhere/net.mlir"]),
    ],
)
def test_bad_input(tmp_path: Path, pattern: str, arguments: list[str]) -> None:
    (tmp_path / "net.mlir").write_text(NETWORK)
    fail_command(pattern, *arguments, cwd=tmp_path)


@pytest.mark.parametrize(
    ("pattern", "arguments"),
    [
        ("No such command", ["frobnicate"]),
        ("Missing option", ["compile", "net.mlir"]),
        ("give --calibration", ["quantize", "net.mlir", "-o", "q.mlir"]),
        ("not a list of numbers", ["eval", "libnet.so", "x.npy", "--mean", "red"]),
        ("not a size", ["eval", "libnet.so", "x.npy", "--size", "big"]),
    ],
)
def test_wrong_command_line(tmp_path: Path, pattern: str, arguments: list[str]) -> None:
    fail_command(pattern, *arguments, cwd=tmp_path, status=2)


@pytest.mark.parametrize(
    ("pattern", "array"),
    [
        ("float64", np.zeros((2, 1, 8, 8))),
        ("shape", np.zeros((2, 1, 9, 8), np.float32)),
        ("dimensions", np.zeros((8, 8), np.float32)),
    ],
)
def test_array_that_does_not_fit(tmp_path: Path, digits_library: Path, pattern: str, array: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", array)
    fail_command(pattern, "run", digits_library, "x.npy", "-o", "y.npy", cwd=tmp_path)


def test_no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPFQ_BUILD", str(tmp_path))
    with pytest.raises(gpfq.ToolNotFoundError, match="GPFQ_BUILD"):
        gpfq.compile(MODEL, tmp_path / "libnet.so", keep_float=True)


def test_unknown_option_of_the_api(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="weight_bit;"):
        gpfq.compile(MODEL, tmp_path / "libnet.so", weight_bit=3)


def test_api_takes_arrays(tmp_path: Path) -> None:
    events = []
    done = gpfq.compile(
        MODEL, tmp_path / "libnet.so", calibration=np.load(CALIBRATION)[:100], weight_bits=2, on_progress=events.append
    )
    assert done.report["layers"][0]["bits"] == 2
    assert [e for e in events if e.task == "quantising" and e.unit == "layers"][-1].done == 6
    assert any(e.unit == "samples" and e.done == e.total == 100 for e in events)


def interrupt(arguments: list[str | Path], folder: Path, is_time: object) -> subprocess.CompletedProcess[str]:
    """Sends SIGINT to the process group, as Ctrl-C does, when `is_time()`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "GPFQ_BUILD": str(BUILD)}
    process = subprocess.Popen(
        [sys.executable, "-m", "gpfq", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not is_time():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_interrupted_quantisation_is_resumed(tmp_path: Path) -> None:
    # Many sweeps, so that there is a time at which some layers are finished and some are not.
    options = ["--calibration", CALIBRATION, "--quantize-options", "sweeps=20000", "--checkpoint", "work"]
    arguments = ["quantize", MODEL, *options, "-o", "net.q.mlir", "--weights", "net.safetensors", "--report", "r.json"]
    checkpoint = tmp_path / "work"
    result = interrupt(arguments, tmp_path, lambda: (checkpoint / "layer-0001").is_file())
    assert result.returncode == 130, result.stderr
    assert result.stderr.strip() == "gpfq: interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["work"], "nothing half-written"
    succeed(*arguments, cwd=tmp_path)
    layers = json.loads((tmp_path / "r.json").read_text())["layers"]
    assert layers[0]["resumed"] and layers[1]["resumed"]
    succeed("quantize", MODEL, *options[:4], "-o", "whole.mlir", cwd=tmp_path)
    assert (tmp_path / "net.q.mlir").read_text() == (tmp_path / "whole.mlir").read_text()


def test_interrupted_compilation(tmp_path: Path) -> None:
    options = ["--calibration", CALIBRATION, "--quantize-options", "sweeps=20000", "--checkpoint", "work"]
    arguments = ["compile", MODEL, *options, "-o", "libnet.so", "--weights", "net.safetensors", "--report", "r.json"]
    result = interrupt(arguments, tmp_path, lambda: (tmp_path / "work" / "layer-0001").is_file())
    assert result.returncode == 130, result.stderr
    assert result.stderr.strip() == "gpfq: interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
    # Whole files, or files of layers that were never begun.
    assert all(re.fullmatch(r"key|layer-\d{4}", path.name) for path in (tmp_path / "work").iterdir())


def test_interrupted_code_generation(tmp_path: Path) -> None:
    def is_time() -> bool:
        return any(".tmp" in path.name for path in tmp_path.iterdir())

    result = interrupt(["compile", MODEL, "--float", "-o", "libnet.so"], tmp_path, is_time)
    assert result.returncode == 130, result.stderr
    assert result.stderr.strip() == "gpfq: interrupted"
    assert list(tmp_path.iterdir()) == []


def test_interrupted_evaluation(tmp_path: Path) -> None:
    succeed("compile", MODEL, "--float", "-o", "libnet.so", cwd=tmp_path)
    images = np.load(DIGITS / "test.npy")
    np.save(tmp_path / "many.npy", np.concatenate([images] * (200_000 // len(images))))
    np.save(tmp_path / "labels.npy", np.zeros(len(np.load(tmp_path / "many.npy", mmap_mode="r")), np.int64))
    before = sorted(tmp_path.iterdir())
    started = time.monotonic()
    arguments = ["eval", "libnet.so", "many.npy", "--labels", "labels.npy"]
    result = interrupt(arguments, tmp_path, lambda: time.monotonic() > started + 1.5)
    assert result.returncode == 130, result.stderr
    assert result.stderr.strip() == "gpfq: interrupted"
    assert sorted(tmp_path.iterdir()) == before


def test_interrupted_import_in_exec(tmp_path: Path) -> None:
    """Python itself ends by SIGINT where code in exec() was interrupted."""
    pytest.importorskip("torch_mlir")
    (tmp_path / "nets.py").write_text(
        "exec('import os, signal; os.kill(os.getpid(), signal.SIGINT); [i for i in range(10**9)]')\n"
    )
    result = gpfq_command("import", "nets.py:build", "-o", "net.mlir", cwd=tmp_path)
    assert result.returncode == 130, result.stderr
    assert result.stderr.strip() == "gpfq: interrupted"


@pytest.mark.parametrize("seconds", [0.8, 1.6, 2.4])
def test_interrupted_import(tmp_path: Path, seconds: float) -> None:
    """While packages are loaded, or while the network is lowered."""
    pytest.importorskip("torch_mlir")
    (tmp_path / "nets.py").write_text(
        "import torch, time\ndef build():\n    time.sleep(60)\n    return torch.nn.Linear(4, 2), torch.zeros(1, 4)\n"
    )
    started = time.monotonic()
    arguments = ["import", "nets.py:build", "-o", "net.mlir"]
    result = interrupt(arguments, tmp_path, lambda: time.monotonic() > started + seconds)
    assert result.returncode == 130, result.stderr
    assert result.stderr.strip() == "gpfq: interrupted"
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["nets.py"]


def test_interrupted_measurement(tmp_path: Path, digits_library: Path) -> None:
    started = time.monotonic()
    arguments = ["bench", digits_library, "--seconds", "60"]
    result = interrupt(arguments, tmp_path, lambda: time.monotonic() > started + 1.5)
    assert result.returncode == 130, result.stderr
    assert result.stderr.strip() == "gpfq: interrupted"


def test_terminated_quantisation_stops_the_tool(tmp_path: Path) -> None:
    """As by a batch system: the tool ends as well and removes its temporary files."""
    options = ["--calibration", CALIBRATION, "--quantize-options", "sweeps=20000", "--checkpoint", "work"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gpfq", "quantize", MODEL, *options, "-o", "net.q.mlir", "--weights", "w.safetensors"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "GPFQ_BUILD": str(BUILD)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "work" / "layer-0001").is_file():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.terminate()
    assert process.wait(60) == 143
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
