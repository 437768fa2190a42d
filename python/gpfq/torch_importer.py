# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PyTorch module -> linalg-on-tensors text that gpfq-opt and gpfq-compile read."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ImportNetworkError
from .files import check_writable, write_text
from .lowering import TO_LINALG, LoweringError, check_function_name, check_text, lower_to_linalg

if TYPE_CHECKING:
    import torch

__all__ = ["ImportTorchError", "import_torch"]

_TO_TORCH = "func.func(torch-match-quantized-custom-ops),torchdynamo-export-to-torch-backend-pipeline{extra-library=}"


class ImportTorchError(ImportNetworkError):
    """The module cannot be imported; the message says why and what to do."""


def import_torch(
    module: torch.nn.Module,
    example_inputs: torch.Tensor | Sequence[torch.Tensor],
    path: str | os.PathLike[str],
    *,
    dynamic_batch: bool = False,
    fuse_batch_norm: bool = True,
    function_name: str | None = None,
) -> Path:
    """Writes `module`, in evaluation mode, as MLIR text to `path` and returns the path.

    The weights are in the file as `dense_resource` constants that bear their
    parameter names (`block.0.conv.weight`), which are the layer names in reports and
    policies. `module` itself is not changed.

    example_inputs: one tensor or a sequence, one for each argument of `forward`. Their
        shapes become the function's; float32, or int64 or int32 for indices.
    dynamic_batch: make the first dimension of every input `?`.
    fuse_batch_norm: fold batch norms into convolutions in torch, where the module can
        be traced symbolically; where it cannot, they stay, and `gpfq-fold-batch-norm`
        folds them. False leaves them all to that pass.
    function_name: name of the function and prefix of the C symbols; by default the
        file's stem.

    Raises TypeError and ValueError for arguments that cannot be used, ImportTorchError
    when torch-mlir is absent, or torch.export or torch-mlir reject the module.
    """
    torch, fx, fx_importer, decompositions = _import_dependencies()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"import_torch: module must be a torch.nn.Module, not {type(module).__name__}")
    inputs = _check_inputs(torch, example_inputs)
    path = Path(path)
    check_writable(path)
    name = check_function_name(function_name, path)

    network = copy.deepcopy(module).cpu().eval()
    if fuse_batch_norm:
        network = _fuse_batch_norm(network)
    for sub in network.modules():
        # torch-mlir looks every buffer up in the state dict, which omits these.
        sub._non_persistent_buffers_set.clear()

    dynamic_shapes = None
    if dynamic_batch:
        batch = torch.export.Dim("batch", min=1, max=1 << 20)
        dynamic_shapes = tuple({0: batch} for _ in inputs)
        # torch.export makes a dimension of example size 1 static.
        inputs = tuple(torch.cat([x[:1], x[:1]]) for x in inputs)
    try:
        with torch.no_grad():
            program = torch.export.export(network, inputs, dynamic_shapes=dynamic_shapes)
            program = program.run_decompositions(decompositions())
    except Exception as error:
        raise ImportTorchError(f"torch.export rejects the module: {_first_line(error)}") from error

    if not any(tensor.dim() > 1 and tensor.is_floating_point() for tensor in program.state_dict.values()):
        raise ImportTorchError("the module has no weights (parameters or buffers of two dimensions or more)")

    try:
        imported = fx.export_and_import(
            program,
            output_type="raw",
            hooks=_named_literal_hooks(torch, fx_importer, program),
            decomposition_table={},  # already applied
            func_name=name,
        )
    except Exception as error:
        raise ImportTorchError(f"torch-mlir cannot read the module: {_first_line(error)}") from error
    try:
        text = check_text(lower_to_linalg(imported, [_TO_TORCH, TO_LINALG]))
    except LoweringError as error:
        raise ImportTorchError(_explain(error, program)) from error
    except ImportNetworkError as error:
        raise ImportTorchError(str(error)) from error
    write_text(path, text)
    return path


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def _explain(error: LoweringError, program: Any) -> str:
    """Names the ops that torch-mlir has no lowering for, and the submodules that use them."""
    described = []
    for operation in error.operations():
        target = operation.removeprefix("torch.")  # aten.fft_rfft
        stacks = [
            list(node.meta["nn_module_stack"].values())
            for node in program.graph.nodes
            if str(node.target).startswith(target) and node.meta.get("nn_module_stack")
        ]
        places = [stack[-1][0].removeprefix("L['self']").strip(".") or "the module itself" for stack in stacks]
        described.append(target + (f" (in {', '.join(dict.fromkeys(places))})" if places else ""))
    return f"torch-mlir cannot lower {'; '.join(described) or _first_line(error)} to linalg"


def _import_dependencies() -> tuple[Any, Any, Any, Any]:
    try:
        import torch
        from torch_mlir import fx
        from torch_mlir.extras import fx_decomp_util, fx_importer
    except ImportError as error:
        raise ImportTorchError(
            f"import_torch needs torch and torch-mlir ({error}): pip install 'gpfq[torch]'"
        ) from error
    return torch, fx, fx_importer, fx_decomp_util.get_decomposition_table


def _check_inputs(torch: Any, example_inputs: Any) -> tuple[Any, ...]:
    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else tuple(example_inputs)
    if not inputs:
        raise ValueError("import_torch: example_inputs is empty; give one tensor for each argument")
    for i, x in enumerate(inputs):
        if not isinstance(x, torch.Tensor):
            raise TypeError(f"import_torch: example input {i} must be a tensor, not {type(x).__name__}")
        if x.dtype not in (torch.float32, torch.int64, torch.int32):
            raise TypeError(f"import_torch: example input {i} must be float32, int64 or int32, not {x.dtype}")
        if x.dim() == 0 or x.numel() == 0:
            raise ValueError(
                f"import_torch: example input {i} has shape {tuple(x.shape)}; "
                "a non-empty first dimension, the batch, is needed"
            )
    return inputs


def _fuse_batch_norm(network: Any) -> Any:
    """Folds what can be folded; a module that cannot be traced is returned unchanged."""
    from torch.fx.experimental.optimization import fuse

    try:
        return fuse(network)
    except Exception:  # fuse() raises whatever the user's forward() raises on proxies
        return network


def _named_literal_hooks(torch: Any, fx_importer: Any, program: Any) -> Any:
    """Importer hooks that name each weight's resource by its state-dict key."""
    from torch_mlir import ir

    def identity(tensor: Any) -> tuple[Any, ...]:
        return tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride())

    names: dict[tuple[Any, ...], str] = {}
    for key, tensor in program.state_dict.items():
        if tensor.numel() and tensor.dtype == torch.float32:
            names.setdefault(identity(tensor), key)

    class NamedLiterals(fx_importer.FxImporterHooks):
        def __init__(self) -> None:
            self.attributes: dict[str, Any] = {}

        def resolve_literal(self, importer: Any, literal: Any, info: Any) -> Any:
            if not isinstance(literal, torch.Tensor) or literal.dtype != torch.float32:
                return None
            name = names.get(identity(literal))
            if name is None:
                return None
            # One attribute a tensor: uses of a shared weight stay one constant.
            if name not in self.attributes:
                array = literal.detach().contiguous().numpy()
                kind = ir.RankedTensorType.get(array.shape, ir.F32Type.get())
                self.attributes[name] = ir.DenseResourceElementsAttr.get_from_buffer(memoryview(array), name, kind)
            return ir.Operation.create(
                "torch.vtensor.literal",
                results=[importer._cc.tensor_to_vtensor_type(literal)],
                attributes={"value": self.attributes[name]},
            ).result

    return NamedLiterals()
