# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs gpfq-compile and the libraries that it makes, and measures both."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import gpfq

ROOT = Path(__file__).resolve().parent.parent


class CompileError(RuntimeError):
    """gpfq-compile ended with an error; the message is what it printed."""


@dataclass(frozen=True)
class Compilation:
    """What one run of gpfq-compile made and took."""

    output: Path
    seconds: float  # wall clock, the whole process
    peak_bytes: int  # largest resident set, mapped files included
    report: dict

    @property
    def output_bytes(self) -> int:
        return self.output.stat().st_size


def build_folder() -> Path:
    """The CMake build folder: GPFQ_BUILD, by default build/."""
    return Path(os.environ.get("GPFQ_BUILD") or ROOT / "build")


def compiler() -> Path:
    path = build_folder() / "bin" / "gpfq-compile"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not built; run ./dev build, or set GPFQ_BUILD to the build folder")
    return path


def compile_network(model: Path, output: Path, *options: str, quiet: bool = False) -> Compilation:
    """gpfq-compile `model` to `output`; raises CompileError.

    Standard error of the compiler (its progress) is passed on when that is a terminal,
    and is part of the error otherwise.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    report = output.with_name(output.name + ".json")
    command = [str(compiler()), str(model), *options, "-o", str(output), f"--report={report}"]
    show = sys.stderr.isatty() and not quiet
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=None if show else subprocess.STDOUT
    )
    with process.stdout:
        text = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # reaped here, not by Popen
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise CompileError(f"status {process.returncode} of {' '.join(command)}\n{text.strip()}")
    contents = {}
    if report.is_file():
        contents = json.loads(report.read_text())
        report.unlink()
    return Compilation(output, seconds, usage.ru_maxrss * 1024, contents)


def run_library(model: gpfq.CompiledModel, images: np.ndarray, threads: int | None = None) -> np.ndarray:
    """Outputs of a library with one input and one output for all images, on several threads."""
    dynamic = model.inputs[0].dynamic_batch
    size = 64 if dynamic else model.inputs[0].shape[0]
    parts = [images[i : i + size] for i in range(0, len(images), size)]
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(model, parts)))


def microseconds_per_image(model: gpfq.CompiledModel, images: np.ndarray, repeats: int = 5) -> float:
    """Median of `repeats` passes over the images on one thread."""
    times = []
    run_library(model, images[:2], threads=1)
    for _ in range(repeats):
        started = time.perf_counter()
        run_library(model, images, threads=1)
        times.append(time.perf_counter() - started)
    return 1e6 * sorted(times)[repeats // 2] / len(images)


def top1(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Percentage of rows whose largest element is at their label."""
    return 100.0 * float(np.mean(outputs.reshape(len(outputs), -1).argmax(1) == labels))


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cpu_name() -> str:
    """The processor's name, for results."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def say(*words: object) -> None:
    """Progress, on standard error."""
    print(*words, file=sys.stderr, flush=True)
