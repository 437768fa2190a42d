# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Our libraries and other runtimes on one network in one process, in the environment that network.py makes.

    python -P runtimes_worker.py SPEC.json

SPEC has "network", "dense" (it has dense layers only), "stem" (the files of networks.py), "libraries" ({name: path}),
"peers", "threads", "rounds", "samples" (for their calibration), "folder" (for their models) and "litert" ({kind: file}
when LiteRT is a peer). Prints one JSON object: for each runner the median and the least of its times, in microseconds a
run of one image, and how often it chooses the class of ours.

Each round runs each runner once for some 20 ms, in an order that rotates, so that what else the machine does hits all
alike. The peers' models are made by their own standard tools: onnxruntime by quantize_static (QDQ, u8 activations,
s8 weights per channel), OpenVINO by nncf.quantize, LiteRT by litert_worker.py, which runs before this, with their
defaults otherwise. Dense networks have int4 models too, which quantise activations to 8 bits while they run:
onnxruntime by MatMulNBitsQuantizer (accuracy_level 4, blocks of 128), OpenVINO by nncf.compress_weights (INT4_SYM per
channel). `max_error` is the largest difference from the outputs of PyTorch in f32, by the largest of those.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Runner = Callable[[np.ndarray], np.ndarray]
SLICE_SECONDS = 0.02
# Of the outputs of an f32 runner, by the largest output.
LARGEST_FLOAT_ERROR = 1e-3


def export_onnx(network: str, path: Path) -> Path:
    import torch

    import networks

    if not path.is_file():
        module, info = networks.build(network)
        example = networks.example_input(network, info)
        torch.onnx.export(module.eval(), (example,), str(path), dynamo=True, external_data=False, opset_version=18)
    return path


