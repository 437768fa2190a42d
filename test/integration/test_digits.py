# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demo's network: accuracy, exactness, determinism, sizes."""

from __future__ import annotations

import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import compiling
import gpfq
from gpfq import evaluation
from gpfq.tools import find_tool

DIGITS = compiling.ROOT / "test" / "data" / "digits"
IMAGES, LABELS = np.load(DIGITS / "test.npy"), np.load(DIGITS / "labels.npy")
CALIBRATION = f"--calibration={DIGITS / 'calib.npy'}"

Compile = Callable[..., gpfq.Compilation]


@pytest.fixture(scope="module")
def compile_digits(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """gpfq-compile with these options; the same options are compiled once."""

    @cache
    def run(*options: str, name: str = "libdigits.so") -> gpfq.Compilation:
        folder = tmp_path_factory.mktemp("digits")
        return compiling.compile_network(DIGITS / "digits.mlir", folder / name, *options, quiet=True)

    return run


def outputs(compiled: gpfq.Compilation) -> np.ndarray:
    return evaluation.run_batches(gpfq.load(compiled.output), IMAGES)


def options(method: str, weight_bits: int, activation_bits: int = 8) -> tuple[str, ...]:
    return CALIBRATION, f"--method={method}", f"--weight-bits={weight_bits}", f"--activation-bits={activation_bits}"


@pytest.fixture(scope="module")
def float_outputs(compile_digits: Compile) -> np.ndarray:
    return outputs(compile_digits("--float"))


def error(got: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


def test_float(float_outputs: np.ndarray) -> None:
    assert evaluation.top1(float_outputs, LABELS) >= 99.0


@pytest.mark.parametrize("activation_bits", [8, 0])
@pytest.mark.parametrize(("weight_bits", "loss"), [(8, 0.5), (4, 1.0), (3, 2.5)])
def test_accuracy(
    compile_digits: Compile, float_outputs: np.ndarray, weight_bits: int, loss: float, activation_bits: int
) -> None:
    got = outputs(compile_digits(*options("gpfq", weight_bits, activation_bits)))
    assert evaluation.top1(got, LABELS) >= evaluation.top1(float_outputs, LABELS) - loss


@pytest.mark.parametrize("weight_bits", [4, 3, 2])
def test_gpfq_is_better_than_rounding(compile_digits: Compile, float_outputs: np.ndarray, weight_bits: int) -> None:
    by_method = {method: outputs(compile_digits(*options(method, weight_bits))) for method in ("gpfq", "msq")}
    assert error(by_method["gpfq"], float_outputs) < error(by_method["msq"], float_outputs)
    if weight_bits == 2:  # above, both are right on nearly every image
        assert evaluation.top1(by_method["gpfq"], LABELS) > evaluation.top1(by_method["msq"], LABELS)


@pytest.mark.parametrize("activation_bits", [8, 0])
@pytest.mark.parametrize("weight_bits", [8, 4, 3, 2])
def test_packed_kernels_are_exact(compile_digits: Compile, weight_bits: int, activation_bits: int) -> None:
    settings = options("gpfq", weight_bits, activation_bits)
    packed = outputs(compile_digits(*settings))
    reference = outputs(compile_digits(*settings, "--reference"))
    np.testing.assert_array_equal(packed.view(np.uint32), reference.view(np.uint32))


@pytest.mark.parametrize("activation_bits", [8, 0])
def test_blocks_of_input_channels_are_exact(
    compile_digits: Compile, float_outputs: np.ndarray, activation_bits: int
) -> None:
    channels = options("gpfq", 3, activation_bits)
    blocks = (*channels, "--granularity=block", "--quantize-options=block-size=16")
    packed = outputs(compile_digits(*blocks))
    # The portable target has no fused multiply-add for float inputs.
    for target in ("--reference", "--target=generic")[: 2 if activation_bits else 1]:
        other = outputs(compile_digits(*blocks, target))
        np.testing.assert_array_equal(packed.view(np.uint32), other.view(np.uint32))
    assert not np.array_equal(packed, outputs(compile_digits(*channels)))
    assert error(packed, float_outputs) < 0.2


def test_portable_target_is_exact(compile_digits: Compile) -> None:
    host = outputs(compile_digits(*options("gpfq", 4)))
    generic = outputs(compile_digits(*options("gpfq", 4), "--target=generic"))
    np.testing.assert_array_equal(host.view(np.uint32), generic.view(np.uint32))


@pytest.mark.parametrize(
    ("targets", "compiler", "emulator"),
    [
        ("avx512vnni,avxvnni,avx2,generic", "cc", ("qemu-x86_64", "-cpu", "Haswell")),
        ("avx512vnni,avxvnni,avx2,generic", "cc", ("qemu-x86_64", "-cpu", "Nehalem")),
        ("aarch64-i8mm,aarch64-dotprod,generic", "aarch64-linux-gnu-gcc", ("qemu-aarch64", "-cpu", "max")),
        ("aarch64-i8mm,aarch64-dotprod,generic", "aarch64-linux-gnu-gcc", ("qemu-aarch64", "-cpu", "neoverse-n1")),
        ("aarch64-i8mm,aarch64-dotprod,generic", "aarch64-linux-gnu-gcc", ("qemu-aarch64", "-cpu", "cortex-a53")),
    ],
)
def test_every_cpu_gives_the_same_bits(
    compile_digits: Compile, tmp_path: Path, targets: str, compiler: str, emulator: tuple[str, ...]
) -> None:
    if compiler == "cc" and platform.machine() != "x86_64":
        pytest.skip("cc is not for x86-64")
    for program in (compiler, emulator[0]):
        if not shutil.which(program):
            pytest.skip(f"no {program} (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)")
    settings = (*options("gpfq", 4), "--name=net")
    library = compile_digits(*settings, f"--targets={targets}", name="net.a").output
    source = Path(__file__).parent / "Inputs" / "run_model.c"
    program = tmp_path / "program"
    subprocess.run([compiler, "-static", f"-I{library.parent}", source, library, "-o", program], check=True)
    images = np.ascontiguousarray(IMAGES[:50], np.float32)
    done = subprocess.run([*emulator, program], input=images.tobytes(), stdout=subprocess.PIPE, check=True)
    expected = evaluation.run_batches(gpfq.load(compile_digits(*settings, "--target=generic").output), images)
    assert done.stdout == expected.tobytes()


def test_all_layers_are_quantised(compile_digits: Compile) -> None:
    report = compile_digits(*options("gpfq", 4)).report
    assert report["totals"]["float_left"] == []
    assert len(report["layers"]) == 6
    assert all(layer["bits"] == 4 and layer["method"] == "gpfq+refit" for layer in report["layers"])
    assert report["model_sha256"] == compiling.sha256(DIGITS / "digits.mlir")


def test_fewer_bits_are_smaller(compile_digits: Compile) -> None:
    sizes = [compile_digits("--float").report["totals"]["weight_bytes"]]
    sizes += [compile_digits(*options("gpfq", bits)).report["totals"]["weight_bytes"] for bits in (8, 4, 2)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


@pytest.mark.parametrize(
    "variant",
    [("--threads=1",), ("--threads=2",), ("--memory-budget=4500000",)],
    ids=["one thread", "two threads", "mapped activations"],
)
def test_levels_do_not_depend_on(compile_digits: Compile, variant: tuple[str, ...]) -> None:
    emit = (*options("gpfq", 4), "--emit=quantized")
    expected = compile_digits(*emit, name="digits.mlir").output.read_text()
    assert compile_digits(*emit, *variant, name="digits.mlir").output.read_text() == expected


def test_resumed_run_gives_the_same_levels(compile_digits: Compile, tmp_path: Path) -> None:
    emit = (*options("gpfq", 4), "--emit=quantized")
    expected = compile_digits(*emit, name="digits.mlir").output.read_text()
    checkpoint, output = tmp_path / "checkpoint", tmp_path / "digits.mlir"
    arguments = [find_tool("gpfq-compile"), DIGITS / "digits.mlir", *emit, f"--checkpoint={checkpoint}", "-o", output]
    process = subprocess.Popen(list(map(str, arguments)), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and not (checkpoint.is_dir() and len(list(checkpoint.iterdir())) > 2):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {file.name: file.stat().st_mtime_ns for file in checkpoint.iterdir()}
    compiling.compile_network(DIGITS / "digits.mlir", output, *emit, f"--checkpoint={checkpoint}", quiet=True)
    assert output.read_text() == expected
    assert finished, "the first run left no finished layer"


def test_batch_is_a_loop_over_samples(compile_digits: Compile) -> None:
    library = gpfq.load(compile_digits(*options("gpfq", 4)).output)
    one_by_one = np.concatenate([library(IMAGES[i : i + 1]) for i in range(10)])
    np.testing.assert_array_equal(library(IMAGES[:10]), one_by_one)
