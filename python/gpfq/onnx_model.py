# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX files: opened, checked and brought into the form that the importer and the exporter take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ImportNetworkError, MissingPackageError
from .torch_source import parse_shape

if TYPE_CHECKING:
    import onnx

__all__ = ["OLDEST_OPSET", "ImportOnnxError", "fold_batch_norms", "open_model", "set_input_shapes"]

OLDEST_OPSET, RECENT_OPSET = 11, 17
_CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
_STANDARD_DOMAINS = ("", "ai.onnx")


class ImportOnnxError(ImportNetworkError):
    """The ONNX model cannot be imported; the message says why and where."""


def import_onnx_package() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
        import onnx.version_converter
    except ImportError as error:
        raise MissingPackageError(f"ONNX models need onnx ({error}): pip install 'gpfq[onnx]'") from error
    return onnx


def open_model(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """Reads a model with its weights, converted to opset 17 where it is older; constants are initialisers.

    Raises FileNotFoundError; ImportOnnxError for what is not an ONNX model, absent external
    data, and models that nothing here could take: control flow, complex or string tensors,
    inputs without a shape, ops of other domains, opsets newer than the onnx package, no weights.
    """
    onnx = import_onnx_package()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise ImportOnnxError(f"{path}: not an ONNX model: {_first_line(error)}") from error
    if model.ir_version == 0 or not model.graph.output:
        raise ImportOnnxError(f"{path}: not an ONNX model: it has no graph")
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except Exception as error:
        missing = sorted({e.value for t in model.graph.initializer for e in t.external_data if e.key == "location"})
        raise ImportOnnxError(
            f"{path}: its weights are in other files ({', '.join(missing)}), which cannot be read: {_first_line(error)}"
        ) from error
    _check_opset(path, model)
    _check_graph(path, model.graph)
    _check_validity(path, model)
    model = _convert_old(path, model)
    _constants_to_initializers(model.graph)
    _check_weights(path, model.graph)
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def _opset(model: onnx.ModelProto) -> int:
    return next((o.version for o in model.opset_import if o.domain in _STANDARD_DOMAINS), 0)


def _check_opset(path: Path, model: onnx.ModelProto) -> None:
    onnx = import_onnx_package()
    version, newest = _opset(model), onnx.defs.onnx_opset_version()
    if version < 1:
        raise ImportOnnxError(f"{path}: names no opset of the standard operators")
    if version > newest:
        raise ImportOnnxError(
            f"{path}: has opset {version}; onnx {onnx.__version__} knows {newest} at most, so update it"
        )


def _check_validity(path: Path, model: onnx.ModelProto) -> None:
    """onnx's own checks: operators, attributes, sizes of tensors, names."""
    onnx = import_onnx_package()
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ImportOnnxError(f"{path}: not a valid ONNX model: {' '.join(lines)[:300]}") from error
    except ValueError:
        return  # above 2 GB, where the checker needs a file


def _convert_old(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    """torch-mlir lowers recent forms of the operators best, so older models are converted where onnx can do it."""
    onnx = import_onnx_package()
    version = _opset(model)
    if version >= RECENT_OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, RECENT_OPSET)
    except Exception as error:
        if version >= OLDEST_OPSET:
            return model
        raise ImportOnnxError(
            f"{path}: has opset {version}, and onnx cannot convert it to {RECENT_OPSET}: {_first_line(error)}"
        ) from error


def _describe(node: onnx.NodeProto) -> str:
    return f"{node.op_type} node '{node.name or (node.output[0] if node.output else '')}'"


def _check_graph(path: Path, graph: onnx.GraphProto) -> None:
    onnx = import_onnx_package()
    refused = {
        onnx.TensorProto.COMPLEX64: "complex",
        onnx.TensorProto.COMPLEX128: "complex",
        onnx.TensorProto.STRING: "string",
    }
    for node in graph.node:
        if node.op_type in _CONTROL_FLOW and node.domain in _STANDARD_DOMAINS:
            raise ImportOnnxError(f"{path}: {_describe(node)} is control flow; export the model without it")
        if node.domain not in _STANDARD_DOMAINS:
            raise ImportOnnxError(f"{path}: {_describe(node)} is of domain '{node.domain}', not a standard operator")
    values = [*graph.input, *graph.output, *graph.value_info]
    types = [(v.name, v.type.tensor_type.elem_type) for v in values] + [
        (t.name, t.data_type) for t in graph.initializer
    ]
    for name, kind in types:
        if kind in refused:
            raise ImportOnnxError(f"{path}: '{name}' is a {refused[kind]} tensor, which is not supported")
    initializers = {t.name for t in graph.initializer}
    for value in graph.input:
        if value.name in initializers:
            continue
        if not value.type.HasField("tensor_type"):
            raise ImportOnnxError(f"{path}: input '{value.name}' is not a tensor")
        if not value.type.tensor_type.HasField("shape"):
            raise ImportOnnxError(f"{path}: input '{value.name}' has no rank; export the model with shapes")


def _check_weights(path: Path, graph: onnx.GraphProto) -> None:
    onnx = import_onnx_package()
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BFLOAT16)
    codes = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.INT4, onnx.TensorProto.UINT4)
    if not any(t.data_type in floats + codes and len(t.dims) > 1 for t in graph.initializer):
        raise ImportOnnxError(f"{path}: has no weights (initialisers of two dimensions or more)")


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    """Weights of Constant nodes get a name like all others: that of the node's output."""
    kept = []
    for node in graph.node:
        value = next((a for a in node.attribute if a.name == "value"), None) if node.op_type == "Constant" else None
        if value is None:
            kept.append(node)
            continue
        tensor = graph.initializer.add()
        tensor.CopyFrom(value.t)
        tensor.name = node.output[0]
    if len(kept) != len(graph.node):
        del graph.node[:]
        graph.node.extend(kept)


