# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The errors that this package raises on purpose; their messages say what to do."""

from __future__ import annotations

__all__ = ["DataError", "GpfqError", "ImportNetworkError", "MissingPackageError", "ToolError", "ToolNotFoundError"]


class GpfqError(RuntimeError):
    """Base of the errors of this package."""


class DataError(GpfqError, ValueError):
    """Images, labels or arrays cannot be used; the message names the file."""


class ImportNetworkError(GpfqError):
    """A front end cannot take the network; the message says why and where."""


class MissingPackageError(GpfqError):
    """An optional Python package is not installed; the message names the extra that brings it."""


class ToolNotFoundError(GpfqError):
    """gpfq-compile or gpfq-opt is not where it is looked for."""


class ToolError(GpfqError):
    """gpfq-compile or gpfq-opt ended with an error; the message is what it printed.

    status: its exit status, negative for a signal.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
