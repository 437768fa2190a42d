// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_COMPILER_TILETUNER_H
#define GPFQ_COMPILER_TILETUNER_H

#include "gpfq/Compiler/Compiler.h"

namespace mlir::gpfq {

/// Measures tiles of the kernels of `module`, a network at level 3, on this CPU, and writes those
/// that are faster than the target's own to `tableFile` (see lowbit::TileTable). The network is
/// compiled and profiled once for each of the candidates, of which all layers try theirs at the
/// same time, between the same neighbours as in the end; inputs are zeros, on one thread. Fails
/// with a diagnostic if this CPU cannot run `target`.
LogicalResult tuneTiles(ModuleOp module, const CompilerOptions &options, const KernelTarget &target,
                        const ModelInterface &interface, StringRef tableFile);

} // namespace mlir::gpfq

#endif // GPFQ_COMPILER_TILETUNER_H
