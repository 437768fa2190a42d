# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised weights into an ONNX model, as DequantizeLinear (QDQ)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError
from .files import check_writable, open_atomically
from .onnx_model import fold_batch_norms, import_onnx_package, open_model
from .weights import QuantizedLayer, find_layer_weights, read_weights

if TYPE_CHECKING:
    import onnx

__all__ = ["export_onnx"]

BLOCK_OPSET = 21  # the first with int4 and with block_size


def export_onnx(
    weights: str | os.PathLike[str],
    model: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    int4: bool = False,
) -> Path:
    """Writes the ONNX model `model` with the quantised weights of `weights` to `path`.

    Each quantised weight becomes an integer initialiser behind a DequantizeLinear, one
    scale for each output channel, or one for each block of its inputs; a layer that reads
    codes gets a QuantizeLinear and a DequantizeLinear of uint8 on its input. Batch norms are
    folded, as they were before the quantisation, and changes of the bias are added.

    weights: what `gpfq quantize --weights` wrote for the network imported from `model`.
    int4: keep levels of -8 to 7 as int4, two in a byte; the model becomes opset 21, as it does
        where scales are those of blocks.

    Raises DataError when the weights are not of this model, ImportOnnxError as import_onnx
    does, and MissingPackageError without onnx or safetensors.
    """
    onnx = import_onnx_package()
    path = Path(path)
    check_writable(path)
    layers = read_weights(weights)
    proto = open_model(model)
    fold_batch_norms(proto)
    if int4 or any(layer.scales.ndim > 1 for layer in layers):
        proto = _raise_opset(proto)
    exporter = _Exporter(proto, int4)
    names = find_layer_weights(layers, [_layer_name(t.name) for t in proto.graph.initializer])
    originals = {_layer_name(t.name): t.name for t in proto.graph.initializer}
    for layer in layers:
        exporter.export(layer, originals[names[layer.name]])
    exporter.finish()
    onnx.checker.check_model(proto)
    with open_atomically(path) as out:
        out.write(proto.SerializeToString())
    return path


def _layer_name(name: str) -> str:
    """As the importer writes it."""
    return re.sub(r"[^\w.]", "_", name)


