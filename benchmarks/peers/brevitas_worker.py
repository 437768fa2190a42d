# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One method of Brevitas on one network, in the environment that brevitas.py makes; prints one JSON object.

    python -P brevitas_worker.py METHOD BITS NET CALIBRATION.npy SAMPLES TEST.npy OUTPUTS.npy

Weights only, all layers, one scale for each output channel, symmetric without the lowest code (15, 7, 3 levels at 4,
3, 2 bits), batch norms folded, columns in the order of their norms. One thread; `seconds` are CPU time.

-P, because the name of the package is also that of the script next to this one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import brevitas
import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.graph.gpfq import gpfq_mode
from brevitas.graph.gptq import gptq_mode
from brevitas.graph.qronos import Qronos
from brevitas.quant import Int8WeightPerChannelFloat
from torch import nn

import networks

BATCH = 64
METHODS: dict[str, Callable[[nn.Module], AbstractContextManager]] = {
    "gpfq": lambda model: gpfq_mode(model, act_order=True),
    "gptq": lambda model: gptq_mode(model, act_order=True, use_quant_activations=False, create_weight_orig=False),
    "qronos": lambda model: gpfq_mode(model, act_order=True, algorithm_impl=Qronos),
}


def fold_batch_norms(module: nn.Module) -> None:
    """Folds `bn` into `conv` wherever a module has both."""
    for child in module.modules():
        if isinstance(getattr(child, "bn", None), nn.BatchNorm2d):
            child.conv = nn.utils.fuse_conv_bn_eval(child.conv, child.bn)
            child.bn = None


def quantized_layer(layer: nn.Conv2d | nn.Linear, bits: int) -> nn.Module:
    """The layer of Brevitas with the weights of `layer`.

    The step is fixed from them: the stock quantiser takes it from the current weights, which GPFQ and GPTQ change.
    """
    quantizer = Int8WeightPerChannelFloat.let(bit_width=bits, scaling_impl_type="parameter_from_stats")
    shared = {"bias": layer.bias is not None, "weight_quant": quantizer}
    if isinstance(layer, nn.Linear):
        result = qnn.QuantLinear(layer.in_features, layer.out_features, **shared)
    else:
        result = qnn.QuantConv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
            **shared,
        )
    result.load_state_dict(layer.state_dict(), strict=False)
    return result.eval()


def quantize_layers(module: nn.Module, bits: int) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d | nn.Linear):
            setattr(module, name, quantized_layer(child, bits))
        else:
            quantize_layers(child, bits)


def scales(model: nn.Module) -> list[torch.Tensor]:
    kinds = (qnn.QuantConv2d, qnn.QuantLinear)
    return [layer.quant_weight().scale.detach().clone() for layer in model.modules() if isinstance(layer, kinds)]


@torch.no_grad()
def run_method(model: nn.Module, method: str, batches: list[torch.Tensor]) -> None:
    with METHODS[method](model) as algorithm:
        for _ in range(algorithm.num_layers):
            for batch in batches:
                algorithm.model(batch)
            algorithm.update()


def main() -> None:
    method, bits, network, calibration, samples, test, outputs = sys.argv[1:]
    torch.set_num_threads(1)
    model, _ = networks.build(network)
    fold_batch_norms(model)
    quantize_layers(model, int(bits))
    data = torch.from_numpy(np.load(calibration)[: int(samples)])
    before = scales(model)
    started = time.process_time()
    run_method(model, method, list(data.split(BATCH)))
    seconds = time.process_time() - started
    if not all(torch.equal(*pair) for pair in zip(before, scales(model), strict=True)):
        raise RuntimeError("the steps have changed")
    np.save(outputs, networks.evaluate(model, np.load(test, mmap_mode="r"), batch=BATCH))
    print(json.dumps({"seconds": seconds, "brevitas": brevitas.__version__, "layers": len(before)}))


if __name__ == "__main__":
    main()
