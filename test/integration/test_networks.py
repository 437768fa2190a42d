# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Networks of GPFQ_DATA: float against torch, accuracy, exactness. Skipped where they, or torch, are absent."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import compiling
import gpfq
import networks
from gpfq import evaluation

NAMES = ("lenet", "resnet8", "resnet20", pytest.param("resnet56", marks=pytest.mark.long))
IMAGES = 1000


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """A network whose files are in networks.export_folder()."""
    folder = networks.export_folder()
    if not networks.is_exported(request.param, folder):
        if networks.data_folder() is None:
            pytest.skip("no networks: set GPFQ_DATA to the folder that has models.py")
        for package in ("torch", "torch_mlir", "safetensors"):
            if importlib.util.find_spec(package) is None:
                pytest.skip(f"no {package}: pip install -e 'python[networks]'")
        folder.mkdir(parents=True, exist_ok=True)
        networks.export(request.param, folder)
    return request.param


def file(name: str, kind: str) -> Path:
    return networks.export_folder() / f"{name}.{kind}"


@cache
def outputs(library: Path, name: str) -> np.ndarray:
    return evaluation.run_batches(gpfq.load(library), np.load(file(name, "test.npy"), mmap_mode="r")[:IMAGES])


@pytest.fixture(scope="module")
def libraries(name: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Float, W4A8 by both methods, and the gpfq one by plain loops."""
    folder = tmp_path_factory.mktemp(name)
    made = {"float": compiling.compile_network(file(name, "mlir"), folder / "libfloat.so", "--float", quiet=True)}
    calibration = f"--calibration={file(name, 'calib.npy')}"
    for method in ("gpfq", "msq"):
        quantized = compiling.compile_network(
            file(name, "mlir"),
            folder / f"{method}.mlir",
            calibration,
            "--samples=256",
            "--weight-bits=4",
            f"--method={method}",
            "--emit=quantized",
            quiet=True,
        )
        made[method] = compiling.compile_network(quantized.output, folder / f"lib{method}.so", quiet=True)
    made["reference"] = compiling.compile_network(
        folder / "gpfq.mlir", folder / "libreference.so", "--reference", quiet=True
    )
    return {kind: compiled.output for kind, compiled in made.items()}


def test_float_agrees_with_torch(name: str, libraries: dict[str, Path]) -> None:
    expected = np.load(file(name, "test64.float.npy"))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(outputs(libraries["float"], name)[:64], expected, rtol=0, atol=1e-4 * scale)


def test_accuracy(name: str, libraries: dict[str, Path]) -> None:
    labels = np.load(file(name, "labels.npy"))[:IMAGES]
    top1 = {kind: evaluation.top1(outputs(libraries[kind], name), labels) for kind in ("float", "gpfq", "msq")}
    # 256 samples and 400 images; benchmarks/bench.py measures with all of them.
    assert top1["gpfq"] >= top1["float"] - 2.0, top1
    errors = {
        kind: np.linalg.norm(outputs(libraries[kind], name) - outputs(libraries["float"], name))
        for kind in ("gpfq", "msq")
    }
    assert errors["gpfq"] < errors["msq"], (errors, top1)


def test_packed_kernels_are_exact(name: str, libraries: dict[str, Path]) -> None:
    images = np.load(file(name, "test64.npy"))
    packed, reference = (
        evaluation.run_batches(gpfq.load(libraries[kind]), images).view(np.uint32) for kind in ("gpfq", "reference")
    )
    np.testing.assert_array_equal(packed, reference)
