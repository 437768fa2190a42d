# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Python environments of the peers, each from a file of requirements, in build/peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import compiling
from compiling import say

FOLDER = Path(__file__).resolve().parent


def environment(name: str) -> Path:
    """The Python of the environment `name`, of NAME-requirements.txt; made when it is not there.

    GPFQ_NAME, in capitals, names a folder of another. Raises CalledProcessError when pip fails.
    """
    folder = Path(os.environ.get(f"GPFQ_{name.upper()}") or compiling.ROOT / "build" / "peers" / name)
    python = folder / "bin" / "python"
    requirements = FOLDER / f"{name}-requirements.txt"
    stamp = folder / "requirements.txt"
    if not stamp.is_file() or stamp.read_text() != requirements.read_text():
        say(f"installing the packages of {requirements.name} into {folder}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(requirements)], check=True)
        stamp.write_text(requirements.read_text())
    return python


def make_litert_models(spec: dict) -> dict[str, str]:
    """Kind -> file in spec["folder"] of LiteRT's models of the network, made where they are not there.

    The kinds are those of litert_worker.py, which runs in an environment of its own. Raises CalledProcessError.
    """
    kinds = ("f32", "int8", "dynamic-int8", "int4") if spec["dense"] else ("f32", "int8")
    models = {kind: Path(spec["folder"]) / f"{spec['network']}.{kind}.tflite" for kind in kinds}
    result = {kind: str(path) for kind, path in models.items()}
    if all(path.is_file() for path in models.values()):
        return result
    say(f"{spec['network']}: making LiteRT's models")
    arguments = [spec["network"], f"{spec['stem']}.calib.npy", spec["samples"], spec["folder"], *kinds]
    subprocess.run(
        [environment("litert"), "-P", FOLDER / "litert_worker.py", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": worker_path(), "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return result


def worker_path() -> str:
    """Where workers find the modules of the benchmarks and of gpfq."""
    return os.pathsep.join([str(FOLDER.parent), str(compiling.ROOT / "python")])


def run_worker(script: str, spec: dict, folder: Path) -> dict:
    """The last line of JSON that a worker of this folder prints for `spec`, in the environment of the runtimes.

    Without spec["peers"] this Python runs it. Raises CalledProcessError.
    """
    file = folder / "spec.json"
    file.write_text(json.dumps(spec))
    python = environment("runtimes") if spec["peers"] else Path(sys.executable)
    say(f"{spec['network']}: timing")
    # These set how numpy's and the peers' libraries choose kernels.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    done = subprocess.run(
        [python, "-P", FOLDER / script, file],
        env=variables | {"PYTHONPATH": worker_path(), "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])
