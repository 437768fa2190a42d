// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reads of tables at places that data name, as of an embedding: `tensor.extract` in linalg.generic.

#ifndef GPFQ_SUPPORT_GATHERS_H
#define GPFQ_SUPPORT_GATHERS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <optional>

namespace mlir::gpfq {

/// Makes each read below `root` one inside of its table, whatever the data: an index that data give
/// becomes the nearest that there is. Returns the number of indices.
int64_t clampGathers(Operation *root);

/// The numbers that can stand in an integer argument.
struct IndexBounds {
  int64_t low, high;
};

/// The bounds of argument `argument` of `function`, whose elements are used as indices of tables as
/// they are, or counted from the end where they are negative. Nothing if they are not.
std::optional<IndexBounds> getIndexBounds(func::FuncOp function, unsigned argument);

} // namespace mlir::gpfq

#endif // GPFQ_SUPPORT_GATHERS_H
