# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StableHLO and TOSA: one network each, against numpy; and JAX itself, where it is installed."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import fail_command, gpfq_command

import gpfq
from gpfq.lowering import find_torch_mlir_opt

RANDOM = np.random.default_rng(5)
FILTER = RANDOM.standard_normal((3, 3, 2, 8)).astype(np.float32)  # HWIO
BIAS = RANDOM.standard_normal(8).astype(np.float32)
MATRIX = RANDOM.standard_normal((8, 5)).astype(np.float32)

needs_torch_mlir = pytest.mark.skipif(find_torch_mlir_opt() is None, reason="no torch-mlir")
needs_mlir_opt = pytest.mark.skipif(
    not Path("/usr/lib/llvm-22/bin/mlir-opt").exists() and shutil.which("mlir-opt-22") is None, reason="no mlir-opt-22"
)


def dense(array: np.ndarray) -> str:
    shape = "x".join(map(str, array.shape))
    return f'dense<"0x{array.astype("<f4").tobytes().hex()}"> : tensor<{shape}xf32>'


def expected_outputs(x: np.ndarray) -> np.ndarray:
    """Convolution without padding, ReLU, mean over the image, matrix product."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    conv = np.einsum("nhwcyx,yxcf->nhwf", windows, FILTER) + BIAS
    return np.maximum(conv, 0).mean((1, 2)) @ MATRIX


def make_stablehlo() -> str:
    """As jax.export prints it, without locations."""
    return f"""
