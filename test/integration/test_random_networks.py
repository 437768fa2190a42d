# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Networks of random blocks, at random widths, for random targets (or `generic`, where the CPU lacks one) and threads:
from PyTorch to a library whose outputs are those of plain loops to the bit, and whose float form computes what PyTorch
does."""

from __future__ import annotations

import platform
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gpfq

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
from torch import nn  # noqa: E402

TARGETS = {
    "x86_64": ("znver4", "avx512vpopcntdq", "avx512vnni", "avxvnni", "avx2"),
    "aarch64": ("aarch64-i8mm", "aarch64-dotprod"),
}
SAMPLES = 8
QUICK, LONG = range(8), range(8, 120)

Block = tuple[nn.Module, int]  # with the number of its output channels


class Sum(nn.Module):
    """x + f(x), or x times it."""

    def __init__(self, branch: nn.Module, *, product: bool = False) -> None:
        super().__init__()
        self.branch, self.product = branch, product

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.branch(x) if self.product else x + self.branch(x)


class Concat(nn.Module):
    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Halves(nn.Module):
    """Half of the channels through a convolution, the others as they are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels // 2, channels // 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = x[:, : self.conv.in_channels], x[:, self.conv.in_channels :]
        return torch.cat([second, torch.relu(self.conv(first))], 1)


def activation(draw: random.Random) -> nn.Module:
    return draw.choice([nn.ReLU, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.LeakyReLU, nn.SiLU, nn.Identity])()


def convolution(draw: random.Random, channels: int) -> Block:
    size, dilation, outputs = (
        draw.choice([1, 2, 3, 3, 5, 7]),
        draw.choice([1, 1, 2]),
        draw.choice([3, 8, 17, 24, 64, 70]),
    )
    padding = draw.choice([0, dilation * (size - 1) // 2])
    conv = nn.Conv2d(channels, outputs, size, draw.choice([1, 1, 2]), padding, dilation, bias=draw.random() < 0.7)
    return nn.Sequential(conv, draw.choice([nn.BatchNorm2d(outputs), nn.Identity()]), activation(draw)), outputs


def depthwise(draw: random.Random, channels: int) -> Block:
    size, multiplier = draw.choice([3, 5, 7]), draw.choice([1, 1, 2])
    stride, outputs = draw.choice([1, 2]), channels * multiplier
    conv = nn.Conv2d(channels, outputs, size, stride, size // 2, groups=channels)
    return nn.Sequential(conv, activation(draw)), outputs


def grouped(draw: random.Random, channels: int) -> Block:
    groups = draw.choice([n for n in (1, 2, 3, 4, 5, 8) if channels % n == 0])
    outputs = groups * draw.choice([1, 4, 16])
    return nn.Sequential(nn.Conv2d(channels, outputs, 3, padding=1, groups=groups), activation(draw)), outputs


def transposed(draw: random.Random, channels: int) -> Block:
    return nn.ConvTranspose2d(channels, 8, draw.choice([2, 3]), 2), 8


def residual(draw: random.Random, channels: int) -> Block:
    branch = nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1), activation(draw), nn.Conv2d(channels, channels, 1)
    )
    return nn.Sequential(Sum(branch), activation(draw)), channels


def gate(draw: random.Random, channels: int) -> Block:
    hidden = max(1, channels // 4)
    squeeze = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1)]
    return Sum(nn.Sequential(*squeeze, draw.choice([nn.Sigmoid, nn.Hardsigmoid])()), product=True), channels


def concatenation(draw: random.Random, channels: int) -> Block:
    first, second = draw.choice([4, 16, 20]), draw.choice([4, 32])
    branches = nn.Conv2d(channels, first, 1), nn.Conv2d(channels, second, 3, padding=1)
    return Concat(*(nn.Sequential(branch, activation(draw)) for branch in branches)), first + second


def halves(draw: random.Random, channels: int) -> Block:
    return (Halves(channels), channels) if channels % 2 == 0 else residual(draw, channels)


def pooling(draw: random.Random, channels: int) -> Block:
    return draw.choice([nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, 1), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(4)]), channels


def upsampling(draw: random.Random, channels: int) -> Block:
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(channels, channels, 3, padding=1)), channels


BLOCKS: tuple[Callable[[random.Random, int], Block], ...] = (
    *(convolution, convolution, depthwise, grouped, transposed, residual),
    *(gate, concatenation, halves, pooling, upsampling),
)


def draw_network(draw: random.Random) -> tuple[nn.Module, tuple[int, ...]]:
    """A network in evaluation mode and the shape of a sample of its input."""
    channels = draw.choice([1, 3, 4, 8])
    shape = (channels, draw.choice([8, 12, 17]), draw.choice([8, 11, 16]))
    layers: list[nn.Module] = [nn.Conv2d(channels, 16, 3, padding=1)]
    channels = 16
    for _ in range(draw.randint(1, 4)):
        layer, outputs = draw.choice(BLOCKS)(draw, channels)
        with torch.no_grad():
            pixels = nn.Sequential(*layers)(torch.zeros(1, *shape)).shape[2:]
        # A window has to fit.
        if min(pixels) >= 13:
            layers.append(layer)
            channels = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10), draw.choice([nn.Identity(), nn.Softmax(1)])]
    network = nn.Sequential(*layers, *draw.choice([[], head, head])).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.3, 2)
    return network, shape


@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.long) for seed in LONG)])
def test_kernels_compute_what_plain_loops_do(seed: int, tmp_path: Path) -> None:
    draw, normal = random.Random(seed), np.random.default_rng(seed)
    torch.manual_seed(seed)
    network, shape = draw_network(draw)
    file = gpfq.import_torch(network, torch.zeros(1, *shape), tmp_path / "net.mlir", dynamic_batch=draw.random() < 0.3)
    samples = normal.standard_normal((SAMPLES, *shape)).astype(np.float32)

    plain = gpfq.compile(file, tmp_path / "libfloat.so", extra=["--float", "--target=generic"])
    with torch.no_grad():
        expected = network(torch.from_numpy(samples[:1])).numpy()
    result = gpfq.load(plain.output)(samples[:1])
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())

    bits, codes = draw.randint(1, 8), draw.choice([8, 8, 4, 1])
    quantized = gpfq.quantize(
        file, tmp_path / "q.mlir", calibration=samples, weight_bits=bits, activation_bits=codes
    ).output
    target, threads = draw.choice(TARGETS[platform.machine()]), draw.choice([1, 2])
    parallel = "--parallel=pool" if threads > 1 else "--parallel=none"
    library = gpfq.compile(quantized, tmp_path / "libnet.so", extra=[f"--targets={target},generic", parallel])
    loops = gpfq.compile(quantized, tmp_path / "libloops.so", extra=["--reference", "--target=generic"])
    model = gpfq.load(library.output, threads)
    reference = gpfq.load(loops.output)
    for sample in samples[:2] * np.float32(draw.choice([0.5, 1, 3])):
        np.testing.assert_array_equal(model(sample[None]), reference(sample[None]))
