# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gpfq export."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import DataError
from ..files import check_writable
from ..onnx_exporter import export_onnx
from ..tools import find_tool, run_tool
from ..torch_exporter import export_torch
from ..torch_source import load_module
from .common import FILE, examples, json_option, show


@click.command(
    name="export",
    epilog=examples(
        "gpfq quantize net.mlir --calibration images.npy -o net.q.mlir --weights net.safetensors",
        "gpfq export net.safetensors --model model.onnx -o quantized.onnx",
        "gpfq export net.safetensors --model model.onnx --int4 -o quantized.onnx",
        "gpfq export net.safetensors --model nets.py:build --input 1x3x32x32 -o state.pt",
        "gpfq export net.q.mlir -o dequantized.mlir",
    ),
)
@click.argument("source", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="What to write: .onnx, .pt, .safetensors or .mlir.")
@click.option("--model", help="The model that was imported: an ONNX file, or module:function of PyTorch.")
@click.option("--input", "inputs", multiple=True, metavar="SHAPE", help="As for gpfq import of a PyTorch module.")
@click.option("--int4", is_flag=True, help="ONNX: keep weights of 4 bits or fewer as int4 (opset 21).")
@json_option
def export_command(
    source: Path, output: Path, model: str | None, inputs: tuple[str, ...], int4: bool, as_json: bool
) -> None:
    """Writes quantised weights for other tools.

    SOURCE is the safetensors file of gpfq quantize --weights, which has levels, scales and alphabets itself.
    With it and the model that was imported: an ONNX model with DequantizeLinear, that onnxruntime runs; or the
    state dict of the PyTorch module with dequantised weights (.pt, or .safetensors). Or SOURCE is a quantised
    network, .mlir, of which the float network with the quantised weights is written.
    """
    check_writable(output)
    if source.suffix == ".mlir" and output.suffix == ".mlir":
        run_tool([find_tool("gpfq-opt"), source, "--lowbit-dequantize", "-o", output])
    elif model is None:
        raise click.UsageError("give --model, the model that was imported; or a .mlir file, to get one")
    elif output.suffix == ".onnx":
        export_onnx(source, model, output, int4=int4)
    elif output.suffix in (".pt", ".pth", ".safetensors"):
        module, example_inputs = load_module(model, inputs)
        export_torch(source, module, example_inputs, output)
    else:
        raise DataError(f"{output}: cannot tell what it should be: .onnx, .pt, .safetensors or .mlir")
    size = output.stat().st_size
    show(as_json, {"source": source, "output": output, "bytes": size}, f"{output}: {size:,} bytes")


COMMANDS = [export_command]
