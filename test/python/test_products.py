# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products of two activations in integers (`--products=int8`): the formulas of docs/numerics.md, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import compile_network
from test_dynamic import F32, attribute, quantize_rows

import gpfq

HEADS, QUERIES, KEYS, DEPTH = 3, 13, 21, 35

# Scores of queries and keys, plus a term, times values: attention without the softmax.
NETWORK = f"""
#b = affine_map<(b, m, n) -> (b, m, n)>
func.func @net(%x: tensor<{QUERIES}x4xf32>, %q: tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>,
               %k: tensor<{KEYS}x{HEADS}x{DEPTH}xf32>, %v: tensor<{HEADS}x{KEYS}x{DEPTH}xf32>)
    -> (tensor<{QUERIES}x4xf32>, tensor<{HEADS}x{QUERIES}x{KEYS}xf32>, tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>) {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant {attribute(np.eye(4, dtype=F32))}
  %e0 = tensor.empty() : tensor<{QUERIES}x4xf32>
  %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<{QUERIES}x4xf32>) -> tensor<{QUERIES}x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<{QUERIES}x4xf32>, tensor<4x4xf32>)
      outs(%i0 : tensor<{QUERIES}x4xf32>) -> tensor<{QUERIES}x4xf32>
  %e1 = tensor.empty() : tensor<{HEADS}x{DEPTH}x{KEYS}xf32>
  %t = linalg.transpose ins(%k : tensor<{KEYS}x{HEADS}x{DEPTH}xf32>)
      outs(%e1 : tensor<{HEADS}x{DEPTH}x{KEYS}xf32>) permutation = [1, 2, 0]
  %e2 = tensor.empty() : tensor<{HEADS}x{QUERIES}x{KEYS}xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<{HEADS}x{QUERIES}x{KEYS}xf32>)
      -> tensor<{HEADS}x{QUERIES}x{KEYS}xf32>
  %s = linalg.batch_matmul ins(%q, %t : tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>, tensor<{HEADS}x{DEPTH}x{KEYS}xf32>)
      outs(%i2 : tensor<{HEADS}x{QUERIES}x{KEYS}xf32>) -> tensor<{HEADS}x{QUERIES}x{KEYS}xf32>
  %e3 = tensor.empty() : tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>
  %i3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>)
      -> tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>
  %o = linalg.batch_matmul ins(%s, %v : tensor<{HEADS}x{QUERIES}x{KEYS}xf32>, tensor<{HEADS}x{KEYS}x{DEPTH}xf32>)
      outs(%i3 : tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>) -> tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>
  return %y, %s, %o : tensor<{QUERIES}x4xf32>, tensor<{HEADS}x{QUERIES}x{KEYS}xf32>,
      tensor<{HEADS}x{QUERIES}x{DEPTH}xf32>
}}
"""


def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of `M x K` and `N x K`, both in floats."""
    codes, row_scale, zero = quantize_rows(left, symmetric=False)
    columns, column_scale, _ = quantize_rows(right, symmetric=True)
    levels = columns - 128
    difference = codes @ levels.T - zero * levels.sum(1)
    assert np.abs(difference).max() < 2**31
    return difference.astype(F32) * row_scale * column_scale.T


def make_inputs(random: np.random.Generator, samples: int) -> list[np.ndarray]:
    shapes = ((QUERIES, 4), (HEADS, QUERIES, DEPTH), (KEYS, HEADS, DEPTH), (HEADS, KEYS, DEPTH))
    arrays = [random.standard_normal((samples, *shape)).astype(F32) for shape in shapes]
    arrays[1][:, :, 2] = 0
    arrays[1][:, :, 3] = np.abs(arrays[1][:, :, 3])  # a zero point of 0
    arrays[2][:, 5, 1] = 0
    arrays[3][:, :, 4, 2] = 1000
    return arrays


@pytest.mark.parametrize("activations", ["static", "dynamic"])
def test_equals_the_formulas(tmp_path: Path, activations: str) -> None:
    network = tmp_path / "net.mlir"
    network.write_text(NETWORK)
    random = np.random.default_rng(7)
    calibration = make_inputs(random, 16)
    models = []
    for extra in (["--reference"], [], ["--targets=generic"]):
        library = tmp_path / f"lib{len(models)}.so"
        done = gpfq.compile(
            network,
            library,
            calibration=calibration,
            products="int8",
            activations=activations,
            extra=extra,
        )
        assert done.report["totals"]["float_left"] == []
        models.append(gpfq.load(library))
    layers = [layer["name"] for layer in done.report["compiled_layers"]]
    assert {"product_0", "product_1"} <= set(layers)
    assert all(layer["weight_bytes"] == 0 for layer in done.report["compiled_layers"] if "product" in layer["name"])
    x, q, k, v = (array[0] for array in make_inputs(random, 1))
    scores = np.stack([multiply(q[head], k[:, head]) for head in range(HEADS)])
    result = np.stack([multiply(scores[head], v[head].T) for head in range(HEADS)])
    for model in models:
        _, got_scores, got = model(x, q, k, v)
        np.testing.assert_array_equal(got_scores, scores)
        np.testing.assert_array_equal(got, result)
    exact = np.einsum("hmk,nhk->hmn", q, k)
    assert np.abs(scores - exact).max() < 0.02 * np.abs(exact).max()


def test_stays_float_by_default(tmp_path: Path) -> None:
    network = tmp_path / "net.mlir"
    network.write_text(NETWORK)
    calibration = make_inputs(np.random.default_rng(7), 16)
    done = gpfq.compile(network, tmp_path / "libnet.so", calibration=calibration, activations="dynamic")
    assert done.report["totals"]["float_left"] == ["linalg.batch_matmul"] * 2
    x, q, k, v = (array[0] for array in calibration)
    _, scores, _ = gpfq.load(tmp_path / "libnet.so")(x, q, k, v)
    np.testing.assert_allclose(scores, np.einsum("hmk,nhk->hmn", q, k), rtol=1e-4, atol=1e-4)


def test_bad_options(tmp_path: Path) -> None:
    for options, message in (
        (["--products=int4"], "--products must be float or int8"),
        (["--products=int8", "--activation-bits=0"], "--products=int8 quantises activations"),
        (["--products=int8"], "--products=int8 is a part of the quantisation: give --calibration=FILE"),
    ):
        done = compile_network(tmp_path / "net.mlir", *options, "-o", tmp_path / "libnet.so")
        assert done.returncode == 1
        assert message in done.stderr and len(done.stderr.splitlines()) == 1
