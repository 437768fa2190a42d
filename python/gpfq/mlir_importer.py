# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StableHLO (JAX, TensorFlow) or TOSA text -> linalg on tensors."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from .errors import ImportNetworkError, MissingPackageError, ToolError, ToolNotFoundError
from .files import check_writable, write_text
from .lowering import find_torch_mlir_opt
from .tools import run_tool

__all__ = ["ImportMlirError", "import_mlir"]

_STABLEHLO = "builtin.module(inline,symbol-dce,canonicalize,stablehlo-legalize-to-linalg,canonicalize,cse)"
_TOSA = (
    "builtin.module(func.func(tosa-infer-shapes,tosa-make-broadcastable,tosa-to-linalg-named,canonicalize,"
    "tosa-to-linalg,tosa-to-arith,tosa-to-tensor),canonicalize,cse)"
)


class ImportMlirError(ImportNetworkError):
    """The StableHLO or TOSA network cannot be imported; the message has its line."""


def import_mlir(source: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Lowers the StableHLO or TOSA text `source` to linalg on tensors, writes it to `path` and returns the path.

    StableHLO, as `jax.export` prints it, is lowered by torch-mlir; TOSA by LLVM's mlir-opt.
    Layers are named by their position, since these constants have no names.

    Raises FileNotFoundError; ImportMlirError for anything else than such text, and for ops
    without a lowering; MissingPackageError without torch-mlir, ToolNotFoundError without mlir-opt.
    """
    source, path = Path(source), Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such file")
    check_writable(path)
    try:
        text = source.read_text()
    except UnicodeDecodeError as error:
        raise ImportMlirError(f"{source}: not MLIR text; bytecode of another LLVM cannot be read, print it") from error
    if re.search(r"\bstablehlo\.", text):
        tool, pipeline = find_torch_mlir_opt(), _STABLEHLO
        if tool is None:
            raise MissingPackageError("StableHLO needs torch-mlir: pip install 'gpfq[torch]'")
    elif re.search(r"\btosa\.", text):
        tool, pipeline = _find_mlir_opt(), _TOSA
    else:
        raise ImportMlirError(f"{source}: has neither StableHLO nor TOSA ops; linalg on tensors needs no import")
    with tempfile.TemporaryDirectory(prefix="gpfq-") as folder:
        result = Path(folder) / "out.mlir"
        try:
            run_tool([tool, source, f"--pass-pipeline={pipeline}", "-o", result])
        except ToolError as error:
            lines = str(error).splitlines()
            line = next((line for line in lines if ": error: " in line), f"{tool.name} crashes")
            raise ImportMlirError(line if line.startswith(str(source)) else f"{source}: {line}") from error
        lowered = result.read_text()
    left = re.search(r"\b(?:stablehlo|chlo|tosa)\.\w+", lowered)
    if left:
        raise ImportMlirError(f"{source}: {left[0]} has no lowering to linalg")
    write_text(path, lowered)
    return path


def _find_mlir_opt() -> Path:
    for name in ("/usr/lib/llvm-22/bin/mlir-opt", "mlir-opt-22", "mlir-opt"):
        if found := shutil.which(name):
            return Path(found)
    raise ToolNotFoundError("TOSA needs mlir-opt of LLVM 22: apt install mlir-22-tools")
