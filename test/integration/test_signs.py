# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A network of signs, with weights of one bit: random features of the digits and a readout in float."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import compiling
import gpfq
from gpfq import evaluation

DIGITS = compiling.ROOT / "test" / "data" / "digits"
IMAGES, LABELS = np.load(DIGITS / "test.npy").reshape(-1, 8, 8, 1), np.load(DIGITS / "labels.npy")
FITTED = 350  # images that the readout is fitted to; the others measure

MAP, VECTOR = "affine_map<(a, b, c, d) -> (a, b, c, d)>", "affine_map<(a, b) -> (a, b)>"


def sign(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, 1.0, -1.0).astype(np.float32)


def convolve(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """3 x 3, padded with zeros; weights are output channels x 3 x 3 x input channels."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("nyxckl,oklc->nyxo", windows, weights, optimize=True) + bias


class Network:
    """Weights are one number or its negative, biases are in between of what sums can be."""

    def __init__(self) -> None:
        random = np.random.default_rng(5)

        def weights(*shape: int) -> np.ndarray:
            return random.choice(np.float32([-0.125, 0.125]), shape)

        self.first, self.second, self.third = weights(32, 3, 3, 1), weights(64, 3, 3, 32), weights(256, 1024)
        self.biases = [0.0625 + 0.125 * random.integers(-2, 2, n).astype(np.float32) for n in (32, 64, 256)]
        self.biases[0] -= self.first.sum((1, 2, 3)) / 3
        hidden = self.hidden(IMAGES[:FITTED]).astype(np.float64)
        targets = np.eye(10)[LABELS[:FITTED]] - 0.1
        gram = hidden.T @ hidden + 300 * np.eye(256)
        self.readout = np.linalg.solve(gram, hidden.T @ targets).astype(np.float32)

    def hidden(self, x: np.ndarray) -> np.ndarray:
        x = sign(convolve(x, self.first, self.biases[0]))
        x = sign(convolve(x, self.second, self.biases[1]))
        x = x.reshape(-1, 4, 2, 4, 2, 64).max((2, 4)).reshape(-1, 1024)
        return sign(x @ self.third.T + self.biases[2])

    def outputs(self, x: np.ndarray) -> np.ndarray:
        return self.hidden(x) @ self.readout

    def write(self, path: Path) -> None:
        path.write_text(f"""
func.func @net(%x: tensor<1x8x8x1xf32>) -> tensor<1x10xf32> {{
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
{conv("first", "%x", self.first, self.biases[0], 8)}
{signs("first", "1x8x8x32", MAP)}
{conv("second", "%first_sign", self.second, self.biases[1], 8)}
{signs("second", "1x8x8x64", MAP)}
  %window = tensor.empty() : tensor<2x2xf32>
  %pool_empty = tensor.empty() : tensor<1x4x4x64xf32>
  %pool_init = linalg.fill ins(%least : f32) outs(%pool_empty : tensor<1x4x4x64xf32>) -> tensor<1x4x4x64xf32>
  %pool = linalg.pooling_nhwc_max {{dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}}
      ins(%second_sign, %window : tensor<1x8x8x64xf32>, tensor<2x2xf32>) outs(%pool_init : tensor<1x4x4x64xf32>)
      -> tensor<1x4x4x64xf32>
  %flat = tensor.collapse_shape %pool [[0], [1, 2, 3]] : tensor<1x4x4x64xf32> into tensor<1x1024xf32>
{matmul("third", "%flat", self.third.T, self.biases[2])}
{signs("third", "1x256", VECTOR)}
{matmul("readout", "%third_sign", self.readout, np.zeros(10, np.float32))}
  return %readout : tensor<1x10xf32>
}}
""")


def constant(values: np.ndarray) -> str:
    shape = "x".join(map(str, values.shape))
    return f'arith.constant dense<"0x{values.astype("<f4").tobytes().hex().upper()}"> : tensor<{shape}xf32>'


def conv(name: str, source: str, weights: np.ndarray, bias: np.ndarray, side: int) -> str:
    outputs, _, _, inputs = weights.shape
    image, result = f"tensor<1x{side}x{side}x{inputs}xf32>", f"tensor<1x{side}x{side}x{outputs}xf32>"
    padded, kernel = f"tensor<1x{side + 2}x{side + 2}x{inputs}xf32>", f"tensor<{outputs}x3x3x{inputs}xf32>"
    return f"""  %{name}_w = {constant(weights)}
  %{name}_b = {constant(bias)}
  %{name}_empty = tensor.empty() : {result}
  %{name}_init = linalg.broadcast ins(%{name}_b : tensor<{outputs}xf32>) outs(%{name}_empty : {result})
      dimensions = [0, 1, 2]
  %{name}_pad = tensor.pad {source} low[0, 1, 1, 0] high[0, 1, 1, 0] {{
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  }} : {image} to {padded}
  %{name} = linalg.conv_2d_nhwc_fhwc {{dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}}
      ins(%{name}_pad, %{name}_w : {padded}, {kernel}) outs(%{name}_init : {result}) -> {result} loc("{name}")"""


def matmul(name: str, source: str, weights: np.ndarray, bias: np.ndarray) -> str:
    inputs, outputs = weights.shape
    image, result = f"tensor<1x{inputs}xf32>", f"tensor<1x{outputs}xf32>"
    return f"""  %{name}_w = {constant(weights)}
  %{name}_b = {constant(bias)}
  %{name}_empty = tensor.empty() : {result}
  %{name}_init = linalg.broadcast ins(%{name}_b : tensor<{outputs}xf32>) outs(%{name}_empty : {result}) dimensions = [0]
  %{name} = linalg.matmul ins({source}, %{name}_w : {image}, tensor<{inputs}x{outputs}xf32>)
      outs(%{name}_init : {result}) -> {result} loc("{name}")"""


def signs(name: str, shape: str, indices: str) -> str:
    iterators = ", ".join(['"parallel"'] * (shape.count("x") + 1))
    result = f"tensor<{shape}xf32>"
    return f"""  %{name}_out = tensor.empty() : {result}
  %{name}_sign = linalg.generic {{indexing_maps = [{indices}, {indices}], iterator_types = [{iterators}]}}
      ins(%{name} : {result}) outs(%{name}_out : {result}) {{
  ^bb0(%in: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %minus = arith.constant -1.0 : f32
    %positive = arith.cmpf oge, %in, %zero : f32
    %value = arith.select %positive, %one, %minus : f32
    linalg.yield %value : f32
  }} -> {result}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("signs")
    np.save(path / "calib.npy", np.load(DIGITS / "calib.npy").reshape(-1, 8, 8, 1))
    Network().write(path / "net.mlir")
    return path


def compile_signs(folder: Path, name: str, *options: str) -> gpfq.Compilation:
    settings = ("--weight-bits=1", "--activation-bits=1", "--skip=readout", f"--calibration={folder / 'calib.npy'}")
    output = folder / f"lib{name}.so"
    return compiling.compile_network(folder / "net.mlir", output, *settings, *options, "--name=net", quiet=True)


@pytest.fixture(scope="module")
def host(folder: Path) -> gpfq.Compilation:
    return compile_signs(folder, "host")


@pytest.fixture(scope="module")
def host_outputs(host: gpfq.Compilation) -> np.ndarray:
    return evaluation.run_batches(gpfq.load(host.output), IMAGES)


def test_accuracy(host_outputs: np.ndarray) -> None:
    expected = Network().outputs(IMAGES)
    score = evaluation.top1(expected[FITTED:], LABELS[FITTED:])
    assert score >= 75.0
    assert evaluation.top1(host_outputs[FITTED:], LABELS[FITTED:]) >= score - 1.0


def test_only_images_keep_eight_bits(host: gpfq.Compilation) -> None:
    report = host.report["activations"]
    assert {entry["layers"][0]: (entry["max"], entry["sign"], entry["zero_point"]) for entry in report} == {
        "first": (255, False, 0),
        "second": (2, True, 1),
        "third": (2, True, 1),
    }
    # Signs of signs are what they were.
    assert [entry["scale"] for entry in report[1:]] == [1.0, 1.0]
    assert [entry["error"] for entry in report[1:]] == pytest.approx([0.0, 0.0], abs=1e-3)


@pytest.mark.parametrize("options", [("--reference",), ("--target=generic",)])
def test_exact(folder: Path, host_outputs: np.ndarray, options: tuple[str, ...]) -> None:
    compiled = compile_signs(folder, options[0].strip("-").replace("=", "_"), *options)
    other = evaluation.run_batches(gpfq.load(compiled.output), IMAGES)
    np.testing.assert_array_equal(host_outputs.view(np.uint32), other.view(np.uint32))
