# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Many networks through the front end, the quantiser and the compiler: what works, and what is missing where not.

    ./dev bench models                    # all, a JSON object a line
    ./dev bench models resnet50 bert      # some
    ./dev bench models --write [NAME...]  # and their rows of the table of docs/models.md

For each network: import from PyTorch; compile in float and compare with PyTorch on one random input; quantise to
8-bit weights and activations, dynamic ones for transformers, with a few random inputs, compile and compare with
float. Weights are random but for the networks of GPFQ_DATA. Each network has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import gpfq
import networks
import tables
from compiling import ROOT, say

if TYPE_CHECKING:
    import torch

DATA_NETWORKS = (
    "lenet",
    "resnet8",
    "resnet20",
    "resnet32",
    "resnet56",
    "squeezenet1_1",
    "mobilenet_v1",
    "mobilenet_v2",
    "efficientnet_lite0",
    "text_direction",
)
SAMPLES, SAMPLES_OF_LARGE, LARGE = 16, 4, 1 << 16  # inputs of more elements are large
TOLERANCE = 1e-4
# The moments of the 25,088 inputs of this layer do not fit the memory budget.
SKIP = {"vgg11": r"classifier\.0"}
TRANSFORMERS = ("vit_tiny", "bert", "minilm_l6", "llama_layer")
TIMEOUT = 1800


def import_torchvision() -> Any:
    """torchvision, also the build for another torch: its C++ operators are not needed, but have to have names."""
    import torch

    try:
        import torchvision
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import_torchvision.library = library
        import torchvision
    return torchvision


def from_torchvision(name: str, **options: object) -> Callable[[], tuple[torch.nn.Module, tuple]]:
    def build() -> tuple[torch.nn.Module, tuple]:
        import torch

        module = getattr(import_torchvision().models, name)(weights=None, **options)
        return module, (torch.zeros(1, 3, 224, 224),)

    return build


def from_data(name: str) -> Callable[[], tuple[torch.nn.Module, tuple]]:
    def build() -> tuple[torch.nn.Module, tuple]:
        module, info = networks.build(name)
        return module, (networks.example_input(name, info),)

    return build


def build_minilm() -> tuple[torch.nn.Module, tuple]:
    """Six layers of BERT, on word numbers; random weights."""
    import torch

    module = networks.models_module().BUILD["minilm_l6"]()
    return module, (torch.zeros(1, 32, dtype=torch.int64), torch.ones(1, 32, dtype=torch.int64))


def build_vit() -> tuple[torch.nn.Module, tuple]:
    import torch

    import_torchvision()
    import timm

    return timm.create_model("vit_tiny_patch16_224"), (torch.zeros(1, 3, 224, 224),)


