// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_DIALECT_LOWBIT_TRANSFORMS_EPILOGUEUTILS_H
#define GPFQ_LIB_DIALECT_LOWBIT_TRANSFORMS_EPILOGUEUTILS_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"

namespace mlir::lowbit {

/// Where the value of an epilogue goes: to a clip or a rounding and to nothing else; null
/// otherwise.
Operation *getOnlyStep(Value value);

/// The elements of an f32 constant of the epilogue, or of a fused operand that is one: one element,
/// or one for each channel (the last dimension of the result).
std::optional<std::vector<float>> getChannelConstants(LowBitComputeOpInterface op, Value value);

/// Name of a constant of the layer; empty if that has none.
std::string getConstantName(LowBitComputeOpInterface op, StringRef role);

} // namespace mlir::lowbit

#endif // GPFQ_LIB_DIALECT_LOWBIT_TRANSFORMS_EPILOGUEUTILS_H
