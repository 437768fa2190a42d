// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products of two activations, as in attention.

#ifndef GPFQ_CONVERSION_MATRIXPRODUCT_H
#define GPFQ_CONVERSION_MATRIXPRODUCT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <string>

namespace mlir::gpfq {

/// A `linalg.matmul` or `linalg.batch_matmul` with an integer form, `lowbit.batch_matmul`.
struct MatrixProduct {
  /// True if the second operand is N x K, a row for each column of the result, and not K x N.
  bool isRightTransposed;
};

/// The product of `op`; if it has no integer form, gives the reason.
FailureOr<MatrixProduct> matchMatrixProduct(linalg::LinalgOp op, std::string &reason);

/// `value` with its last two dimensions exchanged. Where `value` is a transposed tensor, perhaps
/// with other dimensions merged, it is transposed once.
Value transposeMatrices(OpBuilder &builder, Location loc, Value value);

/// The tensor whose last two dimensions a `linalg.transpose` exchanges to give `value`; else null.
Value getTransposedMatrices(Value value);

} // namespace mlir::gpfq

#endif // GPFQ_CONVERSION_MATRIXPRODUCT_H
