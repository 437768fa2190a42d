# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Accuracy and latency of compiled libraries."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np

from .data import Dataset
from .errors import DataError
from .library import CompiledModel

__all__ = [
    "Evaluation",
    "Latency",
    "LayerLatency",
    "evaluate",
    "measure_latency",
    "measure_layers",
    "run_batches",
    "top1",
]


@dataclass(frozen=True)
class Evaluation:
    """What a library makes of a data set; None where there were no labels, or no reference."""

    count: int
    top1: float | None  # percent
    top5: float | None  # percent; None as well for fewer than 6 classes
    agreement: float | None  # percent of samples with the reference's class
    relative_error: float | None  # norm of the outputs' difference from the reference over its norm
    seconds: float


@dataclass(frozen=True)
class Latency:
    """Times of single calls, in microseconds."""

    batch: int
    threads: int  # that call at the same time, each with its own workspace
    calls: int
    median: float
    mean: float
    percentile_90: float
    minimum: float
    images_per_second: float
    cpu: str
    load_average: float  # of the machine before the measurement: above 0.5, expect noise

    def to_dict(self) -> dict:
        return asdict(self)


def run_batches(
    model: CompiledModel, images: np.ndarray | Sequence[np.ndarray], threads: int | None = None
) -> np.ndarray:
    """Outputs of a library with one output for all samples, on several threads (default: all CPUs).

    images: the samples of its input, or of each of its inputs.
    """
    arrays = [images] if isinstance(images, np.ndarray) else images
    size = _batch_size(model)
    columns = []
    for array in arrays:
        parts = [array[i : i + size] for i in range(0, len(array), size)]
        missing = 0 if model.inputs[0].dynamic_batch else size - len(parts[-1])
        if missing:  # of the last part, for a static batch
            parts[-1] = np.concatenate([parts[-1], np.repeat(parts[-1][-1:], missing, 0)])
        columns.append(parts)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(model, *columns)))[: len(arrays[0])]


