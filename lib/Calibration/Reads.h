// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CALIBRATION_READS_H
#define GPFQ_LIB_CALIBRATION_READS_H

#include "mlir/IR/Operation.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::gpfq {

/// Operands and the values that regions of `op` capture.
inline SetVector<Value> getReads(Operation *op) {
  SetVector<Value> reads(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), reads);
  return reads;
}

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CALIBRATION_READS_H
