# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX file -> linalg-on-tensors text that gpfq-opt and gpfq-compile read, through torch-mlir."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ImportNetworkError, MissingPackageError, ToolError
from .files import check_writable, write_text
from .lowering import TO_LINALG, LoweringError, check_function_name, check_text, lower_to_linalg
from .onnx_model import ImportOnnxError, import_onnx_package, open_model, set_input_shapes
from .onnx_quantized import is_quantized, rewrite_quantized
from .tools import find_tool, run_tool

if TYPE_CHECKING:
    import onnx

__all__ = ["ImportOnnxError", "import_onnx"]

_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "LayerNormalization", "Gather", "Transpose")


def import_onnx(
    model: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    input_shapes: Sequence[str] = (),
    dynamic_batch: bool = False,
    function_name: str | None = None,
    on_remark: Callable[[str], None] | None = None,
) -> Path:
    """Writes the ONNX file `model` as MLIR text to `path` and returns the path.

    The weights are in the file as `dense_resource` constants that bear the names of
    their initialisers. Opsets below 17 are converted to it.

    A model that another tool has quantised, with QuantizeLinear and DequantizeLinear (QDQ, or
    QCDQ as Brevitas writes it), becomes what `gpfq.quantize` makes: its weights are `lowbit`
    levels, exactly those of the model, and its activations codes of 8 bits; compile it without
    calibration data. `on_remark` is called with a line for each part that stays in float.

    input_shapes: sizes for dimensions that have none in the model, "1x3x224x224", one for
        each input. The batch, the first dimension, is 1 where nothing is said.
    dynamic_batch: make the first dimension of every input `?`.
    function_name: name of the function and prefix of the C symbols; by default the
        file's stem.

    Raises FileNotFoundError; ValueError for a wrong name or shape; MissingPackageError
    without onnx or torch-mlir, ToolNotFoundError without gpfq-opt for a quantised model;
    ImportOnnxError, which names the file and the node, for models that cannot be imported.
    """
    onnx = import_onnx_package()
    try:
        from torch_mlir.dialects import torch as torch_dialect
        from torch_mlir.extras import onnx_importer
        from torch_mlir.ir import Context
    except ImportError as error:
        raise MissingPackageError(f"import_onnx needs torch-mlir ({error}): pip install 'gpfq[onnx]'") from error
    path = Path(path)
    check_writable(path)
    name = check_function_name(function_name, path)
    proto = open_model(model)
    try:
        _name_nodes(proto.graph)
        quantized = is_quantized(proto.graph)
        codes = rewrite_quantized(proto.graph) if quantized else set()
        set_input_shapes(proto, input_shapes, dynamic_batch)
        _use_raw_data(proto.graph)
        proto.graph.name = name
        context = Context()
        torch_dialect.register_dialect(context)
        info = onnx_importer.ModelInfo(proto)
        module = info.create_module(context=context)
        _import_graph(onnx_importer, info, module, context, codes)
    except ImportOnnxError as error:
        raise ImportOnnxError(f"{model}: {error}") from None
    except (onnx_importer.OnnxImportError, onnx.shape_inference.InferenceError, KeyError) as error:
        raise ImportOnnxError(f"{model}: torch-mlir cannot read the model: {str(error).splitlines()[0]}") from error
    try:
        text = check_text(lower_to_linalg(module, ["torch-onnx-to-torch-backend-pipeline", TO_LINALG]))
    except LoweringError as error:
        raise ImportOnnxError(_explain(model, error)) from error
    except ImportNetworkError as error:
        raise ImportOnnxError(f"{model}: {error}") from error
    write_text(path, _read_codes(model, text, on_remark) if quantized else text)
    return path


def _read_codes(model: str | os.PathLike[str], text: str, on_remark: Callable[[str], None] | None) -> str:
    """The network with its weights and activations in the lowbit dialect."""
    with tempfile.TemporaryDirectory(prefix="gpfq-") as folder:
        source, result = Path(folder) / "in.mlir", Path(folder) / "out.mlir"
        source.write_text(text)
        arguments = ["--gpfq-import-qdq", "--mlir-print-op-on-diagnostic=false", "-o", result]
        try:
            run = run_tool([find_tool("gpfq-opt"), source, *arguments])
        except ToolError as error:
            raise ImportOnnxError(f"{model}: {_strip_location(str(error).splitlines()[0])}") from error
        for message in run.messages:
            if on_remark is not None and ": remark: " in message:
                on_remark(f"{model}: {_strip_location(message)}")
        return result.read_text()


def _strip_location(message: str) -> str:
    """Without the place in a file that nobody keeps."""
    return re.sub(r"^.*?:\d+:\d+: ", "", message)


def _import_graph(onnx_importer: Any, info: Any, module: Any, context: Any, codes: set[str]) -> None:
    """torch-mlir's import, but that weights keep their names.

    It makes an onnx.Constant of each initialiser, which its lowering turns into an inline
    constant; a literal of the torch dialect stays what it is.
    """
    from torch_mlir.ir import InsertionPoint, Location, Operation

    weights = _find_weights(info.model_proto.graph) | codes
    ranks = {tensor.name: len(tensor.dims) for tensor in info.model_proto.graph.initializer}

    class NamedConstants(onnx_importer.ContextCache):
        def _sanitize_name(self, name: str) -> str:
            # Passes number the copies of a constant that they make; before ".weight" the name stays as it is.
            named = name not in weights or ranks[name] < 2 or re.search(r"\.weight(_\d+)?$", name)
            return re.sub(r"[^\w.]", "_", name) + ("" if named else ".weight")

    class LiteralWeights(onnx_importer.NodeImporter):
        __slots__ = ()

        def import_initializer(self, initializer: Any, extern_name: str | None = None) -> Any:
            if initializer.name not in weights:
                return super().import_initializer(initializer, extern_name)
            with InsertionPoint(self._b), Location.name(initializer.name):
                literal = Operation.create(
                    "torch.vtensor.literal",
                    results=[self._cc.tensor_proto_to_type(initializer)],
                    attributes={"value": self._cc.tensor_proto_to_attr(initializer)},
                )
            self._nv_map[initializer.name] = literal.result
            return literal.result

    importer = onnx_importer.NodeImporter.define_function(
        info.main_graph, module.operation, context_cache=NamedConstants(context)
    )
    importer.__class__ = LiteralWeights  # define_function names the class that it makes
    importer.import_all()


def _find_weights(graph: onnx.GraphProto) -> set[str]:
    """Float initialisers that layers read; others (of Resize, Pad, Clip, ...) have to stay visible to the lowering."""
    onnx = import_onnx_package()
    read = {name for node in graph.node if node.op_type in _LAYERS for name in node.input}
    return {t.name for t in graph.initializer if t.name in read and t.data_type == onnx.TensorProto.FLOAT and t.dims}


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Nodes without a name get one, for messages."""
    for i, node in enumerate(graph.node):
        if not node.name:
            node.name = f"{node.op_type}_{i}"


def _use_raw_data(graph: onnx.GraphProto) -> None:
    """Only tensors whose data are raw bytes become named resources."""
    onnx = import_onnx_package()
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and not tensor.HasField("raw_data") and len(tensor.dims) > 0:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))


def _explain(model: str | os.PathLike[str], error: LoweringError) -> str:
    first = error.diagnostics[0] if error.diagnostics else None
    node = re.search(r'loc\("([^"]*)"', first.location) if first else None
    where = f" (node '{node[1]}')" if node else ""
    what = ", ".join(error.operations()) or str(error).splitlines()[0]
    return f"{model}: torch-mlir cannot lower {what}{where} to linalg"
