# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad and unusual input through gpfq-compile: a located message that says what to do, or a right result.

After an error the exit status is 1 and no file has been written, complete or partial.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD

import gpfq

SAMPLES = 48
SHAPE = (2, 6, 6)
RANDOM = np.random.default_rng(7)
FILTER = RANDOM.standard_normal((4, 2, 3, 3)).astype(np.float32)
MATRIX = RANDOM.standard_normal((64, 3)).astype(np.float32)
BIAS = np.array([0.5, -1, 2], np.float32)


def dense(array: np.ndarray) -> str:
    """The array as a constant of MLIR."""
    shape = "x".join(map(str, array.shape))
    return f'arith.constant dense<"0x{array.astype("<f4").tobytes().hex()}"> : tensor<{shape}xf32>'


def convolution(x: str, y: str, filter: str = "%filter") -> str:
    """2x6x6 -> 4x4x4, ReLU, flattened to 64."""
    return f"""
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<1x4x4x4xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %conv = linalg.conv_2d_nchw_fchw {{dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}}
    ins({x}, {filter} : tensor<1x2x6x6xf32>, tensor<4x2x3x3xf32>) outs(%f0 : tensor<1x4x4x4xf32>)
    -> tensor<1x4x4x4xf32>
  %relu = linalg.generic {{indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>,
      affine_map<(n, c, h, w) -> (n, c, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
    ins(%conv : tensor<1x4x4x4xf32>) outs(%e0 : tensor<1x4x4x4xf32>) {{
  ^bb0(%in: f32, %out: f32):
    %positive = arith.cmpf ugt, %in, %zero : f32
    %value = arith.select %positive, %in, %zero : f32
    linalg.yield %value : f32
  }} -> tensor<1x4x4x4xf32>
  {y} = tensor.collapse_shape %relu [[0], [1, 2, 3]] : tensor<1x4x4x4xf32> into tensor<1x64xf32>"""


def linear(x: str, y: str, matrix: str = "%matrix") -> str:
    """64 -> 3, with a bias."""
    return f"""
  %e1 = tensor.empty() : tensor<1x3xf32>
  %init = linalg.broadcast ins(%bias : tensor<3xf32>) outs(%e1 : tensor<1x3xf32>) dimensions = [0]
  {y} = linalg.matmul ins({x}, {matrix} : tensor<1x64xf32>, tensor<64x3xf32>) outs(%init : tensor<1x3xf32>)
    -> tensor<1x3xf32>"""


def constants(filter: np.ndarray = FILTER, matrix: np.ndarray = MATRIX) -> str:
    return f"\n  %filter = {dense(filter)}\n  %matrix = {dense(matrix)}\n  %bias = {dense(BIAS)}"


def network(filter: np.ndarray = FILTER, matrix: np.ndarray = MATRIX) -> str:
    return f"""func.func @net(%x: tensor<1x2x6x6xf32>) -> tensor<1x3xf32> {{{constants(filter, matrix)}
  {convolution("%x", "%flat")}
  {linear("%flat", "%y")}
  return %y : tensor<1x3xf32>
}}
"""


def expected_outputs(x: np.ndarray, filter: np.ndarray = FILTER, matrix: np.ndarray = MATRIX) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    conv = np.einsum("ncyxhw,fchw->nfyx", windows, filter)
    return np.maximum(conv, 0).reshape(len(x), -1) @ matrix + BIAS


def samples(count: int = SAMPLES) -> np.ndarray:
    return np.random.default_rng(11).standard_normal((count, *SHAPE)).astype(np.float32)


