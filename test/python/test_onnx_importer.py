# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The importer of ONNX models, against onnx's reference evaluator. Skipped where onnx or torch-mlir is absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import compile_network, fail_command

import gpfq

onnx = pytest.importorskip("onnx")
pytest.importorskip("torch_mlir")
helper = pytest.importorskip("onnx.helper")
numpy_helper = pytest.importorskip("onnx.numpy_helper")
ReferenceEvaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
TensorProto = onnx.TensorProto

RANDOM = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


WEIGHTS = {
    "stem/0.weight": normal(4, 2, 3, 3),
    "norm.gamma": normal(4),
    "norm.beta": normal(4),
    "norm.mean": normal(4),
    "norm.var": RANDOM.uniform(0.5, 2, 4).astype(np.float32),
    "head.weight": normal(4, 3),
    "head.bias": normal(3),
}


def make_model(opset: int = 17, batch: int | str = 1) -> onnx.ModelProto:
    """2x7x7 -> convolution, batch norm, ReLU, mean, linear -> 3."""
    nodes = [
        helper.make_node("Conv", ["x", "stem/0.weight"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["conv", *list(WEIGHTS)[1:5]], ["normed"], name="norm"),
        helper.make_node("Relu", ["normed"], ["relu"], name="relu"),
        helper.make_node("GlobalAveragePool", ["relu"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head.weight", "head.bias"], ["y"], name="head"),
    ]
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 2, 7, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(array, name) for name, array in WEIGHTS.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def check(model: onnx.ModelProto, x: np.ndarray, folder: Path, **options: object) -> str:
    """Imports and compiles the model; its outputs must be those of onnx's evaluator. The imported text."""
    onnx.save(model, folder / "net.onnx")
    file = gpfq.import_onnx(folder / "net.onnx", folder / "net.mlir", **options)
    result = compile_network(file, "--float", "-o", folder / "libnet.so")
    assert result.returncode == 0, result.stderr
    expected = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x})[0]
    np.testing.assert_allclose(gpfq.load(folder / "libnet.so")(x), expected, rtol=1e-4, atol=1e-5)
    return file.read_text()


@pytest.mark.parametrize("opset", [8, 11, 13, 17, 21, onnx.defs.onnx_opset_version() - 1])
def test_opsets(tmp_path: Path, opset: int) -> None:
    model = make_model(opset)
    onnx.save(model, tmp_path / "net.onnx")
    file = gpfq.import_onnx(tmp_path / "net.onnx", tmp_path / "net.mlir")
    assert compile_network(file, "--float", "-o", tmp_path / "libnet.so").returncode == 0
    x = normal(1, 2, 7, 7)
    expected = ReferenceEvaluator(make_model(17)).run(None, {"x": x})[0]
    np.testing.assert_allclose(gpfq.load(tmp_path / "libnet.so")(x), expected, rtol=1e-4, atol=1e-5)


def test_names_and_dynamic_batch(tmp_path: Path) -> None:
    text = check(make_model(batch="n"), normal(3, 2, 7, 7), tmp_path, dynamic_batch=True, function_name="tiny")
    assert "func.func @tiny(" in text
    for name in ("stem_0.weight", "norm.var", "head.weight"):
        assert f"dense_resource<{name}>" in text


def test_names_of_layers(tmp_path: Path) -> None:
    check(make_model(), normal(1, 2, 7, 7), tmp_path)
    done = gpfq.quantize(tmp_path / "net.mlir", tmp_path / "q.mlir", calibration=normal(64, 2, 7, 7))
    assert [layer["name"] for layer in done.report["layers"]] == ["stem_0", "head"]


def test_weights_of_constant_nodes(tmp_path: Path) -> None:
    model = make_model()
    tensor = next(t for t in model.graph.initializer if t.name == "head.weight")
    model.graph.initializer.remove(tensor)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["head.weight"], value=tensor))
    text = check(model, normal(1, 2, 7, 7), tmp_path)
    assert "dense_resource<head.weight>" in text


def make_tokens(batch: int | str) -> onnx.ModelProto:
    """Linear layers on 3-D input, between reshapes."""
    weights = {"up.weight": normal(8, 16), "up.bias": normal(16), "down.weight": normal(4, 16)}
    nodes = [
        helper.make_node("Reshape", ["x", "tokens"], ["t"]),
        helper.make_node("Transpose", ["t"], ["u"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["u", "up.weight"], ["v"]),
        helper.make_node("Add", ["v", "up.bias"], ["w"]),
        helper.make_node("Relu", ["w"], ["r"]),
        helper.make_node("Transpose", ["down.weight"], ["d"], perm=[1, 0]),
        helper.make_node("MatMul", ["r", "d"], ["y"]),
    ]
    constants = [numpy_helper.from_array(a, n) for n, a in weights.items()]
    constants.append(numpy_helper.from_array(np.array([0, 8, -1], np.int64), "tokens"))
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 8, 3, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 6, 4])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("batch", [1, 2])
def test_linear_on_three_dimensions(tmp_path: Path, batch: int) -> None:
    check(make_tokens("n" if batch > 1 else 1), normal(batch, 8, 3, 2), tmp_path, dynamic_batch=batch > 1)
    done = gpfq.quantize(tmp_path / "net.mlir", tmp_path / "q.mlir", calibration=normal(64, 8, 3, 2))
    assert [layer["name"] for layer in done.report["layers"]] == ["up", "down"]


