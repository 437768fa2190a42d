# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads images and labels: arrays, CIFAR binaries, idx files, folders of pictures."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, MissingPackageError
from .files import open_atomically

__all__ = ["Dataset", "Preprocessing", "read_dataset", "read_labels", "save_inputs"]

_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}


@dataclass(frozen=True)
class Preprocessing:
    """From pixels of 0 to 255 to what a network reads: (pixel * pixel_max / 255 - mean) / std.

    pixel_max: 1 (torchvision's ToTensor) or 255.
    mean, std: one value, or one for each channel.
    size: height and width of a centre crop of pictures; smaller ones are resized first.
    resize_short: pictures are resized, bicubically, to this short side first.
    layout: "nchw" or "nhwc", of the result.
    grey: read pictures as one channel.
    """

    pixel_max: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: tuple[int, int] | None = None
    resize_short: int | None = None
    layout: str = "nchw"
    grey: bool = False

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Preprocessing:
        """Reads a JSON object of the fields above, or one that has it as "preprocess"; `size` may be one number."""
        try:
            content = json.loads(Path(path).read_text())
            content = dict(content.get("preprocess", content))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: not a JSON object of preprocessing: {error}") from error
        if isinstance(content.get("size"), int):
            content["size"] = (content["size"], content["size"])
        names = {f.name for f in fields(cls)}
        known = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items() if k in names and v is not None}
        return cls(**known)

    def apply(self, images: np.ndarray) -> np.ndarray:
        """uint8, N x C x H x W -> float32 in `layout`. Raises DataError when mean or std do not fit the channels."""
        channels = images.shape[1]
        parts = []
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise DataError(f"{name} has {len(values)} values, but the images have {channels} channel(s)")
            parts.append(np.array(values, np.float32).reshape(1, -1, 1, 1))
        result = (images.astype(np.float32) * np.float32(self.pixel_max / 255.0) - parts[0]) / parts[1]
        return np.ascontiguousarray(result.transpose(0, 2, 3, 1) if self.layout == "nhwc" else result)


@dataclass(frozen=True)
class Dataset:
    """Inputs of a network with one argument, read when they are asked for, and the class of each."""

    path: Path
    count: int
    labels: np.ndarray | None  # int64, one for each sample
    _read: Callable[[int, int], np.ndarray] = field(repr=False)

    def __len__(self) -> int:
        return self.count

    def load(self, begin: int = 0, end: int | None = None) -> np.ndarray:
        """Samples begin to end (by default all) as float32, sample first."""
        return self._read(begin, self.count if end is None else min(end, self.count))

    def batches(self, size: int) -> Iterator[np.ndarray]:
        for begin in range(0, self.count, size):
            yield self.load(begin, begin + size)


def read_dataset(
    path: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    preprocessing: Preprocessing | None = None,
    limit: int | None = None,
) -> Dataset:
    """Opens images and, where there are some, labels.

    path is one of
        x.npy            float32 inputs as the network reads them, or uint8 images, N x C x H x W
        x.npz            the same in "images" or "x", or the only array; labels in "labels" or "y"
        x.bin            CIFAR-10 or CIFAR-100 binary records
        x-images-idx3-ubyte[.gz]   MNIST; labels in x-labels-idx1-ubyte[.gz]
        folder           pictures; the class is the position of their subfolder in the sorted list of
                         subfolders, or is in the file `labels` or folder.txt ("file label" lines)
    labels: .npy, or a text file with one integer a line, or "file label" lines for a folder.
    preprocessing: for uint8 images and pictures, by default Preprocessing().
    limit: use the first so many.

    Raises FileNotFoundError; DataError, which names the file, for anything that cannot be
    used; MissingPackageError for pictures without Pillow.
    """
    path = Path(path)
    preprocessing = preprocessing or Preprocessing()
    if path.is_dir():
        return _read_folder(path, labels, preprocessing, limit)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    readers = {".npy": _read_npy, ".npz": _read_npz, ".bin": _read_cifar}
    if path.suffix in readers:
        images, found = readers[path.suffix](path)
    elif "idx3-ubyte" in path.name:
        images, found = _read_idx_pair(path)
    else:
        raise DataError(f"{path}: not .npy, .npz, .bin (CIFAR), idx3-ubyte (MNIST) or a folder of pictures")
    if labels is not None:
        found = read_labels(labels)
    if images.dtype not in (np.float32, np.uint8):
        raise DataError(f"{path}: has dtype {images.dtype}; float32 inputs or uint8 images are needed")
    if images.dtype == np.uint8 and images.ndim != 4:
        raise DataError(f"{path}: uint8 images must be N x C x H x W, not of shape {images.shape}")
    if images.ndim < 2 or images.shape[0] == 0:
        raise DataError(f"{path}: has shape {images.shape}; samples along the first axis are needed")
    if found is not None and len(found) != len(images):
        raise DataError(f"{labels or path}: {len(found)} labels for {len(images)} samples of {path}")
    count = len(images) if limit is None else min(limit, len(images))

    def read(begin: int, end: int) -> np.ndarray:
        part = np.asarray(images[begin:end])
        return preprocessing.apply(part) if part.dtype == np.uint8 else np.ascontiguousarray(part)

    return Dataset(path, count, None if found is None else found[:count], read)


def read_labels(path: str | os.PathLike[str]) -> np.ndarray:
    """Classes of samples as int64: .npy, idx1-ubyte, or text with an integer a line."""
    path = Path(path)
    if path.suffix == ".npy":
        labels = _load_numpy(path)
    elif "idx1-ubyte" in path.name:
        labels = _read_idx(path, 1)
    else:
        try:
            labels = np.array([int(line.split()[-1]) for line in path.read_text().splitlines() if line.strip()])
        except ValueError as error:
            raise DataError(f"{path}: not a list of labels: {error}") from error
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{path}: labels must be one list of integers, not {labels.dtype} of shape {labels.shape}")
    return labels.astype(np.int64)


