# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The importer of PyTorch modules. Skipped where torch or torch-mlir is absent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import compile_network, fail_command, gpfq_command

import gpfq
from gpfq.torch_source import load_module

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


class ByPython(Net):
    """torch.fx cannot trace it symbolically, torch.export can."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if x.shape[1] > 1 else x


def test_batch_norms_that_torch_cannot_fold_are_left_to_the_compiler(tmp_path: Path) -> None:
    file = gpfq.import_torch(ByPython(), torch.zeros(1, 2, 7, 7), tmp_path / "net.mlir")
    assert "dense_resource<norm.running_var>" in file.read_text()
    done = gpfq.quantize(
        file, tmp_path / "q.mlir", calibration=torch.randn(64, 2, 7, 7).numpy(), report=tmp_path / "r.json"
    )
    assert [layer["name"] for layer in done.report["layers"]] == ["conv", "head"]
    assert "math.rsqrt" not in (tmp_path / "q.mlir").read_text()
    x = torch.randn(1, 2, 7, 7)
    with torch.no_grad():
        np.testing.assert_allclose(run_compiled(file, x), ByPython().eval()(x).numpy(), rtol=1e-5, atol=1e-5)


IMAGES = [torch.nn.Conv2d(2, 8, 3, stride=2), torch.nn.ReLU(), torch.nn.ConvTranspose2d(8, 4, 3, stride=2)]
SEQUENCES = [
    torch.nn.Conv1d(2, 8, 3, padding=1),
    torch.nn.BatchNorm1d(8),
    torch.nn.ReLU(),
    torch.nn.MaxPool1d(2),
    torch.nn.Conv1d(8, 8, 5, padding=4, dilation=2, groups=2),
    torch.nn.Hardswish(),
    torch.nn.Conv1d(8, 8, 3, groups=8),
    torch.nn.ConvTranspose1d(8, 4, 3, stride=2),
]


@pytest.mark.parametrize(
    ("modules", "shape", "layers"),
    [(IMAGES, (2, 9, 9), ["0", "2"]), (SEQUENCES, (2, 40), ["0", "4", "6", "7"])],
    ids=["images", "sequences"],
)
def test_layers_in_other_forms_are_quantised(
    modules: list[torch.nn.Module], shape: tuple[int, ...], layers: list[str], tmp_path: Path
) -> None:
    network = torch.nn.Sequential(*modules).eval()
    file = gpfq.import_torch(network, torch.zeros(1, *shape), tmp_path / "net.mlir")
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((64, *shape)).astype(np.float32))
    done = gpfq.compile(file, tmp_path / "libnet.so", calibration=x.numpy(), weight_bits=8, report=tmp_path / "r.json")
    assert [layer["name"] for layer in done.report["layers"]] == layers
    with torch.no_grad():
        expected = network(x[:1]).numpy()
    error = np.linalg.norm(gpfq.load(done.output)(x[:1].numpy()) - expected) / np.linalg.norm(expected)
    assert error < 0.02


def test_non_persistent_buffers(tmp_path: Path) -> None:
    class Shifted(Net):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("shift", torch.randn(3, 3), persistent=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) @ self.shift

    network, x = Shifted().eval(), torch.randn(1, 2, 7, 7)
    file = gpfq.import_torch(network, torch.zeros(1, 2, 7, 7), tmp_path / "net.mlir")
    with torch.no_grad():
        np.testing.assert_allclose(run_compiled(file, x), network(x).numpy(), rtol=1e-5, atol=1e-5)


def test_unsupported_operations_are_named(tmp_path: Path) -> None:
    class Inverse(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.pinv(x)

    class Outer(Net):
        def __init__(self) -> None:
            super().__init__()
            self.inverse = Inverse()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inverse(super().forward(x))

    with pytest.raises(gpfq.ImportTorchError, match=r"aten\.linalg_pinv.* \(in inverse\)"):
        gpfq.import_torch(Outer(), torch.zeros(1, 2, 7, 7), tmp_path / "net.mlir")
    assert list(tmp_path.iterdir()) == []


def test_scans_are_refused(tmp_path: Path) -> None:
    class Sums(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).cumsum(1)

    with pytest.raises(gpfq.ImportTorchError, match="tm_tensor"):
        gpfq.import_torch(Sums(), torch.zeros(1, 2, 7, 7), tmp_path / "net.mlir")


def test_module_without_weights(tmp_path: Path) -> None:
    with pytest.raises(gpfq.ImportTorchError, match="no weights"):
        gpfq.import_torch(torch.nn.ReLU(), torch.zeros(1, 4), tmp_path / "net.mlir")


NETS = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.head(x)

def build():
    return Net(), torch.zeros(1, 4)

def fail():
    raise RuntimeError("out of luck")

model = Net()
number = 3
"""


def test_command(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    result = gpfq_command("import", "nets.py:build", "--dynamic-batch", "-o", "net.mlir", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["bytes"] == (tmp_path / "net.mlir").stat().st_size
    assert "func.func @net(%arg0: tensor<?x4xf32>)" in (tmp_path / "net.mlir").read_text()
    fail_command("give --input SHAPE", "import", "nets:model", "-o", "other.mlir", cwd=tmp_path)


def test_modules_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets_by_name.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    network, inputs = load_module("nets_by_name.py:build")
    assert isinstance(network, torch.nn.Module)
    assert inputs[0].shape == (1, 4)
    assert load_module("nets_by_name:model", ["2x4"])[1][0].shape == (2, 4)
    assert load_module("nets_by_name:model", ["i64:1x4"])[1][0].dtype == torch.int64
    for source, pattern in (
        ("nets_by_name:model", "example inputs are needed; give --input"),
        ("nets_by_name:absent", "there is no 'absent' in nets_by_name"),
        ("nets_by_name:number", "gives int, not a torch.nn.Module"),
        ("nets_by_name:fail", "RuntimeError when it is called: out of luck"),
        ("other.py:build", "other.py: no such file"),
        ("other_nets:build", "ModuleNotFoundError"),
    ):
        with pytest.raises(gpfq.ImportNetworkError, match=pattern):
            load_module(source)
    with pytest.raises(ValueError, match="not a shape"):
        load_module("nets_by_name:model", ["1y4"])
