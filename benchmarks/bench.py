# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Benchmarks on whole networks; each prints one JSON object on one line.

    ./dev bench accuracy resnet20 --weight-bits=4          # float and quantised top-1, time, memory, sizes
    ./dev bench exact resnet20                             # packed kernels against plain loops, bit for bit
    ./dev bench resnet18                                   # compile time and size at 224x224

Progress goes to standard error. NET is one of the networks of GPFQ_DATA (see networks.py),
or any name with --model, --calibration and --test.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import compiling
import gpfq
import networks
from compiling import say
from gpfq import evaluation

# Options that are given to gpfq-compile as they are, when they are given here.
FORWARDED = {
    "--average-bits": "choose bits layer by layer, so many on average",
    "--alphabet": "levels of a weight; overrides --weight-bits",
    "--granularity": "channel or tensor",
    "--recipe": "best or paper",
    "--step": "absmax, constant or search",
    "--quantize-options": "further options of the pipeline gpfq-quantize",
    "--range": "of activations: minmax, percentile or mse",
    "--skip": "regular expression of layers left in float",
    "--policy": "JSON file of settings for single layers",
    "--held-out": "fraction of the samples that measures errors",
    "--threads": "threads of the quantisation",
    "--memory-budget": "bytes of activations kept in memory",
    "--target": "host, znver4, avx512vpopcntdq, avx512vnni, avxvnni, avx2 or generic",
}

# The float library has no kernels of its own and is slow.
FLOAT_IMAGES = 8


@dataclass(frozen=True)
class Network:
    """Files of one network: level-0 IR, calibration and test arrays, labels (or None)."""

    name: str
    model: Path
    calibration: Path
    test: Path
    labels: Path | None


def find_network(args: argparse.Namespace) -> Network:
    """The network that the command line names; exports it when it is not there yet."""
    given = [args.model, args.calibration, args.test]
    if any(given):
        if not all(given):
            raise ValueError("--model, --calibration and --test go together")
        return Network(args.net, args.model, args.calibration, args.test, args.labels)
    if args.net not in networks.ALL_NETWORKS:
        known = ", ".join(networks.NETWORKS)
        raise ValueError(f"unknown network '{args.net}': use one of {known}, or give --model, --calibration and --test")
    stem = networks.exported(args.net)
    return Network(
        args.net, Path(f"{stem}.mlir"), *(Path(f"{stem}.{kind}.npy") for kind in ("calib", "test", "labels"))
    )


def count_samples(args: argparse.Namespace, network: Network) -> int:
    """What --samples asks for, or as many as there are."""
    return min(args.samples, len(np.load(network.calibration, mmap_mode="r")))


def quantize_options(args: argparse.Namespace, network: Network) -> list[str]:
    options = [
        f"--calibration={network.calibration}",
        f"--samples={count_samples(args, network)}",
        f"--weight-bits={args.weight_bits}",
        f"--activation-bits={args.activation_bits}",
        f"--method={args.method}",
    ]
    for option in FORWARDED:
        value = getattr(args, option[2:].replace("-", "_"))
        if value is not None:
            options.append(f"{option}={value}")
    return options


def target_options(args: argparse.Namespace) -> list[str]:
    return [] if args.target is None else [f"--target={args.target}"]


def describe(args: argparse.Namespace, network: Network) -> dict:
    """The settings and the machine: the part of a result that was not measured."""
    settings = {option[2:].replace("-", "_"): getattr(args, option[2:].replace("-", "_")) for option in FORWARDED}
    return {
        "network": network.name,
        "model_sha256": compiling.sha256(network.model),
        "method": args.method,
        "weight_bits": args.weight_bits,
        "activation_bits": args.activation_bits,
        "samples": count_samples(args, network),
        **{name: value for name, value in settings.items() if value is not None},
        "cpu": evaluation.cpu_name(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
    }


def megabytes(count: int) -> float:
    return round(count / 1e6, 1)


def measure_accuracy(args: argparse.Namespace, network: Network, out: Path) -> dict:
    """Top-1 of the quantised library and of the float network on the same images.

    Float is torch for the networks of GPFQ_DATA, else the float-compiled library; on a few
    images that library is compared with torch in any case.
    """
    images = np.load(network.test, mmap_mode="r")[: args.images]
    labels = None if network.labels is None else np.load(network.labels)[: args.images]
    result = describe(args, network) | {"n": len(images)}

    say(f"{network.name}: quantising and compiling")
    compiled = compiling.compile_network(network.model, out / "libquantized.so", *quantize_options(args, network))
    say(f"{network.name}: {compiled.seconds:.1f} s; running it on {len(images)} images")
    library = gpfq.load(compiled.output)
    quantized = evaluation.run_batches(library, images)

    say(f"{network.name}: the same images in float")
    float_compiled = compiling.compile_network(network.model, out / "libfloat.so", "--float", *target_options(args))
    float_library = gpfq.load(float_compiled.output)
    if args.model is None:
        reference, result["float_by"] = networks.float_outputs(network.name, network.model.parent), "torch"
        reference = reference[: len(images)]
    else:
        reference, result["float_by"] = evaluation.run_batches(float_library, images), "gpfq-compile --float"
    few = images[:FLOAT_IMAGES]
    float_error = relative_error(evaluation.run_batches(float_library, few), reference[:FLOAT_IMAGES])
    if labels is not None:
        result |= {
            "float_top1": round(evaluation.top1(reference, labels), 2),
            "top1": round(evaluation.top1(quantized, labels), 2),
        }
    agreement = evaluation.top1(quantized, reference.reshape(len(images), -1).argmax(1))
    totals = compiled.report["totals"]
    return result | {
        "same_top1_as_float": round(agreement, 2),
        "relative_output_error": round(relative_error(quantized, reference), 5),
        "float_library_error": float(f"{float_error:.2g}"),
        "process_seconds": round(compiled.seconds, 2),
        "quantize_seconds": round(totals["quantize_seconds"], 2),
        "compile_seconds": round(totals["compile_seconds"], 2),
        "peak_mb": megabytes(compiled.peak_bytes),
        "weight_bytes": library.weight_bytes,
        "library_bytes": compiled.output_bytes,
        "float_weight_bytes": totals["float_weight_bytes"],
        "layers_left_in_float": len(totals["float_left"]),
        "us_per_image": round(compiling.microseconds_per_image(library, images[:32], 3), 1),
        "float_us_per_image": round(compiling.microseconds_per_image(float_library, few, 1), 1),
        "target": library.target,
    }


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(got - expected) / max(np.linalg.norm(expected), 1e-30))


