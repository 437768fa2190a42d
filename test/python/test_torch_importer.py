# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The importer of PyTorch modules. Skipped where torch or torch-mlir is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import compile_network

import gpfq

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(2, 4, 3, bias=False)
        self.norm = torch.nn.BatchNorm2d(4)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


def run_compiled(file: Path, x: torch.Tensor) -> np.ndarray:
    library = file.with_suffix(".so")
    result = compile_network(file, "--float", "-o", library)
    assert result.returncode == 0, result.stderr
    return gpfq.load(library)(x.numpy())


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_compiled_network_computes_what_torch_does(tmp_path: Path, fuse: bool, batch: int) -> None:
    network = Net().train()
    file = gpfq.import_torch(
        network, torch.zeros(1, 2, 7, 7), tmp_path / "net.mlir", dynamic_batch=batch > 1, fuse_batch_norm=fuse
    )
    assert network.training, "the caller's module is left as it is"
    x = torch.randn(batch, 2, 7, 7)
    with torch.no_grad():
        expected = network.eval()(x).numpy()
    np.testing.assert_allclose(run_compiled(file, x), expected, rtol=1e-5, atol=1e-5)


def test_names(tmp_path: Path) -> None:
    file = gpfq.import_torch(Net(), torch.zeros(1, 2, 7, 7), tmp_path / "some-net.mlir", fuse_batch_norm=False)
    text = file.read_text()
    assert "func.func @some_net(" in text
    for name in ("conv.weight", "norm.running_var", "head.weight"):
        assert f"dense_resource<{name}>" in text


def test_weight_of_two_layers_is_one_constant(tmp_path: Path) -> None:
    class Shared(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(16, 16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(torch.relu(self.layer(x)))

    text = gpfq.import_torch(Shared(), torch.zeros(1, 16), tmp_path / "shared.mlir").read_text()
    assert text.count("dense_resource<layer.weight>") == 1


def test_bad_arguments(tmp_path: Path) -> None:
    x = torch.zeros(1, 2, 7, 7)
    with pytest.raises(TypeError, match="Module"):
        gpfq.import_torch(lambda y: y, x, tmp_path / "net.mlir")
    with pytest.raises(TypeError, match="float32"):
        gpfq.import_torch(Net(), x.double(), tmp_path / "net.mlir")
    with pytest.raises(ValueError, match="empty"):
        gpfq.import_torch(Net(), [], tmp_path / "net.mlir")
    with pytest.raises(ValueError, match="identifier"):
        gpfq.import_torch(Net(), x, tmp_path / "net.mlir", function_name="3d")
    assert list(tmp_path.iterdir()) == []


def test_module_that_cannot_be_exported(tmp_path: Path) -> None:
    class Branches(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > 0 else -x

    with pytest.raises(gpfq.ImportTorchError, match=r"torch\.export"):
        gpfq.import_torch(Branches(), torch.ones(1, 4), tmp_path / "net.mlir")
    assert list(tmp_path.iterdir()) == []
