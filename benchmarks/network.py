# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Time of a run of one image: our libraries beside other runtimes, interleaved in one process.

    ./dev bench network resnet20 --threads=1 --peers=onnxruntime,openvino,litert
    ./dev bench network dense_1x4096,dense_128x4096 --peers=onnxruntime,openvino,litert

Ours are compiled with 4 and 8-bit weights and 8-bit activations; the peers' int8 and f32 models are made by their own
tools on the same network (peers/runtimes_worker.py, peers/litert_worker.py). Random weights are rounded (--method=msq),
as those of the peers. The dense networks, of one layer, have 2 bits too, and int4 models of the peers.
Prints one JSON object a line for each runner; `ratio` is its median over that of the fastest int8 peer, `of_int4` and
`of_float` over those of the fastest int4 and f32 peers, `of_best` over that of the fastest of all.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import compiling
import gpfq
import networks
from compiling import say
from gpfq import evaluation
from peers.environment import make_litert_models, run_worker

PEERS = ("onnxruntime", "openvino", "litert")
BITS = (4, 8)
DENSE_BITS = (2, 4, 8)
OURS = "ours "


def compile_ours(stem: Path, bits: Sequence[int], options: list[str], folder: Path) -> dict[str, str]:
    """Name -> library of each width."""
    libraries = {}
    for width in bits:
        say(f"{stem.name}: compiling W{width}A8")
        done = compiling.compile_network(
            Path(f"{stem}.mlir"),
            folder / f"lib{stem.name}_w{width}.so",
            f"--calibration={stem}.calib.npy",
            f"--weight-bits={width}",
            *options,
            quiet=True,
        )
        libraries[f"{OURS}W{width}A8"] = str(done.output)
    return libraries


def measure(args: argparse.Namespace, network: str, folder: Path) -> list[dict]:
    stem = networks.exported(network)
    dense = network in networks.RANDOM_NETWORKS and networks.RANDOM_NETWORKS[network].dense
    samples = min(args.samples, len(np.load(f"{stem}.calib.npy", mmap_mode="r")))
    options = [f"--samples={samples}", f"--parallel={'pool' if args.threads > 1 else 'none'}"]
    if network in networks.RANDOM_NETWORKS:
        options.append("--method=msq")
    spec = {
        "network": network,
        "dense": dense,
        "stem": str(stem),
        "libraries": compile_ours(stem, args.bits or (DENSE_BITS if dense else BITS), options, folder),
        "peers": args.peers,
        "threads": args.threads,
        "rounds": args.rounds,
        "samples": samples,
        "folder": str(args.models or folder),
    }
    if "litert" in args.peers:
        spec["litert"] = make_litert_models(spec)
    output = run_worker("runtimes_worker.py", spec, folder)
    ratios = compare({name: value["median_us"] for name, value in output["runners"].items()})
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    results = []
    for name, value in output["runners"].items():
        result = {"network": network, "threads": args.threads, "runner": name} | value | ratios[name]
        result |= {"load": round(output["load"], 2), "cpu": evaluation.cpu_name(), "date": today}
        print(json.dumps(result), flush=True)
        results.append(result)
    return results


def compare(medians: dict[str, float]) -> dict[str, dict[str, float | None]]:
    """For each runner its time over that of the fastest peer of each kind; None where there is no such peer."""
    ends = {"ratio": " int8", "of_int4": " int4", "of_float": " f32", "of_best": ""}
    peers = {name: time for name, time in medians.items() if not name.startswith(OURS)}
    fastest = {
        field: min((time for name, time in peers.items() if name.endswith(end)), default=None)
        for field, end in ends.items()
    }
    return {
        name: {field: best and round(time / best, 3) for field, best in fastest.items()}
        for name, time in medians.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench network", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = lambda text: [part for part in text.split(",") if part]  # noqa: E731
    numbers = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("networks", type=words, metavar="NET,..")
    parser.add_argument("--threads", default=1, type=int, metavar="N", help="of one run (default 1)")
    parser.add_argument("--peers", default=[], type=words, metavar="NAME,..", help=", ".join(PEERS))
    parser.add_argument(
        "--bits", type=numbers, metavar="N,..", help="of our weights (default 4,8; dense networks 2,4,8)"
    )
    parser.add_argument(
        "--samples", default=64, type=int, metavar="N", help="calibration samples of all, at most (default 64)"
    )
    parser.add_argument("--rounds", default=25, type=int, metavar="N", help="slices of 20 ms of each (default 25)")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="keep the peers' models here")
    args = parser.parse_args()
    unknown = set(args.peers) - set(PEERS)
    if unknown:
        parser.error(f"unknown peer {', '.join(sorted(unknown))}: use {', '.join(PEERS)}")
    try:
        if args.models:
            args.models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            for network in args.networks:
                measure(args, network, Path(folder))
    except (OSError, ValueError, subprocess.CalledProcessError, gpfq.GpfqError) as error:
        say(f"network: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