def test_external_data(tmp_path: Path) -> None:
    onnx.save(make_model(), tmp_path / "net.onnx", save_as_external_data=True, size_threshold=0, location="net.data")
    gpfq.import_onnx(tmp_path / "net.onnx", tmp_path / "net.mlir")
    (tmp_path / "net.mlir").unlink()
    (tmp_path / "net.data").unlink()
    fail_command(
        "net.onnx: its weights are in other files .net.data", "import", "net.onnx", "-o", "n.mlir", cwd=tmp_path
    )


def set_shape(model: onnx.ModelProto, axis: int, name: str) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name


def test_given_sizes(tmp_path: Path) -> None:
    model = make_model()
    set_shape(model, 2, "height")
    set_shape(model, 3, "width")
    onnx.save(model, tmp_path / "net.onnx")
    text = gpfq.import_onnx(tmp_path / "net.onnx", tmp_path / "net.mlir", input_shapes=["1x2x9x5"]).read_text()
    assert "tensor<1x2x9x5xf32>) -> tensor<1x3xf32>" in text
    for shapes, pattern in (
        ([], r"dimension 2 \(height\) of input 'x' has no size"),
        (["1x2x9"], "has 4 dimensions"),
        (["1x3x9x5"], "dimension 1 of input 'x' is 2 in the model"),
        (["1x2x9x5", "1x2"], "2 shape"),
    ):
        with pytest.raises(gpfq.ImportOnnxError, match=pattern):
            gpfq.import_onnx(tmp_path / "net.onnx", tmp_path / "n.mlir", input_shapes=shapes)


def control_flow(model: onnx.ModelProto) -> None:
    branch = helper.make_graph(
        [helper.make_node("Relu", ["conv"], ["z"])],
        "b",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    model.graph.node.insert(
        1, helper.make_node("If", ["c"], ["q"], then_branch=branch, else_branch=branch, name="choose")
    )


def without_weights(model: onnx.ModelProto) -> None:
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.append(helper.make_node("Relu", ["x"], ["y"]))


def no_rank(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


def complex_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.COMPLEX64


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[2].op_type = "Frobnicate"


def custom_domain(model: onnx.ModelProto) -> None:
    model.graph.node[2].domain = "com.acme"


def dangling(model: onnx.ModelProto) -> None:
    model.graph.node[2].input[0] = "nowhere"


def short_weights(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:10]


def unsupported(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("GridSample", ["x", "grid"], ["z"], name="sample"))
    model.graph.initializer.append(numpy_helper.from_array(normal(1, 2, 2, 2, 2), "grid"))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 2, 2, 2]))


def crashing(model: onnx.ModelProto) -> None:
    """torch-mlir 20261001 dereferences null on it."""
    model.graph.node.append(helper.make_node("Unique", ["x"], ["z"]))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n"]))


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (control_flow, "If node 'choose' is control flow"),
        (without_weights, "has no weights"),
        (no_rank, "input 'x' has no rank"),
        (complex_input, "'x' is a complex tensor"),
        (unknown_operator, ".*No Op registered for Frobnicate"),
        (custom_domain, "Relu node 'relu' is of domain 'com.acme'"),
        (dangling, ".*'nowhere'"),
        (short_weights, r".*stem/0\.weight"),
        (unsupported, r"torch-mlir cannot lower onnx\.GridSample \(node 'sample'\)"),
        (crashing, r"torch-mlir cannot lower"),
        (lambda model: setattr(model.opset_import[0], "version", 99), "has opset 99"),
        (lambda model: setattr(model.opset_import[0], "version", 5), "net.onnx: "),
    ],
)
def test_models_that_cannot_be_imported(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], pattern: str
) -> None:
    model = make_model()
    change(model)
    onnx.save(model, tmp_path / "net.onnx")
    fail_command(f"^gpfq: error: (.*: )?{pattern}", "import", "net.onnx", "-o", "net.mlir", cwd=tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello\n", bytes(range(256)), make_model().SerializeToString()[:400]])
def test_files_that_are_no_models(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    fail_command(r"net\.onnx: not an ONNX model", "import", "net.onnx", "-o", "net.mlir", cwd=tmp_path)


def test_static_batch_is_not_made_dynamic(tmp_path: Path) -> None:
    model = make_model()
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 4], np.int64), "sizes"))
    model.graph.node[4].CopyFrom(helper.make_node("Reshape", ["mean", "sizes"], ["flat"]))
    onnx.save(model, tmp_path / "net.onnx")
    arguments = ["import", "net.onnx", "--dynamic-batch", "-o", "net.mlir"]
    fail_command("output 'y' has a first dimension of 1 whatever the batch is", *arguments, cwd=tmp_path)
