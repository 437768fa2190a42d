# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Activations that are quantised row by row when a library runs: the formulas of the reference, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import compile_network

import gpfq

ROWS, DEPTH, CHANNELS = 13, 70, 37
F32 = np.float32


def attribute(array: np.ndarray) -> str:
    element = {"int8": "i8", "float32": "f32"}[str(array.dtype)]
    shape = "x".join(map(str, array.shape))
    return f'dense<"0x{array.tobytes().hex().upper()}"> : tensor<{shape}x{element}>'


def make_network(levels: np.ndarray, scales: np.ndarray, bias: np.ndarray, alphabet: str, symmetric: bool) -> str:
    m, k, n = ROWS, DEPTH, CHANNELS
    blocks = scales.shape[1:]
    axis = "axis 1 block_axis 0" if blocks else "axis 1"
    scale_type = f"tensor<{n}{''.join(f'x{b}' for b in blocks)}xf32>"
    kind = "symmetric " if symmetric else ""
    return f"""
func.func @net(%x: tensor<{m}x{k}xf32>) -> tensor<{m}x{n}xf32> {{
  %l = arith.constant {attribute(levels)}
  %t = arith.constant {attribute(scales)}
  %b = arith.constant {attribute(bias)}
  %e0 = tensor.empty() : tensor<{m}x{k}xi8>
  %e1 = tensor.empty() : tensor<{m}x1xf32>
  %e2 = tensor.empty() : tensor<{m}x1xi32>
  %q, %s, %z = lowbit.quantize_rows {kind}ins(%x : tensor<{m}x{k}xf32>)
      outs(%e0, %e1, %e2 : tensor<{m}x{k}xi8>, tensor<{m}x1xf32>, tensor<{m}x1xi32>)
      -> tensor<{m}x{k}xi8>, tensor<{m}x1xf32>, tensor<{m}x1xi32>
  %d = lowbit.dequantize_rows %q, %s, %z
      : tensor<{m}x{k}xi8>, tensor<{m}x1xf32>, tensor<{m}x1xi32> -> tensor<{m}x{k}xf32>
  %w = lowbit.dequantize %l, %t {axis} alphabet {alphabet} layer "linear"
      : tensor<{k}x{n}xi8>, {scale_type} -> tensor<{k}x{n}xf32>
  %e = tensor.empty() : tensor<{m}x{n}xf32>
  %i = linalg.broadcast ins(%b : tensor<{n}xf32>) outs(%e : tensor<{m}x{n}xf32>) dimensions = [0]
  %y = linalg.matmul ins(%d, %w : tensor<{m}x{k}xf32>, tensor<{k}x{n}xf32>)
      outs(%i : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  return %y : tensor<{m}x{n}xf32>
}}
"""


