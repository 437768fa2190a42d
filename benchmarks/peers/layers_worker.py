# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times of the layers of our libraries and of OpenVINO in one process, in the environment that network.py makes.

    python -P layers_worker.py SPEC.json

SPEC as for runtimes_worker.py; the libraries are compiled with --profile. Prints one JSON object: `ours`, for each
library microseconds by the name of the layer; `peers`, those of the convolutions and matrix products in the order
in which they run, whole microseconds; `roof_gops`, `read_gbps`. Times are the least of all bursts, which alternate.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import gpfq
import kernels
from peers.runtimes_worker import export_onnx, openvino_int8

BURST_SECONDS = 0.01
READ_BYTES = 1 << 28
PEER_LAYERS = ("Convolution", "GroupConvolution", "FullyConnected", "MatMul")  # how the types of nodes begin


class Ours:
    """A profiled library."""

    def __init__(self, path: str) -> None:
        self.model = gpfq.load(path)
        self.best: dict[str, float] = {}

    def burst(self, image: np.ndarray) -> None:
        before, started, calls = self.model.profile(), time.perf_counter(), 0
        while time.perf_counter() < started + BURST_SECONDS or calls == 0:
            self.model(image)
            calls += 1
        after, ended = self.model.profile(), time.perf_counter()
        per_tick = 1e6 * (ended - started) / (after.now - before.now)
        for name, first, last in zip(after.layers, before.ticks, after.ticks, strict=True):
            microseconds = (last - first) * per_tick / calls
            self.best[name] = min(microseconds, self.best.get(name, microseconds))


class OpenVino:
    """OpenVINO's int8 network with its own profiling."""

    def __init__(self, spec: dict, calibration: np.ndarray) -> None:
        import openvino

        self.executed = openvino.ProfilingInfo.Status.EXECUTED
        onnx = export_onnx(spec["network"], Path(spec["folder"]) / f"{spec['network']}.onnx")
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERF_COUNT": "YES"}
        model = openvino.Core().compile_model(openvino_int8(onnx, calibration), "CPU", config)
        self.request = model.create_infer_request()
        self.best: list[float] = []

    def burst(self, image: np.ndarray) -> None:
        started = time.perf_counter()
        while True:
            self.request.infer([image], share_inputs=True)
            times = [
                node.real_time.total_seconds() * 1e6
                for node in self.request.profiling_info
                if node.node_type.startswith(PEER_LAYERS) and node.status == self.executed
            ]
            self.best = [min(pair) for pair in zip(times, self.best or times, strict=True)]
            if time.perf_counter() >= started + BURST_SECONDS:
                return


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    calibration = np.ascontiguousarray(np.load(f"{spec['stem']}.calib.npy", mmap_mode="r")[: spec["samples"]])
    image = np.load(f"{spec['stem']}.test64.npy")[:1]
    runners: dict[str, Ours | OpenVino] = {name: Ours(path) for name, path in spec["libraries"].items()}
    if "openvino" in spec["peers"]:
        runners["openvino"] = OpenVino(spec, calibration)
    target = next(runner.model.target for runner in runners.values() if isinstance(runner, Ours))
    memory = np.ones(READ_BYTES, np.uint8)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    roof = read = 0.0
    with tempfile.TemporaryDirectory() as folder:
        stopwatch = kernels.Stopwatch(Path(folder))
        for _ in range(spec["rounds"]):
            for runner in runners.values():
                runner.burst(image)
            roof = max(roof, stopwatch.roof(kernels.choose_chain(target, "i8", 4)))
            read = max(read, READ_BYTES / stopwatch.read(memory) * 1e-9)
    result = {
        "ours": {name: runners[name].best for name in spec["libraries"]},
        "peers": {name: runners[name].best for name in spec["peers"]},
        "roof_gops": roof,
        "read_gbps": read,
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