def save_inputs(
    dataset: Dataset, path: str | os.PathLike[str], on_progress: Callable[[int], None] | None = None
) -> Path:
    """Writes all samples as one float32 .npy file, in parts; what gpfq-compile reads as calibration data."""
    path = Path(path)
    first = dataset.load(0, 1)
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(dataset), *first.shape[1:])}
    with open_atomically(path) as out:
        np.lib.format.write_array_header_1_0(out, header)
        done = 0
        for batch in dataset.batches(64):
            out.write(batch.astype("<f4", copy=False).tobytes())
            done += len(batch)
            if on_progress is not None:
                on_progress(done)
    return path


def _load_numpy(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path}: not a NumPy file: {error}") from error


def _read_npy(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    return _load_numpy(path), None


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    arrays = _load_numpy(path)
    if isinstance(arrays, np.ndarray):
        raise DataError(f"{path}: is a .npy file under another name")
    images = next((name for name in ("images", "x") if name in arrays.files), None)
    labels = next((name for name in ("labels", "y") if name in arrays.files), None)
    if images is None and len(arrays.files) == 1:
        images = arrays.files[0]
    if images is None:
        raise DataError(f"{path}: has no array 'images' or 'x', only {', '.join(arrays.files)}")
    return arrays[images], None if labels is None else arrays[labels].astype(np.int64)


def _read_cifar(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    content = np.fromfile(path, np.uint8)
    for label_bytes in (1, 2):  # CIFAR-10; CIFAR-100 has the coarse label, then the fine one
        record = label_bytes + 3072
        if len(content) and len(content) % record == 0:
            rows = content.reshape(-1, record)
            return rows[:, label_bytes:].reshape(-1, 3, 32, 32), rows[:, label_bytes - 1].astype(np.int64)
    raise DataError(f"{path}: {len(content)} bytes are no whole number of CIFAR records (3073 or 3074 bytes)")


def _read_idx_pair(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    images = _read_idx(path, 3)[:, None]
    labels = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    return images, _read_idx(labels, 1).astype(np.int64) if labels != path and labels.is_file() else None


def _read_idx(path: Path, rank: int) -> np.ndarray:
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: not a gzip file: {error}") from error
    header = 4 + 4 * rank
    if content[:4] != bytes([0, 0, 8, rank]) or len(content) < header:
        raise DataError(f"{path}: not an idx file of unsigned bytes with {rank} dimension(s)")
    shape = tuple(int(n) for n in np.frombuffer(content, ">i4", rank, 4))
    if len(content) - header != int(np.prod(shape)):
        raise DataError(f"{path}: {len(content) - header} bytes of data, but its header says {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read_folder(
    path: Path, labels: str | os.PathLike[str] | None, preprocessing: Preprocessing, limit: int | None
) -> Dataset:
    rows = _list_pictures(path, labels)[:limit]
    if not rows:
        raise DataError(f"{path}: no pictures in it")
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingPackageError(f"pictures need Pillow ({error}): pip install 'gpfq[images]'") from error

    def read(begin: int, end: int) -> np.ndarray:
        pictures = []
        for file, _ in rows[begin:end]:
            try:
                with Image.open(file) as picture:
                    pictures.append(_fit(picture, preprocessing))
            except (UnidentifiedImageError, OSError) as error:
                raise DataError(f"{file}: cannot be read as a picture: {error}") from error
            if pictures[-1].shape != pictures[0].shape:
                raise DataError(f"{file}: its size differs from the first one's; give a size to crop to")
        return preprocessing.apply(np.stack(pictures))

    classes = [label for _, label in rows]
    return Dataset(path, len(rows), None if None in classes else np.array(classes, np.int64), read)


def _list_pictures(path: Path, labels: str | os.PathLike[str] | None) -> list[tuple[Path, int | None]]:
    """Files and classes."""
    list_file = Path(labels) if labels is not None else path.with_name(path.name + ".txt")
    if labels is not None or list_file.is_file():
        rows: list[tuple[Path, int | None]] = []
        for number, line in enumerate(list_file.read_text().splitlines(), 1):
            if not line.strip():
                continue
            words = line.rsplit(maxsplit=1)
            if len(words) != 2 or not words[1].lstrip("-").isdigit():
                raise DataError(f"{list_file}:{number}: not 'file label'")
            rows.append((path / words[0], int(words[1])))
        return rows
    classes = sorted(p for p in path.iterdir() if p.is_dir())
    if classes:
        return [
            (f, i)
            for i, folder in enumerate(classes)
            for f in sorted(folder.rglob("*"))
            if f.suffix.lower() in _PICTURES
        ]
    return [(f, None) for f in sorted(path.iterdir()) if f.suffix.lower() in _PICTURES]


def _fit(picture: Any, preprocessing: Preprocessing) -> np.ndarray:
    """C x H x W, uint8: resized and cropped."""
    from PIL import Image

    picture = picture.convert("L" if preprocessing.grey else "RGB")
    height, width = preprocessing.size or (picture.height, picture.width)
    short = preprocessing.resize_short
    factor = short / min(picture.size) if short else max(1.0, height / picture.height, width / picture.width)
    if factor != 1.0:
        picture = picture.resize(
            (max(width, round(picture.width * factor)), max(height, round(picture.height * factor))), Image.BICUBIC
        )
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    pixels = np.asarray(picture.crop((left, top, left + width, top + height)))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
