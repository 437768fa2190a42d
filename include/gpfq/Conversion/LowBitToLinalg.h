// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_CONVERSION_LOWBITTOLINALG_H
#define GPFQ_CONVERSION_LOWBITTOLINALG_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/IR/PatternMatch.h"
#include <functional>

namespace mlir::gpfq {

/// Gives the levels of packed weights as an i8 tensor of the op's kernel shape, or failure if the
/// layout is not known.
using UnpackWeightsFn =
    std::function<FailureOr<Value>(OpBuilder &, lowbit::LowBitComputeOpInterface)>;

/// Patterns that lower `lowbit.quantize`, `lowbit.dequantize` and the compute ops on tensors to
/// linalg, tensor, arith and math. Ops with a layout are lowered if `unpack` is given and succeeds.
void populateLowBitToLinalgPatterns(RewritePatternSet &patterns, UnpackWeightsFn unpack = nullptr);

/// The patterns for `lowbit.quantize` and `lowbit.dequantize` only.
void populateLowBitElementwiseToLinalgPatterns(RewritePatternSet &patterns);

} // namespace mlir::gpfq

#endif // GPFQ_CONVERSION_LOWBITTOLINALG_H
