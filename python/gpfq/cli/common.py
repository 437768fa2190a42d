# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Options, progress bars and output that several commands share."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..data import Dataset, Preprocessing, read_dataset, save_inputs
from ..tools import ProgressCallback, ProgressEvent

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def compose(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several option decorators as one, in the order of --help."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def examples(*lines: str) -> str:
    """Text below the options of a command."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def show(as_json: bool, result: dict[str, Any], text: str) -> None:
    """The result on standard output."""
    click.echo(json.dumps(result, indent=2, default=str) if as_json else text)


def show_messages(messages: tuple[str, ...]) -> None:
    """Warnings and remarks of a tool, on standard error, without the lines of source that follow them."""
    for message in messages:
        if re.search(r": (remark|warning|note): ", message):
            click.echo(message, err=True)


@contextlib.contextmanager
def progress_bars() -> Iterator[Progress]:
    """Bars with the time that is left, on standard error when that is a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield bars


@contextlib.contextmanager
def tool_progress() -> Iterator[ProgressCallback]:
    """A bar for each task that a tool reports."""
    with progress_bars() as bars:
        tasks: dict[str, Any] = {}

        def update(event: ProgressEvent) -> None:
            if event.task not in tasks:
                for task in tasks.values():
                    bars.stop_task(task)
                unit = "" if event.unit is None else f" ({event.unit})"
                tasks[event.task] = bars.add_task(event.task + unit, total=event.total)
            bars.update(tasks[event.task], completed=event.done or 0, total=event.total)

        yield update


def _numbers(_context: Any, _parameter: Any, value: str | None) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"'{value}' is not a list of numbers, 0.5 or 0.4,0.5,0.6") from error


def _size(_context: Any, _parameter: Any, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    parts = value.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"'{value}' is not a size, 224 or 48x192 (height x width)")
    return int(parts[0]), int(parts[-1])


preprocessing_options = compose(
    click.option("--preprocess", type=FILE, help="JSON file of what the options below say."),
    click.option("--mean", callback=_numbers, help="Of the pixels, one or one a channel: 0.485,0.456,0.406."),
    click.option("--std", callback=_numbers, help="The pixels are divided by it, after the mean is gone."),
    click.option("--pixel-max", type=float, help="What pixels of 255 become before that: 1 (default) or 255."),
    click.option("--size", callback=_size, help="Crop of pictures: 224 or 48x192 (height x width)."),
    click.option("--resize-short", type=click.IntRange(1), help="Resize pictures to this short side first."),
    click.option("--layout", type=click.Choice(["nchw", "nhwc"]), help="Of the network's input (default nchw)."),
    click.option("--grey", is_flag=True, default=None, help="Read pictures as one channel."),
)
PREPROCESSING_NAMES = ("mean", "std", "pixel_max", "size", "resize_short", "layout", "grey")


def take_preprocessing(values: dict[str, Any]) -> Preprocessing:
    """Removes the options above from `values`."""
    file = values.pop("preprocess")
    given = {name: values.pop(name) for name in PREPROCESSING_NAMES}
    base = Preprocessing() if file is None else Preprocessing.from_json(file)
    return Preprocessing(**{**vars(base), **{k: v for k, v in given.items() if v is not None}})


@contextlib.contextmanager
def calibration_files(
    paths: tuple[Path, ...], preprocessing: Preprocessing, samples: int | None
) -> Iterator[list[Path]]:
    """Files that gpfq-compile can read; what it cannot is converted into a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="gpfq-") as folder:
        files = []
        for i, path in enumerate(paths):
            if _is_plain(path):
                files.append(path)
                continue
            dataset = read_dataset(path, preprocessing=preprocessing, limit=samples)
            files.append(convert(dataset, Path(folder) / f"calibration{i}.npy"))
        yield files


def convert(dataset: Dataset, path: Path) -> Path:
    """All samples as a .npy file, with a progress bar."""
    with progress_bars() as bars:
        task = bars.add_task(f"reading {dataset.path.name}", total=len(dataset))
        return save_inputs(dataset, path, lambda done: bars.update(task, completed=done))


def _is_plain(path: Path) -> bool:
    """Is it for gpfq-compile to read, or to complain about?"""
    if path.suffix in (".npy", ".npz") and path.is_file():
        with contextlib.suppress(ValueError, OSError, EOFError):
            content = np.load(path, mmap_mode="r", allow_pickle=False)
            if isinstance(content, np.ndarray):
                return content.dtype != np.uint8
            return len(content.files) == 1 and content[content.files[0]].dtype != np.uint8
    return path.suffix == ".npy" or not path.exists()
