# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Debian packages and the wheel: made, installed where nothing else of the project is, and used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BUILD, DIGITS, IS_SANITIZED, ROOT

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(IS_SANITIZED, reason="the sanitizers' build is not for installing"),
]


def run(*command: str | Path, **options: object) -> str:
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("dpkg-shlibdeps"):
        pytest.skip("no dpkg-shlibdeps (Debian: dpkg-dev)")
    folder = tmp_path_factory.mktemp("packages")
    run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder)
    return folder


def get_package(packages: Path, name: str) -> Path:
    (package,) = packages.glob(f"{name}_*.deb")
    return package


def test_dependencies(packages: Path) -> None:
    depends = run("dpkg-deb", "--field", get_package(packages, "gpfq-mlir"), "Depends")
    names = set(re.findall(r"(?:^|, )([a-z0-9.+-]+)", depends))
    assert {"libmlir-22", "libllvm22", "libc6"} <= names
    assert not [name for name in names if name.endswith("-dev")]
    depends = run("dpkg-deb", "--field", get_package(packages, "libgpfq-mlir-dev"), "Depends")
    assert "gpfq-mlir (=" in depends and "libmlir-22-dev" in depends


def test_unpacked(packages: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "-x", get_package(packages, "gpfq-mlir"), tmp_path)
    library = tmp_path / "libdigits.so"
    run(tmp_path / "usr" / "bin" / "gpfq-compile", DIGITS / "digits.mlir", "--float", "-o", library)
    assert library.exists()
    plugin = tmp_path / "usr" / "lib" / "libGPFQPlugin.so"
    dialects = run("mlir-opt-22", f"--load-dialect-plugin={plugin}", "--show-dialects", input="")
    assert "lowbit" in dialects


@pytest.fixture(scope="module")
def chroot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A minimal Debian of this machine's release."""
    if os.geteuid() != 0:
        pytest.skip("not root: cannot make a chroot")
    if not shutil.which("debootstrap"):
        pytest.skip("no debootstrap")
    release = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    if not release:
        pytest.skip("no VERSION_CODENAME in /etc/os-release")
    name, mirror = release[1], "http://deb.debian.org/debian"
    folder = tmp_path_factory.mktemp("debian")
    run("debootstrap", "--variant=minbase", name, folder, mirror, timeout=900)
    (folder / "etc" / "apt" / "sources.list").write_text(
        f"deb {mirror} {name} main\ndeb {mirror} {name}-updates main\ndeb {mirror}-security {name}-security main\n"
    )
    run("chroot", folder, "apt-get", "update", "-qq")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_installed(packages: Path, chroot: Path) -> None:
    for package in packages.glob("*.deb"):
        shutil.copy(package, chroot / "tmp")
    for name in ("digits.mlir", "calib.npy"):
        shutil.copy(DIGITS / name, chroot / "tmp")
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    tools = f"/tmp/{get_package(packages, 'gpfq-mlir').name}"
    run("chroot", chroot, *install, tools, timeout=900)
    command = "gpfq-compile /tmp/digits.mlir --calibration=/tmp/calib.npy --samples=100 -o /tmp/libdigits.so"
    run("chroot", chroot, "sh", "-c", command)
    assert (chroot / "tmp" / "libdigits.so").exists() and (chroot / "tmp" / "libdigits.h").exists()
    # The other one is large with what it needs: can it be installed?
    development = f"/tmp/{get_package(packages, 'libgpfq-mlir-dev').name}"
    plan = run("chroot", chroot, *install[:-2], "--simulate", development)
    assert "Inst libgpfq-mlir-dev" in plan and "Inst libmlir-22-dev" in plan


def test_wheel(tmp_path: Path) -> None:
    wheel = Path(run(sys.executable, ROOT / "python" / "make_wheel.py", "--build", BUILD, "--output", tmp_path).strip())
    assert "linux" in wheel.name
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name not in ("GPFQ_BUILD", "PYTHONPATH")}
    environment["PATH"] = f"{tmp_path / 'venv' / 'bin'}:/usr/bin:/bin"
    options = {"env": environment, "cwd": tmp_path}
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel, timeout=900, **options)
    program = "import gpfq, pathlib; print(pathlib.Path(gpfq.__file__).parent / 'bin' / 'gpfq-compile')"
    compiler = run(python, "-c", program, **options).strip()
    assert compiler.startswith(str(tmp_path / "venv"))
    run(
        tmp_path / "venv" / "bin" / "gpfq",
        "compile",
        DIGITS / "digits.mlir",
        "--float",
        "-o",
        "libdigits.so",
        **options,
    )
    program = (
        "import gpfq, numpy as np\n"
        f"images, labels = np.load('{DIGITS / 'test.npy'}'), np.load('{DIGITS / 'labels.npy'}')\n"
        "print(np.mean(gpfq.load('./libdigits.so')(images).argmax(1) == labels))"
    )
    assert float(run(python, "-c", program, **options)) > 0.95
