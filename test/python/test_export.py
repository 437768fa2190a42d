# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised weights in other tools: PyTorch, onnxruntime, as a float network. Skipped without torch or safetensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import DIGITS, fail_command, gpfq_command

import gpfq

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
pytest.importorskip("safetensors")

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, groups=16)
        self.grouped = nn.Conv2d(16, 16, 1, groups=4)
        self.grouped_norm = nn.BatchNorm2d(16)
        self.hidden = nn.Linear(16, 24)
        self.head = nn.Linear(24, 10)
        for norm in (self.stem_norm, self.grouped_norm):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            with torch.no_grad():
                norm.weight.uniform_(0.5, 2)
                norm.bias.normal_()
        self.eval()

    def forward(self, x):
        x = torch.relu(self.stem_norm(self.stem(x)))
        x = torch.relu(self.depthwise(x))
        x = torch.relu(self.grouped_norm(self.grouped(x)))
        return self.head(torch.relu(self.hidden(x.mean((2, 3)))))

def build():
    return Net(), torch.zeros(1, 3, 8, 8)

def build_other():
    return nn.Sequential(nn.Linear(4, 4)), torch.zeros(1, 4)
"""
LAYERS = ["stem", "depthwise", "grouped", "hidden", "head"]


def samples(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3, 8, 8)).astype(np.float32)


@dataclass
class Quantized:
    folder: Path
    module: torch.nn.Module
    weights: Path
    network: Path
    library: Path  # of float activations


def make(folder: Path, front_end: str, bits: int, activation_bits: int) -> Quantized:
    """The network, imported, quantised and compiled in `folder`."""
    (folder / "nets.py").write_text(NETS)
    scope: dict = {}
    exec(compile(NETS, "nets.py", "exec"), scope)
    module, example = scope["build"]()
    if front_end == "onnx":
        torch.onnx.export(module, (example,), folder / "net.onnx", dynamo=False, opset_version=17)
        gpfq.import_onnx(folder / "net.onnx", folder / "net.mlir")
    else:
        gpfq.import_torch(module, example, folder / "net.mlir")
    weights, network, library = folder / "net.safetensors", folder / "net.q.mlir", folder / "libnet.so"
    options = {"weight_bits": bits, "activation_bits": activation_bits, "weights": weights}
    done = gpfq.quantize(folder / "net.mlir", network, calibration=samples(128, 1), **options)
    assert len(done.report["layers"]) == len(LAYERS)
    gpfq.compile(network, library)
    return Quantized(folder, module, weights, network, library)


@pytest.fixture(scope="module")
def by_torch(tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    return make(tmp_path_factory.mktemp("torch"), "torch", 4, 0)


def test_layers(by_torch: Quantized) -> None:
    layers = gpfq.read_weights(by_torch.weights)
    assert [layer.name for layer in layers] == LAYERS
    assert [layer.levels.shape for layer in layers] == [(16, 3, 3, 3), (16, 1, 3, 3), (16, 4, 1, 1), (24, 16), (10, 24)]
    assert all(layer.bits == 4 and layer.alphabet == "mid_tread:7" and layer.input is None for layer in layers)
    assert all(np.abs(layer.levels).max() <= 7 for layer in layers)
    norm, stem = by_torch.module.stem_norm, by_torch.module.stem.weight.detach()
    folded = (stem * (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().reshape(-1, 1, 1, 1)).numpy()
    assert np.linalg.norm(layers[0].dequantize() - folded) < 0.2 * np.linalg.norm(folded)


def test_state_dict_computes_what_the_library_does(by_torch: Quantized) -> None:
    state = gpfq.make_state_dict(gpfq.read_weights(by_torch.weights), by_torch.module, torch.zeros(1, 3, 8, 8))
    scope: dict = {}
    exec(compile(NETS, "nets.py", "exec"), scope)
    module, _ = scope["build"]()
    module.load_state_dict(state, strict=True)
    x = samples(20, 2)
    expected = gpfq.run_batches(gpfq.load(by_torch.library), x)
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.from_numpy(x)).numpy(), expected, rtol=1e-4, atol=1e-4)
        assert not np.allclose(by_torch.module(torch.from_numpy(x)).numpy(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["state.pt", "state.safetensors"])
def test_command_for_torch(by_torch: Quantized, tmp_path: Path, name: str) -> None:
    arguments = ["export", by_torch.weights, "--model", f"{by_torch.folder / 'nets.py'}:build", "-o", name]
    result = gpfq_command(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    if name.endswith(".pt"):
        state = torch.load(tmp_path / name)
    else:
        from safetensors.torch import load_file

        state = load_file(tmp_path / name)
    by_torch.module.__class__().load_state_dict(state, strict=True)


def test_float_network(by_torch: Quantized, tmp_path: Path) -> None:
    result = gpfq_command("export", by_torch.network, "-o", "float.mlir", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "lowbit." not in (tmp_path / "float.mlir").read_text()
    gpfq.compile(tmp_path / "float.mlir", tmp_path / "libfloat.so", keep_float=True)
    x = samples(10, 3)
    got, expected = (gpfq.run_batches(gpfq.load(p), x) for p in (tmp_path / "libfloat.so", by_torch.library))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("bits", "codes", "int4"), [(8, 8, False), (4, 8, False), (3, 8, True), (4, 6, True)])
def test_onnx(tmp_path: Path, bits: int, codes: int, int4: bool) -> None:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    made = make(tmp_path, "onnx", bits, codes)
    options = ["--int4"] if int4 else []
    arguments = ["export", made.weights, "--model", tmp_path / "net.onnx", *options, "-o", "q.onnx"]
    result = gpfq_command(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    model = onnx.load(tmp_path / "q.onnx")
    kinds = {t.name: t.data_type for t in model.graph.initializer if t.name.endswith(".levels")}
    assert set(kinds.values()) == {onnx.TensorProto.INT4 if int4 else onnx.TensorProto.INT8}
    assert len(kinds) == len(LAYERS)
    assert sum(node.op_type == "QuantizeLinear" for node in model.graph.node) == len(LAYERS)
    session = runtime.InferenceSession(tmp_path / "q.onnx", providers=["CPUExecutionProvider"])
    x = samples(100, 4)
    name = session.get_inputs()[0].name
    got = np.concatenate([session.run(None, {name: x[i : i + 1]})[0] for i in range(len(x))])
    expected = gpfq.run_batches(gpfq.load(made.library), x)
    np.testing.assert_array_equal(got.argmax(1), expected.argmax(1))
    # A code may fall to the other side where x / scale is close to a half.
    assert np.linalg.norm(got - expected) < 0.01 * np.linalg.norm(expected)


def test_onnx_signs(tmp_path: Path) -> None:
    """ONNX has no codes of one bit: they are a choice of two floats."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(3)
    module = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10)).eval()
    torch.onnx.export(module, (torch.zeros(1, 32),), tmp_path / "net.onnx", dynamo=False, opset_version=17)
    gpfq.import_onnx(tmp_path / "net.onnx", tmp_path / "net.mlir")
    data = np.random.default_rng(3).standard_normal((256, 32)).astype(np.float32)
    weights = tmp_path / "w.safetensors"
    options = {"weight_bits": 1, "activation_bits": 1, "weights": weights}
    gpfq.quantize(tmp_path / "net.mlir", tmp_path / "q.mlir", calibration=data[:128], **options)
    assert all(layer.input.sign for layer in gpfq.read_weights(weights))
    gpfq.compile(tmp_path / "q.mlir", tmp_path / "libnet.so")
    arguments = ["export", weights, "--model", tmp_path / "net.onnx", "-o", "q.onnx"]
    result = gpfq_command(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    kinds = [node.op_type for node in onnx.load(tmp_path / "q.onnx").graph.node]
    assert kinds.count("Where") == 2
    assert "QuantizeLinear" not in kinds
    session = runtime.InferenceSession(tmp_path / "q.onnx", providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    got = np.concatenate([session.run(None, {name: x[None]})[0] for x in data[128:]])
    expected = gpfq.run_batches(gpfq.load(tmp_path / "libnet.so"), data[128:])
    # A sum that is nearly zero may have the other sign.
    close = np.isclose(got, expected, rtol=1e-4, atol=1e-4).all(1)
    assert close.mean() > 0.95


def test_flattened_image(tmp_path: Path) -> None:
    """The compiler flattens images channels last; the module gets its weights in its own order."""
    torch.manual_seed(2)
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 10)]
    module = torch.nn.Sequential(*layers).eval()
    gpfq.import_torch(module, torch.zeros(1, 3, 8, 8), tmp_path / "net.mlir")
    options = {"activation_bits": 0, "weights": tmp_path / "w.safetensors"}
    gpfq.quantize(tmp_path / "net.mlir", tmp_path / "q.mlir", calibration=samples(128, 1), **options)
    gpfq.compile(tmp_path / "q.mlir", tmp_path / "libnet.so")
    state = gpfq.make_state_dict(gpfq.read_weights(tmp_path / "w.safetensors"), module, torch.zeros(1, 3, 8, 8))
    module.load_state_dict(state, strict=True)
    x = samples(20, 2)
    with torch.no_grad():
        got = module(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, gpfq.run_batches(gpfq.load(tmp_path / "libnet.so"), x), rtol=1e-4, atol=1e-4)

    block = "granularity=block block-size=4"
    with pytest.raises(gpfq.ToolError, match=r"'3' reads a flattened image.*granularity channel"):
        gpfq.quantize(
            tmp_path / "net.mlir", tmp_path / "q.mlir", calibration=samples(128, 1), quantize_options=block, **options
        )