module @jit_f {{
  func.func public @main(%x: tensor<1x8x8x2xf32>) -> tensor<1x5xf32> {{
    %filter = stablehlo.constant {dense(FILTER)}
    %bias = stablehlo.constant {dense(BIAS)}
    %matrix = stablehlo.constant {dense(MATRIX)}
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %size = stablehlo.constant dense<36.0> : tensor<f32>
    %0 = stablehlo.convolution(%x, %filter) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
        window = {{}} {{batch_group_count = 1 : i64, feature_group_count = 1 : i64}}
        : (tensor<1x8x8x2xf32>, tensor<3x3x2x8xf32>) -> tensor<1x6x6x8xf32>
    %1 = stablehlo.broadcast_in_dim %bias, dims = [3] : (tensor<8xf32>) -> tensor<1x6x6x8xf32>
    %2 = stablehlo.add %0, %1 : tensor<1x6x6x8xf32>
    %3 = call @relu(%2) : (tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32>
    %4 = stablehlo.reduce(%3 init: %zero) applies stablehlo.add across dimensions = [1, 2]
        : (tensor<1x6x6x8xf32>, tensor<f32>) -> tensor<1x8xf32>
    %5 = stablehlo.broadcast_in_dim %size, dims = [] : (tensor<f32>) -> tensor<1x8xf32>
    %6 = stablehlo.divide %4, %5 : tensor<1x8xf32>
    %7 = stablehlo.dot_general %6, %matrix, contracting_dims = [1] x [0]
        : (tensor<1x8xf32>, tensor<8x5xf32>) -> tensor<1x5xf32>
    return %7 : tensor<1x5xf32>
  }}
  func.func private @relu(%x: tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32> {{
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %0 = stablehlo.broadcast_in_dim %zero, dims = [] : (tensor<f32>) -> tensor<1x6x6x8xf32>
    %1 = stablehlo.maximum %x, %0 : tensor<1x6x6x8xf32>
    return %1 : tensor<1x6x6x8xf32>
  }}
}}
"""


def make_tosa() -> str:
    """As a TFLite importer gives it: NHWC, filters OHWI, zero points as operands."""
    return f"""
func.func @main(%x: tensor<1x8x8x2xf32>) -> tensor<1x5xf32> {{
  %filter = "tosa.const"() <{{values = {dense(FILTER.transpose(3, 0, 1, 2))}}}> : () -> tensor<8x3x3x2xf32>
  %bias = "tosa.const"() <{{values = {dense(BIAS)}}}> : () -> tensor<8xf32>
  %matrix = "tosa.const"() <{{values = {dense(MATRIX[None])}}}> : () -> tensor<1x8x5xf32>
  %zp = "tosa.const"() <{{values = dense<0.0> : tensor<1xf32>}}> : () -> tensor<1xf32>
  %inverse = "tosa.const"() <{{values = dense<{1 / 36}> : tensor<1x1x1x1xf32>}}> : () -> tensor<1x1x1x1xf32>
  %shift = "tosa.const"() <{{values = dense<0> : tensor<1xi8>}}> : () -> tensor<1xi8>
  %0 = tosa.conv2d %x, %filter, %bias, %zp, %zp {{acc_type = f32, dilation = array<i64: 1, 1>,
      pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>}}
      : (tensor<1x8x8x2xf32>, tensor<8x3x3x2xf32>, tensor<8xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x6x6x8xf32>
  %1 = tosa.clamp %0 {{max_val = 3.0e+38 : f32, min_val = 0.0 : f32}} : (tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32>
  %2 = tosa.reduce_sum %1 {{axis = 1 : i32}} : (tensor<1x6x6x8xf32>) -> tensor<1x1x6x8xf32>
  %3 = tosa.reduce_sum %2 {{axis = 2 : i32}} : (tensor<1x1x6x8xf32>) -> tensor<1x1x1x8xf32>
  %4 = tosa.mul %3, %inverse, %shift : (tensor<1x1x1x8xf32>, tensor<1x1x1x1xf32>, tensor<1xi8>) -> tensor<1x1x1x8xf32>
  %s3 = tosa.const_shape {{values = dense<[1, 1, 8]> : tensor<3xindex>}} : () -> !tosa.shape<3>
  %5 = tosa.reshape %4, %s3 : (tensor<1x1x1x8xf32>, !tosa.shape<3>) -> tensor<1x1x8xf32>
  %6 = tosa.matmul %5, %matrix, %zp, %zp
      : (tensor<1x1x8xf32>, tensor<1x8x5xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x5xf32>
  %s2 = tosa.const_shape {{values = dense<[1, 5]> : tensor<2xindex>}} : () -> !tosa.shape<2>
  %7 = tosa.reshape %6, %s2 : (tensor<1x1x5xf32>, !tosa.shape<2>) -> tensor<1x5xf32>
  return %7 : tensor<1x5xf32>
}}
"""


@pytest.mark.parametrize(
    "make",
    [pytest.param(make_stablehlo, marks=needs_torch_mlir), pytest.param(make_tosa, marks=needs_mlir_opt)],
)
def test_network(tmp_path: Path, make: object) -> None:
    (tmp_path / "source.mlir").write_text(make())
    result = gpfq_command("import", "source.mlir", "-o", "net.mlir", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    x = RANDOM.standard_normal((16, 8, 8, 2)).astype(np.float32)
    gpfq.compile(tmp_path / "net.mlir", tmp_path / "libfloat.so", keep_float=True)
    got = gpfq.run_batches(gpfq.load(tmp_path / "libfloat.so"), x)
    np.testing.assert_allclose(got, expected_outputs(x), rtol=1e-4, atol=1e-5)

    calibration = RANDOM.standard_normal((128, 8, 8, 2)).astype(np.float32)
    done = gpfq.compile(tmp_path / "net.mlir", tmp_path / "libnet.so", calibration=calibration, weight_bits=8)
    assert [layer["shape"] for layer in done.report["layers"]] == [[8, 3, 3, 2], [5, 1, 1, 8]]
    quantized = gpfq.run_batches(gpfq.load(tmp_path / "libnet.so"), x)
    assert np.linalg.norm(quantized - got) < 0.03 * np.linalg.norm(got)


@pytest.mark.long
@needs_torch_mlir
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="no JAX: pip install jax")
def test_jax(tmp_path: Path) -> None:
    """What jax.export of today prints; in a process of its own, as a user would."""
    np.savez(tmp_path / "weights.npz", filter=FILTER, bias=BIAS, matrix=MATRIX)
    program = """
import jax, jax.numpy as jnp, numpy as np
w = np.load("weights.npz")
def net(x):
    y = jax.lax.conv_general_dilated(x, w["filter"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jnp.mean(jax.nn.relu(y + w["bias"]), (1, 2)) @ w["matrix"]
exported = jax.export.export(jax.jit(net))(jax.ShapeDtypeStruct((1, 8, 8, 2), jnp.float32))
open("jax.mlir", "w").write(exported.mlir_module())
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=300)
    gpfq.import_mlir(tmp_path / "jax.mlir", tmp_path / "net.mlir")
    gpfq.compile(tmp_path / "net.mlir", tmp_path / "libnet.so", keep_float=True)
    x = RANDOM.standard_normal((4, 8, 8, 2)).astype(np.float32)
    got = gpfq.run_batches(gpfq.load(tmp_path / "libnet.so"), x)
    np.testing.assert_allclose(got, expected_outputs(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        (b"func.func @f() { return }", "neither StableHLO nor TOSA"),
        (b"ML\xefR\x00", "not MLIR text"),
        pytest.param(b"func.func @f() { stablehlo.frob }", r"source\.mlir:1:\d+: error: ", marks=needs_torch_mlir),
        pytest.param(
            b"func.func @f(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {\n"
            b"  %0 = stablehlo.cholesky %x, lower = true : tensor<4x4xf32>\n  return %0 : tensor<4x4xf32>\n}",
            "stablehlo.cholesky",
            marks=needs_torch_mlir,
        ),
    ],
)
def test_bad_text(tmp_path: Path, text: bytes, pattern: str) -> None:
    (tmp_path / "source.mlir").write_bytes(text)
    fail_command(pattern, "import", "source.mlir", "-o", "net.mlir", cwd=tmp_path)


def test_bad_options(tmp_path: Path) -> None:
    (tmp_path / "source.mlir").write_text(make_tosa())
    fail_command("keeps its shapes", "import", "source.mlir", "--name=a", "-o", "n.mlir", cwd=tmp_path, status=2)
    fail_command("absent.mlir: no such file", "import", "absent.mlir", "-o", "n.mlir", cwd=tmp_path)
