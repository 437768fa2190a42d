// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TRANSFORMS_DECOMPOSEAGGREGATES_H
#define GPFQ_TRANSFORMS_DECOMPOSEAGGREGATES_H

namespace mlir {
class RewritePatternSet;

namespace gpfq {

/// The patterns of `gpfq-decompose-aggregates`.
void populateDecomposeAggregatesPatterns(RewritePatternSet &patterns);

} // namespace gpfq
} // namespace mlir

#endif // GPFQ_TRANSFORMS_DECOMPOSEAGGREGATES_H