def test_wrong_sources(by_torch: Quantized, tmp_path: Path) -> None:
    nets = by_torch.folder / "nets.py"
    (tmp_path / "bad.safetensors").write_text("no")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    for pattern, arguments in (
        ("no such file", ["absent.safetensors", "--model", f"{nets}:build", "-o", "s.pt"]),
        ("not a file of quantised weights", ["bad.safetensors", "--model", f"{nets}:build", "-o", "s.pt"]),
        ("not made by gpfq quantize --weights", ["other.safetensors", "--model", f"{nets}:build", "-o", "s.pt"]),
        ("no weights of .*stem, .*is it the one", [by_torch.weights, "--model", f"{nets}:build_other", "-o", "s.pt"]),
        ("cannot tell what it should be", [by_torch.weights, "--model", f"{nets}:build", "-o", "s.txt"]),
        ("No such file", ["absent.mlir", "-o", "s.mlir"]),
    ):
        fail_command(pattern, "export", *arguments, cwd=tmp_path)
    fail_command("give --model", "export", by_torch.weights, "-o", "s.pt", cwd=tmp_path, status=2)


def test_bias_that_the_module_cannot_hold(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(12, 8, bias=False), torch.nn.ReLU())
    gpfq.import_torch(module, torch.zeros(1, 12), tmp_path / "net.mlir")
    data = np.random.default_rng(0).random((64, 12), dtype=np.float32)
    gpfq.quantize(tmp_path / "net.mlir", tmp_path / "q.mlir", calibration=data, weights=tmp_path / "w.safetensors")
    with pytest.raises(gpfq.DataError, match="bias-correction=false"):
        gpfq.make_state_dict(gpfq.read_weights(tmp_path / "w.safetensors"), module, torch.zeros(1, 12))


def test_weights_of_the_digits(tmp_path: Path) -> None:
    """Levels and scales are those of the quantised network, layer by layer."""
    weights, calibration = tmp_path / "w.safetensors", DIGITS / "calib.npy"
    gpfq.quantize(DIGITS / "digits.mlir", tmp_path / "q.mlir", calibration=calibration, weights=weights)
    text = (tmp_path / "q.mlir").read_text()
    for layer in gpfq.read_weights(weights):
        assert f'layer "{layer.name}"' in text
        assert layer.scales.shape == layer.levels.shape[:1]
        assert not layer.input.sign and 241 <= layer.input.max <= 255
