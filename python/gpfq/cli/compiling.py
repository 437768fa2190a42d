# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gpfq quantize and gpfq compile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..compiler import Compilation, compile, quantize
from .common import (
    FILE,
    calibration_files,
    compose,
    examples,
    json_option,
    preprocessing_options,
    show,
    show_messages,
    take_preprocessing,
    tool_progress,
)

calibration_option = click.option(
    "--calibration",
    type=FILE,
    multiple=True,
    help="Inputs to quantise with, one for each argument: .npy, .npz, data.npz:NAME, CIFAR .bin, idx, or a folder of "
    "pictures.",
)

# Names, values and defaults are those of gpfq-compile, which checks them.
quantize_options = compose(
    click.option("--weight-bits", type=int, help="Bits of a weight, 1 to 8 (default 4)."),
    click.option("--average-bits", type=float, help="Choose bits for each layer, so many on average."),
    click.option(
        "--activation-bits",
        type=int,
        help="Bits of an activation, 1 to 8 (default 8); 1: signs for layers with weights of 1 bit; 0: float.",
    ),
    click.option("--activations", help="Scales of activations: static (default), or dynamic, by row at run time."),
    click.option("--products", help="Products of two activations: float (default), or int8, by row at run time."),
    click.option("--alphabet", help="Levels of a weight, mid_rise:2; overrides --weight-bits."),
    click.option("--granularity", help="What shares a scale: channel (default), tensor or block."),
    click.option("--block-size", type=int, help="Input channels of a block (default 32)."),
    click.option("--recipe", help="How weights are chosen: best (default), or paper, the plain algorithm."),
    click.option("--method", help="gpfq, optq, qronos, spfq, or msq: round to nearest."),
    click.option("--step", help="Step between levels: absmax, constant or search."),
    click.option("--range", help="Range of activations: minmax (default), percentile or mse."),
    click.option("--percentile", type=float, help="Of the values inside of the range (default 99.99)."),
    click.option("--skip", help="Layers left in float, a regular expression."),
    click.option("--policy", type=FILE, help="Settings of single layers, JSON."),
    click.option("--quantize-options", help="Further options of the pipeline: 'sweeps=4 refit=false'."),
    click.option("--samples", type=int, help="Use the first so many samples."),
    click.option("--held-out", type=float, help="Fraction of the samples that only measures errors (default 0.1)."),
    click.option("--threads", type=int, help="Threads (default: all CPUs)."),
    click.option("--memory-budget", type=int, help="Bytes of activations in memory; the rest goes to a file."),
    click.option("--checkpoint", type=FILE, help="Folder of finished layers; an interrupted run goes on from it."),
)

# What both commands take, behind their own options.
shared_options = compose(
    calibration_option,
    quantize_options,
    click.option("--report", type=FILE, help="Write layers, errors, sizes and times as JSON, for gpfq report."),
    click.option("--weights", type=FILE, help="Write levels and scales as safetensors, for gpfq export."),
    preprocessing_options,
    json_option,
    click.argument("extra", nargs=-1, type=click.UNPROCESSED),
)


def _run(
    function: Callable[..., Compilation],
    model: Path,
    output: Path,
    calibration: tuple[Path, ...],
    as_json: bool,
    options: dict[str, Any],
) -> None:
    preprocessing = take_preprocessing(options)
    with calibration_files(calibration, preprocessing, options["samples"]) as files, tool_progress() as on_progress:
        done = function(model, output, calibration=files or None, on_progress=on_progress, **options)
    show_messages(done.messages)
    totals, layers = done.report["totals"], done.report["layers"]
    result = {"output": done.output, "bytes": done.output_bytes, "seconds": done.seconds, **done.report}
    lines = [f"{done.output}: {done.output_bytes:,} bytes in {done.seconds:.1f} s"]
    if layers:
        errors = [layer["held_out_error"] for layer in layers if layer["held_out_error"] is not None]
        worst = f", largest relative error of one {max(errors):.4f}" if errors else ""
        lines.append(f"{len(layers)} layers quantised{worst}")
    if layers and totals["float_left"]:
        lines.append(f"{len(totals['float_left'])} layers left in float: {', '.join(totals['float_left'])}")
    show(as_json, result, "\n".join(lines))


@click.command(
    name="quantize",
    epilog=examples(
        "gpfq quantize net.mlir --calibration images.npy --weight-bits 4 -o net.q.mlir",
        "gpfq quantize net.mlir --calibration photos/ --size 224 --mean 0.485,0.456,0.406 \\",
        "    --std 0.229,0.224,0.225 --average-bits 3 --checkpoint work -o net.q.mlir --report report.json",
        "gpfq quantize net.mlir --calibration images.npy -o net.q.mlir -- --emit=integer",
    ),
)
@click.argument("model", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="The quantised network, .mlir.")
@shared_options
def quantize_command(model: Path, output: Path, calibration: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Quantises MODEL, a float network (.mlir).

    Weights become integer levels and scales; the arithmetic of the result is float, and gpfq compile
    makes integer kernels of it. Arguments behind -- go to gpfq-compile as they are.
    """
    if not calibration:
        raise click.UsageError("quantisation needs data: give --calibration")
    _run(quantize, model, output, calibration, as_json, options)


@click.command(
    name="compile",
    epilog=examples(
        "gpfq compile net.mlir --calibration images.npy --weight-bits 4 -o libnet.so",
        "gpfq compile net.q.mlir --target avx2 -o libnet.so",
        "gpfq compile net.mlir --float -o libfloat.so",
    ),
)
@click.argument("model", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="libnet.so, libnet.a or net.o; net.h is beside it.")
@click.option("--float", "keep_float", is_flag=True, help="Compile the float network.")
@click.option(
    "--target",
    help="host (default), znver4, avx512vpopcntdq, avx512vnni, avxvnni, avx2, aarch64-i8mm, aarch64-dotprod, "
    "generic, or several of these.",
)
@click.option("--name", help="Prefix of the C functions (default: libnet.so gives net).")
@shared_options
def compile_command(model: Path, output: Path, calibration: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Compiles MODEL (.mlir) to a library with a C header.

    MODEL is a float network, which is quantised first with the data of --calibration, or one that
    gpfq quantize wrote. Arguments behind -- go to gpfq-compile as they are.
    """
    _run(compile, model, output, calibration, as_json, options)


COMMANDS = [quantize_command, compile_command]
