# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX models that other tools have quantised: their levels are ours, and the compiled network computes what
onnxruntime does. Skipped where onnx, onnxruntime or torch-mlir is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import gpfq_command
from quantized_models import LAYERS, compare, import_model, make_torch_model, read_network

import gpfq

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("torch_mlir")
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto

RANDOM = np.random.default_rng(0)


def make_layer(kind: int, shape: tuple[int, ...], axis: int | None, block: int = 0, zero: int | None = None) -> tuple:
    """A model of one layer with a bias of int32, its codes and scales."""
    low, high = {TensorProto.INT8: (-128, 128), TensorProto.UINT8: (0, 256), TensorProto.INT4: (-8, 8)}.get(
        kind, (0, 16)
    )
    codes = RANDOM.integers(low, high, shape)
    codes.flat[:2] = low, high - 1
    scale_shape = [] if axis is None else [shape[axis]]
    if block:
        scale_shape = [n // block if d == axis else n for d, n in enumerate(shape)]
    scales = RANDOM.uniform(0.01, 0.1, scale_shape).astype(np.float32)
    if block and len(shape) == 4:  # as our exporter has them: a scale for all taps
        scales[:] = scales[:, :, :1, :1]
    is_conv = len(shape) == 4
    channels = shape[0] if is_conv or axis != 1 or block else shape[1]
    tensors = [
        helper.make_tensor("layer.weight_quantized", kind, shape, codes.flatten().tolist()),
        numpy_helper.from_array(scales, "scales"),
        numpy_helper.from_array(RANDOM.integers(-99, 99, channels).astype(np.int32), "bias_quantized"),
        numpy_helper.from_array(np.array(0.01, np.float32), "bias_scale"),
    ]
    inputs = ["layer.weight_quantized", "scales"]
    if zero is not None:
        tensors.append(helper.make_tensor("zero", kind, scales.shape, [zero] * scales.size))
        inputs.append("zero")
    attributes = {} if axis is None else {"axis": axis}
    nodes = [
        helper.make_node("DequantizeLinear", inputs, ["w"], **attributes, **({"block_size": block} if block else {})),
        helper.make_node("DequantizeLinear", ["bias_quantized", "bias_scale"], ["b"]),
        helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1])
        if is_conv
        else helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=int(channels == shape[0])),
    ]
    size = shape[1] if is_conv or channels == shape[0] else shape[0]
    image = [5, 5] if is_conv else []
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, size, *image])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, *image])],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), codes, scales


@pytest.mark.parametrize(
    ("kind", "shape", "axis", "block", "zero", "alphabet"),
    [
        ("INT8", (16, 8, 3, 3), 0, 0, None, "range, [-128, 127]"),
        ("INT8", (16, 8, 3, 3), None, 0, 0, "range, [-128, 127]"),
        ("UINT8", (16, 8, 3, 3), 0, 0, 128, "range, [-128, 127]"),
        ("INT4", (16, 8, 3, 3), 0, 0, 0, "range, [-8, 7]"),
        ("UINT4", (16, 8, 3, 3), None, 0, 8, "range, [-8, 7]"),
        ("UINT4", (16, 8), 0, 0, 3, "mid_tread, [15]"),
        ("INT8", (8, 16), 1, 0, None, "range, [-128, 127]"),
        ("INT4", (16, 32), 1, 8, None, "range, [-8, 7]"),
        ("INT8", (16, 32), 1, 4, 1, None),
        ("INT8", (16, 8, 3, 3), 1, 4, None, "range, [-128, 127]"),
    ],
    ids=lambda value: str(value).replace(" ", ""),
)
def test_levels(
    tmp_path: Path,
    kind: str,
    shape: tuple[int, ...],
    axis: int | None,
    block: int,
    zero: int | None,
    alphabet: str | None,
) -> None:
    model, codes, scales = make_layer(getattr(TensorProto, kind), shape, axis, block, zero)
    network, remarks = import_model(model, tmp_path)
    if alphabet is None:  # -129 does not fit
        assert "net.onnx: remark: weights of layer 'layer' stay in float: levels less the zero point" in remarks[0]
        return
    assert remarks == []
    levels, got, found = read_network(network.read_text())["layer"]
    expected = codes - (zero or 0)
    np.testing.assert_array_equal(levels, np.moveaxis(expected, 1, -1) if len(shape) == 4 else expected)
    np.testing.assert_array_equal(got.reshape(-1), (scales[..., 0, 0] if scales.ndim == 4 else scales).reshape(-1))
    assert found == alphabet
    x = RANDOM.standard_normal((20, *[d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]))
    compare(tmp_path / "net.onnx", network, x.astype(np.float32))


