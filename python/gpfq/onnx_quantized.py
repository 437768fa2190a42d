# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX models that another tool has quantised (QDQ, QCDQ), in the forms that torch-mlir lowers as they are meant.

torch-mlir does not read int4, lowers no DequantizeLinear without a zero point or with blocks, computes a convolution of
two of them with a bias that it rounds again, and compares uint8 in a Clip as if it were signed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .onnx_model import import_onnx_package

if TYPE_CHECKING:
    import onnx

__all__ = ["is_quantized", "rewrite_quantized"]

_DEFAULT_AXIS = 1


def is_quantized(graph: onnx.GraphProto) -> bool:
    """Has the model codes of its own?"""
    return any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in graph.node)


def rewrite_quantized(graph: onnx.GraphProto) -> set[str]:
    """Writes the dequantisation of constants as Cast, Sub and Mul, and QuantizeLinear and DequantizeLinear of
    activations with a zero point. Returns the names of the initialisers that hold codes of weights, which are new:
    those of the layers, as far as they can be told.
    """
    return _Rewriter(graph).run()


class _Rewriter:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self.onnx = import_onnx_package()
        self.graph = graph
        self.tensors = {t.name: t for t in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output}
        self.weights: set[str] = set()
        self.wanted: dict[str, str] = {}  # new name -> name that the tensor is to have if it becomes free

    def run(self) -> set[str]:
        nodes: list[Any] = []
        for node in self.graph.node:
            if node.op_type == "DequantizeLinear" and (codes := self._find_codes(node.input[0])) is not None:
                nodes += self._dequantize_constant(node, codes)
                continue
            if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                nodes += self._clip_before(node) if node.op_type == "DequantizeLinear" else []
                self._add_zero_point(node)
            nodes.append(node)
        copies = [self.onnx.NodeProto() for _ in nodes]
        for copy, node in zip(copies, nodes, strict=True):
            copy.CopyFrom(node)
        del self.graph.node[:]
        self.graph.node.extend(copies)
        self._remove_unread()
        self._rename()
        return self.weights

    def _array(self, name: str) -> np.ndarray | None:
        """The value of an initialiser; of types that NumPy lacks, in 8 bits."""
        tensor = self.tensors.get(name)
        if tensor is None:
            return None
        array = self.onnx.numpy_helper.to_array(tensor)
        kind = self.onnx.TensorProto.DataType.Name(tensor.data_type)
        narrow = {"INT4": np.int8, "INT2": np.int8, "UINT4": np.uint8, "UINT2": np.uint8}
        return array.astype(narrow[kind]) if kind in narrow else array

    def _find_codes(self, name: str) -> np.ndarray | None:
        """The constant integers that `name` is, perhaps behind a Clip."""
        array = self._array(name)
        if array is not None:
            return array
        clip = self.producers.get(name)
        if clip is None or clip.op_type != "Clip" or not clip.input[0]:
            return None
        array = self._find_codes(clip.input[0])
        bounds = self._bounds(clip)
        return None if array is None or bounds is None else np.clip(array, *bounds)

    def _bounds(self, clip: Any) -> tuple[Any, Any] | None:
        """None where a bound is computed."""
        bounds = [name or None for name in [*clip.input[1:], "", ""][:2]]
        arrays = [None if name is None else self._array(name) for name in bounds]
        if any(name is not None and array is None for name, array in zip(bounds, arrays, strict=True)):
            return None
        return arrays[0], arrays[1]

    def _unique(self, name: str) -> str:
        wanted, copy = name, 0
        while name in self.tensors or name in self.producers:
            name, copy = f"{wanted}_{copy}", copy + 1
        return name

    def _add_tensor(self, name: str, array: np.ndarray) -> str:
        wanted, name = name, self._unique(name)
        if name != wanted:
            self.wanted[name] = wanted
        tensor = self.graph.initializer.add()
        tensor.CopyFrom(self.onnx.numpy_helper.from_array(np.array(array, order="C"), name))
        self.tensors[name] = tensor
        return name

    def _dequantize_constant(self, node: Any, codes: np.ndarray) -> list[Any]:
        attributes = {a.name: a.i for a in node.attribute}
        axis, block = attributes.get("axis", _DEFAULT_AXIS), attributes.get("block_size", 0)
        scale = self._array(node.input[1])
        zero = self._array(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        computed = scale is None or (zero is None and len(node.input) > 2 and node.input[2] != "")
        if computed or scale.dtype != np.float32 or codes.dtype not in (np.int8, np.uint8, np.int32):
            self._add_zero_point(node)
            return [node]

        result = node.output[0]
        name = self._add_tensor(self._codes_name(node), codes)
        if codes.ndim > 1:
            self.weights.add(name)
        float_type, make = self.onnx.TensorProto.FLOAT, self.onnx.helper.make_node
        value = self._unique(f"{result}.cast")
        nodes = [make("Cast", [name], [value], name=f"{node.name}.cast", to=float_type)]
        if zero is not None and np.any(zero):
            spread = self._add_tensor(f"{name}.zero", _spread(zero, codes.shape, axis, block).astype(np.float32))
            level = self._unique(f"{result}.level")
            nodes.append(make("Sub", [value, spread], [level], name=f"{node.name}.level"))
            value = level
        spread = self._add_tensor(f"{name}.scale", _spread(scale, codes.shape, axis, block))
        nodes.append(make("Mul", [value, spread], [result], name=node.name))
        return nodes

    def _codes_name(self, node: Any) -> str:
        """After the layer, which onnxruntime, Brevitas and our exporter write in different ways."""
        source = node.input[0]
        while source not in self.tensors:
            source = self.producers[source].input[0]
        if match := re.match(r"/?(.+)/weight_quant/", source):
            return match[1].replace("/", ".") + ".weight"
        return re.sub(r"(_quantized|\.levels)$", "", source)

    def _clip_before(self, node: Any) -> list[Any]:
        """uint8 codes between bounds: the bounds go before the QuantizeLinear, in float. The nodes to add."""
        clip = self.producers.get(node.input[0])
        quantize = self.producers.get(clip.input[0]) if clip is not None and clip.op_type == "Clip" else None
        if quantize is None or quantize.op_type != "QuantizeLinear":
            return []
        bounds, scale = self._bounds(clip), self._array(quantize.input[1])
        zero = self._array(quantize.input[2]) if len(quantize.input) > 2 else np.uint8(0)
        if bounds is None or scale is None or zero is None or zero.dtype != np.uint8 or scale.size != 1:
            return []
        # (bound - zero) * scale / scale is within an ulp of an integer, so that it is rounded to that.
        names = [
            ""
            if bound is None
            else self._add_tensor(
                f"{node.output[0]}.{side}", ((np.float32(bound) - np.float32(zero)) * scale).reshape(())
            )
            for side, bound in zip(("low", "high"), bounds, strict=True)
        ]
        clipped, codes = self._unique(f"{node.output[0]}.clipped"), self._unique(f"{node.output[0]}.codes")
        make = self.onnx.helper.make_node
        clip_node = make("Clip", [quantize.input[0], *names], [clipped], name=f"{node.name}.clip")
        quantize_node = make("QuantizeLinear", [clipped, *quantize.input[1:]], [codes], name=f"{node.name}.quantize")
        self._add_zero_point(quantize_node)
        node.input[0] = codes
        return [clip_node, quantize_node]

    def _add_zero_point(self, node: Any) -> None:
        if len(node.input) > 2 and node.input[2]:
            return
        kind = next((a.i for a in node.attribute if a.name == "output_dtype"), 0) or self.onnx.TensorProto.UINT8
        if node.op_type == "DequantizeLinear":
            codes = self.producers.get(node.input[0])
            known = codes is not None and codes.op_type == "QuantizeLinear" and len(codes.input) > 2
            kind = self.tensors[codes.input[2]].data_type if known and codes.input[2] in self.tensors else kind
            if node.input[0] in self.tensors:
                kind = self.tensors[node.input[0]].data_type
        scale = self._array(node.input[1])
        if scale is None:
            return
        zeros = self.onnx.helper.make_tensor(f"{node.output[0]}.zero_point", kind, scale.shape, [0] * scale.size)
        self.graph.initializer.add().CopyFrom(zeros)
        self.tensors[zeros.name] = zeros
        del node.input[2:]
        node.input.append(zeros.name)

    def _remove_unread(self) -> None:
        """Codes of types that torch-mlir does not read, and nodes whose results nothing needs any more."""
        outputs = {value.name for value in self.graph.output}
        while True:
            read = {name for node in self.graph.node for name in node.input} | outputs
            unread = [node for node in self.graph.node if not read & set(node.output)]
            if not unread:
                break
            for node in unread:
                self.graph.node.remove(node)
        kept = [tensor for tensor in self.graph.initializer if tensor.name in read]
        copies = [self.onnx.TensorProto() for _ in kept]
        for copy, tensor in zip(copies, kept, strict=True):
            copy.CopyFrom(tensor)
        del self.graph.initializer[:]
        self.graph.initializer.extend(copies)

    def _rename(self) -> None:
        """Gives new tensors the names of those that are gone."""
        taken = {t.name for t in self.graph.initializer} | {name for n in self.graph.node for name in n.output}
        names = {new: old for new, old in self.wanted.items() if old not in taken}
        for tensor in self.graph.initializer:
            tensor.name = names.get(tensor.name, tensor.name)
        for node in self.graph.node:
            for i, name in enumerate(node.input):
                node.input[i] = names.get(name, name)
        self.weights = {names.get(name, name) for name in self.weights}


def _spread(array: np.ndarray, shape: tuple[int, ...], axis: int, block: int) -> np.ndarray:
    """Scales or zero points in a form that broadcasts to `shape`."""
    if array.size == 1:
        return array.reshape(())
    if block:
        repeated = np.repeat(array, block, axis=axis)
        return repeated[tuple(slice(n) for n in shape)]
    sizes = [1] * len(shape)
    sizes[axis] = array.size
    return array.reshape(sizes)