def set_input_shapes(model: onnx.ModelProto, shapes: Sequence[str], dynamic_batch: bool) -> None:
    """Gives the inputs static shapes, but for the first dimension with `dynamic_batch`.

    A dimension without a size is that of `shapes` (one for each input, "1x3x224x224"), or 1
    when it is the first one. Raises ImportOnnxError for any other.
    """
    onnx = import_onnx_package()
    initializers = {t.name for t in model.graph.initializer}
    inputs = [v for v in model.graph.input if v.name not in initializers]
    if shapes and len(shapes) != len(inputs):
        names = ", ".join(v.name for v in inputs)
        raise ImportOnnxError(f"the model has {len(inputs)} input(s) ({names}), but {len(shapes)} shape(s) are given")
    changed = False
    for i, value in enumerate(inputs):
        dims = value.type.tensor_type.shape.dim
        given = parse_shape(shapes[i])[1] if shapes else None
        if given is not None and len(given) != len(dims):
            raise ImportOnnxError(f"input '{value.name}' has {len(dims)} dimensions, and shape {shapes[i]} is given")
        for d, dim in enumerate(dims):
            old = dim.dim_value if dim.HasField("dim_value") else None
            new = old if old is not None and (given is None or d > 0) else 1 if given is None and d == 0 else None
            if given is not None:
                new = given[d]
                if old is not None and old != new and d > 0:
                    raise ImportOnnxError(f"dimension {d} of input '{value.name}' is {old} in the model, not {new}")
            if d == 0 and dynamic_batch:
                dim.dim_param = "batch"
                changed = changed or old is not None
            elif new is None:
                name = dim.dim_param or "no name"
                raise ImportOnnxError(
                    f"dimension {d} ({name}) of input '{value.name}' has no size; give all sizes, --input 1x3x224x224"
                )
            elif new != old:
                dim.dim_value = new
                changed = True
    if changed:
        # They may hold the old sizes.
        del model.graph.value_info[:]
        for value in model.graph.output:
            value.type.tensor_type.ClearField("shape")
    model.CopyFrom(onnx.shape_inference.infer_shapes(model, data_prop=True))
    for value in model.graph.output if dynamic_batch else ():
        dims = value.type.tensor_type.shape.dim
        if dims and dims[0].HasField("dim_value"):
            raise ImportOnnxError(
                f"output '{value.name}' has a first dimension of {dims[0].dim_value} whatever the batch is; "
                "export the model with a dynamic batch, or import it without one"
            )


def fold_batch_norms(model: onnx.ModelProto) -> int:
    """Folds each BatchNormalization behind a Conv or ConvTranspose with constant weights into it; the number of them.

    W' = W g / sqrt(v + eps) for each output channel, b' = (b - m) g / sqrt(v + eps) + beta.
    """
    onnx = import_onnx_package()
    graph = model.graph
    tensors = {t.name: t for t in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    uses: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    for value in graph.output:
        uses[value.name] = uses.get(value.name, 0) + 1

    folded = []
    for norm in graph.node:
        conv = producers.get(norm.input[0]) if norm.op_type == "BatchNormalization" else None
        if conv is None or conv.op_type != "Conv" or uses[norm.input[0]] != 1:
            continue
        constants = [*conv.input[1:], *norm.input[1:5]]
        if not all(name in tensors for name in constants) or uses[conv.input[1]] != 1:
            continue
        arrays = [onnx.numpy_helper.to_array(tensors[name]).astype(np.float64) for name in norm.input[1:5]]
        gamma, beta, mean, variance = arrays
        epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
        factor = gamma / np.sqrt(variance + epsilon)
        weights = onnx.numpy_helper.to_array(tensors[conv.input[1]]).astype(np.float64)
        weights *= factor.reshape(-1, *[1] * (weights.ndim - 1))
        has_bias = len(conv.input) > 2 and conv.input[2] != ""
        bias = onnx.numpy_helper.to_array(tensors[conv.input[2]]) if has_bias else 0.0
        _set_tensor(tensors[conv.input[1]], weights)
        name = conv.input[2] if has_bias and uses[conv.input[2]] == 1 else f"{conv.input[1]}.folded_bias"
        if name not in tensors:
            tensors[name] = graph.initializer.add()
            tensors[name].name = name
        _set_tensor(tensors[name], (bias - mean) * factor + beta)
        del conv.input[2:]
        conv.input.append(name)
        conv.output[0] = norm.output[0]
        folded.append(norm)
    for norm in folded:
        graph.node.remove(norm)
    return len(folded)


def _set_tensor(tensor: onnx.TensorProto, values: np.ndarray) -> None:
    onnx = import_onnx_package()
    tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), tensor.name))
