// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_IR_EPILOGUE_H
#define GPFQ_DIALECT_LOWBIT_IR_EPILOGUE_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

/// Adds the tensor `operand` to the fused operands of `op`, unless it is one, and returns its block
/// argument in the epilogue. To be called inside of `modifyOpInPlace`; `op` must come after
/// `operand`.
Value addFusedOperand(LowBitComputeOpInterface op, Value operand);

/// The fused operand that belongs to `argument` of the epilogue; null for the accumulator and other
/// values.
Value getFusedOperand(LowBitComputeOpInterface op, Value argument);

/// The largest magnitude that the integer accumulator of `op` can have: that of codes up to 255 and
/// the largest level.
int64_t getMaxSum(LowBitComputeOpInterface op);

/// The terminator of the epilogue.
YieldOp getYield(LowBitComputeOpInterface op);

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_IR_EPILOGUE_H
