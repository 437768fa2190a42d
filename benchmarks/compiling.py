# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs of gpfq-compile with the progress that benchmarks show, and what results say about themselves."""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

import gpfq
from gpfq.evaluation import run_batches

ROOT = Path(__file__).resolve().parent.parent


def compile_network(model: Path, output: Path, *options: str, quiet: bool = False) -> gpfq.Compilation:
    """gpfq-compile `model` to `output` with these options; raises gpfq.ToolError.

    Its progress is shown when standard error is a terminal.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as bars:
        tasks: dict[str, int] = {}

        def update(event: gpfq.ProgressEvent) -> None:
            if event.task not in tasks:
                tasks[event.task] = bars.add_task(event.task, total=event.total)
            bars.update(tasks[event.task], completed=event.done or 0)

        return gpfq.compile(model, output, extra=options, on_progress=update)


def microseconds_per_image(model: gpfq.CompiledModel, images: np.ndarray, repeats: int = 5) -> float:
    """Median of `repeats` passes over the images on one thread."""
    times = []
    run_batches(model, images[:2], threads=1)
    for _ in range(repeats):
        started = time.perf_counter()
        run_batches(model, images, threads=1)
        times.append(time.perf_counter() - started)
    return 1e6 * sorted(times)[repeats // 2] / len(images)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def say(*words: object) -> None:
    """Progress, on standard error."""
    print(*words, file=sys.stderr, flush=True)
