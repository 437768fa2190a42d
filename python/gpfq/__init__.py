# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gpfq: import networks for gpfq-mlir, run the libraries that gpfq-compile makes.

    import gpfq

    gpfq.import_torch(module, torch.zeros(1, 3, 32, 32), "net.mlir")
    # gpfq-compile net.mlir --calibration=calib.npy --weight-bits=4 -o libnet.so
    net = gpfq.load("libnet.so")
    logits = net(images)

Only `import_torch` needs torch and torch-mlir (`pip install gpfq[torch]`).
"""

from .library import CompiledModel, LoadError, TensorInfo, UnsupportedCpuError, load
from .torch_importer import ImportTorchError, import_torch

__all__ = [
    "CompiledModel",
    "ImportTorchError",
    "LoadError",
    "TensorInfo",
    "UnsupportedCpuError",
    "import_torch",
    "load",
]
