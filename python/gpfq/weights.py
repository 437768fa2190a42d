# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised weights, as gpfq-compile --export-weights writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, MissingPackageError

__all__ = ["InputCodes", "QuantizedLayer", "read_weights"]


@dataclass(frozen=True)
class InputCodes:
    """How a layer reads its input: x = (code - zero_point) * scale, codes from 0 to `max`; of a `sign` 0 and 2."""

    scale: float
    zero_point: int
    max: int
    sign: bool


@dataclass(frozen=True)
class QuantizedLayer:
    """One layer. weight = level * scale, batch norms folded in."""

    name: str
    levels: np.ndarray  # int8; O x I x H x W of a convolution (I: inputs of a group), O x I of a matrix product
    scales: np.ndarray  # float32; 1, or O, or O x groups along the inputs
    bias_delta: np.ndarray | None  # float32, O: to add to the bias
    alphabet: str  # "mid_tread:7": levels -7 to 7
    bits: int
    method: str
    input: InputCodes | None  # None: the layer reads floats

    def dequantize(self) -> np.ndarray:
        """The weights as float32, of the shape of the levels; rounded once, as the compiled network has them."""
        if self.scales.ndim == 1:
            scales = self.scales.reshape(-1, *[1] * (self.levels.ndim - 1))
        else:
            scales = np.repeat(self.scales, self.levels.shape[1] // self.scales.shape[1], axis=1)
            scales = scales.reshape(*scales.shape, *[1] * (self.levels.ndim - 2))
        return self.levels.astype(np.float32) * scales


def read_weights(path: str | os.PathLike[str]) -> list[QuantizedLayer]:
    """The layers of a file, in the order in which they were quantised.

    Raises FileNotFoundError; DataError, which names the file, when it is not such a file;
    MissingPackageError without safetensors (`pip install gpfq[export]`).
    """
    try:
        import safetensors
    except ImportError as error:
        raise MissingPackageError(f"weights need safetensors ({error}): pip install 'gpfq[export]'") from error
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("format") != "gpfq":
            raise DataError(f"{path}: not made by gpfq quantize --weights")
        return [_make_layer(entry, tensors) for entry in json.loads(metadata["layers"])]
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a file of quantised weights: {error}") from error


def _make_layer(entry: dict[str, Any], tensors: dict[str, np.ndarray]) -> QuantizedLayer:
    name = entry["name"]
    return QuantizedLayer(
        name=name,
        levels=tensors[f"{name}.levels"],
        scales=tensors[f"{name}.scales"],
        bias_delta=tensors.get(f"{name}.bias_delta"),
        alphabet=entry["alphabet"],
        bits=entry["bits"],
        method=entry["method"],
        input=None if entry["input"] is None else InputCodes(**entry["input"]),
    )


def find_layer_weights(layers: Sequence[QuantizedLayer], names: Sequence[str]) -> dict[str, str]:
    """For each layer the name of `names`, parameters or initialisers, that its weights came from.

    Raises DataError for a layer without one.
    """
    by_layer: dict[str, str] = {}
    for name in names:
        by_layer.setdefault(name.removesuffix(".weight"), name)
    missing = [layer.name for layer in layers if layer.name not in by_layer]
    if missing:
        raise DataError(f"the model has no weights of {', '.join(missing)}: is it the one that was quantised?")
    return {layer.name: by_layer[layer.name] for layer in layers}
