// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the ops of the dialect share in their verifiers and effects.

#ifndef GPFQ_LIB_DIALECT_LOWBIT_IR_OPCHECKS_H
#define GPFQ_LIB_DIALECT_LOWBIT_IR_OPCHECKS_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"

namespace mlir::lowbit {

/// Of one dimension, a stride, a dilation or a padding; and of a tensor. Sums and products of these
/// fit 64 bits.
inline constexpr int64_t maxSize = INT32_MAX, maxElements = int64_t(1) << 40;

/// Checks that `sizes` are static and within these bounds; `what` has them.
LogicalResult verifySizes(function_ref<InFlightDiagnostic()> emitError, StringRef what,
                          ArrayRef<int64_t> sizes);

/// Checks constant levels against the alphabet.
LogicalResult verifyLevels(Operation *op, Value weights, AlphabetAttr alphabet);

/// Effects of an op that reads its first operand and writes the others.
void getFirstReadEffects(
    Operation *op, SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects);

} // namespace mlir::lowbit

#endif // GPFQ_LIB_DIALECT_LOWBIT_IR_OPCHECKS_H
