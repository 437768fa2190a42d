# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The loader of compiled libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gpfq


def test_runs(float_library: Path) -> None:
    model = gpfq.load(float_library)
    result = model(np.array([[1, 2, 4]], np.float32))
    np.testing.assert_array_equal(result, [[5, 5]])
    assert model.inputs[0].shape == (1, 3)
    assert model.weight_bytes > 0


def test_converts_layout(float_library: Path) -> None:
    model = gpfq.load(float_library)
    strided = np.array([[1, 9, 2, 9, 4, 9]], np.float32)[:, ::2]
    np.testing.assert_array_equal(model(strided.astype(">f4")), [[5, 5]])


def test_rejects_bad_arguments(float_library: Path) -> None:
    model = gpfq.load(float_library)
    with pytest.raises(TypeError, match="takes 1 input"):
        model()
    with pytest.raises(TypeError, match="must be a numpy array"):
        model([[1.0, 2.0, 3.0]])
    with pytest.raises(TypeError, match="float64"):
        model(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="dimensions"):
        model(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="shape"):
        model(np.zeros((1, 4), np.float32))


def test_rejects_other_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        gpfq.load(tmp_path / "absent.so")
    text = tmp_path / "text.so"
    text.write_text("not a library")
    with pytest.raises(gpfq.LoadError, match="cannot be loaded"):
        gpfq.load(text)
