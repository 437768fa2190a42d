# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One dense layer without bias, 4096 inputs to 4096 outputs, random weights: for the time of single products."""

from __future__ import annotations

import torch
from torch import nn

WIDTH = 4096


class Dense(nn.Module):
    """1 x rows x 4096 to 1 x rows x 4096."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


def build(seed: int = 0) -> Dense:
    """Normal weights that keep the variance of the inputs."""
    network = Dense()
    with torch.no_grad():
        network.fc.weight.normal_(0.0, WIDTH**-0.5, generator=torch.Generator().manual_seed(seed))
    return network.eval()
