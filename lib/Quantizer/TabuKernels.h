// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The inner loop of the tabu search; see LaneKernels.h for how it is compiled.

#ifndef GPFQ_LIB_QUANTIZER_TABUKERNELS_H
#define GPFQ_LIB_QUANTIZER_TABUKERNELS_H

#include <cstdint>

namespace gpfq {

/// Columns of one neuron side by side. A change of a weight by d > 0 adds cost - slope r to the
/// error and one by -d cost + slope r, with the cost d^2 H_tt, the slope 2 d and the residual r.
/// Where all slopes are equal, costs are divided by them.
struct alignas(64) TabuBlock {
  static constexpr int64_t columns = 16;

  /// Of the move to the next level above and of that to the one below; a column with infinite costs
  /// stays where it is.
  float upCosts[columns], downCosts[columns];
  float upSlopes[columns], downSlopes[columns];
  /// X~'(T - X~q).
  float residuals[columns];
};

/// residuals -= row * change, then finds the column whose better move adds least to the error, up
/// to the bits of a float that its index takes. Negative when none may move. `row` has `count`
/// elements and is part of a matrix that ends at `matrixEnd`.
using TabuMove = int64_t (*)(TabuBlock *blocks, int64_t count, const float *row,
                             const float *matrixEnd, float change);

struct TabuKernels {
  TabuMove moveEqualSlopes, moveAnySlopes;
};

/// The kernels of floatIsa().
const TabuKernels &tabuKernels();

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_TABUKERNELS_H
