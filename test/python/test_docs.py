# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The snippets of the documentation, executed.

All snippets of one page share an empty directory with the tools on PATH. A fence is

- ``LANGUAGE file=NAME``: its text is written to the file NAME;
- ``sh run``: it is run by bash and must succeed;
- ``LANGUAGE output``: every line of it but ``...`` must be in the output of the commands before it,
  in this order;
- ``python run``: it is run by this Python;
- with ``needs=PROGRAM`` behind the language, the rest of the page is skipped if there is no such program;
- anything else: only read by people.

A first line ``<!-- needs PACKAGE... -->`` skips the page where one of these Python packages is absent.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from conftest import BUILD, IS_SANITIZED, ROOT

PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def search_path() -> str:
    return os.pathsep.join([str(BUILD / "bin"), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])


def run(command: list[str], text: str, directory: pathlib.Path, where: str) -> str:
    environment = {
        **os.environ,
        "GPFQ_BUILD": str(BUILD),
        "GPFQ_ROOT": str(ROOT),
        "PATH": search_path(),
    }
    result = subprocess.run(
        command, input=text, cwd=directory, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, f"{where}: exit status {result.returncode}\n{result.stderr}"
    return result.stdout + result.stderr


def check_output(expected: str, output: str, where: str) -> None:
    lines = iter(re.sub(r"\s+", " ", line).strip() for line in output.splitlines())
    for wanted in expected.splitlines():
        wanted = re.sub(r"\s+", " ", wanted).strip()
        if wanted in ("", "..."):
            continue
        pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
        assert any(re.fullmatch(pattern, line) for line in lines), (
            f"{where}: no line\n  {wanted}\nwhere it should be in\n{output}"
        )


@pytest.mark.parametrize("page", PAGES)
def test_snippets(page: str, tmp_path: pathlib.Path) -> None:
    text = (ROOT / page).read_text()
    if needs := re.match(r"<!-- needs ([\w ]+) -->", text):
        for package in needs[1].split():
            pytest.importorskip(package)
    output = ""
    for match in FENCE.finditer(text):
        info, body = match.group(1).split(), match.group(2)
        where = f"{page}:{text.count(chr(10), 0, match.start()) + 1}"
        for word in info[1:]:
            if word.startswith("file="):
                (tmp_path / word.removeprefix("file=")).write_text(body)
            elif word.startswith("needs="):
                program = word.removeprefix("needs=")
                if not shutil.which(program, path=search_path()):
                    pytest.skip(f"{where}: no {program}")
            elif word == "output":
                check_output(body, output, where)
            elif word == "run":
                if IS_SANITIZED and "cmake --install" in body:
                    pytest.skip(f"{where}: the sanitizers' build is not for installing")
                command = ["bash", "-euo", "pipefail"] if info[0] == "sh" else [sys.executable, "-"]
                output = run(command, body, tmp_path, where)
            else:
                pytest.fail(f"{where}: unknown word '{word}' behind the language")
