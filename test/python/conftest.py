# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where the tools are, and a small network to compile."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("GPFQ_BUILD", Path(__file__).parents[2] / "build"))

# out = 2 x + 1, through a linear layer so that there are weights.
NETWORK = """
func.func @net(%x: tensor<1x3xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<[[2.0, 0.0], [0.0, 2.0], [0.5, 0.5]]> : tensor<3x2xf32>
  %b = arith.constant dense<[1.0, -1.0]> : tensor<2xf32>
  %empty = tensor.empty() : tensor<1x2xf32>
  %init = linalg.broadcast ins(%b : tensor<2xf32>) outs(%empty : tensor<1x2xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<1x3xf32>, tensor<3x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
"""


def compile_network(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs gpfq-compile and returns what it printed, whatever its exit status."""
    command = [str(BUILD / "bin" / "gpfq-compile"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="session")
def float_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    source, library = folder / "net.mlir", folder / "libnet.so"
    source.write_text(NETWORK)
    result = compile_network(source, "--float", "-o", library)
    assert result.returncode == 0, result.stderr
    return library
