# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantisation and compilation, by gpfq-compile."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from .tools import ProgressCallback, find_tool, run_tool

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Compilation", "QuantizeOptions", "compile", "quantize"]

PathLike = str | os.PathLike[str]
# Files or arrays, one for each argument of the network.
Calibration = PathLike | np.ndarray | Sequence[PathLike | np.ndarray]


class QuantizeOptions(TypedDict, total=False):
    """Options of `quantize` and `compile`, all optional; `gpfq-compile --help` has defaults and values."""

    weight_bits: int  # 1 to 8, default 4
    average_bits: float  # instead of weight_bits: bits chosen for each layer, so many on average
    activation_bits: int  # 1 to 8, default 8; 1: signs for layers with weights of 1 bit; 0 leaves activations in float
    activations: str  # scales of activations: "static" (default), or "dynamic", by row when the library runs
    products: str  # of two activations, as in attention: "float" (default), or "int8"
    alphabet: str  # levels of a weight, "mid_rise:2"; overrides weight_bits
    granularity: str  # what shares a scale: "channel" (default), "tensor" or "block"
    block_size: int  # input channels of a block, default 32
    recipe: str  # "best" (default) or "paper"
    method: str  # "gpfq", "optq", "qronos", "spfq" or "msq"
    step: str  # "absmax", "constant" or "search"
    quantize_options: str  # further options of the pipeline gpfq-quantize, "sweeps=4 refit=false"
    range: str  # of activations: "minmax" (default), "percentile" or "mse"
    percentile: float  # of the values inside of the range, for range="percentile"
    skip: str  # regular expression of layers left in float
    policy: PathLike  # JSON file of settings for single layers
    samples: int  # use the first so many calibration samples
    held_out: float  # fraction of the samples that only measures errors, default 0.1
    threads: int  # default: all CPUs
    memory_budget: int  # bytes of activations kept in memory
    checkpoint: PathLike  # folder of finished layers, from which an interrupted run goes on


@dataclass(frozen=True)
class Compilation:
    """What one run of gpfq-compile made and took."""

    output: Path
    seconds: float  # wall clock, the whole process
    peak_bytes: int  # largest resident set, mapped files included
    report: dict = field(repr=False)  # docs/calibration-format.md
    messages: tuple[str, ...] = ()  # warnings and remarks

    @property
    def output_bytes(self) -> int:
        """Size of the output file."""
        return self.output.stat().st_size


def quantize(
    model: PathLike,
    output: PathLike,
    *,
    calibration: Calibration,
    weights: PathLike | None = None,
    report: PathLike | None = None,
    extra: Sequence[str] = (),
    on_progress: ProgressCallback | None = None,
    **options: Unpack[QuantizeOptions],
) -> Compilation:
    """Quantises the float network `model` (.mlir) and writes it as `output` (.mlir): integer levels and scales,
    float arithmetic.

    calibration: one file (.npy, .npz, or data.npz:NAME for an array of several) or array for each
        argument of the network, of its type (float32, int8, int32 or int64); the first axis is
        the sample, the others are those of the argument without its batch.
    weights: also write levels, scales and alphabets to this safetensors file, from which
        `gpfq.export_onnx`, `gpfq.export_torch` go on.
    report: also write the report on each layer to this JSON file.
    extra: further arguments of gpfq-compile.

    Raises ToolError for bad input, with one located line for each error, and
    ToolNotFoundError without gpfq-compile. Files are written whole or not at all.
    """
    arguments = ["--emit=quantized", *extra]
    if weights is not None:
        arguments.append(f"--export-weights={os.fspath(weights)}")
    return _run(model, output, calibration, report, arguments, on_progress, options)


def compile(
    model: PathLike,
    output: PathLike,
    *,
    calibration: Calibration | None = None,
    keep_float: bool = False,
    target: str | None = None,
    name: str | None = None,
    weights: PathLike | None = None,
    report: PathLike | None = None,
    extra: Sequence[str] = (),
    on_progress: ProgressCallback | None = None,
    **options: Unpack[QuantizeOptions],
) -> Compilation:
    """Compiles `model` (.mlir) to `output` (.so, .a or .o) and a C header beside it; `gpfq.load` runs a .so.

    calibration: as for `quantize`, which then comes first. None for a network that is
        quantised already, or with keep_float.
    keep_float: compile the float network.
    target: "host" (default), "znver4", "avx512vpopcntdq", "avx512vnni", "avxvnni", "avx2", "aarch64-i8mm",
        "aarch64-dotprod" or "generic"; or several of one architecture, as "avx512vnni,avx2,generic": the library
        then runs the best that its CPU can.
    name: prefix of the C functions, by default from the file name (libnet.so gives net).
    weights, report, extra, errors: as for `quantize`.
    """
    arguments = list(extra)
    if keep_float:
        arguments.append("--float")
    for option, value in (("target", target), ("name", name), ("export-weights", weights)):
        if value is not None:
            arguments.append(f"--{option}={os.fspath(value)}")
    return _run(model, output, calibration, report, arguments, on_progress, options)


def _run(
    model: PathLike,
    output: PathLike,
    calibration: Calibration | None,
    report: PathLike | None,
    arguments: list[str],
    on_progress: ProgressCallback | None,
    options: QuantizeOptions,
) -> Compilation:
    unknown = sorted(set(options) - set(QuantizeOptions.__annotations__))
    if unknown:
        raise TypeError(f"unknown option {', '.join(unknown)}; there are {', '.join(QuantizeOptions.__annotations__)}")
    output = Path(output)
    with tempfile.TemporaryDirectory(prefix="gpfq-") as folder, _calibration_files(calibration, Path(folder)) as files:
        report_file = Path(report) if report is not None else Path(folder) / "report.json"
        command = [str(find_tool("gpfq-compile")), os.fspath(model), "-o", str(output), f"--report={report_file}"]
        if files:
            command.append(f"--calibration={','.join(files)}")
        command += [f"--{key.replace('_', '-')}={value}" for key, value in options.items() if value is not None]
        run = run_tool([*command, "--progress=json", *arguments], on_progress)
        return Compilation(output, run.seconds, run.peak_bytes, json.loads(report_file.read_text()), run.messages)


@contextlib.contextmanager
def _calibration_files(calibration: Calibration | None, folder: Path) -> Iterator[list[str]]:
    """Names of the files; arrays are written to `folder`."""
    if calibration is None:
        calibration = []
    elif isinstance(calibration, (str, os.PathLike, np.ndarray)):
        calibration = [calibration]
    files = []
    for i, item in enumerate(calibration):
        if isinstance(item, np.ndarray):
            np.save(folder / f"calibration{i}.npy", item)
            item = folder / f"calibration{i}.npy"
        files.append(os.fspath(item))
    yield files
