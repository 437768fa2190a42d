# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds and runs the C++ tools."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import ToolError, ToolNotFoundError

__all__ = ["ProgressEvent", "ToolRun", "find_tool", "run_tool"]

# A tool that is asked to stop removes its temporary files first.
_SECONDS_TO_STOP = 10


@dataclass(frozen=True)
class ProgressEvent:
    """`done` of `total` steps of a task; both are None for a task without countable steps."""

    task: str
    done: int | None = None
    total: int | None = None
    unit: str | None = None


ProgressCallback = Callable[[ProgressEvent], None]


@dataclass(frozen=True)
class ToolRun:
    """What one run of a tool printed and took."""

    messages: tuple[str, ...]  # lines of stderr: warnings and remarks
    seconds: float  # wall clock, the whole process
    peak_bytes: int  # largest resident set, mapped files included


def find_tool(name: str) -> Path:
    """The executable `name`: from $GPFQ_BUILD/bin if that is set, else from the package (a wheel brings the
    tools, a source tree has build/bin), else from PATH. Raises ToolNotFoundError."""
    build = os.environ.get("GPFQ_BUILD")
    package = Path(__file__).resolve().parent
    folders = [Path(build) / "bin"] if build else [package / "bin", package.parents[1] / "build" / "bin"]
    for folder in folders:
        if os.access(folder / name, os.X_OK):
            return folder / name
    if not build and (found := shutil.which(name)):
        return Path(found)
    places = f"{folders[0]} (GPFQ_BUILD)" if build else f"{', '.join(map(str, folders))} or on PATH"
    raise ToolNotFoundError(f"no {name} in {places}: run ./dev build, or set GPFQ_BUILD to the build folder")


def run_tool(command: Sequence[str | os.PathLike[str]], on_progress: ProgressCallback | None = None) -> ToolRun:
    """Runs a tool to its end. Lines of stderr that are JSON objects with "progress" go to `on_progress`.

    Raises ToolError, with what the tool printed, when its status is not 0. When this
    process is interrupted the tool is stopped, and has removed its temporary files,
    before KeyboardInterrupt goes on.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        list(map(os.fspath, command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Ctrl-C reaches this process alone, which passes it on once: a second one would end the tool while it
        # removes its temporary files.
        start_new_session=True,
    )
    messages: list[str] = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            event = _parse_progress(line)
            if event is None:
                messages.append(line.rstrip("\n"))
            elif on_progress is not None:
                on_progress(event)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # reaped here, not by Popen
    except BaseException:
        _stop(process)
        raise
    finally:
        if process.stderr is not None:
            process.stderr.close()
    if process.returncode != 0:
        text = "\n".join(messages).strip()
        raise ToolError(text or f"{Path(command[0]).name}: ended with status {process.returncode}", process.returncode)
    return ToolRun(tuple(messages), time.perf_counter() - started, usage.ru_maxrss * 1024)


def _parse_progress(line: str) -> ProgressEvent | None:
    if not line.startswith("{"):
        return None
    try:
        fields = json.loads(line)
        return ProgressEvent(fields["progress"], fields.get("done"), fields.get("total"), fields.get("unit"))
    except (ValueError, KeyError):
        return None


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