def build_bert() -> tuple[torch.nn.Module, tuple]:
    """Two layers of BERT on embeddings of 32 tokens; the mask is a buffer, or the graph has a scan in it."""
    import torch

    import_torchvision()  # transformers imports it where it is installed
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=1000, hidden_size=384, num_hidden_layers=2, num_attention_heads=6, intermediate_size=1536
    )

    class Bert(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = BertModel(config)
            self.register_buffer("mask", torch.zeros(1, 1, 32, 32))
            self.register_buffer("positions", torch.arange(32)[None])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.bert(inputs_embeds=x, attention_mask=self.mask, position_ids=self.positions).last_hidden_state

    return Bert(), (torch.zeros(1, 32, 384),)


def build_llama() -> tuple[torch.nn.Module, tuple]:
    """One decoder layer: grouped queries, rotary embedding, RMS norms, gated linear unit; 32 tokens."""
    import torch

    import_torchvision()
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

    config = LlamaConfig(
        vocab_size=1000,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=1,
        num_attention_heads=8,
        num_key_value_heads=4,
        attn_implementation="eager",
    )

    class Llama(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = LlamaDecoderLayer(config, 0)
            cos, sin = LlamaRotaryEmbedding(config)(torch.zeros(1, 32, 256), torch.arange(32)[None])
            self.register_buffer("cos", cos)
            self.register_buffer("sin", sin)
            self.register_buffer("mask", torch.full((1, 1, 32, 32), -1e9).triu(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.layer(x, attention_mask=self.mask, position_embeddings=(self.cos, self.sin))
            return y[0] if isinstance(y, tuple) else y

    return Llama(), (torch.zeros(1, 32, 256),)


MODELS: dict[str, Callable[[], tuple[Any, tuple]]] = {
    **{name: from_data(name) for name in DATA_NETWORKS},
    "resnet18": from_torchvision("resnet18"),
    "resnet50": from_torchvision("resnet50"),
    "googlenet": from_torchvision("googlenet", aux_logits=False, init_weights=True),
    "vgg11": from_torchvision("vgg11"),
    "mobilenet_v3_small": from_torchvision("mobilenet_v3_small"),
    "vit_tiny": build_vit,
    "bert": build_bert,
    "minilm_l6": build_minilm,
    "llama_layer": build_llama,
}


def randomise_norms(module: torch.nn.Module) -> None:
    """Batch norms as after training: neither mean 0 nor variance 1."""
    import torch

    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d) and bool((norm.running_var == 1).all()):
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.7, 1.4)


def random_inputs(examples: tuple, count: int, seed: int) -> list[np.ndarray]:
    """`count` samples for each argument: normal floats, or numbers of words."""
    random = np.random.default_rng(seed)
    arrays = []
    for x in examples:
        shape = (count, *x.shape[1:])
        if x.is_floating_point():
            arrays.append(random.standard_normal(shape).astype(np.float32))
        else:
            # What is 1 in the example is a mask, which stays.
            numbers = random.integers(1, 1000, shape)
            arrays.append(np.ones(shape, np.int64) if bool((x == 1).all()) else numbers)
    return arrays


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference over the largest magnitude."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def first_error(error: Exception) -> str:
    """The line that says what is wrong, without the name of the temporary file."""
    lines = str(error).splitlines()
    line = next((line for line in lines if "error: " in line), lines[0] if lines else type(error).__name__)
    return re.sub(r"^\S*/", "", line)[:300]


def measure(name: str) -> dict:
    """One network; what fails is in the result as "import_error", "float_error" or "quantize_error"."""
    import torch

    torch.manual_seed(0)
    module, examples = MODELS[name]()
    module = module.eval()
    randomise_norms(module)
    parameters = sum(p.numel() for p in module.parameters())
    shapes = ", ".join("x".join(map(str, x.shape)) for x in examples)
    result: dict = {"network": name, "input": shapes, "parameters": parameters}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file = folder / f"{name}.mlir"
        try:
            gpfq.import_torch(module, examples, file)
        except gpfq.GpfqError as error:
            return result | {"import_error": first_error(error)}
        result["import_seconds"] = round(time.perf_counter() - started, 1)
        x = random_inputs(examples, 1, seed=1)
        with torch.no_grad():
            expected = module(*map(torch.from_numpy, x)).numpy()
        say(f"{name}: float")
        try:
            gpfq.compile(file, folder / "libfloat.so", keep_float=True)
            result["float_error"] = relative_error(gpfq.load(folder / "libfloat.so")(*x), expected)
        except gpfq.GpfqError as error:
            result["float_failure"] = first_error(error)
        say(f"{name}: 8 bits")
        samples = SAMPLES_OF_LARGE if examples[0].numel() > LARGE else SAMPLES
        options = {"calibration": random_inputs(examples, samples, seed=2), "weight_bits": 8, "held_out": 0.0}
        if name in TRANSFORMERS:
            options["activations"] = "dynamic"
        if name in SKIP:
            options["skip"] = SKIP[name]
        try:
            done = gpfq.compile(file, folder / "libquantized.so", **options)
        except gpfq.GpfqError as error:
            return result | {"quantize_failure": first_error(error)}
        result["layers"] = len(done.report["layers"])
        result["left"] = done.report["totals"]["float_left"]
        result["remarks"] = sorted({re.sub(r"^.*?remark: ", "", m) for m in done.messages if "float" in m})
        result["quantized_error"] = relative_error(gpfq.load(folder / "libquantized.so")(*x), expected)
    return result


def measure_apart(name: str) -> dict:
    """measure() in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--here", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return {"network": name, "failure": f"takes more than {TIMEOUT} s"}
    if done.returncode != 0:
        return {"network": name, "failure": (done.stderr.strip().splitlines() or ["?"])[-1][:300]}
    return json.loads(done.stdout.splitlines()[-1])


def format_row(result: dict) -> list[str]:
    failure = result.get("failure") or result.get("import_error")
    if failure:
        return [result["network"], result.get("input", ""), "", "", failure]
    errors = [result.get("float_failure"), result.get("quantize_failure")]
    quantized = ""
    if "layers" in result:
        quantized = f"{result['layers']} layers, error {result['quantized_error']:.1%}"
        left = len(result["left"])
        if left:
            stay = "matrix product or convolution stays" if left == 1 else "matrix products or convolutions stay"
            quantized += f"; {left} {stay} float"
    text = "; ".join([quantized, *(e for e in errors if e)]).removeprefix("; ")
    float_error = f"{result['float_error']:.0e}" if "float_error" in result else "-"
    return [result["network"], result["input"], f"{result['parameters'] / 1e6:.2f}", float_error, text]


def format_table(results: list[dict], document: Path) -> str:
    """The table with new rows for `results`; the others are those that `document` has."""
    head = ["network", "input", "million parameters", "float error", "8-bit weights and activations"]
    section = document.read_text().split("<!-- models -->\n")[1].split("<!-- end models -->\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines()[2:]]
    rows = {row[0]: row for row in cells} | {result["network"]: format_row(result) for result in results}
    return tables.markdown(head, [rows[name] for name in MODELS if name in rows])


def main() -> int:
    parser = argparse.ArgumentParser(description="Networks through the front end, the quantiser and the compiler.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODELS))
    parser.add_argument("--write", action="store_true", help="renew these rows of docs/models.md")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = sorted(set(args.names) - set(MODELS))
    if unknown:
        parser.error(f"unknown network {', '.join(unknown)}")
    if args.here:
        print(json.dumps(measure(args.names[0])))
        return 0
    results = []
    for name in args.names or MODELS:
        say(f"{name} ...")
        results.append(measure_apart(name))
        print(json.dumps(results[-1]), flush=True)
    if args.write:
        document = ROOT / "docs" / "models.md"
        tables.replace_section(document, "models", format_table(results, document))
    wrong = [r["network"] for r in results if r.get("float_error", 0) > TOLERANCE]
    if wrong:
        say(f"error above {TOLERANCE}: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
