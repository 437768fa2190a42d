# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The networks and data sets that the benchmarks and whole-network tests use.

They come from a folder (GPFQ_DATA, by default ../shared/data beside the project) that
holds models.py, weights and images, and stay outside the repository.

    python benchmarks/networks.py --out DIR [NET ...]

writes for each network NET.mlir, NET.calib.npy, NET.test.npy, NET.labels.npy,
NET.test64.npy (the first 64 test images) and NET.test64.float.npy (torch's outputs on
them), plus resnet20.dynamic.mlir. Files that exist are kept.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = (
    "lenet",
    "resnet8",
    "resnet20",
    "resnet56",
    "squeezenet1_1",
    "mobilenet_v2",
    "efficientnet_lite0",
    "text_direction",
)
TEST64 = 64


@dataclass(frozen=True)
class RandomNetwork:
    """A network without training, for times and sizes only: build() of a module of this folder."""

    module: str
    shape: tuple[int, ...]  # of an input
    samples: int  # at most, of either split
    dense: bool = False  # has dense layers only


RANDOM_NETWORKS = {
    "resnet18": RandomNetwork("resnet18", (1, 3, 224, 224), 32),
    "dense_1x4096": RandomNetwork("dense", (1, 1, 4096), 256, dense=True),
    "dense_128x4096": RandomNetwork("dense", (1, 128, 4096), 16, dense=True),
}
ALL_NETWORKS = (*NETWORKS, *RANDOM_NETWORKS)


def data_folder() -> Path | None:
    """The folder of models and images, or None when this machine does not have it."""
    folder = Path(os.environ.get("GPFQ_DATA") or ROOT.parent / "shared" / "data")
    return folder if (folder / "models.py").is_file() else None


def export_folder() -> Path:
    """Where exported networks are kept: GPFQ_NETWORKS, by default build/networks."""
    return Path(os.environ.get("GPFQ_NETWORKS") or ROOT / "build" / "networks")


def is_exported(name: str, folder: Path) -> bool:
    """Are all files of the network there, so that torch is not needed?"""
    kinds = ("mlir", "calib.npy", "test.npy", "labels.npy", "test64.npy", "test64.float.npy")
    return all((folder / f"{name}.{kind}").exists() for kind in kinds)


