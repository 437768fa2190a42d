// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOOPNEST_H
#define GPFQ_LIB_CONVERSION_LOOPNEST_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::gpfq {

/// The loops of a lowered linalg op, outermost first.
struct LoopNest {
  SmallVector<Operation *> loops;
  /// The loop that may be split into parts, and its iterations.
  std::optional<unsigned> splittable;
  int64_t extent = 1;
};

/// Lowers `op` to loops over vectors of accumulators that stay in registers, if it reduces a window
/// of a few elements for each element of its result: a pooling, for instance. `op` is on buffers,
/// its innermost loop, a parallel one, follows neighbours in memory. A fill of the result right
/// before `op` becomes the start of the accumulators. Nothing is changed where this fails.
FailureOr<LoopNest> lowerWindowReduction(IRRewriter &rewriter, linalg::GenericOp op);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOOPNEST_H
