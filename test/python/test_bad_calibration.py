# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calibration data and weights through gpfq-compile, bad and unusual: a located message that says what to do, or a
right result.

After an error the exit status is 1 and no file has been written, complete or partial.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from small_network import BIAS, FILTER, MATRIX, SAMPLES, SHAPE, Folder, assert_close, expected_outputs, network, samples


def test_good_input(folder: Folder) -> None:
    folder.succeed("--weight-bits=8")
    x = samples()
    assert_close(folder.outputs(x), expected_outputs(x))


# Calibration files


def test_absent(folder: Folder) -> None:
    folder.fail("'absent.npy'.*No such file", calibration="absent.npy")


def test_not_npy(folder: Folder) -> None:
    folder.write("calib.npy", "0.1 0.2 0.3\n")
    folder.fail("calib.npy")


def test_truncated(folder: Folder) -> None:
    file = folder.path / "calib.npy"
    file.write_bytes(file.read_bytes()[:-100])
    folder.fail("calib.npy.*truncated")


@pytest.mark.parametrize("keep", [0, 5, 9, 40])
def test_truncated_header(folder: Folder, keep: int) -> None:
    file = folder.path / "calib.npy"
    file.write_bytes(file.read_bytes()[:keep])
    folder.fail("calib.npy")


@pytest.mark.parametrize("shape", [(SAMPLES, 3, 6, 6), (SAMPLES, 6, 6, 2), (SAMPLES, 72), (72,), ()])
def test_wrong_shape(folder: Folder, shape: tuple[int, ...]) -> None:
    folder.save("calib.npy", np.zeros(shape, np.float32))
    folder.fail("calib.npy")


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.uint8, np.complex64])
def test_wrong_dtype(folder: Folder, dtype: type) -> None:
    folder.save("calib.npy", samples().astype(dtype))
    folder.fail("calib.npy.*float32")


@pytest.mark.parametrize(
    "convert",
    [np.asfortranarray, lambda x: x.astype(">f4"), lambda x: np.asfortranarray(x.astype(">f4"))],
    ids=["Fortran order", "big-endian", "both"],
)
def test_other_layouts(folder: Folder, convert: Callable[[np.ndarray], np.ndarray]) -> None:
    folder.succeed("--emit=quantized", output="expected.mlir")
    folder.save("calib.npy", convert(samples()))
    folder.succeed("--emit=quantized", output="got.mlir")
    assert (folder.path / "got.mlir").read_text() == (folder.path / "expected.mlir").read_text()


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")])
def test_not_finite(folder: Folder, value: float, word: str) -> None:
    x = samples()
    x[17, 1, 2, 3] = value
    folder.save("calib.npy", x)
    folder.fail(f"calib.npy.*{word}.* 17")


def test_no_samples(folder: Folder) -> None:
    folder.save("calib.npy", samples(0))
    folder.fail("calib.npy.*sample")


def test_one_sample(folder: Folder) -> None:
    folder.save("calib.npy", samples(1))
    folder.succeed("--weight-bits=8")
    assert np.isfinite(folder.outputs(samples())).all()


def test_more_samples_asked_than_there_are(folder: Folder) -> None:
    folder.fail("samples", f"--samples={SAMPLES + 1}")


@pytest.mark.parametrize("value", [0, 1, -3.5])
@pytest.mark.parametrize("activation_bits", [8, 0])
def test_constant_input(folder: Folder, value: float, activation_bits: int) -> None:
    x = np.full((SAMPLES, *SHAPE), value, np.float32)
    folder.save("calib.npy", x)
    folder.succeed("--weight-bits=8", f"--activation-bits={activation_bits}")
    assert_close(folder.outputs(x[:1]), expected_outputs(x[:1]))


@pytest.mark.parametrize("method", ["gpfq", "msq"])
def test_dead_channels(folder: Folder, method: str) -> None:
    """One input channel is always 0; one filter is 0, so one channel of the next layer's input is dead."""
    filter, x = FILTER.copy(), samples()
    filter[2], x[:, 1] = 0, 0
    folder.write("net.mlir", network(filter))
    folder.save("calib.npy", x)
    folder.succeed("--weight-bits=8", f"--method={method}")
    assert_close(folder.outputs(x), expected_outputs(x, filter))


@pytest.mark.parametrize("method", ["gpfq", "msq"])
@pytest.mark.parametrize("activation_bits", [8, 0])
def test_all_weights_zero(folder: Folder, method: str, activation_bits: int) -> None:
    folder.write("net.mlir", network(np.zeros_like(FILTER), np.zeros_like(MATRIX)))
    folder.succeed(f"--method={method}", f"--activation-bits={activation_bits}")
    np.testing.assert_array_equal(folder.outputs(samples(3)), np.tile(BIAS, (3, 1)))


# Networks