def exported(name: str) -> Path:
    """The files of a network without their suffixes, .mlir, .calib.npy and so on; exports what is not there yet.

    Raises FileNotFoundError without GPFQ_DATA.
    """
    folder = export_folder()
    if not is_exported(name, folder):
        print(f"exporting {name} to {folder}", file=sys.stderr, flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        export(name, folder)
    return folder / name


def models_module() -> ModuleType:
    folder = data_folder()
    if folder is None:
        raise FileNotFoundError("no models.py in GPFQ_DATA (default ../shared/data): set it to the folder of networks")
    spec = importlib.util.spec_from_file_location("gpfq_data_models", folder / "models.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(name: str) -> tuple[torch.nn.Module, dict]:
    """(network in evaluation mode, preprocessing)."""
    if random := RANDOM_NETWORKS.get(name):
        return importlib.import_module(random.module).build(), {}
    return models_module().load(name)


def example_input(name: str, info: dict) -> torch.Tensor:
    import torch

    if random := RANDOM_NETWORKS.get(name):
        return torch.zeros(random.shape)
    shapes = {"lenet": (1, 1, 28, 28), "text_direction": (1, 3, 48, 192)}
    size = 32 if name.startswith("resnet") else info.get("size", 224)
    return torch.zeros(shapes.get(name, (1, 3, size, size)))


def images(name: str, info: dict, split: str, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Preprocessed f32 NCHW images and labels of split "calib" or "test"."""
    import torch

    if random := RANDOM_NETWORKS.get(name):
        count = min(limit or random.samples, random.samples)
        x = torch.randn((count, *random.shape[1:]), generator=torch.Generator().manual_seed(int(split == "test")))
        return x.numpy(), np.zeros(count, np.int64)
    models, folder = models_module(), data_folder()
    calib = split == "calib"
    if name.startswith("resnet"):
        pixels, labels = models.read_cifar(
            folder / "cifar10" / ("calib_train_2000.bin" if calib else "test_first5000.bin")
        )
    elif name == "lenet":
        pixels, labels = models.read_idx(str(folder / "mnist" / ("calib_train3000" if calib else "test_first5000")))
    elif name == "text_direction":
        file = "calib_300.npz" if calib else "test_1000.npz"
        pixels, labels = models.read_text_direction(folder / "text_direction" / file)
    else:
        from PIL import Image

        rows = models.read_list(str(folder / "imagenet" / ("calib_train1000" if calib else "val_acuity_1_650")))[:limit]
        out = np.empty((len(rows), 3, info["size"], info["size"]), np.float32)
        for i, (file, _) in enumerate(rows):
            with Image.open(file) as image:
                out[i] = models.preprocess(info, image)[0].numpy()
        return out, np.array([label for _, label in rows], np.int64)
    return models.normalise(info, pixels[:limit]).contiguous().numpy(), labels[:limit].numpy()


def evaluate(network: torch.nn.Module, x: np.ndarray, batch: int = 16) -> np.ndarray:
    import torch

    with torch.no_grad():
        parts = [network(torch.from_numpy(np.array(x[i : i + batch]))).numpy() for i in range(0, len(x), batch)]
    return np.concatenate(parts)


def float_outputs(name: str, folder: Path) -> np.ndarray:
    """torch's outputs on all test images; computed once, kept as NAME.test.float.npy."""
    file = folder / f"{name}.test.float.npy"
    if not file.exists():
        _save(file, evaluate(build(name)[0], np.load(folder / f"{name}.test.npy", mmap_mode="r")))
    return np.load(file)


def _save(path: Path, array: np.ndarray) -> None:
    temporary = path.with_suffix(".partial")
    with open(temporary, "wb") as out:
        np.save(out, np.ascontiguousarray(array))
    temporary.replace(path)


def export(name: str, out: Path, *, samples: int = 1000, fuse_batch_norm: bool = False) -> None:
    """Writes the files of one network that are not there yet (see the module's text)."""
    import gpfq

    network, info = build(name)
    example = example_input(name, info)
    variants = [(f"{name}.fused" if fuse_batch_norm else name, False)]
    if name == "resnet20":
        variants.append((f"{variants[0][0]}.dynamic", True))
    for stem, dynamic in variants:
        if not (out / f"{stem}.mlir").exists():
            gpfq.import_torch(
                network,
                example,
                out / f"{stem}.mlir",
                dynamic_batch=dynamic,
                fuse_batch_norm=fuse_batch_norm,
                function_name=name,
            )
    if not (out / f"{name}.calib.npy").exists():
        _save(out / f"{name}.calib.npy", images(name, info, "calib", samples)[0])
    if not is_exported(name, out):
        x, labels = images(name, info, "test")
        _save(out / f"{name}.test.npy", x)
        _save(out / f"{name}.labels.npy", labels)
        _save(out / f"{name}.test64.npy", x[:TEST64])
        _save(out / f"{name}.test64.float.npy", evaluate(network, x[:TEST64]))


def main() -> int:
    parser = argparse.ArgumentParser(description="Export the benchmark networks and their data.")
    parser.add_argument("nets", nargs="*", metavar="NET", help=", ".join(ALL_NETWORKS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=1000, help="calibration samples at most")
    parser.add_argument("--fuse-batch-norm", action="store_true", help="fold batch norms in torch: NET.fused.mlir")
    args = parser.parse_args()
    unknown = sorted(set(args.nets) - set(ALL_NETWORKS))
    if unknown:
        parser.error(f"unknown network {', '.join(unknown)}")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.nets or ALL_NETWORKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        export(name, args.out, samples=args.samples, fuse_batch_norm=args.fuse_batch_norm)
    return 0


if __name__ == "__main__":
    sys.exit(main())
