# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""The install tree: what is in it, and that the examples build and run with it and nothing of the build tree."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD, DIGITS, IS_SANITIZED, ROOT

LLVM = Path("/usr/lib/llvm-22")

pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="the sanitizers' build is not for installing")


def run(*command: str | Path, stdin: bytes = b"") -> str:
    result = subprocess.run([str(word) for word in command], input=stdin, capture_output=True)
    assert result.returncode == 0, f"{command}\n{result.stdout.decode()}{result.stderr.decode()}"
    return result.stdout.decode()


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("install")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    return prefix


def build_example(name: str, folder: Path, *options: str) -> Path:
    """Configures and builds examples/NAME from a copy, so that nothing is found beside it."""
    source, build = folder / name, folder / f"{name}-build"
    shutil.copytree(ROOT / "examples" / name, source)
    run(
        "cmake", "-G", "Ninja", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_C_COMPILER=clang-22", "-DCMAKE_CXX_COMPILER=clang++-22", *options,
    )  # fmt: skip
    run("cmake", "--build", build)
    return build


def test_contents(prefix: Path) -> None:
    expected = [
        *(f"bin/{tool}" for tool in ("gpfq-opt", "gpfq-compile", "gpfq-lsp-server", "gpfq-reduce")),
        *(f"lib/{name}" for name in ("libGPFQPlugin.so", "libGPFQ-C.so", "libGPFQPipelines.a", "libGPFQRuntime.a")),
        "lib/cmake/GPFQ/GPFQConfig.cmake",
        "include/gpfq-c/Passes.h",
        "include/gpfq/Dialect/LowBit/IR/LowBitOps.td",
        "include/gpfq/Dialect/LowBit/IR/LowBitOps.h.inc",
        "include/gpfq/Runtime/CpuCheck.h",
        "share/doc/gpfq-mlir/docs/tutorial.md",
        "share/doc/gpfq-mlir/examples/embed/classify.c",
    ]
    missing = [name for name in expected if not (prefix / name).exists()]
    assert not missing
    for path in (prefix / "lib" / "cmake").rglob("*.cmake"):
        assert str(ROOT) not in path.read_text(), f"{path} names the source or build tree"


def test_tools_run_where_they_are_moved(prefix: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(prefix, moved)
    library = tmp_path / "libdigits.so"
    run(moved / "bin" / "gpfq-compile", DIGITS / "digits.mlir", "--float", "-o", library)
    assert library.exists()


def test_consumer(prefix: Path, tmp_path: Path) -> None:
    build = build_example("consumer", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix};{LLVM}")
    options = f"calibration={DIGITS / 'calib.npy'} samples=100 weight-bits=2"
    output = run(build / "consumer-opt", DIGITS / "digits.mlir", f"--consumer-quantize={options}")
    layers = re.findall(r"alphabet <(\w+, \[\d+\])> layer", output)
    assert layers[0] == layers[-1] == "mid_tread, [127]"
    assert set(layers[1:-1]) == {"mid_rise, [2]"}

    pipeline = "builtin.module(gpfq-prepare{weight-bits=2},func.func(consumer-widen-ends{bits=%d}))"
    plugin = f"--load-pass-plugin={build / 'libWidenEndsPlugin.so'}"
    command = [prefix / "bin" / "gpfq-opt", plugin, DIGITS / "digits.mlir", "-mlir-disable-threading"]
    output = run(*command, f"--pass-pipeline={pipeline % 6}")
    layers = re.findall(r'lowbit.layer<"[^"]*", <(\w+, \[\d+\])>', output)
    assert layers[0] == layers[-1] == "mid_tread, [31]"
    assert set(layers[1:-1]) == {"mid_rise, [2]"}
    failed = subprocess.run([*command, f"--pass-pipeline={pipeline % 9}"], capture_output=True, text=True)
    assert failed.returncode == 1 and "error: bits=9 is not in 1..8" in failed.stderr


def test_embed(prefix: Path, tmp_path: Path) -> None:
    build = build_example(
        "embed",
        tmp_path,
        f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DNETWORK={DIGITS / 'digits.mlir'}",
        f"-DCALIBRATION={DIGITS / 'calib.npy'}",
    )
    images, labels = np.load(DIGITS / "test.npy"), np.load(DIGITS / "labels.npy")
    outputs = [run(build / f"classify-{kind}", stdin=images.tobytes()) for kind in ("c", "cpp")]
    assert outputs[0] == outputs[1]
    assert np.mean(np.array(outputs[0].split(), int) == labels) > 0.95

    # Nothing of libc but copying memory, nothing that allocates.
    undefined = run("nm", "-u", build / "digits.gpfq" / "libdigits.a")
    assert set(re.findall(r"U (\w+)", undefined)) <= {"memcpy", "memmove", "memset"}
