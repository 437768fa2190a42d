# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX models that onnxruntime and Brevitas have quantised: their levels are ours, and the compiled network computes
what onnxruntime does. Skipped where onnx, onnxruntime or torch-mlir is absent."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from quantized_models import compare, import_model, make_torch_model, read_network

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("torch_mlir")
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto

RANDOM = np.random.default_rng(0)


class _Samples:
    def __init__(self, name: str, data: np.ndarray) -> None:
        self.samples = iter([{name: data[i : i + 1]} for i in range(len(data))])

    def get_next(self) -> dict | None:
        return next(self.samples, None)


def quantize_by_onnxruntime(source: Path, target: Path, data: np.ndarray, **options: object) -> onnx.ModelProto:
    quantization = pytest.importorskip("onnxruntime.quantization")
    prepared = target.with_suffix(".prepared.onnx")
    quantization.quant_pre_process(str(source), str(prepared))
    reader = _Samples(onnx.load(source).graph.input[0].name, data)
    quantization.quantize_static(
        str(prepared), str(target), reader, quant_format=quantization.QuantFormat.QDQ, **options
    )
    return onnx.load(target)


def check_codes(model: onnx.ModelProto, network: Path) -> None:
    """The levels of the network are the codes of the model, layer by layer."""
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    sources = {
        re.sub(r"\W", "_", name.removesuffix("_quantized")).removesuffix("_weight"): name.removesuffix("_quantized")
        for name, array in tensors.items()
        if name.endswith("_quantized") and array.ndim > 1
    }
    found = read_network(network.read_text())
    assert {re.sub(r"\W", "_", name) for name in found} == set(sources)
    for name, (levels, scales, _) in found.items():
        source = sources[re.sub(r"\W", "_", name)]
        codes, expected = tensors[f"{source}_quantized"], tensors[f"{source}_scale"]
        if name == "head":
            codes = np.moveaxis(codes.reshape(10, 16, 4, 4), 1, -1).reshape(10, 256).T
        elif codes.ndim == 4 and (levels.shape != codes.shape or codes.shape[1] == codes.shape[2] > 1):
            codes = np.moveaxis(codes, 1, -1)
        np.testing.assert_array_equal(levels, codes)
        np.testing.assert_array_equal(scales.reshape(-1), expected.reshape(-1))


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("activations", ["QUInt8", "QInt8"])
def test_model_of_onnxruntime(tmp_path: Path, per_channel: bool, activations: str) -> None:
    quantization = pytest.importorskip("onnxruntime.quantization")
    source = make_torch_model(tmp_path)
    data = RANDOM.standard_normal((32, 3, 8, 8)).astype(np.float32)
    kinds = {"activation_type": quantization.QuantType[activations], "weight_type": quantization.QuantType.QInt8}
    model = quantize_by_onnxruntime(source, tmp_path / "q.onnx", data, per_channel=per_channel, **kinds)
    network, remarks = import_model(tmp_path / "q.onnx", tmp_path)
    assert remarks == []
    check_codes(model, network)
    last = next(node for node in reversed(model.graph.node) if node.op_type == "DequantizeLinear")
    step = float(numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == last.input[1])))
    compare(tmp_path / "q.onnx", network, RANDOM.standard_normal((100, 3, 8, 8)).astype(np.float32), step=step)