def _raise_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    onnx = import_onnx_package()
    standard = next(o for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if standard.version >= BLOCK_OPSET:
        return model
    try:
        model = onnx.version_converter.convert_version(model, BLOCK_OPSET)
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        raise DataError(
            f"int4 and blocks need opset {BLOCK_OPSET}, and onnx cannot convert the model to it: {first}"
        ) from error
    model.ir_version = max(model.ir_version, 10)
    return model


class _Exporter:
    """One model. New nodes are collected and put before the node that reads them."""

    def __init__(self, model: onnx.ModelProto, int4: bool) -> None:
        self.onnx = import_onnx_package()
        self.graph = model.graph
        self.int4 = int4
        self.tensors = {t.name: t for t in self.graph.initializer}
        self.before: dict[int, list[Any]] = {}  # index of a node -> nodes before it
        self.after: dict[int, list[Any]] = {}
        self.quantized_inputs: dict[tuple[str, float, int], str] = {}

    def export(self, layer: QuantizedLayer, name: str) -> None:
        readers = [i for i, node in enumerate(self.graph.node) if name in node.input]
        if not readers:
            raise DataError(f"layer '{layer.name}': no node of the model reads '{name}'")
        compute = [self._follow(i) for i in readers]
        transposed = any(self._is_transposed(self.graph.node[i], name) for i in readers)
        levels = layer.levels.T if transposed else layer.levels
        shape = tuple(self.tensors[name].dims)
        if shape != levels.shape:
            raise DataError(
                f"layer '{layer.name}': '{name}' has shape {shape} in the model, {levels.shape} is quantised"
            )
        self._replace_weights(layer, name, np.ascontiguousarray(levels), 1 if transposed else 0, min(readers))
        for index in compute:
            node = self.graph.node[index]
            if layer.input is not None:
                self._quantize_input(layer, index, node)
            if layer.bias_delta is not None:
                self._change_bias(layer, index, node)

    def finish(self) -> None:
        """Inserts the new nodes."""
        nodes = []
        for i, node in enumerate(self.graph.node):
            nodes += [*self.before.get(i, []), node, *self.after.get(i, [])]
        copies = [self.onnx.NodeProto() for _ in nodes]
        for copy, node in zip(copies, nodes, strict=True):
            copy.CopyFrom(node)
        del self.graph.node[:]
        self.graph.node.extend(copies)

    def _follow(self, index: int) -> int:
        """The node that multiplies: behind a Transpose or Reshape of the weights."""
        node = self.graph.node[index]
        while node.op_type in ("Transpose", "Reshape", "Identity"):
            index = next(i for i, n in enumerate(self.graph.node) if node.output[0] in n.input)
            node = self.graph.node[index]
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            raise DataError(f"the weights '{node.input[1]}' are read by a {node.op_type} node, not a layer")
        return index

    def _is_transposed(self, node: Any, name: str) -> bool:
        """Are the inputs the first dimension of the weights?"""
        if node.op_type == "MatMul":
            return True
        return node.op_type == "Gemm" and not next((a.i for a in node.attribute if a.name == "transB"), 0)

    def _add_tensor(self, name: str, array: np.ndarray) -> str:
        """A new initialiser; its name."""
        while name in self.tensors:
            name += "_"
        tensor = self.graph.initializer.add()
        tensor.CopyFrom(self.onnx.numpy_helper.from_array(array, name))
        self.tensors[name] = tensor
        return name

    def _make_node(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
        return self.onnx.helper.make_node(kind, inputs, outputs, name=f"{outputs[0]}.{kind}", **attributes)

    def _replace_weights(self, layer: QuantizedLayer, name: str, levels: np.ndarray, axis: int, reader: int) -> None:
        tensor = self.tensors.pop(name)
        if self.int4 and levels.min() >= -8 and levels.max() <= 7:
            codes = self.onnx.helper.make_tensor(
                f"{name}.levels", self.onnx.TensorProto.INT4, levels.shape, levels.flatten().tolist()
            )
        else:
            codes = self.onnx.numpy_helper.from_array(levels, f"{name}.levels")
        tensor.CopyFrom(codes)
        self.tensors[codes.name] = tensor
        scales = layer.scales if layer.scales.size > 1 or levels.shape[axis] == 1 else layer.scales.reshape(())
        attributes = {} if scales.ndim == 0 else {"axis": axis}
        if scales.ndim == 2:  # output channels x blocks; ONNX has a scale for each tap of a kernel
            attributes = {"axis": 1 - axis, "block_size": layer.levels.shape[1] // scales.shape[1]}
            scales = scales.T if axis == 1 else scales
            taps = levels.shape[2:]
            spread = np.broadcast_to(scales.reshape(*scales.shape, *[1] * len(taps)), (*scales.shape, *taps))
            scales = np.ascontiguousarray(spread)
        inputs = [codes.name, self._add_tensor(f"{name}.scales", scales)]
        self.before.setdefault(reader, []).append(self._make_node("DequantizeLinear", inputs, [name], **attributes))

    def _sign_input(self, name: str, source: str, scale: float) -> list[Any]:
        """Nodes for scale or, of negative values, -scale: ONNX has no codes of one bit."""
        zero, negative, positive = (
            self._add_tensor(f"{name}.{key}", np.array(value, np.float32))
            for key, value in (("zero", 0.0), ("negative", -scale), ("positive", scale))
        )
        return [
            self._make_node("Less", [source, zero], [f"{name}.is_negative"]),
            self._make_node("Where", [f"{name}.is_negative", negative, positive], [name]),
        ]

    def _quantize_input(self, layer: QuantizedLayer, index: int, node: Any) -> None:
        codes = layer.input
        key = (node.input[0], codes.scale, codes.zero_point)
        if key not in self.quantized_inputs and codes.sign:
            self.quantized_inputs[key] = f"{layer.name}.input"
            self.before.setdefault(index, []).extend(
                self._sign_input(f"{layer.name}.input", node.input[0], codes.scale)
            )
        if key not in self.quantized_inputs:
            name = f"{layer.name}.input"
            scale = self._add_tensor(f"{name}.scale", np.array(codes.scale, np.float32))
            zero = self._add_tensor(f"{name}.zero_point", np.array(codes.zero_point, np.uint8))
            source, nodes = node.input[0], []
            if codes.max < 255:  # QuantizeLinear has all codes of a byte
                ends = [(end - codes.zero_point) * codes.scale for end in (0, codes.max)]
                bounds = [
                    self._add_tensor(f"{name}.{k}", np.array(v, np.float32)) for k, v in zip("ab", ends, strict=True)
                ]
                nodes.append(self._make_node("Clip", [source, *bounds], [f"{name}.clipped"]))
                source = f"{name}.clipped"
            nodes.append(self._make_node("QuantizeLinear", [source, scale, zero], [f"{name}.codes"]))
            nodes.append(self._make_node("DequantizeLinear", [f"{name}.codes", scale, zero], [name]))
            self.before.setdefault(index, []).extend(nodes)
            self.quantized_inputs[key] = name
        node.input[0] = self.quantized_inputs[key]

    def _change_bias(self, layer: QuantizedLayer, index: int, node: Any) -> None:
        delta = layer.bias_delta.astype(np.float32)
        bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
        if node.op_type == "MatMul" or (bias is not None and bias not in self.tensors):
            old = node.output[0]
            node.output[0] = f"{old}.uncorrected"
            shape = delta if node.op_type != "Conv" else delta.reshape(-1, *[1] * (layer.levels.ndim - 2))
            added = self._add_tensor(f"{layer.name}.bias_delta", shape)
            self.after.setdefault(index, []).append(self._make_node("Add", [f"{old}.uncorrected", added], [old]))
            return
        value = delta if bias is None else delta + self.onnx.numpy_helper.to_array(self.tensors[bias])
        del node.input[2:]
        node.input.append(self._add_tensor(f"{layer.name}.corrected_bias", value.astype(np.float32)))
