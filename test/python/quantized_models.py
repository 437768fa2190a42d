# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of quantised ONNX models share."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import gpfq

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("torch_mlir")
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto

RANDOM = np.random.default_rng(0)


def read_network(text: str) -> dict[str, tuple[np.ndarray, np.ndarray, str]]:
    """Levels, scales and alphabet of each layer of a network in MLIR text."""
    blobs = {name: bytes.fromhex(digits)[4:] for name, digits in re.findall(r'([\w.]+)"?: "0x([0-9A-F]+)"', text)}
    constants = dict(re.findall(r"(%\w+) = arith\.constant (.*)", text))

    def read(value: str) -> np.ndarray:
        content, sizes, kind = re.fullmatch(r"(.*) : tensor<([\dx]+)x(i8|f32)>", constants[value]).groups()
        shape, dtype = [int(n) for n in sizes.split("x")], {"i8": np.int8, "f32": np.float32}[kind]
        if content.startswith("dense_resource"):
            return np.frombuffer(blobs[content[len("dense_resource<") : -1].strip('"')], dtype).reshape(shape)
        numbers = re.findall(r"-?[\d.]+(?:[eE][-+]?\d+)?", content)
        return np.broadcast_to(
            np.array(numbers, np.float64).astype(dtype).reshape(shape if len(numbers) > 1 else []), shape
        )

    pattern = r'lowbit\.dequantize (%\w+), (%\w+) .*?alphabet <(\w+, \[[\d, -]+\])> layer "([^"]+)"'
    return {name: (read(codes), read(scale), alphabet) for codes, scale, alphabet, name in re.findall(pattern, text)}


def import_model(model: onnx.ModelProto | Path, folder: Path, **options: object) -> tuple[Path, list[str]]:
    """The imported network, and what was said about it."""
    if not isinstance(model, Path):
        onnx.checker.check_model(model)
        onnx.save(model, folder / "net.onnx")
        model = folder / "net.onnx"
    remarks: list[str] = []
    return gpfq.import_onnx(model, folder / "net.mlir", on_remark=remarks.append, **options), remarks


def compare(model: Path, network: Path, x: np.ndarray, step: float = 0.0) -> np.ndarray:
    """The outputs of the compiled network, which are those of onnxruntime up to `step`."""
    done = gpfq.compile(network, network.with_suffix(".so"))
    assert done.report["totals"]["float_left"] == []
    assert not any("multiplies in float" in message for message in done.messages), done.messages
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    # As the model says; some of its optimisations quantise the inputs of layers whose weights are codes.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    expected = np.concatenate([session.run(None, {name: x[i : i + 1]})[0] for i in range(len(x))])
    got = gpfq.run_batches(gpfq.load(network.with_suffix(".so")), x)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 + 1.001 * step)
    return got


def make_torch_model(folder: Path) -> Path:
    """Layers of all kinds, a residual sum and a flattening, as a float ONNX model. The sizes tell layouts apart."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(3)
            self.stem, self.depthwise = nn.Conv2d(3, 16, 5, padding=2), nn.Conv2d(16, 16, 3, padding=1, groups=16)
            self.grouped, self.head = nn.Conv2d(16, 16, 1, groups=2), nn.Linear(16 * 16, 10)

        def forward(self, x):
            x = torch.relu(self.stem(x))
            x = torch.relu(self.depthwise(x) + x)
            return self.head(torch.flatten(nn.functional.max_pool2d(torch.relu(self.grouped(x)), 2), 1))

    path = folder / "float.onnx"
    torch.onnx.export(Net().eval(), (torch.zeros(1, 3, 8, 8),), path, dynamo=False, opset_version=17)
    return path


LAYERS = ["stem", "depthwise", "grouped", "head"]
