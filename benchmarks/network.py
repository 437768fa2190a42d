# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Time of a run of one image: our libraries beside other runtimes, interleaved in one process.

    ./dev bench network resnet20 --threads=1 --peers=onnxruntime,openvino,litert

Ours are compiled with 4 and 8-bit weights and 8-bit activations; the peers' int8 and f32 models are made by their own
tools on the same network (peers/runtimes_worker.py, peers/litert_worker.py). Prints one JSON object a line for each
runner; `ratio` is its median over that of the fastest int8 peer, `of_float` over that of the fastest f32 peer.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import compiling
import gpfq
import networks
from compiling import say
from gpfq import evaluation
from peers.environment import make_litert_models, run_worker

PEERS = ("onnxruntime", "openvino", "litert")


def compile_ours(stem: Path, bits: list[int], samples: int, threads: int, folder: Path) -> dict[str, str]:
    """Name -> library of each width."""
    libraries = {}
    for width in bits:
        say(f"{stem.name}: compiling W{width}A8")
        done = compiling.compile_network(
            Path(f"{stem}.mlir"),
            folder / f"lib{stem.name}_w{width}.so",
            f"--calibration={stem}.calib.npy",
            f"--samples={samples}",
            f"--weight-bits={width}",
            f"--parallel={'pool' if threads > 1 else 'none'}",
            quiet=True,
        )
        libraries[f"ours W{width}A8"] = str(done.output)
    return libraries


def measure(args: argparse.Namespace, network: str, folder: Path) -> list[dict]:
    stem = networks.exported(network)
    spec = {
        "network": network,
        "stem": str(stem),
        "libraries": compile_ours(stem, args.bits, args.samples, args.threads, folder),
        "peers": args.peers,
        "threads": args.threads,
        "rounds": args.rounds,
        "samples": args.samples,
        "folder": str(args.models or folder),
    }
    if "litert" in args.peers:
        make_litert_models(spec)
    output = run_worker("runtimes_worker.py", spec, folder)
    runners = output["runners"]

    def fastest(kind: str) -> float | None:
        return min((value["median_us"] for name, value in runners.items() if name.endswith(kind)), default=None)

    int8, f32 = fastest(" int8"), fastest(" f32")
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    results = []
    for name, value in runners.items():
        result = {"network": network, "threads": args.threads, "runner": name} | value
        result |= {"ratio": int8 and round(value["median_us"] / int8, 3)}
        result |= {"of_float": f32 and round(value["median_us"] / f32, 3)}
        result |= {"load": round(output["load"], 2), "cpu": evaluation.cpu_name(), "date": today}
        print(json.dumps(result), flush=True)
        results.append(result)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench network", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = lambda text: [part for part in text.split(",") if part]  # noqa: E731
    numbers = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("networks", type=words, metavar="NET,..")
    parser.add_argument("--threads", default=1, type=int, metavar="N", help="of one run (default 1)")
    parser.add_argument("--peers", default=[], type=words, metavar="NAME,..", help=", ".join(PEERS))
    parser.add_argument("--bits", default=[4, 8], type=numbers, metavar="N,..", help="of our weights (default 4,8)")
    parser.add_argument("--samples", default=64, type=int, metavar="N", help="calibration samples of all (default 64)")
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
