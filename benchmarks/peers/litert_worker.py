# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""LiteRT's f32 and int8 models of one network, in the environment that network.py makes.

    python -P litert_worker.py NET CALIBRATION.npy SAMPLES F32.tflite INT8.tflite

The f32 model is made by litert_torch.convert, the int8 one from it by ai_edge_quantizer with its recipe static_wi8_ai8:
s8 weights per channel, s8 activations, ranges from the samples; inputs and outputs stay f32, as those of the others.
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


def convert(network: str, path: Path) -> None:
    module, info = networks.build(network)
    model = litert_torch.convert(module.eval(), (networks.example_input(network, info),))
    write_whole(path, lambda file: model.export(str(file)))


def quantize(model: Path, calibration: np.ndarray, path: Path) -> None:
    signatures = Interpreter(model_path=str(model)).get_signature_list()
    name, signature = next(iter(signatures.items()))
    (argument,) = signature["inputs"]
    samples = [{argument: calibration[i : i + 1]} for i in range(len(calibration))]
    maker = quantizer.Quantizer(str(model))
    maker.load_quantization_recipe(recipe.static_wi8_ai8())
    for end in (recipe.TFLOperationName.INPUT, recipe.TFLOperationName.OUTPUT):
        maker.update_quantization_recipe(regex=".*", operation_name=end, algorithm_key=recipe.AlgorithmName.NO_QUANTIZE)
    ranges = maker.calibrate({name: samples})
    quantized = maker.quantize(ranges)
    write_whole(path, lambda file: quantized.export_model(str(file), overwrite=True))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` make the file under another name, so that there is no half of one."""
    partial = path.with_suffix(".partial.tflite")
    write(partial)
    partial.replace(path)


def main() -> None:
    network, calibration, samples, f32, int8 = sys.argv[1:]
    if not Path(f32).is_file():
        convert(network, Path(f32))
    data = np.ascontiguousarray(np.load(calibration, mmap_mode="r")[: int(samples)])
    quantize(Path(f32), data, Path(int8))


if __name__ == "__main__":
    main()
