// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the lowerings of the compute ops to linalg share.

#ifndef GPFQ_LIB_CONVERSION_COMPUTEOPS_H
#define GPFQ_LIB_CONVERSION_COMPUTEOPS_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"

namespace mlir::gpfq {

/// The epilogue of `op` as an elementwise generic over `accumulator`, which has the shape of the
/// result, and the fused operands. `correction`, if given, is an i32 tensor that is broadcast as
/// the fused operands are and added to the accumulator.
Value createEpilogue(OpBuilder &builder, lowbit::LowBitComputeOpInterface op, Value accumulator,
                     Value correction = nullptr);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_COMPUTEOPS_H
