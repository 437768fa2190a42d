# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Networks that gpfq-compile cannot take, or that are unusual: a located message that says what to do, or a right
result.

After an error the exit status is 1 and no file has been written, complete or partial.
"""

from __future__ import annotations

import json
import re

import numpy as np
from small_network import BIAS, MATRIX, SAMPLES, Folder, assert_close, expected_outputs, network, samples


def test_weight_that_is_not_constant(folder: Folder) -> None:
    """The layer stays in float, with a remark; the others are quantised."""
    text = network().replace("(%x: tensor<1x2x6x6xf32>)", "(%x: tensor<1x2x6x6xf32>, %free: tensor<64x3xf32>)")
    folder.write("net.mlir", text.replace("ins(%flat, %matrix", "ins(%flat, %free"))
    folder.save("free.npy", np.tile(MATRIX, (SAMPLES, 1, 1)))
    result = folder.succeed("--weight-bits=8", "--report=report.json", calibration="calib.npy,free.npy")
    assert re.search(r"net\.mlir:\d+:\d+: (remark|warning): .*two activations", result.stderr), result.stderr
    report = json.loads((folder.path / "report.json").read_text())
    assert len(report["layers"]) == 1
    assert len(report["totals"]["float_left"]) == 1
    x = samples(4)
    got = np.concatenate([folder.load()(x[i : i + 1], MATRIX) for i in range(4)])
    assert_close(got, expected_outputs(x))


def test_control_flow_of_blocks(folder: Folder) -> None:
    blocks = """
  %true = arith.constant true
  cf.cond_br %true, ^end(%y : tensor<1x3xf32>), ^other
^other:
  cf.br ^end(%init : tensor<1x3xf32>)
^end(%z: tensor<1x3xf32>):
  return %z"""
    folder.write("net.mlir", network().replace("  return %y", blocks))
    folder.fail("control flow")


def test_control_flow_of_regions(folder: Folder) -> None:
    condition = """
  %i0 = arith.constant 0 : index
  %first = tensor.extract %x[%i0, %i0, %i0, %i0] : tensor<1x2x6x6xf32>
  %flag = arith.cmpf ogt, %first, %zero : f32
  %z = scf.if %flag -> tensor<1x3xf32> {
    scf.yield %y : tensor<1x3xf32>
  } else {
    %other = linalg.exp ins(%y : tensor<1x3xf32>) outs(%e1 : tensor<1x3xf32>) -> tensor<1x3xf32>
    scf.yield %other : tensor<1x3xf32>
  }
  return %z"""
    folder.write("net.mlir", network().replace("  return %y", condition))
    folder.fail("control flow")


def test_dynamic_spatial_shape(folder: Folder) -> None:
    folder.write(
        "net.mlir",
        """func.func @net(%x: tensor<1x2x?x6xf32>) -> tensor<1x2x?x6xf32> {
  return %x : tensor<1x2x?x6xf32>
}
""",
    )
    folder.fail("dimension 2 is dynamic.*fixed size")


def test_two_outputs(folder: Folder) -> None:
    text = network().replace("-> tensor<1x3xf32> {", "-> (tensor<1x3xf32>, tensor<1x64xf32>) {", 1)
    folder.write(
        "net.mlir", text.replace("return %y : tensor<1x3xf32>", "return %y, %flat : tensor<1x3xf32>, tensor<1x64xf32>")
    )
    folder.succeed("--weight-bits=8")
    x = samples(1)
    outputs = folder.load()(x)
    assert [output.shape for output in outputs] == [(1, 3), (1, 64)]
    assert_close(outputs[0], expected_outputs(x))
    assert_close(outputs[1] @ MATRIX + BIAS, expected_outputs(x))


def two_inputs(folder: Folder) -> None:
    add = """
  %sum = linalg.add ins(%x, %other : tensor<1x2x6x6xf32>, tensor<1x2x6x6xf32>)
    outs(%e9 : tensor<1x2x6x6xf32>) -> tensor<1x2x6x6xf32>"""
    text = network().replace("(%x: tensor<1x2x6x6xf32>)", "(%x: tensor<1x2x6x6xf32>, %other: tensor<1x2x6x6xf32>)")
    text = text.replace("%conv =", "%e9 = tensor.empty() : tensor<1x2x6x6xf32>" + add + "\n  %conv =")
    folder.write("net.mlir", text.replace("ins(%x, %filter", "ins(%sum, %filter"))
    folder.save("calib2.npy", samples()[::-1])


def test_two_inputs(folder: Folder) -> None:
    two_inputs(folder)
    folder.succeed("--weight-bits=8", calibration="calib.npy,calib2.npy")
    x = samples()
    model, other = folder.load(), x[::-1].copy()
    got = np.concatenate([model(x[i : i + 1], other[i : i + 1]) for i in range(len(x))])
    assert_close(got, expected_outputs(x + other))


def test_two_inputs_one_file(folder: Folder) -> None:
    two_inputs(folder)
    folder.fail("calibration")


def test_two_inputs_of_different_length(folder: Folder) -> None:
    two_inputs(folder)
    folder.save("calib2.npy", samples(SAMPLES - 1))
    folder.fail("samples", calibration="calib.npy,calib2.npy")


def test_nothing_to_quantise(folder: Folder) -> None:
    folder.write(
        "net.mlir",
        """func.func @net(%x: tensor<1x2x6x6xf32>) -> tensor<1x72xf32> {
  %y = tensor.collapse_shape %x [[0], [1, 2, 3]] : tensor<1x2x6x6xf32> into tensor<1x72xf32>
  return %y : tensor<1x72xf32>
}
""",
    )
    folder.fail("quantis")


def test_not_mlir(folder: Folder) -> None:
    folder.write("net.mlir", "import torch\n")
    folder.fail("")


def test_no_function(folder: Folder) -> None:
    folder.write("net.mlir", "module {}\n")
    folder.fail("function")


# Policies and options