def test_weights_that_do_not_fit_stay_float(tmp_path: Path) -> None:
    model, _, _ = make_layer(TensorProto.UINT8, (16, 8, 3, 3), None, zero=100)
    onnx.save(model, tmp_path / "net.onnx")
    result = gpfq_command("import", "net.onnx", "-o", "net.mlir", cwd=tmp_path)
    assert result.returncode == 0
    assert "weights of layer 'layer' stay in float: levels less the zero point, -100 to 155" in result.stderr
    gpfq.compile(tmp_path / "net.mlir", tmp_path / "net.so", keep_float=True)
    x = RANDOM.standard_normal((1, 8, 5, 5)).astype(np.float32)
    expected = runtime.InferenceSession(tmp_path / "net.onnx").run(None, {"x": x})[0]
    np.testing.assert_allclose(gpfq.load(tmp_path / "net.so")(x), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("form", ["uint8", "int8", "no zero point", "uint4", "int4"])
def test_activations(tmp_path: Path, form: str) -> None:
    """A convolution between codes; those of four bits are bounded as Brevitas does it."""
    signed = form in ("int8", "int4")
    dtype, zero = (np.int8, -3) if signed else (np.uint8, 0 if form == "no zero point" else 3)
    bounds = {"uint4": (0, 15), "int4": (-8, 7)}.get(form)
    tensors = [
        numpy_helper.from_array(RANDOM.integers(-7, 8, (8, 4, 3, 3)).astype(np.int8), "c.weight.levels"),
        numpy_helper.from_array(RANDOM.uniform(0.01, 0.1, 8).astype(np.float32), "c.weight.scales"),
        numpy_helper.from_array(np.array(0.04, np.float32), "in.scale"),
        numpy_helper.from_array(np.array(0.125, np.float32), "out.scale"),
        numpy_helper.from_array(np.array(zero, dtype), "zero"),
    ]
    tensors += [numpy_helper.from_array(np.array(b, dtype), f"bound{i}") for i, b in enumerate(bounds or ())]

    def pair(source: str, result: str, scale: str) -> list:
        parameters = [scale] if form == "no zero point" else [scale, "zero"]
        codes = f"{result}.codes"
        nodes = [helper.make_node("QuantizeLinear", [source, *parameters], [codes])]
        if bounds:
            nodes.append(helper.make_node("Clip", [codes, "bound0", "bound1"], [f"{result}.clipped"]))
            codes = f"{result}.clipped"
        return [*nodes, helper.make_node("DequantizeLinear", [codes, *parameters], [result])]

    nodes = [
        *pair("x", "a", "in.scale"),
        helper.make_node("DequantizeLinear", ["c.weight.levels", "c.weight.scales"], ["w"], axis=0),
        helper.make_node("Conv", ["a", "w"], ["b"], pads=[1, 1, 1, 1], strides=[2, 2]),
        *pair("b", "y", "out.scale"),
    ]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 4, 6, 6]), ("y", [1, 8, 3, 3]))
    ]
    graph = helper.make_graph(nodes, "main_graph", values[:1], values[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    network, remarks = import_model(model, tmp_path)
    assert remarks == []
    text = network.read_text()
    assert text.count("lowbit.quantize") == 2
    assert read_network(text)["c"][2] == "mid_tread, [7]"
    # Wide enough for codes above 127 to meet the bounds, and for the bounds of eight bits.
    x = (4 * RANDOM.standard_normal((100, 4, 6, 6))).astype(np.float32)
    got = compare(tmp_path / "net.onnx", network, x, step=0.125)
    assert len(np.unique(got)) > (8 if bounds else 40)


@pytest.mark.parametrize(
    ("bits", "int4", "granularity"), [(8, False, "channel"), (4, True, "channel"), (4, True, "tensor")]
)
def test_what_we_export_comes_back(tmp_path: Path, bits: int, int4: bool, granularity: str) -> None:
    pytest.importorskip("safetensors")
    source = make_torch_model(tmp_path)
    gpfq.import_onnx(source, tmp_path / "float.mlir")
    weights, data = tmp_path / "w.safetensors", RANDOM.standard_normal((128, 3, 8, 8)).astype(np.float32)
    options = {"weight_bits": bits, "granularity": granularity, "weights": weights, "calibration": data}
    gpfq.quantize(tmp_path / "float.mlir", tmp_path / "q.mlir", **options)
    gpfq.export_onnx(weights, source, tmp_path / "q.onnx", int4=int4)

    network, remarks = import_model(tmp_path / "q.onnx", tmp_path)
    assert remarks == []
    found = read_network(network.read_text())
    assert sorted(found) == sorted(LAYERS)
    for layer in gpfq.read_weights(weights):
        levels, scales, _ = found[layer.name]
        expected = layer.levels
        if layer.name == "head":  # the rows are in the order of the flattened image, channels last
            expected = np.moveaxis(expected.reshape(10, 16, 4, 4), 1, -1).reshape(10, 256).T
        elif expected.ndim == 4:
            expected = np.moveaxis(expected, 1, -1)
        np.testing.assert_array_equal(
            levels.reshape(expected.shape) if levels.size == expected.size else levels, expected
        )
        np.testing.assert_array_equal(scales.reshape(-1), layer.scales)
    gpfq.compile(tmp_path / "q.mlir", tmp_path / "first.so")
    x = RANDOM.standard_normal((50, 3, 8, 8)).astype(np.float32)
    got = compare(tmp_path / "q.onnx", network, x, step=0.02 * np.abs(data).max())
    first = gpfq.run_batches(gpfq.load(tmp_path / "first.so"), x)
    # A code falls to the other side where x / scale is close to a half.
    assert np.linalg.norm(got - first) < 0.02 * np.linalg.norm(first)


@pytest.mark.parametrize("int4", [False, True])
def test_blocks_come_back(tmp_path: Path, int4: bool) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    nn = torch.nn
    torch.manual_seed(4)
    layers = [nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)]
    source = tmp_path / "float.onnx"
    torch.onnx.export(nn.Sequential(*layers).eval(), (torch.zeros(1, 8, 6, 6),), source, dynamo=False, opset_version=17)
    gpfq.import_onnx(source, tmp_path / "float.mlir")
    weights, data = tmp_path / "w.safetensors", RANDOM.standard_normal((128, 8, 6, 6)).astype(np.float32)
    options = {"granularity": "block", "quantize_options": "block-size=4", "weights": weights, "calibration": data}
    gpfq.quantize(tmp_path / "float.mlir", tmp_path / "q.mlir", **options)
    gpfq.export_onnx(weights, source, tmp_path / "q.onnx", int4=int4)
    nodes = {node.output[0]: node for node in onnx.load(tmp_path / "q.onnx").graph.node}
    for name in ("0.weight", "4.weight"):
        attributes = {a.name: a.i for a in nodes[name].attribute}
        assert attributes == {"axis": 1, "block_size": 4}

    network, remarks = import_model(tmp_path / "q.onnx", tmp_path)
    assert remarks == []
    found = read_network(network.read_text())
    for layer in gpfq.read_weights(weights):
        levels, scales, _ = found[layer.name]
        np.testing.assert_array_equal(
            levels, np.moveaxis(layer.levels, 1, -1) if layer.levels.ndim == 4 else layer.levels
        )
        np.testing.assert_array_equal(scales, layer.scales)
    compare(tmp_path / "q.onnx", network, RANDOM.standard_normal((50, 8, 6, 6)).astype(np.float32), step=0.02)
