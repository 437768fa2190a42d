# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gpfq run, gpfq eval and gpfq bench."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from ..data import read_dataset
from ..errors import DataError
from ..evaluation import LayerLatency, evaluate, measure_latency, measure_layers, run_batches
from ..files import check_writable, open_atomically
from ..library import CompiledModel, load
from .common import FILE, examples, json_option, preprocessing_options, progress_bars, show, take_preprocessing


def _read_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path}: not a NumPy file: {error}") from error


@click.command(
    name="run",
    epilog=examples("gpfq run libnet.so images.npy -o logits.npy", "gpfq run libnet.so left.npy right.npy"),
)
@click.argument("library", type=FILE)
@click.argument("inputs", type=FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=FILE, help="Write the output as .npy, several as .npz.")
@json_option
def run_command(library: Path, inputs: tuple[Path, ...], output: Path | None, as_json: bool) -> None:
    """Runs LIBRARY on one .npy file for each of its INPUTS, as it reads them.

    For a library of a static batch and one output the files may hold any number of samples.
    """
    if output is not None:
        check_writable(output)
    model = load(library)
    arrays = [_read_array(path) for path in inputs]
    counts = {len(array) if array.ndim else 0 for array in arrays}
    several = len(arrays) == len(model.inputs) and len(model.outputs) == 1 and len(counts) == 1 and counts != {0}
    results = run_batches(model, arrays) if several else model(*arrays)
    outputs = results if isinstance(results, tuple) else (results,)
    names = [info.name for info in model.outputs]
    if output is not None:
        with open_atomically(output) as out:
            if len(outputs) == 1:
                np.save(out, outputs[0])
            else:
                np.savez(out, **dict(zip(names, outputs, strict=True)))
    result = {"library": library, "target": model.target, "outputs": []}
    lines = []
    for name, array in zip(names, outputs, strict=True):
        entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
        if output is None:
            entry["values"] = array.tolist()
        result["outputs"].append(entry)
        shape = "x".join(map(str, array.shape))
        lines.append(f"{name}: {shape} {array.dtype}" + ("" if output is not None else f"\n{array}"))
    show(as_json, result, "\n".join(lines))


@click.command(
    name="eval",
    epilog=examples(
        "gpfq eval libnet.so test.npy --labels labels.npy",
        "gpfq eval libnet.so test_batch.bin --mean 0.49,0.48,0.45 --std 0.25,0.24,0.26   # CIFAR-10",
        "gpfq eval libnet.so t10k-images-idx3-ubyte.gz --reference libfloat.so --json",
        "gpfq eval libnet.so val/ --labels val.txt --size 224 --resize-short 256",
    ),
)
@click.argument("library", type=FILE)
@click.argument("data", type=FILE)
@click.option("--labels", type=FILE, help="Classes: .npy, idx1, or text; 'file label' lines for a folder.")
@click.option("--reference", type=FILE, help="Library, or .npy of outputs, to compare with.")
@click.option("--limit", type=click.IntRange(1), help="Use the first so many samples.")
@click.option("--threads", type=click.IntRange(1), help="Threads (default: all CPUs).")
@preprocessing_options
@json_option
def eval_command(
    library: Path,
    data: Path,
    labels: Path | None,
    reference: Path | None,
    limit: int | None,
    threads: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Accuracy of LIBRARY on DATA.

    DATA is .npy or .npz (float32 inputs, or uint8 images N x C x H x W), a CIFAR binary, an idx file, or a
    folder of pictures: in subfolders, one a class, or with a list of labels.
    """
    model = load(library)
    dataset = read_dataset(data, labels, take_preprocessing(options), limit)
    other: CompiledModel | np.ndarray | None = None
    if reference is not None:
        other = _read_array(reference) if reference.suffix == ".npy" else load(reference)
    with progress_bars() as bars:
        task = bars.add_task("evaluating", total=len(dataset))
        done = evaluate(
            model, dataset, reference=other, threads=threads, on_progress=lambda n: bars.update(task, completed=n)
        )
    values = (
        ("top-1", done.top1, "%"),
        ("top-5", done.top5, "%"),
        ("agreement with the reference", done.agreement, "%"),
    )
    lines = [f"{done.count} samples in {done.seconds:.1f} s"]
    lines += [f"{name}: {value:.2f} {unit}" for name, value, unit in values if value is not None]
    if done.relative_error is not None:
        lines.append(f"relative error of the outputs: {done.relative_error:.3g}")
    show(as_json, {"library": library, "data": data, **asdict(done)}, "\n".join(lines))


@click.command(
    name="bench",
    epilog=examples(
        "gpfq bench libnet.so",
        "gpfq bench libnet.so --batch 8 --seconds 10 --json",
        "gpfq compile net.q.mlir -o libpool.so -- --parallel=pool && gpfq bench libpool.so --threads 2",
        "gpfq compile net.q.mlir -o libprofile.so -- --profile && gpfq bench libprofile.so --layers",
    ),
)
@click.argument("library", type=FILE)
@click.option("--batch", type=click.IntRange(1), help="Samples a call (default: the library's, or 1).")
@click.option("--threads", type=click.IntRange(1, 256), default=1, help="Threads of each call (default 1).")
@click.option("--callers", type=click.IntRange(1), default=1, help="Threads that call at the same time (default 1).")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=2.0, help="How long (default 2).")
@click.option("--layers", is_flag=True, help="Also the time of each layer.")
@json_option
def bench_command(
    library: Path, batch: int | None, threads: int, callers: int, seconds: float, layers: bool, as_json: bool
) -> None:
    """Latency of LIBRARY, on random inputs.

    --threads needs a library that gpfq compile made with -- --parallel=pool, --layers one made with -- --profile.
    The JSON of --layers is for gpfq report --latency.
    """
    if layers and (threads > 1 or callers > 1):
        raise click.UsageError("--layers measures one thread: leave out --threads and --callers")
    model = load(library, threads=threads)
    if batch is None:
        static = [info.shape[0] for info in model.inputs if info.shape and not info.dynamic_batch]
        batch = static[0] if static else 1
    parts: tuple[LayerLatency, ...] = ()
    with progress_bars() as bars:
        task = bars.add_task("measuring", total=100)

        def update(part: float) -> None:
            bars.update(task, completed=int(100 * part))

        if layers:
            latency, parts = measure_layers(model, batch=batch, seconds=seconds, on_progress=update)
        else:
            latency = measure_latency(model, batch=batch, threads=callers, seconds=seconds, on_progress=update)
    text = (
        f"{model.name}, target {model.target}: median {latency.median:.1f} µs a call of {latency.batch}, "
        f"90 % within {latency.percentile_90:.1f} µs, {latency.images_per_second:,.0f} samples/s "
        f"({latency.calls} calls, {callers} caller(s) of {threads} thread(s), {latency.cpu})"
    )
    if latency.load_average > 0.5:
        text += f"\nthe machine was busy before (load {latency.load_average:.1f}): expect noise"
    for part in parts:
        text += f"\n{part.microseconds:10.2f} µs {100 * part.share:5.1f} %  {part.name}"
    result = {"library": library, "target": model.target, "library_bytes": library.stat().st_size}
    result |= {"weight_bytes": model.weight_bytes, **latency.to_dict(), "threads": threads, "callers": callers}
    if layers:
        result["layers"] = [asdict(part) for part in parts]
    show(as_json, result, text)


COMMANDS = [run_command, eval_command, bench_command]