def quantize_rows(x: np.ndarray, symmetric: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, scales and zero points by the formulas of lowbit.quantize_rows."""
    largest = np.finfo(F32).max
    finite = np.where(np.isnan(x), F32(0), x)
    low = np.maximum(np.minimum(finite.min(1, keepdims=True), F32(0)), -largest)
    high = np.minimum(np.maximum(finite.max(1, keepdims=True), F32(0)), largest)
    span = np.maximum(-low, high) / F32(127) if symmetric else high / F32(255) - low / F32(255)
    scale = np.maximum(span, np.finfo(F32).tiny)
    inverse = F32(1) / scale
    zero = np.full_like(low, 128) if symmetric else np.rint(-(low * inverse))
    with np.errstate(invalid="ignore"):
        code = np.clip(np.rint(x * inverse) + zero, F32(0), F32(255))
    return np.where(np.isnan(x), zero, code).astype(np.int64), scale, zero.astype(np.int64)


def expect(
    x: np.ndarray, levels: np.ndarray, scales: np.ndarray, bias: np.ndarray, symmetric: bool = False
) -> np.ndarray:
    codes, row_scale, zero = quantize_rows(x, symmetric)
    scales = scales.reshape(CHANNELS, -1)
    size = DEPTH // scales.shape[1]
    y = None
    for block in range(scales.shape[1]):
        part = slice(block * size, (block + 1) * size)
        product = (codes[:, part] - zero) @ levels[part].astype(np.int64)
        with np.errstate(over="ignore"):
            term = product.astype(F32) * row_scale * scales[:, block]
        y = term + bias if y is None else (term + F32(0)) + y
    return y


def make_inputs() -> np.ndarray:
    random = np.random.default_rng(3)
    x = random.standard_normal((ROWS, DEPTH)).astype(F32)
    x[1] = 0
    x[2] = np.abs(x[2])
    x[3] = -np.abs(x[3])
    x[4] *= F32(1e30)
    x[5] *= F32(1e-38)
    x[6, 7] = 1000  # as in a transformer
    return x


@pytest.mark.parametrize(
    ("alphabet", "low", "blocks", "symmetric"),
    [
        ("<mid_tread, [127]>", -127, 0, False),
        ("<mid_tread, [7]>", -7, 0, False),
        ("<mid_tread, [7]>", -7, 0, True),
        ("<mid_tread, [7]>", -7, 7, False),
        ("<range, [-2, 1]>", -2, 0, False),
    ],
)
def test_equals_the_formulas(tmp_path: Path, alphabet: str, low: int, blocks: int, symmetric: bool) -> None:
    random = np.random.default_rng(5)
    high = -low if "mid" in alphabet else 1
    levels = random.integers(low, high + 1, (DEPTH, CHANNELS)).astype(np.int8)
    scales = random.uniform(0.01, 0.1, (CHANNELS, blocks) if blocks else CHANNELS).astype(F32)
    bias = random.standard_normal(CHANNELS).astype(F32)
    network = tmp_path / "net.mlir"
    network.write_text(make_network(levels, scales, bias, alphabet, symmetric))
    results = []
    for options in ([], ["--reference"], ["--target=generic"]):
        library = tmp_path / f"lib{len(results)}.so"
        done = compile_network(network, *options, "-o", library)
        assert done.returncode == 0, done.stderr
        results.append(gpfq.load(library))
    x = make_inputs()
    want = expect(x, levels, scales, bias, symmetric)
    for model in results:
        np.testing.assert_array_equal(model(x), want)
    # What is not a number counts as 0, and infinities saturate: no crash, nothing that is not finite.
    x[7, 3], x[8, 0], x[9, 1] = np.nan, np.inf, -np.inf
    x[10] = np.nan
    want = expect(x, levels, scales, bias, symmetric)
    assert np.isfinite(want[[7, 10]]).all()
    for model in results:
        np.testing.assert_array_equal(model(x), want)


def test_quantizes_a_float_network(tmp_path: Path) -> None:
    """From floats, with the options of the command."""
    random = np.random.default_rng(1)
    weights = random.standard_normal((DEPTH, CHANNELS)).astype(F32) / 8
    network = tmp_path / "net.mlir"
    network.write_text(
        f"""
func.func @net(%x: tensor<{ROWS}x{DEPTH}xf32>) -> tensor<{ROWS}x{CHANNELS}xf32> {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant {attribute(weights)}
  %e = tensor.empty() : tensor<{ROWS}x{CHANNELS}xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<{ROWS}x{CHANNELS}xf32>) -> tensor<{ROWS}x{CHANNELS}xf32>
  %y = linalg.matmul ins(%x, %w : tensor<{ROWS}x{DEPTH}xf32>, tensor<{DEPTH}x{CHANNELS}xf32>)
      outs(%i : tensor<{ROWS}x{CHANNELS}xf32>) -> tensor<{ROWS}x{CHANNELS}xf32>
  return %y : tensor<{ROWS}x{CHANNELS}xf32>
}}
"""
    )
    samples = random.standard_normal((64, ROWS, DEPTH)).astype(F32)
    samples[:, :, 5] *= 100  # one scale for all would leave nothing of the others
    errors = {}
    for activations in ("static", "dynamic"):
        library = tmp_path / f"lib{activations}.so"
        for granularity in ("channel", "block"):
            gpfq.compile(
                network,
                library,
                calibration=samples,
                weight_bits=8,
                activations=activations,
                granularity=granularity,
                block_size=35,
            )
            x = samples[0] * np.linspace(0.01, 1, ROWS, dtype=F32)[:, None]
            y, want = gpfq.load(library)(x), x @ weights
            errors[activations, granularity] = np.abs((y - want) / np.abs(want).max(1, keepdims=True)).max()
    for granularity in ("channel", "block"):
        assert errors["dynamic", granularity] < 0.05
        assert errors["static", granularity] > 2 * errors["dynamic", granularity]


def test_bad_options(tmp_path: Path) -> None:
    for options, message in (
        (["--activations=rows"], "--activations must be static or dynamic"),
        (["--activations=dynamic", "--activation-bits=4"], "--activations=dynamic has 8 bits"),
    ):
        done = compile_network(tmp_path / "net.mlir", *options, "-o", tmp_path / "libnet.so")
        assert done.returncode == 1
        assert message in done.stderr and len(done.stderr.splitlines()) == 1
