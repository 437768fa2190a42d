# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains the demo's network on scikit-learn's digits and writes the files beside this script.

    python test/data/digits/train.py        # needs gpfq[torch] and scikit-learn; about two minutes

digits.mlir  level-0 IR, dynamic batch, batch norms not folded
calib.npy    1000 training images, float32 N x 1 x 8 x 8 in 0..1
test.npy     500 images that were not trained on; labels.npy their digits, uint8

The files are in the repository, so that the demo and the tests need no torch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import gpfq

HERE = Path(__file__).resolve().parent
TEST_IMAGES = 500
CALIBRATION_IMAGES = 1000
EPOCHS = 120


def unit(cin: int, cout: int, kernel: int, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout))


class DigitsNet(nn.Module):
    """1x8x8 -> 10 logits: convolutions, a depthwise-separable residual block, both poolings."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = unit(1, 16, 3)
        self.widen = unit(16, 32, 3)
        self.depthwise = unit(32, 32, 3, groups=32)
        self.pointwise = unit(32, 32, 1)
        self.head = unit(32, 48, 3)
        self.fc = nn.Linear(48, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.stem(x))
        x = functional.max_pool2d(functional.relu(self.widen(x)), 2)
        y = self.pointwise(functional.relu(self.depthwise(x)))
        x = functional.relu(self.head(functional.relu(x + y)))
        return self.fc(x.mean((2, 3)))


def shifted(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Every image moved by -1, 0 or 1 pixel in each direction."""
    padded = functional.pad(x, (1, 1, 1, 1))
    dy, dx = torch.randint(0, 3, (2, len(x)), generator=generator)
    rows = dy[:, None, None] + torch.arange(8)[None, :, None]
    columns = dx[:, None, None] + torch.arange(8)[None, None, :]
    return padded[torch.arange(len(x))[:, None, None], 0, rows, columns][:, None]


def train(x: torch.Tensor, y: torch.Tensor) -> DigitsNet:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = DigitsNet()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=EPOCHS * (len(x) // 64))
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), generator=generator)
        for i in range(len(x) // 64):
            batch = order[64 * i : 64 * i + 64]
            loss = functional.cross_entropy(network(shifted(x[batch], generator)), y[batch], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def main() -> None:
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.images))
    images = (data.images[order, None] / 16).astype(np.float32)
    labels = data.target[order].astype(np.uint8)
    x, y = images[:-TEST_IMAGES], labels[:-TEST_IMAGES]
    network = train(torch.from_numpy(x), torch.from_numpy(y).long())
    with torch.no_grad():
        logits = network(torch.from_numpy(images[-TEST_IMAGES:])).numpy()
    print(f"top-1 on the test images: {100 * (logits.argmax(1) == labels[-TEST_IMAGES:]).mean():.2f}")

    np.save(HERE / "calib.npy", x[:CALIBRATION_IMAGES])
    np.save(HERE / "test.npy", images[-TEST_IMAGES:])
    np.save(HERE / "labels.npy", labels[-TEST_IMAGES:])
    example = torch.from_numpy(images[:1])
    gpfq.import_torch(network, example, HERE / "digits.mlir", dynamic_batch=True, fuse_batch_norm=False)


if __name__ == "__main__":
    main()
