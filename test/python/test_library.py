# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The loader of compiled libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import compile_network

import gpfq
from gpfq.evaluation import run_batches


def test_runs(float_library: Path) -> None:
    model = gpfq.load(float_library)
    result = model(np.array([[1, 2, 4]], np.float32))
    np.testing.assert_array_equal(result, [[5, 5]])
    assert model.inputs[0].shape == (1, 3)
    assert model.weight_bytes > 0


def test_converts_layout(float_library: Path) -> None:
    model = gpfq.load(float_library)
    strided = np.array([[1, 9, 2, 9, 4, 9]], np.float32)[:, ::2]
    np.testing.assert_array_equal(model(strided.astype(">f4")), [[5, 5]])


def test_rejects_bad_arguments(float_library: Path) -> None:
    model = gpfq.load(float_library)
    with pytest.raises(TypeError, match="takes 1 input"):
        model()
    with pytest.raises(TypeError, match="must be a numpy array"):
        model([[1.0, 2.0, 3.0]])
    with pytest.raises(TypeError, match="float64"):
        model(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="dimensions"):
        model(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="shape"):
        model(np.zeros((1, 4), np.float32))


def test_rejects_other_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        gpfq.load(tmp_path / "absent.so")
    text = tmp_path / "text.so"
    text.write_text("not a library")
    with pytest.raises(gpfq.LoadError, match="cannot be loaded"):
        gpfq.load(text)


EMBEDDING = """
func.func @net(%words: tensor<1x3xi64>, %mask: tensor<1x3xi32>) -> tensor<1x3x2xf32> {
  %size = arith.constant 4 : index
  %table = arith.constant dense<[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<1x3x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, i, k) -> (b, i)>, affine_map<(b, i, k) -> (b, i)>,
                                        affine_map<(b, i, k) -> (b, i, k)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%words, %mask : tensor<1x3xi64>, tensor<1x3xi32>) outs(%e : tensor<1x3x2xf32>) {
  ^bb0(%word: i64, %m: i32, %out: f32):
    %row = arith.index_cast %word : i64 to index
    %column = linalg.index 2 : index
    %ok = arith.cmpi slt, %row, %size : index
    cf.assert %ok, "index must be smaller than dim size"
    %x = tensor.extract %table[%row, %column] : tensor<4x2xf32>
    %f = arith.sitofp %m : i32 to f32
    %y = arith.mulf %x, %f : f32
    linalg.yield %y : f32
  } -> tensor<1x3x2xf32>
  return %r : tensor<1x3x2xf32>
}
"""


@pytest.fixture(scope="module")
def embedding_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedding")
    (folder / "net.mlir").write_text(EMBEDDING)
    result = compile_network(folder / "net.mlir", "--float", "-o", folder / "libnet.so")
    assert result.returncode == 0, result.stderr
    return folder / "libnet.so"


def test_integer_inputs(embedding_library: Path) -> None:
    model = gpfq.load(embedding_library)
    words, mask = np.array([[3, 0, 1]], np.int64), np.array([[1, 1, 0]], np.int32)
    np.testing.assert_array_equal(model(words, mask), [[[6, 7], [0, 1], [0, 0]]])
    assert [str(info.dtype) for info in model.inputs] == ["int64", "int32"]
    with pytest.raises(TypeError, match=r"input 0 .*got dtype int32; convert it with .astype\('int64'\)"):
        model(words.astype(np.int32), mask)
    with pytest.raises(TypeError, match=r"input 1 .*got dtype float32; convert it with .astype\('int32'\)"):
        model(words, mask.astype(np.float32))


def test_words_outside_of_the_table_read_its_ends(embedding_library: Path) -> None:
    words = np.array([[4, -1, 1 << 40]], np.int64)
    result = gpfq.load(embedding_library)(words, np.ones((1, 3), np.int32))
    np.testing.assert_array_equal(result, [[[6, 7], [0, 1], [6, 7]]])


def test_batches_of_several_inputs(embedding_library: Path) -> None:
    model = gpfq.load(embedding_library)
    words = np.arange(15).reshape(5, 3) % 4
    outputs = run_batches(model, [words, np.ones((5, 3), np.int32)])
    np.testing.assert_array_equal(outputs[:, :, 0], 2 * words)


@pytest.fixture(scope="module")
def parallel_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 rows of 256 codes by 1024 columns of levels, split into parts."""
    folder = tmp_path_factory.mktemp("parallel")
    network = folder / "net.mlir"
    network.write_text(
        """
func.func @net(%x: tensor<64x256xi8>) -> tensor<64x1024xi32> {
  %w = arith.constant dense<3> : tensor<1024x256xi8>
  %e = tensor.empty() : tensor<64x1024xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<64x256xi8>, tensor<1024x256xi8>)
      outs(%e : tensor<64x1024xi32>) {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<64x1024xi32>
  return %r : tensor<64x1024xi32>
}
"""
    )
    library = folder / "libnet.so"
    result = compile_network(network, "--parallel=pool", "-o", library)
    assert result.returncode == 0, result.stderr
    return library


def test_threads_do_not_change_outputs(parallel_library: Path) -> None:
    codes = np.random.default_rng(1).integers(-128, 128, (64, 256)).astype(np.int8)
    expected = gpfq.load(parallel_library)(codes)
    np.testing.assert_array_equal(expected[:, 0], 3 * codes.view(np.uint8).astype(np.int32).sum(1))
    for threads in (2, 3):
        model = gpfq.load(parallel_library, threads=threads, pin=threads == 2)
        for _ in range(10):
            np.testing.assert_array_equal(model(codes), expected)


def test_threads_share_the_buffers_of_a_convolution(tmp_path: Path) -> None:
    """A 3x3 convolution that is large enough for Winograd's algorithm on several threads, where the CPU has it."""
    random = np.random.default_rng(2)
    levels = random.integers(-7, 8, (64, 3, 3, 64)).astype(np.int8)
    (tmp_path / "net.mlir").write_text(
        f"""
func.func @net(%x: tensor<1x58x58x64xi8>) -> tensor<1x56x56x64xi32> {{
  %w = arith.constant dense<"0x{levels.tobytes().hex().upper()}"> : tensor<64x3x3x64xi8>
  %e = tensor.empty() : tensor<1x56x56x64xi32>
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x58x58x64xi8>, tensor<64x3x3x64xi8>)
      outs(%e : tensor<1x56x56x64xi32>) {{alphabet = #lowbit.alphabet<mid_tread, [7]>}} epilogue {{
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }} -> tensor<1x56x56x64xi32>
  return %r : tensor<1x56x56x64xi32>
}}
"""
    )
    result = compile_network(tmp_path / "net.mlir", "--parallel=pool", "-o", tmp_path / "libnet.so")
    assert result.returncode == 0, result.stderr
    codes = random.integers(0, 256, (1, 58, 58, 64)).astype(np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(codes[0].astype(np.float64), (3, 3), axis=(0, 1))
    expected = np.einsum("yxckl,oklc->yxo", windows, levels.astype(np.float64), optimize=True)
    for threads in (1, 2, 3, 8):
        model = gpfq.load(tmp_path / "libnet.so", threads=threads)
        for _ in range(10):
            np.testing.assert_array_equal(model(codes.view(np.int8))[0], expected)


def test_rejects_bad_threads(parallel_library: Path, float_library: Path) -> None:
    for threads in (0, -1, 257):
        with pytest.raises(ValueError, match="threads must be 1 to 256"):
            gpfq.load(parallel_library, threads=threads)
    with pytest.raises(gpfq.LoadError, match="compile it with --parallel=pool"):
        gpfq.load(float_library, threads=2)
