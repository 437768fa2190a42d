# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where the tools are, and a small network to compile."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from small_network import Folder

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GPFQ_BUILD", ROOT / "build"))
# Its libraries link into nothing that is not built with the sanitizers too.
IS_SANITIZED = "GPFQ_SANITIZE:BOOL=ON" in (BUILD / "CMakeCache.txt").read_text()
DIGITS = ROOT / "test" / "data" / "digits"

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


def gpfq_command(
    *arguments: str | Path, cwd: Path | None = None, **process: object
) -> subprocess.CompletedProcess[str]:
    """Runs `gpfq` and returns what it printed, whatever its exit status."""
    command = [sys.executable, "-m", "gpfq", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "GPFQ_BUILD": str(BUILD)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, **process)


def fail_command(pattern: str, *arguments: str | Path, cwd: Path, status: int = 1) -> str:
    """Runs `gpfq` into an error that matches `pattern`; no traceback, and nothing may be left behind."""
    before = sorted(cwd.rglob("*"))
    result = gpfq_command(*arguments, cwd=cwd)
    assert result.returncode == status, (result.returncode, result.stderr)
    assert "Traceback" not in result.stderr
    assert re.search(pattern, result.stderr), result.stderr
    if status == 1:
        assert sum("error: " in line for line in result.stderr.splitlines()) == 1, result.stderr
    left = [path for path in sorted(cwd.rglob("*")) if path not in before and "__pycache__" not in path.parts]
    assert left == []
    return result.stderr


@pytest.fixture(scope="session")
def digits_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits network, 4-bit weights and 8-bit activations."""
    library = tmp_path_factory.mktemp("digits") / "libdigits.so"
    result = compile_network(DIGITS / "digits.mlir", f"--calibration={DIGITS / 'calib.npy'}", "-o", library)
    assert result.returncode == 0, result.stderr
    return library


@pytest.fixture(scope="session")
def float_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    source, library = folder / "net.mlir", folder / "libnet.so"
    source.write_text(NETWORK)
    result = compile_network(source, "--float", "-o", library)
    assert result.returncode == 0, result.stderr
    return library


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    from small_network import Folder

    return Folder(tmp_path)
