# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The group of all commands, and what errors become."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import Any, NoReturn

import click

from .. import __version__
from ..errors import GpfqError
from . import compiling, exporting, importing, reporting, running

# Exit codes, besides 0: bad input or a failed run; a wrong command line; Ctrl-C; SIGTERM or SIGHUP.
ERROR, USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143

_EPILOG = """\b
Examples:
  gpfq import model.onnx -o net.mlir
  gpfq compile net.mlir --calibration images.npy --weight-bits 4 -o libnet.so
  gpfq eval libnet.so test.npz
  gpfq bench libnet.so

\b
Exit status: 0 success, 1 bad input or a failed run, 2 a wrong command line, 130 Ctrl-C.
Shell completion: eval "$(_GPFQ_COMPLETE=bash_source gpfq)", or zsh_source, fish_source.
"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gpfq")
def cli() -> None:
    """Quantises networks with GPFQ and compiles them to small CPU libraries."""


for module in (importing, compiling, running, reporting, exporting):
    for command in module.COMMANDS:
        cli.add_command(command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process with its exit status; errors are one line on stderr."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(TERMINATED))
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of torch and onnx, about themselves
    status = _run(arguments)
    if status == INTERRUPTED:
        # Python ends by SIGINT after all where code in exec() has seen the interrupt, as in some imports.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _run(arguments: list[str] | None) -> Any:
    try:
        return cli.main(arguments, prog_name="gpfq", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("gpfq: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return ERROR
    except (GpfqError, OSError, ValueError, TypeError, MemoryError) as error:
        _complain(str(error) or type(error).__name__)
        return ERROR


def _complain(message: str) -> None:
    # What the tools print begins with a location or a name already.
    first = message.split("\n", 1)[0]
    click.echo(message if ": error: " in first else f"gpfq: error: {message}", err=True)
