# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PyTorch modules by name: "package.module:function" or "file.py:function"."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ImportNetworkError, MissingPackageError

if TYPE_CHECKING:
    import torch

__all__ = ["load_module", "parse_shape"]

_DTYPES = {"f32": "float32", "i64": "int64", "i32": "int32"}


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """ "1x3x32x32" or "i64:1x128": name of a torch dtype, and the shape. Raises ValueError."""
    match = re.fullmatch(r"(?:(f32|i64|i32):)?(\d+(?:x\d+)*)", text)
    if match is None:
        raise ValueError(f"'{text}' is not a shape like 1x3x32x32, or i64:1x128 for integers")
    return _DTYPES[match[1] or "f32"], tuple(int(n) for n in match[2].split("x"))


def load_module(source: str, shapes: Sequence[str] = ()) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The module that `source` names, and example inputs for it.

    What is behind the colon is a torch.nn.Module, or is called for one; it may come as a
    tuple (module, example inputs). `shapes` replace those inputs by zeros.

    Raises ImportNetworkError when there is no such module, or no inputs are given, and
    whatever the code of the module raises, as ImportNetworkError as well.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError(f"PyTorch modules need torch ({error}): pip install 'gpfq[torch]'") from error
    place, _, name = source.rpartition(":")
    found = _load_place(place)
    try:
        target: Any = found
        for part in name.split("."):
            target = getattr(target, part)
    except AttributeError:
        raise ImportNetworkError(f"{source}: there is no '{name}' in {place}") from None
    inputs: Any = ()
    try:
        if not isinstance(target, torch.nn.Module) and callable(target):
            target = target()
    except Exception as error:
        raise ImportNetworkError(f"{source}: {type(error).__name__} when it is called: {error}") from error
    if isinstance(target, tuple) and len(target) == 2:
        target, inputs = target
    if not isinstance(target, torch.nn.Module):
        raise ImportNetworkError(f"{source}: gives {type(target).__name__}, not a torch.nn.Module")
    if shapes:
        inputs = tuple(torch.zeros(shape, dtype=getattr(torch, dtype)) for dtype, shape in map(parse_shape, shapes))
    if isinstance(inputs, torch.Tensor):
        inputs = (inputs,)
    if not inputs:
        raise ImportNetworkError(f"{source}: example inputs are needed; give --input SHAPE, such as --input 1x3x32x32")
    return target, tuple(inputs)


def _load_place(place: str) -> Any:
    """The Python module: a file, or an importable name; the current folder is searched as well."""
    try:
        if place.endswith(".py"):
            path = Path(place)
            if not path.is_file():
                raise ImportNetworkError(f"{place}: no such file")
            spec = importlib.util.spec_from_file_location(re.sub(r"\W", "_", path.stem), path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            sys.path.insert(0, str(path.parent.resolve()))
            spec.loader.exec_module(module)
            return module
        sys.path.insert(0, "")
        return importlib.import_module(place)
    except ImportNetworkError:
        raise
    except Exception as error:
        raise ImportNetworkError(f"{place}: {type(error).__name__} when it is imported: {error}") from error
