# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speed of each layer of a network against what the CPU can do at most, beside OpenVINO's int8.

    ./dev bench roofline resnet20 mobilenet_v2 --peers=openvino --out=docs/performance.md

One thread, one image. A library compiled with --profile reads the clock around each layer, OpenVINO's own profiling
does the same for its nodes; the multiply-add of the target and reads of memory are measured in the same process, all
interleaved (peers/layers_worker.py). Layers are paired with OpenVINO's in the order in which each runs them: look at
the pairs where a network has branches. Prints one JSON object a line for each layer: `gops` counts two operations a
multiply-add, `ratio` is that over the roof, `intensity` is operations over bytes of weights, input and result. With
--out, replaces the sections `<!-- roofline NETWORK -->` of a document by a table and draws images/roofline-NETWORK.svg
next to it (needs the extra `plots`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import compiling
import gpfq
import networks
import tables
import theory_report
from compiling import say
from peers.environment import run_worker

PEERS = ("openvino",)


def compile_profiled(stem: Path, bits: int, samples: int, folder: Path) -> gpfq.Compilation:
    say(f"{stem.name}: compiling W{bits}A8")
    return compiling.compile_network(
        Path(f"{stem}.mlir"),
        folder / f"lib{stem.name}_w{bits}.so",
        f"--calibration={stem}.calib.npy",
        f"--samples={samples}",
        f"--weight-bits={bits}",
        "--profile",
        quiet=True,
    )


def describe(network: str, bits: int, layers: list[dict], times: dict, peer: list[float] | None) -> list[dict]:
    """One object for each layer of `layers` ("compiled_layers" of a report) that has a time.

    times: "layers", name -> microseconds; "roof_gops"; "read_gbps". peer: microseconds of its layers in the same order.
    """
    lines = []
    for index, layer in enumerate(layers):
        microseconds = times["layers"].get(layer["name"])
        if not microseconds:
            continue
        operations = 2 * layer["multiply_adds"]
        line = {
            "network": network,
            "layer": layer["name"],
            "bits": bits,
            "microseconds": round(microseconds, 2),
            "gops": round(operations / microseconds * 1e-3, 1),
            "intensity": round(operations / (layer["weight_bytes"] + layer["activation_bytes"]), 2),
            "roof_gops": round(times["roof_gops"], 1),
            "read_gbps": round(times["read_gbps"], 1),
            "ratio": round(operations / microseconds * 1e-3 / times["roof_gops"], 3),
        }
        if peer is not None:
            # It counts whole microseconds.
            line["peer_microseconds"] = peer[index]
            line["peer_gops"] = round(operations / peer[index] * 1e-3, 1) if peer[index] else None
        lines.append(line)
    return lines


def measure(args: argparse.Namespace, network: str, folder: Path) -> dict[int, list[dict]]:
    """Width -> lines of `describe`."""
    stem = networks.exported(network)
    compiled = {bits: compile_profiled(stem, bits, args.samples, folder) for bits in args.bits}
    spec = {
        "network": network,
        "stem": str(stem),
        "libraries": {str(bits): str(done.output) for bits, done in compiled.items()},
        "peers": args.peers,
        "threads": 1,
        "rounds": args.rounds,
        "samples": args.samples,
        "folder": str(args.models or folder),
    }
    output = run_worker("layers_worker.py", spec, folder)
    results = {}
    for bits, library in compiled.items():
        layers = library.report["compiled_layers"]
        peer = output["peers"].get("openvino")
        if peer is not None and len(peer) != len(layers):
            say(f"{network}: OpenVINO runs {len(peer)} layers, not {len(layers)}; they are not compared one by one")
            peer = None
        times = {name: output[name] for name in ("roof_gops", "read_gbps")} | {"layers": output["ours"][str(bits)]}
        results[bits] = describe(network, bits, layers, times, peer)
        for line in results[bits]:
            print(json.dumps(line | {"load": output["load"]}), flush=True)
    return results


def format_table(results: dict[int, list[dict]]) -> str:
    """Layers by width: microseconds and ratio to the roof; the peer's microseconds last."""
    first = next(iter(results.values()))
    has_peer = all("peer_microseconds" in line for line in first)
    header = ["layer", "operations a byte"]
    header += [text for bits in results for text in (f"W{bits}A8, µs", "of the roof")]
    rows = []
    for index, line in enumerate(first):
        row = [f"`{line['layer']}`", f"{line['intensity']:.0f}"]
        for lines in results.values():
            row += [f"{lines[index]['microseconds']:.1f}", f"{lines[index]['ratio']:.2f}"]
        rows.append(row + ([f"{line['peer_microseconds']:.0f}"] if has_peer else []))
    totals = ["all", ""]
    for lines in results.values():
        time = sum(line["microseconds"] for line in lines)
        totals += [f"{time:.1f}", f"{sum(line['ratio'] * line['microseconds'] for line in lines) / time:.2f}"]
    rows.append(totals + ([f"{sum(line['peer_microseconds'] for line in first):.0f}"] if has_peer else []))
    return tables.markdown(header + (["OpenVINO int8, µs"] if has_peer else []), rows)


def draw(network: str, results: dict[int, list[dict]], path: Path) -> None:
    """The roofline plot. Raises ImportError without matplotlib."""
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = theory_report.make_axes("operations a byte", "Gop/s, one thread", 6.4)
    series = [(f"W{bits}A8", [(line["intensity"], line["gops"]) for line in lines]) for bits, lines in results.items()]
    lines = next(iter(results.values()))
    peer = [(line["intensity"], line["peer_gops"]) for line in lines if line.get("peer_gops")]
    if peer:
        series.append(("OpenVINO int8", peer))
    for (label, points), colour, marker in zip(series, theory_report.COLOURS, theory_report.MARKERS, strict=False):
        axes.plot(*zip(*points, strict=True), marker, color=colour, label=label, alpha=0.7, markersize=5)
    roof, read = lines[0]["roof_gops"], lines[0]["read_gbps"]
    most = 2 * max(line["intensity"] for line in lines)
    least = min(line["intensity"] for line in lines) / 2
    intensities = np.geomspace(least, most, 200)
    axes.plot(intensities, np.minimum(read * intensities, roof), color="black", linewidth=1)
    axes.annotate(f"{roof:.0f} Gop/s", (most, roof), ha="right", va="bottom")
    axes.set_yscale("linear")
    axes.set_ylim(0, 1.1 * max(roof, *(gops for _, points in series for _, gops in points)))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(network)
    axes.legend(loc="lower right")
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench roofline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = lambda text: [part for part in text.split(",") if part]  # noqa: E731
    numbers = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("networks", nargs="+", metavar="NET")
    parser.add_argument("--peers", default=[], type=words, metavar="NAME", help="openvino")
    parser.add_argument("--bits", default=[4, 8], type=numbers, metavar="N,..", help="of our weights (default 4,8)")
    parser.add_argument("--samples", default=64, type=int, metavar="N", help="calibration samples of all (default 64)")
    parser.add_argument("--rounds", default=40, type=int, metavar="N", help="bursts of each (default 40)")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="keep the peers' models here")
    parser.add_argument("--out", type=Path, metavar="FILE", help="document whose sections to replace")
    args = parser.parse_args()
    if unknown := set(args.peers) - set(PEERS):
        parser.error(f"unknown peer {', '.join(sorted(unknown))}: use {', '.join(PEERS)}")
    try:
        if args.models:
            args.models.mkdir(parents=True, exist_ok=True)
        for network in args.networks:
            with tempfile.TemporaryDirectory() as folder:
                results = measure(args, network, Path(folder))
            if args.out:
                images = args.out.parent / "images"
                images.mkdir(exist_ok=True)
                draw(network, results, images / f"roofline-{network}.svg")
                text = tables.provenance("roofline") + "\n" + format_table(results)
                tables.replace_section(args.out, f"roofline {network}", text)
    except (OSError, ValueError, ImportError, subprocess.CalledProcessError, gpfq.GpfqError) as error:
        say(f"roofline: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
