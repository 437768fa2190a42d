# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes a wheel of the Python package with the tools in it, for the Debian release that it runs on.

    python make_wheel.py --build ../build --output dist

The tools need Debian's libmlir-22 where the wheel is installed: it brings libMLIR.so and libLLVM.so, 250 MB, which
are not copied into the wheel. `./dev package` runs this.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def make_wheel(build: Path, output: Path) -> Path:
    """The wheel of the tools in the build folder `build`, written to the folder `output`."""
    platform = sysconfig.get_platform().replace("-", "_")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", "build", "dist"))
        subprocess.run(
            ["cmake", "--install", build, "--component", "Tools", "--strip", "--prefix", source / "gpfq"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wheels = Path(folder) / "wheels"
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, source),
                f"--config-settings=--build-option=--plat-name={platform}",
            ],
            check=True,
        )
        (wheel,) = wheels.glob("*.whl")
        output.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(wheel, output / wheel.name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=HERE.parent / "build", help="folder of the built tools")
    parser.add_argument("--output", type=Path, default=Path("dist"), help="folder for the wheel")
    arguments = parser.parse_args()
    print(make_wheel(arguments.build, arguments.output))


if __name__ == "__main__":
    main()
