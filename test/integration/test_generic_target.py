# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the target `generic` computes without the instructions of other targets is the same to the bit."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import gpfq

COUNT = 4096
ELEMENTS = f"tensor<{COUNT}xf32>"
MULTIPLY_ADD = f"""
#same = affine_map<(i) -> (i)>
func.func @net(%a: {ELEMENTS}, %b: {ELEMENTS}, %c: {ELEMENTS}) -> {ELEMENTS} {{
  %e = tensor.empty() : {ELEMENTS}
  %y = linalg.generic {{indexing_maps = [#same, #same, #same, #same], iterator_types = ["parallel"]}}
      ins(%a, %b, %c : {ELEMENTS}, {ELEMENTS}, {ELEMENTS}) outs(%e : {ELEMENTS}) {{
  ^bb0(%p: f32, %q: f32, %r: f32, %o: f32):
    %s = math.fma %p, %q, %r : f32
    linalg.yield %s : f32
  }} -> {ELEMENTS}
  return %y : {ELEMENTS}
}}
"""


def compile_float(source: str, folder: Path, target: str) -> gpfq.CompiledModel:
    (folder / "net.mlir").write_text(source)
    done = gpfq.compile(folder / "net.mlir", folder / f"libnet_{target}.so", extra=["--float", f"--target={target}"])
    return gpfq.load(done.output)


def make_operands(seed: int) -> list[np.ndarray]:
    """Operands whose sums are often at or next to the middle between two floats, and special ones."""
    random = np.random.default_rng(seed)
    a, b = (random.integers(1, 1 << 24, COUNT).astype(np.float64) for _ in range(2))
    scale = 2.0 ** random.integers(-40, 41, COUNT)
    a, b = np.float32(a * scale), np.float32(b / 2.0 ** random.integers(0, 48, COUNT))
    product = a.astype(np.float64) * b.astype(np.float64)
    c = np.float32(-product * 2.0 ** random.integers(-30, 31, COUNT))
    # Halves of a product's unit in the last place, and next to these.
    near = np.float32(np.spacing(np.float32(product)) / 2 * random.choice([1.0, -1.0, 3.0], COUNT))
    c = np.where(random.random(COUNT) < 0.5, c, near)
    special = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-38, 3.4e38, 1.0, -1.0])
    for values in (a, b, c):
        chosen = random.random(COUNT) < 0.05
        values[chosen] = random.choice(special, chosen.sum())
    return [a, b, np.float32(c)]


def multiply_add(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """a * b + c with one rounding, for finite values."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = np.float32(float(exact))
    if not np.isfinite(near):
        return near
    around = [near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))]
    finite = [value for value in around if np.isfinite(value)]
    distance = min(abs(Fraction(float(value)) - exact) for value in finite)
    nearest = [value for value in finite if abs(Fraction(float(value)) - exact) == distance]
    return min(nearest, key=lambda value: int(np.float32(value).view(np.uint32)) & 1)


@pytest.mark.parametrize("seed", range(3))
def test_multiply_add_is_rounded_once(seed: int, tmp_path: Path) -> None:
    model = compile_float(MULTIPLY_ADD, tmp_path, "generic")
    a, b, c = make_operands(seed)
    result = model(a, b, c)
    with np.errstate(all="ignore"):
        direct = a.astype(np.float64) * b + c
    finite = np.isfinite(a) & np.isfinite(b) & np.isfinite(c)
    # From the largest float on the rule is that of f64 rounded to f32.
    within = finite & (np.abs(direct) < 1e38)
    assert within.sum() > COUNT / 2
    expected = np.array([multiply_add(*values) for values in zip(a[within], b[within], c[within], strict=True)])
    nonzero = expected != 0
    np.testing.assert_array_equal(result[within], expected)
    np.testing.assert_array_equal(np.signbit(result[within][nonzero]), np.signbit(expected[nonzero]))
    special = ~finite
    np.testing.assert_array_equal(result[special], np.float32(direct[special]))


def test_softmax_is_that_of_the_host(tmp_path: Path) -> None:
    source = """
    func.func @net(%x: tensor<4x100xf32>) -> tensor<4x100xf32> {
      %e = tensor.empty() : tensor<4x100xf32>
      %y = linalg.softmax dimension(1) ins(%x : tensor<4x100xf32>) outs(%e : tensor<4x100xf32>) -> tensor<4x100xf32>
      return %y : tensor<4x100xf32>
    }
    """
    x = np.random.default_rng(0).standard_normal((4, 100)).astype(np.float32)
    generic, host = (compile_float(source, tmp_path, target)(x) for target in ("generic", "host"))
    np.testing.assert_array_equal(generic, host)
    np.testing.assert_allclose(generic.sum(1), 1, rtol=1e-5)
