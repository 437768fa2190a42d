# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Signs of scaled sums are compared as integers: the same signs as in f32, ties and any scale included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import compiling
import gpfq

ROWS, INPUTS, CHANNELS = 64, 40, 96
SHAPES = {
    "x": f"{ROWS}x{INPUTS}xi8",
    "w": f"{CHANNELS}x{INPUTS}xi8",
    "c": f"{CHANNELS}xf32",
    "y": f"{ROWS}x{CHANNELS}xi8",
}


def constant(values: np.ndarray, shape: str) -> str:
    return f'arith.constant dense<"0x{values.tobytes().hex().upper()}"> : tensor<{shape}>'


def write_layer(path: Path, levels: np.ndarray, scales: np.ndarray, biases: np.ndarray) -> None:
    x, w, c, y = (f"tensor<{SHAPES[name]}>" for name in "xwcy")
    path.write_text(f"""
func.func @layer(%x: {x}) -> {y} {{
  %w = {constant(levels, SHAPES["w"])}
  %scales = {constant(scales, SHAPES["c"])}
  %biases = {constant(biases, SHAPES["c"])}
  %init = tensor.empty() : {y}
  %r = lowbit.matmul ins(%x, %w : {x}, {w}) fused(%scales, %biases : {c}, {c}) outs(%init : {y})
      {{alphabet = #lowbit.alphabet<mid_tread, [7]>}} epilogue {{
  ^bb0(%acc: i32, %s: f32, %b: f32):
    %negative = arith.constant 0 : i8
    %positive = arith.constant 2 : i8
    %zero = arith.constant 0.0 : f32
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %s : f32
    %a = arith.addf %m, %b : f32
    %bit = arith.cmpf uge, %a, %zero : f32
    %code = arith.select %bit, %positive, %negative : i8
    lowbit.yield %code : i8
  }} -> {y}
  return %r : {y}
}}
""")


@pytest.mark.parametrize("seed", range(4))
def test_equal_floats(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    codes = random.integers(0, 256, (ROWS, INPUTS)).astype(np.uint8)
    levels = random.integers(-7, 8, (CHANNELS, INPUTS)).astype(np.int8)
    sums = codes.astype(np.int32) @ levels.T.astype(np.int32)
    scales = (random.standard_normal(CHANNELS) * 10.0 ** random.integers(-30, 30, CHANNELS)).astype(np.float32)
    # The negative product of a sum that occurs, and its neighbours, where rounding decides.
    ties = -(sums[random.integers(0, ROWS, CHANNELS), np.arange(CHANNELS)].astype(np.float32) * scales)
    biases = np.nextafter(ties, random.choice(np.float32([-np.inf, np.inf]), CHANNELS))
    biases = np.where(random.random(CHANNELS) < 0.6, ties, biases).astype(np.float32)
    scales[:4], biases[:4] = [0.0, 0.0, -0.0, 3e38], [1.0, -1.0, 0.0, -3e38]

    with np.errstate(over="ignore"):
        expected = np.where(sums.astype(np.float32) * scales + biases >= 0, 2, 0).astype(np.uint8)
    write_layer(tmp_path / "layer.mlir", levels, scales, biases)
    compilation = compiling.compile_network(tmp_path / "layer.mlir", tmp_path / "liblayer.so", quiet=True)
    actual = gpfq.load(compilation.output)(codes.view(np.int8))
    np.testing.assert_array_equal(actual.view(np.uint8), expected)
    assert 0.2 < np.mean(expected == 2) < 0.8
