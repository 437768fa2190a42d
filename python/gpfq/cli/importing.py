# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gpfq import."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ..files import check_writable
from ..mlir_importer import import_mlir
from ..onnx_importer import import_onnx
from ..torch_importer import import_torch
from ..torch_source import load_module
from .common import FILE, examples, json_option, progress_bars, show


@click.command(
    name="import",
    epilog=examples(
        "gpfq import model.onnx -o net.mlir",
        "gpfq import model.onnx --input 1x3x224x224 -o net.mlir      # sizes for dynamic dimensions",
        "gpfq import my_package.nets:build --input 1x3x32x32 --dynamic-batch -o net.mlir",
        "gpfq import train.py:model --input 1x3x32x32 -o net.mlir",
        "gpfq import jax-export.mlir -o net.mlir",
    ),
)
@click.argument("source")
@click.option("-o", "--output", type=FILE, required=True, help="The network as linalg on tensors, .mlir.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="SHAPE",
    help="Shape of an input, 1x3x224x224, or i64:1x128 for integers; one for each argument of a PyTorch module.",
)
@click.option("--dynamic-batch", is_flag=True, help="Make the first dimension of every input dynamic.")
@click.option("--name", help="Name of the function and prefix of the C symbols (default: from the output).")
@json_option
def import_command(
    source: str, output: Path, inputs: tuple[str, ...], dynamic_batch: bool, name: str | None, as_json: bool
) -> None:
    """Imports SOURCE: an ONNX file; a PyTorch module as module:function or file.py:function; or StableHLO or TOSA text.

    The function, or module object, gives a torch.nn.Module, with its weights; or that and a tuple of example
    inputs, which --input replaces. An ONNX model that is quantised already (QDQ) keeps its levels, and is compiled
    without calibration data. A .mlir file has StableHLO, as JAX exports it, or TOSA, and keeps its shapes and
    names. Needs pip install 'gpfq[torch]' or 'gpfq[onnx]'.
    """
    check_writable(output)
    started = time.perf_counter()
    with progress_bars() as bars:
        bars.add_task(f"importing {source}", total=None)
        if source.endswith(".mlir"):
            if inputs or dynamic_batch or name:
                raise click.UsageError(
                    "a .mlir file keeps its shapes and names: leave out --input, --dynamic-batch, --name"
                )
            import_mlir(source, output)
        elif ":" in source and not Path(source).exists():
            module, examples = load_module(source, inputs)
            import_torch(module, examples, output, dynamic_batch=dynamic_batch, function_name=name)
        else:
            import_onnx(
                source,
                output,
                input_shapes=inputs,
                dynamic_batch=dynamic_batch,
                function_name=name,
                on_remark=lambda line: bars.console.print(line, markup=False, highlight=False, soft_wrap=True),
            )
    seconds, size = time.perf_counter() - started, output.stat().st_size
    result = {"source": source, "output": output, "bytes": size, "seconds": seconds}
    show(as_json, result, f"{output}: {size:,} bytes in {seconds:.1f} s")


COMMANDS = [import_command]