class Folder:
    """A folder with a network and calibration data, and runs of gpfq-compile in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("net.mlir", network())
        self.save("calib.npy", samples())

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def save(self, name: str, array: np.ndarray) -> None:
        np.save(self.path / name, array)

    def run(self, *options: str, output: str = "libnet.so", **process: object) -> subprocess.CompletedProcess[str]:
        command = [str(BUILD / "bin" / "gpfq-compile"), "net.mlir", "-o", output, *options]
        return subprocess.run(command, cwd=self.path, capture_output=True, text=True, timeout=300, **process)

    def succeed(
        self, *options: str, output: str = "libnet.so", calibration: str | None = "calib.npy", **process: object
    ) -> subprocess.CompletedProcess[str]:
        data = [] if calibration is None else [f"--calibration={calibration}"]
        result = self.run(*data, *options, output=output, **process)
        assert result.returncode == 0, result.stderr
        return result

    def fail(
        self,
        pattern: str,
        *options: str,
        output: str = "libnet.so",
        calibration: str | None = "calib.npy",
        located: bool = True,
        **process: object,
    ) -> str:
        """Runs into an error that matches `pattern`; nothing may be left behind."""
        before = sorted(self.path.rglob("*"))
        data = [] if calibration is None else [f"--calibration={calibration}"]
        result = self.run(*data, *options, f"--report={self.path}/report.json", output=output, **process)
        assert result.returncode == 1, (result.returncode, result.stderr)
        prefix = r"net\.mlir:\d+:\d+: error: " if located else "error: "
        assert re.search(f"{prefix}.*{pattern}", result.stderr), result.stderr
        assert sorted(self.path.rglob("*")) == before
        return result.stderr

    def load(self, name: str = "libnet.so") -> gpfq.CompiledModel:
        return gpfq.load(self.path / name)

    def outputs(self, x: np.ndarray) -> np.ndarray:
        model = self.load()
        return np.concatenate([model(x[i : i + 1]) for i in range(len(x))])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def assert_close(got: np.ndarray, expected: np.ndarray, tolerance: float = 0.05) -> None:
    """Within `tolerance` of the root mean square: what 8-bit weights and activations allow."""
    assert np.isfinite(got).all()
    scale = max(float(np.sqrt(np.mean(expected**2))), 1e-6)
    assert float(np.sqrt(np.mean((got - expected) ** 2))) <= tolerance * scale


def test_good_input(folder: Folder) -> None:
    folder.succeed("--weight-bits=8")
    x = samples()
    assert_close(folder.outputs(x), expected_outputs(x))


# Calibration files


def test_absent(folder: Folder) -> None:
    folder.fail("'absent.npy'.*No such file", calibration="absent.npy")


def test_not_npy(folder: Folder) -> None:
    folder.write("calib.npy", "0.1 0.2 0.3\n")
    folder.fail("calib.npy")


def test_truncated(folder: Folder) -> None:
    file = folder.path / "calib.npy"
    file.write_bytes(file.read_bytes()[:-100])
    folder.fail("calib.npy.*truncated")


@pytest.mark.parametrize("keep", [0, 5, 9, 40])
def test_truncated_header(folder: Folder, keep: int) -> None:
    file = folder.path / "calib.npy"
    file.write_bytes(file.read_bytes()[:keep])
    folder.fail("calib.npy")


@pytest.mark.parametrize("shape", [(SAMPLES, 3, 6, 6), (SAMPLES, 6, 6, 2), (SAMPLES, 72), (72,), ()])
def test_wrong_shape(folder: Folder, shape: tuple[int, ...]) -> None:
    folder.save("calib.npy", np.zeros(shape, np.float32))
    folder.fail("calib.npy")


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.uint8, np.complex64])
def test_wrong_dtype(folder: Folder, dtype: type) -> None:
    folder.save("calib.npy", samples().astype(dtype))
    folder.fail("calib.npy.*float32")


@pytest.mark.parametrize(
    "convert",
    [np.asfortranarray, lambda x: x.astype(">f4"), lambda x: np.asfortranarray(x.astype(">f4"))],
    ids=["Fortran order", "big-endian", "both"],
)
def test_other_layouts(folder: Folder, convert: Callable[[np.ndarray], np.ndarray]) -> None:
    folder.succeed("--emit=quantized", output="expected.mlir")
    folder.save("calib.npy", convert(samples()))
    folder.succeed("--emit=quantized", output="got.mlir")
    assert (folder.path / "got.mlir").read_text() == (folder.path / "expected.mlir").read_text()


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")])
def test_not_finite(folder: Folder, value: float, word: str) -> None:
    x = samples()
    x[17, 1, 2, 3] = value
    folder.save("calib.npy", x)
    folder.fail(f"calib.npy.*{word}.* 17")


def test_no_samples(folder: Folder) -> None:
    folder.save("calib.npy", samples(0))
    folder.fail("calib.npy.*sample")


def test_one_sample(folder: Folder) -> None:
    folder.save("calib.npy", samples(1))
    folder.succeed("--weight-bits=8")
    assert np.isfinite(folder.outputs(samples())).all()


def test_more_samples_asked_than_there_are(folder: Folder) -> None:
    folder.fail("samples", f"--samples={SAMPLES + 1}")


@pytest.mark.parametrize("value", [0, 1, -3.5])
@pytest.mark.parametrize("activation_bits", [8, 0])
def test_constant_input(folder: Folder, value: float, activation_bits: int) -> None:
    x = np.full((SAMPLES, *SHAPE), value, np.float32)
    folder.save("calib.npy", x)
    folder.succeed("--weight-bits=8", f"--activation-bits={activation_bits}")
    assert_close(folder.outputs(x[:1]), expected_outputs(x[:1]))


@pytest.mark.parametrize("method", ["gpfq", "msq"])
def test_dead_channels(folder: Folder, method: str) -> None:
    """One input channel is always 0; one filter is 0, so one channel of the next layer's input is dead."""
    filter, x = FILTER.copy(), samples()
    filter[2], x[:, 1] = 0, 0
    folder.write("net.mlir", network(filter))
    folder.save("calib.npy", x)
    folder.succeed("--weight-bits=8", f"--method={method}")
    assert_close(folder.outputs(x), expected_outputs(x, filter))