def evaluate(
    model: CompiledModel,
    dataset: Dataset,
    *,
    reference: CompiledModel | np.ndarray | None = None,
    threads: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Runs a library with one input and one output on all samples.

    reference: another library, or its outputs on the same samples (N x classes), to compare with.
    on_progress: is called with the number of samples done.

    Raises DataError when there is nothing to compare with, and TypeError or ValueError
    when the samples do not fit the library's input.
    """
    if dataset.labels is None and reference is None:
        raise DataError(f"{dataset.path}: has no labels, and there is no reference to compare with; give one of them")
    if isinstance(reference, np.ndarray) and len(reference) < len(dataset):
        raise DataError(f"the reference has {len(reference)} rows for {len(dataset)} samples")
    started = time.perf_counter()
    outputs, expected = [], []
    done = 0
    chunk = max(_batch_size(model), 64) if model.inputs[0].dynamic_batch else 64 * _batch_size(model)
    for images in dataset.batches(chunk):
        outputs.append(run_batches(model, images, threads).reshape(len(images), -1))
        if isinstance(reference, CompiledModel):
            expected.append(run_batches(reference, images, threads).reshape(len(images), -1))
        done += len(images)
        if on_progress is not None:
            on_progress(done)
    got = np.concatenate(outputs)
    want = None
    if reference is not None:
        want = np.concatenate(expected) if expected else np.asarray(reference).reshape(len(reference), -1)[: len(got)]
        if want.shape != got.shape:
            raise DataError(f"the reference has outputs of shape {want.shape[1:]}, the library of {got.shape[1:]}")
    return Evaluation(
        count=len(dataset),
        top1=None if dataset.labels is None else top1(got, dataset.labels),
        top5=None if dataset.labels is None or got.shape[1] <= 5 else _top5(got, dataset.labels),
        agreement=None if want is None else top1(got, want.argmax(1)),
        relative_error=None if want is None else float(np.linalg.norm(got - want) / max(np.linalg.norm(want), 1e-30)),
        seconds=time.perf_counter() - started,
    )


def measure_latency(
    model: CompiledModel,
    *,
    batch: int = 1,
    threads: int = 1,
    seconds: float = 2.0,
    min_calls: int = 20,
    inputs: Iterable[np.ndarray] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Latency:
    """Times calls of a library for about `seconds`, after a tenth of that to warm up.

    batch: samples a call; must be the library's own where that is static.
    threads: that call at the same time.
    inputs: the arguments of a call; by default uniform random numbers.
    on_progress: is called with the fraction of the time that has gone.
    """
    arguments = _random_arguments(model, batch)
    if inputs is not None:
        arguments = list(inputs)
    load = os.getloadavg()[0]

    def call_until(deadline: float, begin: float, least: int) -> list[float]:
        times: list[float] = []
        while (now := time.perf_counter()) < deadline or len(times) < least:
            model(*arguments)
            times.append(time.perf_counter() - now)
            if on_progress is not None:
                on_progress(min(1.0, (now - begin) / (deadline - begin)))
        return times

    with ThreadPoolExecutor(threads) as pool:
        for duration, least in ((seconds / 10, 2), (seconds, min_calls)):
            begin = time.perf_counter()
            parts = list(pool.map(lambda _: call_until(begin + duration, begin, least), range(threads)))  # noqa: B023
            elapsed = time.perf_counter() - begin
    times = np.concatenate(parts) * 1e6
    return Latency(
        batch=batch,
        threads=threads,
        calls=len(times),
        median=float(np.median(times)),
        mean=float(np.mean(times)),
        percentile_90=float(np.percentile(times, 90)),
        minimum=float(np.min(times)),
        images_per_second=len(times) * batch / elapsed,
        cpu=cpu_name(),
        load_average=load,
    )


# Parts of a measurement of layers, and calls in each.
_SLICES, _LEAST_CALLS = 20, 5


@dataclass(frozen=True)
class LayerLatency:
    """Mean time of one layer in a call, in microseconds, and its share of the network's."""

    name: str
    microseconds: float
    share: float


def measure_layers(
    model: CompiledModel,
    *,
    batch: int = 1,
    seconds: float = 2.0,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[Latency, tuple[LayerLatency, ...]]:
    """As `measure_latency` on one thread, with the time of each layer of a library compiled with `--profile`.

    Times of layers are means over the calls of the quietest twentieth of the measurement, in
    which the network took the least time.

    Layers are in the order of the network; the last entry, "(other)", is what runs between
    them: pooling, the first quantisation, sums that no layer has taken up. Reading the clock
    takes some 20 ns a layer.

    Raises LoadError for a library without a profile, and what `measure_latency` does.
    """
    first, began = model.profile(), time.perf_counter()
    latency = measure_latency(model, batch=batch, seconds=seconds / 2)
    arguments = _random_arguments(model, batch)
    started = time.perf_counter()
    best: list[float] = []
    while (now := time.perf_counter()) < started + seconds / 2 or not best:
        before, calls, end = model.profile(), 0, now + seconds / 2 / _SLICES
        while time.perf_counter() < end or calls < _LEAST_CALLS:
            model(*arguments)
            calls += 1
        after = model.profile()
        ticks = [b - a for a, b in zip(before.ticks, after.ticks, strict=True)]
        total = after.total - before.total
        means = [count / calls for count in [*ticks, total - sum(ticks)]]
        if not best or sum(means) < sum(best):
            best = means
        if on_progress is not None:
            on_progress(min(1.0, 2 * (now - started) / seconds))
    per_tick = (time.perf_counter() - began) * 1e6 / (model.profile().now - first.now)
    names = [*first.layers, "(other)"]
    return latency, tuple(
        LayerLatency(name, count * per_tick, count / sum(best)) for name, count in zip(names, best, strict=True)
    )


def top1(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Percentage of rows whose largest element is at their label."""
    return 100.0 * float(np.mean(outputs.reshape(len(outputs), -1).argmax(1) == labels))


def cpu_name() -> str:
    """The processor's name, for results."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def _top5(outputs: np.ndarray, labels: np.ndarray) -> float:
    best = np.argpartition(-outputs, 4, axis=1)[:, :5]
    return 100.0 * float(np.mean((best == labels[:, None]).any(1)))


def _random_arguments(model: CompiledModel, batch: int) -> list[np.ndarray]:
    for info in model.inputs:
        if not info.dynamic_batch and info.shape and info.shape[0] != batch:
            raise DataError(f"{model.name} is compiled for a batch of {info.shape[0]}, not {batch}")
    random = np.random.default_rng(0)
    return [random.random(info.concrete_shape(batch)).astype(info.dtype) for info in model.inputs]


def _batch_size(model: CompiledModel) -> int:
    return 64 if model.inputs[0].dynamic_batch else model.inputs[0].shape[0]
