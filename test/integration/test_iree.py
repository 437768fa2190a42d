# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised networks in IREE, against the libraries that gpfq-compile makes of the same files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import compiling
import gpfq
import iree_backend
import networks

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(iree_backend.missing_package() is not None, reason=str(iree_backend.missing_package())),
]
IMAGES = 8


def stem(name: str) -> Path:
    if networks.data_folder() is None and not networks.is_exported(name, networks.export_folder()):
        pytest.skip("no networks: set GPFQ_DATA to the folder that has models.py")
    return networks.exported(name)


def quantize(model: Path, calibration: Path, folder: Path, *options: str) -> Path:
    return compiling.compile_network(
        model,
        folder / "quantized.mlir",
        f"--calibration={calibration}",
        "--samples=32",
        "--recipe=paper",
        "--emit=quantized",
        *options,
        quiet=True,
    ).output


def outputs(quantized: Path, function: str, images: np.ndarray, *flags: str) -> tuple[np.ndarray, np.ndarray]:
    """Of our library and of IREE, image by image."""
    folder = quantized.parent
    net = gpfq.load(compiling.compile_network(quantized, folder / "libnet.so", quiet=True).output)
    text = iree_backend.export(quantized, folder / "iree.mlir")
    module = iree_backend.Module(iree_backend.compile_module(text, folder / "net.vmfb", *flags), function)
    parts = [images[i : i + 1] for i in range(len(images))]
    return np.concatenate([net(part) for part in parts]), np.concatenate([module(part) for part in parts])


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2"])
@pytest.mark.parametrize(
    "flags", [(), iree_backend.TILED, iree_backend.PACKED], ids=["plain", "tiled", "packed-weights"]
)
def test_integers_are_equal(name: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    files = stem(name)
    quantized = quantize(Path(f"{files}.mlir"), Path(f"{files}.calib.npy"), tmp_path, "--weight-bits=4")
    images = np.array(np.load(f"{files}.test64.npy", mmap_mode="r")[:IMAGES])
    ours, theirs = outputs(quantized, name, images, *flags)
    assert len(np.unique(ours.argmax(1))) > 1
    # The mean over the image is a sum of floats, in an order of IREE's own.
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6 * np.abs(ours).max())


def test_weights_only(tmp_path: Path) -> None:
    files = stem("resnet20")
    quantized = quantize(Path(f"{files}.mlir"), Path(f"{files}.calib.npy"), tmp_path, "--activation-bits=0")
    images = np.array(np.load(f"{files}.test64.npy", mmap_mode="r")[:IMAGES])
    ours, theirs = outputs(quantized, "resnet20", images)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4 * np.abs(ours).max())


def test_dynamic_batch(tmp_path: Path) -> None:
    files = stem("resnet20")
    model = files.with_name("resnet20.dynamic.mlir")
    quantized = quantize(model, Path(f"{files}.calib.npy"), tmp_path, "--weight-bits=3")
    images = np.array(np.load(f"{files}.test64.npy", mmap_mode="r")[:IMAGES])
    net = gpfq.load(compiling.compile_network(quantized, tmp_path / "libnet.so", quiet=True).output)
    text = iree_backend.export(quantized, tmp_path / "iree.mlir")
    module = iree_backend.Module(iree_backend.compile_module(text, tmp_path / "net.vmfb"), "resnet20")
    for batch in (1, 3, IMAGES):
        ours, theirs = net(images[:batch]), module(images[:batch])
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6 * np.abs(ours).max())


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    """Three linear layers with ReLU, random weights; odd sizes, so that packed columns have an end."""
    generator, lines, value, width = np.random.default_rng(0), [], "%x", 45
    for layer, outputs in enumerate((33, 17, 10)):
        weights = (generator.standard_normal((width, outputs)) / np.sqrt(width)).astype(np.float32)
        shape, weight = f"tensor<1x{outputs}xf32>", f"tensor<{width}x{outputs}xf32>"
        lines += [
            f'%w{layer} = arith.constant dense<"0x{weights.tobytes().hex()}"> : {weight}',
            f"%e{layer} = tensor.empty() : {shape}",
            f"%i{layer} = linalg.fill ins(%zero : f32) outs(%e{layer} : {shape}) -> {shape}",
            f"%y{layer} = linalg.matmul ins({value}, %w{layer} : tensor<1x{width}xf32>, {weight})"
            f" outs(%i{layer} : {shape}) -> {shape}",
            f"%z{layer} = arith.constant dense<0.0> : {shape}",
            f"%r{layer} = linalg.max ins(%y{layer}, %z{layer} : {shape}, {shape}) outs(%e{layer} : {shape}) -> {shape}",
        ]
        value, width = f"%r{layer}", outputs
    body = "\n  ".join(["%zero = arith.constant 0.0 : f32", *lines, f"return {value} : tensor<1x10xf32>"])
    model = tmp_path / "mlp.mlir"
    model.write_text(f"func.func @mlp(%x: tensor<1x45xf32>) -> tensor<1x10xf32> {{\n  {body}\n}}\n")
    np.save(tmp_path / "calib.npy", generator.random((64, 45), dtype=np.float32))
    return model


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
def test_mlp_is_bit_for_bit_equal(bits: int, mlp: Path, tmp_path: Path) -> None:
    quantized = quantize(mlp, tmp_path / "calib.npy", tmp_path, f"--weight-bits={bits}")
    images = np.random.default_rng(1).random((IMAGES, 45), dtype=np.float32)
    ours, theirs = outputs(quantized, "mlp", images)
    assert np.abs(ours).max() > 0
    np.testing.assert_array_equal(theirs, ours)
