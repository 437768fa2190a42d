// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_ROWSTOLINALG_H
#define GPFQ_LIB_CONVERSION_ROWSTOLINALG_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::gpfq {

/// A part of `populateLowBitToLinalgPatterns`: `lowbit.quantize_rows`.
void populateQuantizeRowsToLinalgPatterns(RewritePatternSet &patterns);

/// A part of `populateLowBitElementwiseToLinalgPatterns`: `lowbit.dequantize_rows`.
void populateDequantizeRowsToLinalgPatterns(RewritePatternSet &patterns);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_ROWSTOLINALG_H
