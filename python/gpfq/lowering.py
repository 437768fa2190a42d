# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the importers share: torch-mlir's passes with their diagnostics, and names of functions."""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ImportNetworkError, ToolError
from .tools import run_tool

__all__ = ["LoweringError", "check_function_name", "lower_to_linalg"]

TO_LINALG = "torch-backend-to-linalg-on-tensors-backend-pipeline"


@dataclass(frozen=True)
class Diagnostic:
    location: str
    message: str


class LoweringError(Exception):
    """A pass failed; for the importers to explain."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(diagnostics[0].message if diagnostics else "a pass failed without a message")
        self.diagnostics = tuple(diagnostics)

    def operations(self) -> list[str]:
        """Names of the ops that could not be lowered: "torch.aten.cumsum", or "onnx.Loop"."""
        names = []
        for diagnostic in self.diagnostics:
            names += re.findall(r"""['"](torch\.[\w.]+|onnx\.\w+)['"]""", diagnostic.message)
        return list(dict.fromkeys(name for name in names if name != "torch.operator"))


def find_torch_mlir_opt() -> Path | None:
    """The tool in torch-mlir's package; None without that."""
    spec = importlib.util.find_spec("torch_mlir")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        tool = Path(folder) / "_mlir_libs" / "torch-mlir-opt"
        if tool.is_file():
            return tool
    return None


def lower_to_linalg(module: Any, pipelines: Sequence[str]) -> str:
    """Runs torch-mlir's pipelines on a module of its dialects and prints it. Raises LoweringError.

    They run in a process of their own, torch-mlir-opt: on some unsupported ops they crash.
    """
    tool = find_torch_mlir_opt()
    assert tool is not None, "torch-mlir made the module"
    with tempfile.TemporaryDirectory(prefix="gpfq-") as folder:
        source, result = Path(folder) / "in.mlir", Path(folder) / "out.mlir"
        with open(source, "wb") as out:
            module.operation.write_bytecode(out)
        try:
            run_tool([tool, source, f"--pass-pipeline=builtin.module({','.join(pipelines)})", "-o", result])
        except ToolError as error:
            # An op made from a file has that as its location, another one is at "<unknown>:0: error: loc(...): ".
            pattern = r"^(.*?): error: (?:(loc\(.*?\)): )?(.*)$"
            found = [Diagnostic(m[2] or m[1], m[3]) for m in re.finditer(pattern, str(error), re.MULTILINE)]
            crash = [Diagnostic("unknown", f"the network (it ends with signal {-error.status})")]
            raise LoweringError(found or crash) from error
        return result.read_text()


def check_text(text: str) -> str:
    """Refuses what LLVM's own dialects do not have."""
    if "tm_tensor." in text:
        raise ImportNetworkError(
            "the network needs torch-mlir's own dialect tm_tensor (cumulative sums, scans or sorts), "
            "which LLVM does not have; precompute these values, as buffers or initialisers"
        )
    return text


def check_function_name(name: str | None, path: Path) -> str:
    """`name`, or one made of the file's; ValueError unless it can be a C identifier."""
    if name is None:
        name = re.sub(r"\W", "_", path.name.split(".")[0], flags=re.ASCII)
        return name if re.match(r"[A-Za-z]", name) else f"net_{name}"
    if not re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII):
        raise ValueError(f"function_name '{name}' is not a C identifier that starts with a letter")
    return name
