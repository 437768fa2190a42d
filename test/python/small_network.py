# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A network of a convolution and a linear layer, its data, and a folder to compile it in."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
from conftest import BUILD

import gpfq

SAMPLES = 48
SHAPE = (2, 6, 6)
RANDOM = np.random.default_rng(7)
FILTER = RANDOM.standard_normal((4, 2, 3, 3)).astype(np.float32)
MATRIX = RANDOM.standard_normal((64, 3)).astype(np.float32)
BIAS = np.array([0.5, -1, 2], np.float32)


def dense(array: np.ndarray) -> str:
    """The array as a constant of MLIR."""
    shape = "x".join(map(str, array.shape))
    return f'arith.constant dense<"0x{array.astype("<f4").tobytes().hex()}"> : tensor<{shape}xf32>'


def convolution(x: str, y: str, filter: str = "%filter") -> str:
    """2x6x6 -> 4x4x4, ReLU, flattened to 64."""
    return f"""
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<1x4x4x4xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %conv = linalg.conv_2d_nchw_fchw {{dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}}
    ins({x}, {filter} : tensor<1x2x6x6xf32>, tensor<4x2x3x3xf32>) outs(%f0 : tensor<1x4x4x4xf32>)
    -> tensor<1x4x4x4xf32>
  %relu = linalg.generic {{indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>,
      affine_map<(n, c, h, w) -> (n, c, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
    ins(%conv : tensor<1x4x4x4xf32>) outs(%e0 : tensor<1x4x4x4xf32>) {{
  ^bb0(%in: f32, %out: f32):
    %positive = arith.cmpf ugt, %in, %zero : f32
    %value = arith.select %positive, %in, %zero : f32
    linalg.yield %value : f32
  }} -> tensor<1x4x4x4xf32>
  {y} = tensor.collapse_shape %relu [[0], [1, 2, 3]] : tensor<1x4x4x4xf32> into tensor<1x64xf32>"""


def linear(x: str, y: str, matrix: str = "%matrix") -> str:
    """64 -> 3, with a bias."""
    return f"""
  %e1 = tensor.empty() : tensor<1x3xf32>
  %init = linalg.broadcast ins(%bias : tensor<3xf32>) outs(%e1 : tensor<1x3xf32>) dimensions = [0]
  {y} = linalg.matmul ins({x}, {matrix} : tensor<1x64xf32>, tensor<64x3xf32>) outs(%init : tensor<1x3xf32>)
    -> tensor<1x3xf32>"""


def constants(filter: np.ndarray = FILTER, matrix: np.ndarray = MATRIX) -> str:
    return f"\n  %filter = {dense(filter)}\n  %matrix = {dense(matrix)}\n  %bias = {dense(BIAS)}"


def network(filter: np.ndarray = FILTER, matrix: np.ndarray = MATRIX) -> str:
    return f"""func.func @net(%x: tensor<1x2x6x6xf32>) -> tensor<1x3xf32> {{{constants(filter, matrix)}
  {convolution("%x", "%flat")}
  {linear("%flat", "%y")}
  return %y : tensor<1x3xf32>
}}
"""


def expected_outputs(x: np.ndarray, filter: np.ndarray = FILTER, matrix: np.ndarray = MATRIX) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    conv = np.einsum("ncyxhw,fchw->nfyx", windows, filter)
    return np.maximum(conv, 0).reshape(len(x), -1) @ matrix + BIAS


def samples(count: int = SAMPLES) -> np.ndarray:
    return np.random.default_rng(11).standard_normal((count, *SHAPE)).astype(np.float32)


class Folder:
    """A folder with a network and calibration data, and runs of gpfq-compile in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("net.mlir", network())
        self.save("calib.npy", samples())

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def save(self, name: str, array: np.ndarray) -> None:
        np.save(self.path / name, array)

    def run(self, *options: str, output: str = "libnet.so", **process: object) -> subprocess.CompletedProcess[str]:
        command = [str(BUILD / "bin" / "gpfq-compile"), "net.mlir", "-o", output, *options]
        return subprocess.run(command, cwd=self.path, capture_output=True, text=True, timeout=300, **process)

    def succeed(
        self, *options: str, output: str = "libnet.so", calibration: str | None = "calib.npy", **process: object
    ) -> subprocess.CompletedProcess[str]:
        data = [] if calibration is None else [f"--calibration={calibration}"]
        result = self.run(*data, *options, output=output, **process)
        assert result.returncode == 0, result.stderr
        return result

    def fail(
        self,
        pattern: str,
        *options: str,
        output: str = "libnet.so",
        calibration: str | None = "calib.npy",
        located: bool = True,
        **process: object,
    ) -> str:
        """Runs into an error that matches `pattern`; nothing may be left behind."""
        before = sorted(self.path.rglob("*"))
        data = [] if calibration is None else [f"--calibration={calibration}"]
        result = self.run(*data, *options, f"--report={self.path}/report.json", output=output, **process)
        assert result.returncode == 1, (result.returncode, result.stderr)
        prefix = r"net\.mlir:\d+:\d+: error: " if located else "error: "
        assert re.search(f"{prefix}.*{pattern}", result.stderr), result.stderr
        assert sorted(self.path.rglob("*")) == before
        return result.stderr

    def load(self, name: str = "libnet.so") -> gpfq.CompiledModel:
        return gpfq.load(self.path / name)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        model = self.load()
        return np.concatenate([model(x[i : i + 1]) for i in range(len(x))])


def assert_close(got: np.ndarray, expected: np.ndarray, tolerance: float = 0.05) -> None:
    """Within `tolerance` of the root mean square: what 8-bit weights and activations allow."""
    assert np.isfinite(got).all()
    scale = max(float(np.sqrt(np.mean(expected**2))), 1e-6)
    assert float(np.sqrt(np.mean((got - expected) ** 2))) <= tolerance * scale
