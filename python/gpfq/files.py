# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Output files that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import GpfqError

__all__ = ["check_writable", "open_atomically", "write_text"]


@contextlib.contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file under a temporary name beside `path`, which takes its place when the block ends without an error."""
    check_writable(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent or ".", prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def check_writable(path: Path) -> None:
    """Raises GpfqError when `path` cannot become a file: better known before the work than after it."""
    if path.is_dir():
        raise GpfqError(f"{path}: cannot be written, it is a directory")
    if not (path.parent or Path(".")).is_dir():
        raise GpfqError(f"{path}: cannot be written, there is no directory {path.parent}")


def write_text(path: Path, text: str) -> None:
    with open_atomically(path) as out:
        out.write(text.encode())
