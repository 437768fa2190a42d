# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Readers of images and labels."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from conftest import DIGITS, fail_command

import gpfq
from gpfq.data import save_inputs

RANDOM = np.random.default_rng(3)


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def test_npy_and_npz(tmp_path: Path) -> None:
    images, labels = RANDOM.standard_normal((5, 2, 3, 3)).astype(np.float32), np.arange(5)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", labels)
    np.savez(tmp_path / "xy.npz", images=images, labels=labels)
    for dataset in (
        gpfq.read_dataset(tmp_path / "x.npy", tmp_path / "y.npy"),
        gpfq.read_dataset(tmp_path / "xy.npz"),
    ):
        np.testing.assert_array_equal(dataset.load(), images)
        np.testing.assert_array_equal(dataset.labels, labels)
    assert [len(batch) for batch in gpfq.read_dataset(tmp_path / "x.npy", limit=3).batches(2)] == [2, 1]


@pytest.mark.parametrize("label_bytes", [1, 2])
def test_cifar(tmp_path: Path, label_bytes: int) -> None:
    images, labels = RANDOM.integers(0, 256, (4, 3, 32, 32), np.uint8), np.array([3, 1, 4, 1], np.uint8)
    coarse = [np.zeros((4, 1), np.uint8)] if label_bytes == 2 else []
    np.concatenate([*coarse, labels[:, None], images.reshape(4, -1)], axis=1).tofile(tmp_path / "batch.bin")
    preprocessing = gpfq.Preprocessing(mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))
    dataset = gpfq.read_dataset(tmp_path / "batch.bin", preprocessing=preprocessing)
    expected = (images / 255 - np.reshape([0.5, 0.25, 0], (1, 3, 1, 1))) / np.reshape([0.5, 1, 2], (1, 3, 1, 1))
    np.testing.assert_allclose(dataset.load(), expected, atol=1e-6)
    np.testing.assert_array_equal(dataset.labels, labels)


def test_idx(tmp_path: Path) -> None:
    images, labels = RANDOM.integers(0, 256, (3, 28, 28), np.uint8), np.array([7, 0, 9], np.uint8)
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", images)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", labels)
    dataset = gpfq.read_dataset(tmp_path / "t10k-images-idx3-ubyte.gz", preprocessing=gpfq.Preprocessing(pixel_max=255))
    np.testing.assert_array_equal(dataset.load()[:, 0], images)
    np.testing.assert_array_equal(dataset.labels, labels)


def test_pictures(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = RANDOM.integers(0, 256, (4, 6, 8, 3), np.uint8)
    for i, folder in enumerate(("cat", "cat", "dog", "dog")):
        (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels[i]).save(tmp_path / "set" / folder / f"{i}.png")
    preprocessing = gpfq.Preprocessing(pixel_max=255, size=(4, 6))
    dataset = gpfq.read_dataset(tmp_path / "set", preprocessing=preprocessing)
    np.testing.assert_array_equal(dataset.labels, [0, 0, 1, 1])
    np.testing.assert_array_equal(dataset.load(), pixels[:, 1:5, 1:7].transpose(0, 3, 1, 2))

    (tmp_path / "set.txt").write_text("dog/3.png 5\ncat/0.png 2\n")
    listed = gpfq.read_dataset(tmp_path / "set", preprocessing=gpfq.Preprocessing(pixel_max=255, layout="nhwc"))
    np.testing.assert_array_equal(listed.labels, [5, 2])
    np.testing.assert_array_equal(listed.load(), pixels[[3, 0]])

    larger = gpfq.read_dataset(tmp_path / "set", preprocessing=gpfq.Preprocessing(size=(12, 12), grey=True))
    assert larger.load().shape == (2, 1, 12, 12)


def test_preprocessing_from_json(tmp_path: Path) -> None:
    content = {
        "name": "net",
        "preprocess": {"mean": [1, 2, 3], "std": [4], "size": 32, "resize_short": None, "other": 1},
    }
    (tmp_path / "net.json").write_text(json.dumps(content))
    got = gpfq.Preprocessing.from_json(tmp_path / "net.json")
    assert (got.mean, got.std, got.size, got.resize_short) == ((1, 2, 3), (4,), (32, 32), None)


def test_saved_inputs(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (130, 1, 4, 4), np.uint8)
    np.save(tmp_path / "x.npy", images)
    done: list[int] = []
    dataset = gpfq.read_dataset(tmp_path / "x.npy")
    save_inputs(dataset, tmp_path / "calib.npy", done.append)
    np.testing.assert_array_equal(np.load(tmp_path / "calib.npy"), dataset.load())
    assert done == [64, 128, 130]


@pytest.fixture
def bad_folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", np.zeros((4, 1, 8, 8), np.float32))
    np.save(tmp_path / "three.npy", np.arange(3))
    np.save(tmp_path / "halves.npy", np.ones(4) / 2)
    np.save(tmp_path / "f64.npy", np.zeros((4, 1, 8, 8)))
    np.save(tmp_path / "grey.npy", np.zeros((4, 8, 8), np.uint8))
    np.savez(tmp_path / "two.npz", a=np.zeros(3), b=np.zeros(3))
    (tmp_path / "torn.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:90])
    (tmp_path / "words.txt").write_text("one\n")
    (tmp_path / "torn.bin").write_bytes(bytes(5000))
    (tmp_path / "a-images-idx3-ubyte").write_bytes(bytes(20))
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"no picture")
    (tmp_path / "pictures.txt").write_text("a.png 0\n")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "arguments"),
    [
        ("x.npy: has no labels", ["x.npy"]),
        ("3 labels for 4 samples", ["x.npy", "--labels", "three.npy"]),
        ("halves.npy: labels must be", ["x.npy", "--labels", "halves.npy"]),
        ("words.txt: not a list of labels", ["x.npy", "--labels", "words.txt"]),
        ("f64.npy: has dtype float64", ["f64.npy", "--labels", "three.npy"]),
        ("grey.npy: uint8 images must be", ["grey.npy", "--labels", "three.npy"]),
        ("two.npz: has no array 'images'", ["two.npz"]),
        ("torn.npy: not a NumPy file", ["torn.npy"]),
        ("torn.bin: 5000 bytes", ["torn.bin"]),
        ("not an idx file", ["a-images-idx3-ubyte"]),
        ("empty: no pictures", ["empty"]),
        ("a.png: cannot be read as a picture", ["pictures"]),
        ("absent: no such file", ["absent"]),
        ("words.txt: not .npy", ["words.txt"]),
    ],
)
def test_bad_data(bad_folder: Path, digits_library: Path, pattern: str, arguments: list[str]) -> None:
    if "picture" in pattern:
        pytest.importorskip("PIL")
    fail_command(pattern, "eval", digits_library, *arguments, cwd=bad_folder)


def test_evaluation_needs_a_fitting_reference(tmp_path: Path, digits_library: Path) -> None:
    np.save(tmp_path / "reference.npy", np.zeros((500, 3), np.float32))
    arguments = ["eval", digits_library, DIGITS / "test.npy", "--reference", "reference.npy"]
    fail_command("reference has outputs of shape", *arguments, cwd=tmp_path)


def test_static_batch_is_filled(float_library: Path) -> None:
    model = gpfq.load(float_library)
    x = RANDOM.standard_normal((3, 3)).astype(np.float32)
    expected = np.concatenate([model(row[None]) for row in x])
    np.testing.assert_array_equal(gpfq.run_batches(model, x), expected)