def onnxruntime_runners(spec: dict, onnx: Path, calibration: np.ndarray) -> dict[str, Runner]:
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = spec["threads"]
    options.inter_op_num_threads = 1

    def load(path: Path) -> Runner:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda x: session.run(None, {name: x})[0]

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            name = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"]).get_inputs()[0].name
            self.samples = iter([{name: calibration[i : i + 1]} for i in range(len(calibration))])

        def get_next(self) -> dict | None:
            return next(self.samples, None)

    quantized = onnx.with_suffix(".ort8.onnx")
    if not quantized.is_file():
        prepared = onnx.with_suffix(".prepared.onnx")
        quant_pre_process(str(onnx), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(quantized),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    runners = {"onnxruntime f32": load(onnx), "onnxruntime int8": load(quantized)}
    if spec["dense"]:
        runners["onnxruntime int4"] = load(onnxruntime_int4(onnx))
    return runners


def onnxruntime_int4(onnx: Path) -> Path:
    """The network with its products as MatMulNBits."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    path = onnx.with_suffix(".ort4.onnx")
    if not path.is_file():
        maker = MatMulNBitsQuantizer(str(onnx), bits=4, block_size=128, is_symmetric=True, accuracy_level=4)
        maker.process()
        maker.model.save_model_to_file(str(path))
    return path


def openvino_int8(onnx: Path, calibration: np.ndarray) -> Path:
    """The network quantised by NNCF, in OpenVINO's format."""
    import nncf
    import openvino

    path = onnx.with_suffix(".nncf8.xml")
    if not path.is_file():
        data = nncf.Dataset([calibration[i : i + 1] for i in range(len(calibration))])
        model = openvino.Core().read_model(str(onnx))
        openvino.save_model(nncf.quantize(model, data, subset_size=len(calibration)), str(path))
    return path


def openvino_int4(onnx: Path) -> Path:
    """The network with weights that NNCF has compressed, in OpenVINO's format."""
    import nncf
    import openvino

    path = onnx.with_suffix(".nncf4.xml")
    if not path.is_file():
        model = openvino.Core().read_model(str(onnx))
        # By default the last layer keeps 8 bits.
        mode = nncf.CompressWeightsMode.INT4_SYM
        compressed = nncf.compress_weights(model, mode=mode, group_size=-1, all_layers=True)
        openvino.save_model(compressed, str(path))
    return path


def openvino_runners(spec: dict, onnx: Path, calibration: np.ndarray) -> dict[str, Runner]:
    import openvino

    core = openvino.Core()
    path = openvino_int8(onnx, calibration)

    def load(model: openvino.Model, extra: dict) -> Runner:
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": spec["threads"], "NUM_STREAMS": 1}
        request = core.compile_model(model, "CPU", config | extra).create_infer_request()
        return lambda x: next(iter(request.infer([x], share_inputs=True).values()))

    runners = {
        "openvino f32": load(core.read_model(str(onnx)), {"INFERENCE_PRECISION_HINT": "f32"}),
        "openvino int8": load(core.read_model(str(path)), {}),
    }
    if spec["dense"]:
        runners["openvino int4"] = load(core.read_model(str(openvino_int4(onnx))), {})
    return runners


def litert_runners(spec: dict, onnx: Path, calibration: np.ndarray) -> dict[str, Runner]:
    from ai_edge_litert.interpreter import Interpreter

    def load(path: Path) -> Runner:
        interpreter = Interpreter(model_path=str(path), num_threads=spec["threads"])
        interpreter.allocate_tensors()
        (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()

        def run(x: np.ndarray) -> np.ndarray:
            interpreter.set_tensor(source["index"], x)
            interpreter.invoke()
            return interpreter.get_tensor(result["index"])

        return run

    return {f"litert {kind.replace('-', ' ')}": load(Path(path)) for kind, path in spec["litert"].items()}


PEERS = {"onnxruntime": onnxruntime_runners, "openvino": openvino_runners, "litert": litert_runners}


def our_runners(spec: dict) -> dict[str, Runner]:
    import gpfq

    return {
        name: gpfq.load(path, threads=spec["threads"], pin=spec["threads"] > 1)
        for name, path in spec["libraries"].items()
    }


def time_slice(runner: Runner, image: np.ndarray) -> float:
    """Seconds of the fastest run of a slice."""
    best, end = float("inf"), time.perf_counter() + SLICE_SECONDS
    while True:
        started = time.perf_counter()
        runner(image)
        now = time.perf_counter()
        best = min(best, now - started)
        if now >= end:
            return best


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    stem = spec["stem"]
    calibration = np.load(f"{stem}.calib.npy", mmap_mode="r")[: spec["samples"]]
    images = np.load(f"{stem}.test64.npy")
    onnx = Path(spec["folder"]) / f"{spec['network']}.onnx"
    runners = our_runners(spec)
    if spec["peers"]:
        export_onnx(spec["network"], onnx)
    for peer in spec["peers"]:
        runners |= PEERS[peer](spec, onnx, np.ascontiguousarray(calibration))
    reference = np.load(f"{stem}.test64.float.npy").reshape(len(images), -1)
    outputs = {
        name: np.stack([np.array(runner(image[None])).ravel() for image in images]) for name, runner in runners.items()
    }
    classes = next(iter(outputs.values())).argmax(1)
    errors = {name: float(np.abs(y - reference).max() / np.abs(reference).max()) for name, y in outputs.items()}
    for name, error in errors.items():
        if name.endswith(" f32") and error > LARGEST_FLOAT_ERROR:
            raise ValueError(f"{name} does not compute the network: its outputs differ by {error:.2g} of the largest")
    # This thread alone: the pools of the runners are there already, and keep to the other CPUs.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    times: dict[str, list[float]] = {name: [] for name in runners}
    names = list(runners)
    for r in range(spec["rounds"]):
        for name in names[r % len(names) :] + names[: r % len(names)]:
            times[name].append(time_slice(runners[name], images[:1]))
    result = {
        name: {
            "median_us": round(1e6 * float(np.median(values)), 1),
            "min_us": round(1e6 * min(values), 1),
            "agreement": 100.0 * float(np.mean(outputs[name].argmax(1) == classes)),
            "max_error": round(errors[name], 4),
        }
        for name, values in times.items()
    }
    print(json.dumps({"runners": result, "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