def check_exact(args: argparse.Namespace, network: Network, out: Path) -> dict:
    """Outputs of packed kernels against those of lowbit-to-linalg, as bit patterns."""
    images = np.load(network.test, mmap_mode="r")[: args.images or 64]
    say(f"{network.name}: quantising")
    quantized = compiling.compile_network(
        network.model, out / "quantized.mlir", *quantize_options(args, network), "--emit=quantized"
    )
    outputs = []
    for name, options in (("packed", []), ("reference", ["--reference"])):
        say(f"{network.name}: compiling and running the {name} library")
        compiled = compiling.compile_network(quantized.output, out / f"lib{name}.so", *target_options(args), *options)
        outputs.append(evaluation.run_batches(gpfq.load(compiled.output), images))
    packed, reference = (array.view(np.uint32) for array in outputs)
    different = int(np.count_nonzero(packed != reference))
    return describe(args, network) | {
        "n": len(images),
        "outputs": int(packed.size),
        "different_outputs": different,
        "exact": different == 0,
    }


def measure_compilation(args: argparse.Namespace, network: Network, out: Path) -> dict:
    """Seconds from the quantised network to the library, and its size."""
    say(f"{network.name}: quantising")
    quantized = compiling.compile_network(
        network.model, out / "quantized.mlir", *quantize_options(args, network), "--emit=quantized"
    )
    say(f"{network.name}: compiling")
    compiled = compiling.compile_network(quantized.output, out / "libnet.so", *target_options(args))
    library = gpfq.load(compiled.output)
    images = np.load(network.test, mmap_mode="r")[:8]
    return describe(args, network) | {
        "quantize_process_seconds": round(quantized.seconds, 2),
        "quantize_peak_mb": megabytes(quantized.peak_bytes),
        "compile_process_seconds": round(compiled.seconds, 2),
        "compile_peak_mb": megabytes(compiled.peak_bytes),
        "weight_bytes": library.weight_bytes,
        "library_bytes": compiled.output_bytes,
        "us_per_image": round(compiling.microseconds_per_image(library, images, 3), 1),
        "target": library.target,
    }


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--weight-bits", type=int, default=4, metavar="N", help="bits of a weight (default 4)")
    shared.add_argument("--activation-bits", type=int, default=8, metavar="N", help="8 (default), or 0 for float")
    shared.add_argument(
        "--method", default="auto", metavar="NAME", help="gpfq, optq, qronos, spfq or msq (default: the recipe's)"
    )
    shared.add_argument("--samples", type=int, default=1000, metavar="N", help="calibration samples (default 1000)")
    shared.add_argument("--images", type=int, metavar="N", help="test images (default: all; exact: 64)")
    shared.add_argument("--keep", type=Path, metavar="DIR", help="keep the libraries in this folder")
    for option, text in FORWARDED.items():
        shared.add_argument(option, metavar="X", help=f"for gpfq-compile: {text}")
    files = shared.add_argument_group("another network than those of GPFQ_DATA")
    files.add_argument("--model", type=Path, metavar="FILE.mlir", help="the float network")
    files.add_argument("--calibration", type=Path, metavar="FILE.npy", help="calibration samples")
    files.add_argument("--test", type=Path, metavar="FILE.npy", help="test images")
    files.add_argument("--labels", type=Path, metavar="FILE.npy", help="their labels, for top-1")

    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    known = f"one of {', '.join(networks.NETWORKS)}, or any name with --model"
    for command, function, text in (
        ("accuracy", measure_accuracy, "top-1 of the compiled library, float and quantised"),
        ("exact", check_exact, "packed kernels against plain loops, bit for bit"),
    ):
        sub = commands.add_parser(command, parents=[shared], help=text, description=function.__doc__)
        sub.add_argument("net", metavar="NET", help=known)
        sub.set_defaults(function=function)
    sub = commands.add_parser(
        "resnet18",
        parents=[shared],
        help="compile time and size of ResNet-18 with random weights",
        description=measure_compilation.__doc__,
    )
    sub.set_defaults(function=measure_compilation, net="resnet18")
    return parser.parse_args(arguments)


def main() -> int:
    args = parse_arguments()
    try:
        network = find_network(args)
        if args.keep is not None:
            result = args.function(args, network, args.keep)
        else:
            with tempfile.TemporaryDirectory() as folder:
                result = args.function(args, network, Path(folder))
    except (OSError, ValueError, gpfq.ToolError, gpfq.ImportTorchError) as error:
        say(f"bench: {error}")
        return 1
    print(json.dumps(result), flush=True)
    return 1 if result.get("exact") is False else 0


if __name__ == "__main__":
    sys.exit(main())