@pytest.mark.parametrize("method", ["gpfq", "msq"])
@pytest.mark.parametrize("activation_bits", [8, 0])
def test_all_weights_zero(folder: Folder, method: str, activation_bits: int) -> None:
    folder.write("net.mlir", network(np.zeros_like(FILTER), np.zeros_like(MATRIX)))
    folder.succeed(f"--method={method}", f"--activation-bits={activation_bits}")
    np.testing.assert_array_equal(folder.outputs(samples(3)), np.tile(BIAS, (3, 1)))


# Networks


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


@pytest.mark.parametrize(
    ("policy", "pattern"),
    [
        ('{"layers": [{"match": ".*", "bitz": 4}]}', "bitz"),
        ('{"layers": [{"match": "nothing", "bits": 4}]}', "nothing"),
        ('{"layers": [{"match": ".*", "bits": "four"}]}', "bits"),
        ('{"layers": ', "policy.json"),
        ("[]", "policy.json.*object"),
        ('{".*": {"bits": 4}}', "policy.json.*layers"),
    ],
    ids=["unknown key", "no such layer", "wrong type", "not JSON", "not an object", "no list of layers"],
)
def test_bad_policy(folder: Folder, policy: str, pattern: str) -> None:
    folder.write("policy.json", policy)
    folder.fail(pattern, "--policy=policy.json", located=False)


@pytest.mark.parametrize(
    ("option", "pattern"),
    [
        ("--method=best", "best"),
        ("--step=huge", "huge"),
        ("--alphabet=roman", "roman"),
        ("--granularity=row", "row"),
        ("--range=wide", "wide"),
        ("--weight-bits=9", "weight-bits"),
        ("--activation-bits=9", "activation-bits"),
        ("--target=z80", "z80"),
        ("--skip=(", "skip|regular expression"),
        ("--samples=-1", "samples"),
        ("--held-out=1", "held-out"),
    ],
)
def test_bad_option(folder: Folder, option: str, pattern: str) -> None:
    folder.fail(pattern, option, located=False)


# The machine


def test_disk_full_while_mapped(folder: Folder, tmp_path: Path) -> None:
    """The file of activations cannot grow: as on a full disk, the system call fails."""

    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        # The report fits, the activations do not.
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    folder.save("calib.npy", samples(5000))
    folder.fail("temporary file.*TMPDIR", "--memory-budget=400000", preexec_fn=limit_file_size, restore_signals=False)


def test_output_cannot_be_written_whole(folder: Folder) -> None:
    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))

    folder.fail("", calibration=None, preexec_fn=limit_file_size, restore_signals=False, located=False)


@pytest.mark.parametrize("output", ["absent/libnet.so", "taken.so"])
def test_unwritable_output(folder: Folder, output: str) -> None:
    (folder.path / "taken.so").mkdir()
    folder.fail(output, output=output, located=False)


def missing_target() -> str:
    """A target that this CPU lacks the features of."""
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text()))
    for target, flag in (("avx512vnni", "avx512_vnni"), ("avxvnni", "avx_vnni"), ("avx2", "avx2")):
        if flag not in flags:
            return target
    pytest.skip("this CPU has every target's features")


def test_cpu_without_the_features(folder: Folder) -> None:
    folder.succeed("--float", f"--target={missing_target()}", calibration=None)
    with pytest.raises(gpfq.UnsupportedCpuError, match=r"libnet\.so: .*avx"):
        folder.load()
    # A caller that ignores the check gets a status, not SIGILL.
    code = """
import ctypes, numpy as np
library = ctypes.CDLL("./libnet.so")
x, y, workspace = np.zeros((1, 2, 6, 6), "f4"), np.zeros((1, 3), "f4"), np.zeros(1 << 20, "u1")
aligned = -(-workspace.ctypes.data // 64) * 64
pointer = lambda array: (ctypes.c_void_p * 1)(array.ctypes.data)
library.net_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
raise SystemExit(100 + library.net_run(pointer(x), pointer(y), 1, aligned))
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=folder.path, capture_output=True, text=True)
    assert result.returncode > 100, result
