// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_TRANSFORMS_PASSES_H
#define GPFQ_DIALECT_LOWBIT_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

/// Where `lowbit-pack` makes fields that are paired.
enum class PairedUse {
  Never,
  /// Where it is estimated to take less time.
  Faster,
  /// Wherever sums of codes and levels fit a byte.
  Always,
};

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "gpfq/Dialect/LowBit/Transforms/Passes.h.inc"

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_TRANSFORMS_PASSES_H
