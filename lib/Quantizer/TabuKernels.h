// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The inner loop of the tabu search; see LaneKernels.h for how it is compiled.

#ifndef GPFQ_LIB_QUANTIZER_TABUKERNELS_H
#define GPFQ_LIB_QUANTIZER_TABUKERNELS_H

#include <cstdint>

namespace gpfq {

/// The columns of one neuron: each pointer is to `count` elements.
struct TabuColumns {
  int64_t count;
  /// Of H, above 0.
  const float *diagonal;
  /// Changes of the weight to the next level above and to that below, above 0; infinite where there
  /// is none.
  const float *up, *down;
  /// A column may move after this move.
  const int32_t *restsUntil;
  /// X~'(T - X~q).
  float *residuals;
  /// Scratch.
  int32_t *keys;
};

/// What a change of one weight adds to the error, where `residual` is in the direction of the
/// change.
[[gnu::always_inline]] inline float addedError(float change, float diagonal, float residual) {
#pragma clang fp contract(off)
  return change * (change * diagonal - 2.0f * residual);
}

struct TabuKernels {
  /// residuals -= row * change, then finds the column whose better move changes the error least
  /// (most negative), the first of several: of those that may move, and those whose change is below
  /// `aspiration`. Negative when there is none.
  int64_t (*move)(const TabuColumns &columns, const float *row, float change, int32_t move,
                  float aspiration);
};

/// The kernels of floatIsa().
const TabuKernels &tabuKernels();

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_TABUKERNELS_H
