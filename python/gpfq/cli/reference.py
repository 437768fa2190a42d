# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reference of the gpfq command as Markdown: python -m gpfq.cli.reference > docs/reference/gpfq.md"""

from __future__ import annotations

import inspect

import click

from .main import cli

_HEAD = """<!-- Made by ./dev docs from the gpfq command; do not edit. -->
# The `gpfq` command

`pip install -e python` in the repository installs it; `python -m gpfq` is the same. It runs the tools of the project:
those in `$GPFQ_BUILD/bin` if that is set, else those of the package where it brings them, of the repository's
`build/bin`, or on the `PATH`.

| exit status | |
|---|---|
| 0 | success |
| 1 | bad input or a failed run: one line on standard error says what and where; no output is left half-written |
| 2 | a wrong command line |
| 130 | Ctrl-C; with `--checkpoint` the same command goes on where it was |

Every command with `--json` prints its result as one JSON object on standard output. Progress bars are on standard error
when that is a terminal. Completion: `eval "$(_GPFQ_COMPLETE=bash_source gpfq)"` in `.bashrc`,
`eval "$(_GPFQ_COMPLETE=zsh_source gpfq)"` in `.zshrc`.
"""


def _describe(name: str, command: click.Command) -> str:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    usage = " ".join(
        ["gpfq", name, "[OPTIONS]"]
        + [f"{p.name.upper()}..." if p.nargs == -1 else p.name.upper() for p in arguments if p.name != "extra"]
    )
    lines = [f"## `{usage}`", "", inspect.cleandoc(command.help or ""), "", "| option | |", "|---|---|"]
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            flags = ", ".join(f"`{flag}`" for flag in parameter.opts)
            required = " Required." if parameter.required else ""
            lines.append(f"| {flags} | {(parameter.help or '').replace('|', chr(92) + '|')}{required} |")
    examples = inspect.cleandoc(command.epilog or "").replace("\b\n", "").removeprefix("Examples:\n")
    if examples:
        lines += ["", "```sh", inspect.cleandoc(examples), "```"]
    return "\n".join(lines) + "\n"


def make_reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_describe(name, command) for name, command in sorted(cli.commands.items()))])


if __name__ == "__main__":
    print(make_reference(), end="")
