# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised weights into the state dict of a PyTorch module."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError, ImportNetworkError
from .files import check_writable, open_atomically
from .weights import QuantizedLayer, find_layer_weights, read_weights

if TYPE_CHECKING:
    import torch

__all__ = ["export_torch", "make_state_dict"]


def export_torch(
    weights: str | os.PathLike[str],
    module: torch.nn.Module,
    example_inputs: torch.Tensor | Sequence[torch.Tensor],
    path: str | os.PathLike[str],
) -> Path:
    """Writes `make_state_dict` of these to `path`: .safetensors, or anything else for torch.save.

    Raises what that raises, and MissingPackageError without safetensors.
    """
    path = Path(path)
    check_writable(path)
    state = make_state_dict(read_weights(weights), module, example_inputs)
    if path.suffix == ".safetensors":
        from safetensors.torch import save

        content = save({name: tensor.contiguous() for name, tensor in state.items()})
        with open_atomically(path) as out:
            out.write(content)
    else:
        import torch

        with open_atomically(path) as out:
            torch.save(state, out)
    return path


def make_state_dict(
    layers: Sequence[QuantizedLayer],
    module: torch.nn.Module,
    example_inputs: torch.Tensor | Sequence[torch.Tensor],
) -> dict[str, torch.Tensor]:
    """The state dict of `module` with the quantised weights in place, dequantised; load_state_dict takes it.

    A batch norm behind a quantised layer, which is folded in, becomes one that only adds
    the bias. Activations stay float: the module then has the error of the weights alone.

    module, example_inputs: what was imported with import_torch.

    Raises DataError when the layers are not of this module, or when one has a bias now and
    neither it nor a batch norm behind it can hold one; ImportNetworkError when torch.export
    rejects the module.
    """
    import torch

    module = copy.deepcopy(module).cpu().eval()
    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else tuple(example_inputs)
    try:
        program = torch.export.export(module, inputs)
    except Exception as error:
        raise ImportNetworkError(f"torch.export rejects the module: {str(error).splitlines()[0]}") from error
    state = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    uses = _find_uses(program)
    for layer, name in zip(layers, find_layer_weights(layers, list(state)).values(), strict=True):
        values = torch.from_numpy(layer.dequantize())
        if values.numel() != state[name].numel():
            raise DataError(f"layer '{layer.name}': {name} has shape {tuple(state[name].shape)}, not {values.shape}")
        state[name] = values.reshape(state[name].shape)
        delta = torch.from_numpy(np.zeros(len(values), np.float32) if layer.bias_delta is None else layer.bias_delta)
        _set_bias(state, uses.get(name, _Use()), layer, delta)
    return state


class _Use:
    """The bias of a layer and the batch norm behind it, by names of the state dict."""

    def __init__(self, bias: str | None = None) -> None:
        self.bias = bias
        self.norm: tuple[str | None, str | None, str, str] | None = None  # weight, bias, mean, variance
        self.epsilon = 0.0


def _find_uses(program: Any) -> dict[str, _Use]:
    """For the weights of each convolution and linear layer."""
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}

    def get_name(node: Any) -> str | None:
        return names.get(node.name) if node is not None else None

    uses: dict[str, _Use] = {}
    for node in program.graph.nodes:
        kind = str(node.target)
        if kind.startswith(("aten.conv", "aten.linear")) and (weight := get_name(node.args[1])):
            use = _Use(get_name(node.args[2]) if len(node.args) > 2 else None)
            uses[weight] = use
            readers = list(node.users)
            if len(readers) == 1 and str(readers[0].target).startswith("aten.batch_norm"):
                norm = readers[0]
                use.norm = tuple(get_name(argument) for argument in norm.args[1:5])
                use.epsilon = norm.args[7]
    return uses


def _set_bias(state: dict[str, torch.Tensor], use: _Use, layer: QuantizedLayer, delta: torch.Tensor) -> None:
    import torch

    bias = state[use.bias] if use.bias else torch.zeros_like(delta)
    if use.norm is None:
        if use.bias:
            state[use.bias] = bias + delta
        elif bool(delta.any()):
            raise DataError(
                f"layer '{layer.name}' has no bias in the module, but needs one now: quantise with "
                "--quantize-options bias-correction=false, or give the module biases"
            )
        return
    gamma, beta, mean, variance = use.norm
    if gamma is None or beta is None:
        raise DataError(f"the batch norm behind layer '{layer.name}' is not affine, so it cannot hold the bias")
    factor = state[gamma].double() / torch.sqrt(state[variance].double() + use.epsilon)
    folded = (bias.double() - state[mean].double()) * factor + state[beta].double() + delta.double()
    if use.bias:
        state[use.bias] = torch.zeros_like(bias)
    state[beta] = folded.float()
    state[mean] = torch.zeros_like(state[mean])
    state[variance] = torch.ones_like(state[variance])
    state[gamma] = torch.full_like(state[gamma], (1.0 + use.epsilon) ** 0.5)
