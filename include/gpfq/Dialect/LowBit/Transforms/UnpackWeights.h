// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_TRANSFORMS_UNPACKWEIGHTS_H
#define GPFQ_DIALECT_LOWBIT_TRANSFORMS_UNPACKWEIGHTS_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"

namespace mlir::lowbit {

/// The levels of the constant packed weights of `op` as a constant i8 tensor of its kernel shape,
/// which is the inverse of `lowbit-pack`; or the codes that `lowbit.pack` packs to them. Failure if
/// the bytes are neither.
FailureOr<Value> unpackWeights(OpBuilder &builder, LowBitComputeOpInterface op);

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_TRANSFORMS_UNPACKWEIGHTS_H
