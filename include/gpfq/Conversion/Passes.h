// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_CONVERSION_PASSES_H
#define GPFQ_CONVERSION_PASSES_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::gpfq {

/// Where `convert-lowbit-to-vector` uses Winograd's algorithm.
enum class WinogradUse {
  Never,
  /// Where it is estimated to take less time.
  Faster,
  /// Wherever there are kernels.
  Always,
};

/// What gpfq-profile-layers leaves: a global of counters, and their names on the module.
inline constexpr StringLiteral profileCountersName = "gpfq_profile";
inline constexpr StringLiteral profiledLayersAttrName = "gpfq.profiled_layers";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "gpfq/Conversion/Passes.h.inc"

} // namespace mlir::gpfq

#endif // GPFQ_CONVERSION_PASSES_H
