// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_SUPPORT_CLIP_H
#define GPFQ_SUPPORT_CLIP_H

#include "mlir/IR/Operation.h"
#include <optional>

namespace mlir::gpfq {

/// max(value, bound) or min(value, bound) with a constant bound.
struct Clip {
  Value value;
  float bound;
  bool isMax;
};

/// `op`, a scalar op, as a clip in any of its spellings: arith.maximumf, maxnumf, minimumf,
/// minnumf, or a selection by a comparison of the two.
std::optional<Clip> matchClip(Operation *op);

/// The value of a constant f32 scalar.
std::optional<float> getConstantFloat(Value value);

} // namespace mlir::gpfq

#endif // GPFQ_SUPPORT_CLIP_H
