# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gpfq: quantise networks with GPFQ and compile them to small CPU libraries.

    import gpfq

    gpfq.import_torch(module, torch.zeros(1, 3, 32, 32), "net.mlir")
    gpfq.compile("net.mlir", "libnet.so", calibration=images[:512], weight_bits=4)
    net = gpfq.load("libnet.so")
    logits = net(images)

The command `gpfq` does the same from a shell. `import_torch` and `import_onnx` need the
packages of `pip install gpfq[torch]` and `gpfq[onnx]`; quantisation and compilation are
done by the tools of the project, gpfq-compile and gpfq-opt (see `gpfq.tools.find_tool`).
"""

__version__ = "0.1.0"

from .compiler import Compilation, QuantizeOptions, compile, quantize
from .data import Dataset, Preprocessing, read_dataset, read_labels
from .errors import DataError, GpfqError, ImportNetworkError, MissingPackageError, ToolError, ToolNotFoundError
from .evaluation import Evaluation, Latency, LayerLatency, evaluate, measure_latency, measure_layers, run_batches
from .library import CompiledModel, LoadError, Profile, TensorInfo, UnsupportedCpuError, load
from .mlir_importer import ImportMlirError, import_mlir
from .onnx_exporter import export_onnx
from .onnx_importer import ImportOnnxError, import_onnx
from .report import read_report, write_report
from .tools import ProgressEvent
from .torch_exporter import export_torch, make_state_dict
from .torch_importer import ImportTorchError, import_torch
from .weights import InputCodes, QuantizedLayer, read_weights

__all__ = [
    "Compilation",
    "CompiledModel",
    "DataError",
    "Dataset",
    "Evaluation",
    "GpfqError",
    "ImportMlirError",
    "ImportNetworkError",
    "ImportOnnxError",
    "ImportTorchError",
    "InputCodes",
    "Latency",
    "LayerLatency",
    "LoadError",
    "MissingPackageError",
    "Preprocessing",
    "Profile",
    "ProgressEvent",
    "QuantizeOptions",
    "QuantizedLayer",
    "TensorInfo",
    "ToolError",
    "ToolNotFoundError",
    "UnsupportedCpuError",
    "compile",
    "evaluate",
    "export_onnx",
    "export_torch",
    "import_mlir",
    "import_onnx",
    "import_torch",
    "load",
    "make_state_dict",
    "measure_latency",
    "measure_layers",
    "quantize",
    "read_dataset",
    "read_labels",
    "read_report",
    "read_weights",
    "run_batches",
    "write_report",
]