@pytest.mark.long
@pytest.mark.parametrize(("bits", "codes", "per_channel"), [(4, 8, True), (8, 8, False), (3, 4, True), (2, 6, True)])
def test_model_of_brevitas(tmp_path: Path, bits: int, codes: int, per_channel: bool) -> None:
    torch = pytest.importorskip("torch")
    nn, qnn = torch.nn, pytest.importorskip("brevitas.nn")
    pytest.importorskip("onnxoptimizer")
    quant, export = pytest.importorskip("brevitas.quant"), pytest.importorskip("brevitas.export")
    weights = quant.Int8WeightPerChannelFloat if per_channel else quant.Int8WeightPerTensorFloat
    of_weights = {"weight_quant": weights, "weight_bit_width": bits}
    of_relu = {"act_quant": quant.Uint8ActPerTensorFloat, "bit_width": codes, "return_quant_tensor": True}

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.input = qnn.QuantIdentity(
                act_quant=quant.Int8ActPerTensorFloat, bit_width=codes, return_quant_tensor=True
            )
            self.stem = qnn.QuantConv2d(3, 16, 5, padding=2, bias=True, **of_weights)
            self.norm = nn.BatchNorm2d(16)
            self.relu1 = qnn.QuantReLU(**of_relu)
            self.depthwise = qnn.QuantConv2d(16, 16, 3, padding=1, groups=16, bias=False, **of_weights)
            self.relu2 = qnn.QuantReLU(**of_relu)
            self.head = qnn.QuantLinear(16 * 64, 10, bias=True, **of_weights)

        def forward(self, x):
            x = self.relu1(self.norm(self.stem(self.input(x))))
            return self.head(torch.flatten(self.relu2(self.depthwise(x)), 1))

    net = Net()
    for _ in range(4):  # collects ranges
        net(torch.randn(8, 3, 8, 8))
    net.eval()
    export.export_onnx_qcdq(net, args=torch.zeros(1, 3, 8, 8), export_path=str(tmp_path / "q.onnx"), dynamo=False)

    network, remarks = import_model(tmp_path / "q.onnx", tmp_path)
    assert remarks == []
    found = read_network(network.read_text())
    for name, layer in (("stem", net.stem), ("depthwise", net.depthwise), ("head", net.head)):
        quantized = layer.quant_weight()
        expected = quantized.int().numpy()
        if name == "stem":
            expected = np.moveaxis(expected, 1, -1)
        elif name == "head":
            expected = np.moveaxis(expected.reshape(10, 16, 8, 8), 1, -1).reshape(10, 1024).T
        levels, scales, alphabet = found[name]
        np.testing.assert_array_equal(levels, expected)
        np.testing.assert_array_equal(scales.reshape(-1), quantized.scale.detach().numpy().reshape(-1))
        assert alphabet == f"mid_tread, [{2 ** (bits - 1) - 1}]"
    x = RANDOM.standard_normal((100, 3, 8, 8)).astype(np.float32)
    got = compare(tmp_path / "q.onnx", network, x, step=0.01)
    with torch.no_grad():
        expected = net(torch.from_numpy(x))
    expected = getattr(expected, "value", expected).numpy()
    assert np.linalg.norm(got - expected) < 0.01 * np.linalg.norm(expected)


DATA = Path(os.environ.get("GPFQ_DATA", ROOT.parent / "shared" / "data"))


@pytest.mark.skipif(not (DATA / "models.py").is_file(), reason=f"no networks in {DATA} (GPFQ_DATA)")
def test_resnet20_of_onnxruntime(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    sys.path.insert(0, str(DATA))
    models = pytest.importorskip("models")
    net, info = models.load("resnet20")
    images, labels = models.read_cifar(DATA / "cifar10" / "test_first5000.bin")
    x = models.normalise(info, images[:600]).numpy()
    source = tmp_path / "resnet20.onnx"
    torch.onnx.export(net, (torch.zeros(1, 3, 32, 32),), source, dynamo=False, opset_version=17)
    model = quantize_by_onnxruntime(source, tmp_path / "q.onnx", x[:100], per_channel=True)
    network, remarks = import_model(tmp_path / "q.onnx", tmp_path)
    assert remarks == []
    check_codes(model, network)
    last = next(node for node in reversed(model.graph.node) if node.op_type == "DequantizeLinear")
    step = float(numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == last.input[1])))
    # Codes that fall to the other side of a half add up over twenty layers.
    got = compare(tmp_path / "q.onnx", network, x[100:], step=2 * step)
    assert (got.argmax(1) == np.asarray(labels[100:600])).mean() > 0.88
