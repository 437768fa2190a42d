// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_CONVERSION_LOWBITTOIREE_H
#define GPFQ_CONVERSION_LOWBITTOIREE_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::gpfq {

/// Patterns that lower the compute ops of lowbit on tensors to the upstream ops that IREE has fast
/// code for; of higher benefit than those of `populateLowBitToLinalgPatterns`, which take what is
/// left. With `packWeights`, levels of up to four bits are stored several in a byte.
void populateLowBitToIREEPatterns(RewritePatternSet &patterns, bool packWeights);

} // namespace mlir::gpfq

#endif // GPFQ_CONVERSION_LOWBITTOIREE_H
