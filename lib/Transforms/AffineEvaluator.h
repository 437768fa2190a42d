// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_TRANSFORMS_AFFINEEVALUATOR_H
#define GPFQ_LIB_TRANSFORMS_AFFINEEVALUATOR_H

#include "mlir/IR/Block.h"
#include <optional>

namespace mlir::gpfq {

/// `slope * x + offset`, where x is the one scalar that is not known.
struct AffineScalar {
  double slope, offset;
  /// Known altogether. A slope of 0 is not the same: x may be infinite.
  bool isConstant;

  static AffineScalar constant(double value) { return {0, value, true}; }
  static AffineScalar unknown() { return {1, 0, false}; }
};

/// What the body of a linalg op with one result yields for `arguments`, of which those without a
/// value may not be read. Known scalars are computed as the body says, with the rounding of their
/// types; what depends on x is computed in double precision. Nothing if the result is not affine in
/// x, an operation is not known, or an assertion fails.
std::optional<AffineScalar> evaluateAffine(Block &body,
                                           ArrayRef<std::optional<AffineScalar>> arguments);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_AFFINEEVALUATOR_H
