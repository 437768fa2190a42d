// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_CONVERSION_LOWBITTOQUANT_H
#define GPFQ_CONVERSION_LOWBITTOQUANT_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::gpfq {

/// Patterns that turn `lowbit.dequantize` with constant scales into `quant.dcast` of `quant.scast`,
/// where the levels are consecutive integers.
void populateLowBitToQuantPatterns(RewritePatternSet &patterns);

/// Patterns that turn `quant.dcast` of `quant.scast` of an i8 tensor into `lowbit.dequantize`.
void populateQuantToLowBitPatterns(RewritePatternSet &patterns);

} // namespace mlir::gpfq

#endif // GPFQ_CONVERSION_LOWBITTOQUANT_H
