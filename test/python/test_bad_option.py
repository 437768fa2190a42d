# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Options and files that gpfq-compile cannot use: a message that says what to do.

After an error the exit status is 1 and no file has been written, complete or partial.
"""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small_network import Folder, samples

import gpfq


@pytest.mark.parametrize(
    ("policy", "pattern"),
    [
        ('{"layers": [{"match": ".*", "bitz": 4}]}', "bitz"),
        ('{"layers": [{"match": "nothing", "bits": 4}]}', "nothing"),
        ('{"layers": [{"match": ".*", "bits": "four"}]}', "bits"),
        ('{"layers": ', "policy.json"),
        ("[]", "policy.json.*object"),
        ('{".*": {"bits": 4}}', "policy.json.*layers"),
    ],
    ids=["unknown key", "no such layer", "wrong type", "not JSON", "not an object", "no list of layers"],
)
def test_bad_policy(folder: Folder, policy: str, pattern: str) -> None:
    folder.write("policy.json", policy)
    folder.fail(pattern, "--policy=policy.json", located=False)


@pytest.mark.parametrize(
    ("option", "pattern"),
    [
        ("--method=best", "best"),
        ("--step=huge", "huge"),
        ("--alphabet=roman", "roman"),
        ("--granularity=row", "row"),
        ("--range=wide", "wide"),
        ("--weight-bits=9", "weight-bits"),
        ("--activation-bits=9", "activation-bits"),
        ("--target=z80", "z80"),
        ("--skip=(", "skip|regular expression"),
        ("--samples=-1", "samples"),
        ("--held-out=1", "held-out"),
    ],
)
def test_bad_option(folder: Folder, option: str, pattern: str) -> None:
    folder.fail(pattern, option, located=False)


# The machine


def test_disk_full_while_mapped(folder: Folder, tmp_path: Path) -> None:
    """The file of activations cannot grow: as on a full disk, the system call fails."""

    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        # The report fits, the activations do not.
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    folder.save("calib.npy", samples(5000))
    folder.fail("temporary file.*TMPDIR", "--memory-budget=400000", preexec_fn=limit_file_size, restore_signals=False)


def test_output_cannot_be_written_whole(folder: Folder) -> None:
    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))

    folder.fail("", calibration=None, preexec_fn=limit_file_size, restore_signals=False, located=False)


@pytest.mark.parametrize("output", ["absent/libnet.so", "taken.so"])
def test_unwritable_output(folder: Folder, output: str) -> None:
    (folder.path / "taken.so").mkdir()
    folder.fail(output, output=output, located=False)


def missing_target() -> str:
    """A target that this CPU lacks the features of."""
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text()))
    for target, flag in (("avx512vnni", "avx512_vnni"), ("avxvnni", "avx_vnni"), ("avx2", "avx2")):
        if flag not in flags:
            return target
    pytest.skip("this CPU has every target's features")


def test_cpu_without_the_features(folder: Folder) -> None:
    folder.succeed("--float", f"--target={missing_target()}", calibration=None)
    with pytest.raises(gpfq.UnsupportedCpuError, match=r"libnet\.so: .*avx"):
        folder.load()
    # A caller that ignores the check gets a status, not SIGILL.
    code = """
import ctypes, numpy as np
library = ctypes.CDLL("./libnet.so")
x, y, workspace = np.zeros((1, 2, 6, 6), "f4"), np.zeros((1, 3), "f4"), np.zeros(1 << 20, "u1")
aligned = -(-workspace.ctypes.data // 64) * 64
pointer = lambda array: (ctypes.c_void_p * 1)(array.ctypes.data)
library.net_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
raise SystemExit(100 + library.net_run(pointer(x), pointer(y), 1, aligned))
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=folder.path, capture_output=True, text=True)
    assert result.returncode > 100, result
