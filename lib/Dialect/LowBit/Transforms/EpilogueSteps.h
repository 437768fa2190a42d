// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_DIALECT_LOWBIT_TRANSFORMS_EPILOGUESTEPS_H
#define GPFQ_LIB_DIALECT_LOWBIT_TRANSFORMS_EPILOGUESTEPS_H

#include "mlir/IR/Operation.h"

namespace mlir::lowbit {

/// Where the value of an epilogue goes: to a clip or a rounding and to nothing else; null
/// otherwise.
Operation *getOnlyStep(Value value);

} // namespace mlir::lowbit

#endif // GPFQ_LIB_DIALECT_LOWBIT_TRANSFORMS_EPILOGUESTEPS_H
