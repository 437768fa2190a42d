# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""LiteRT's models of one network, in the environment that network.py makes.

    python -P litert_worker.py NET CALIBRATION.npy SAMPLES FOLDER KIND...

writes FOLDER/NET.KIND.tflite for each kind, unless it is there:

f32           by litert_torch.convert; the others are made from it by ai_edge_quantizer with its recipes
int8          static_wi8_ai8: s8 weights per channel, s8 activations, ranges from the samples; inputs and outputs stay
              f32, as those of the others
dynamic-int8  dynamic_wi8_afp32: s8 weights per channel; a run quantises the activations of a layer by their own range
int4          dynamic_wi4_afp32: the same with weights of four bits
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import litert_torch
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe

import networks

DYNAMIC_RECIPES = {"dynamic-int8": recipe.dynamic_wi8_afp32, "int4": recipe.dynamic_wi4_afp32}


def convert(network: str, path: Path) -> None:
    module, info = networks.build(network)
    model = litert_torch.convert(module.eval(), (networks.example_input(network, info),))
    write_whole(path, lambda file: model.export(str(file)))


def quantize_static(model: Path, calibration: np.ndarray, path: Path) -> None:
    signatures = Interpreter(model_path=str(model)).get_signature_list()
    name, signature = next(iter(signatures.items()))
    (argument,) = signature["inputs"]
    samples = [{argument: calibration[i : i + 1]} for i in range(len(calibration))]
    maker = quantizer.Quantizer(str(model), recipe.static_wi8_ai8())
    for end in (recipe.TFLOperationName.INPUT, recipe.TFLOperationName.OUTPUT):
        maker.update_quantization_recipe(regex=".*", operation_name=end, algorithm_key=recipe.AlgorithmName.NO_QUANTIZE)
    quantized = maker.quantize(maker.calibrate({name: samples}))
    write_whole(path, lambda file: quantized.export_model(str(file), overwrite=True))


def quantize_dynamic(model: Path, kind: str, path: Path) -> None:
    quantized = quantizer.Quantizer(str(model), DYNAMIC_RECIPES[kind]()).quantize()
    write_whole(path, lambda file: quantized.export_model(str(file), overwrite=True))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` make the file under another name, so that there is no half of one."""
    partial = path.with_suffix(".partial.tflite")
    write(partial)
    partial.replace(path)


def main() -> None:
    network, calibration, samples, folder, *kinds = sys.argv[1:]
    paths = {kind: Path(folder) / f"{network}.{kind}.tflite" for kind in ("f32", *kinds)}
    for kind, path in paths.items():
        if path.is_file():
            continue
        if kind == "f32":
            convert(network, path)
        elif kind == "int8":
            data = np.ascontiguousarray(np.load(calibration, mmap_mode="r")[: int(samples)])
            quantize_static(paths["f32"], data, path)
        else:
            quantize_dynamic(paths["f32"], kind, path)


if __name__ == "__main__":
    main()
