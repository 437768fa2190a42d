// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sums over samples of a panel of neurons, one in each vector lane, for the instruction set of
// floatIsa(). Vectors over samples are samples x PanelSolver::width() floats.

#ifndef GPFQ_LIB_QUANTIZER_POOLKERNELS_H
#define GPFQ_LIB_QUANTIZER_POOLKERNELS_H

#include <cstdint>

namespace gpfq {

struct PoolKernels {
  /// Lanes; PanelSolver::width() of the same set.
  int64_t lanes;
  /// sums[lane] += clamp(z[p][lane], low, high) over positions p; z becomes 1 where it is between
  /// the bounds and 0 elsewhere, and is added to `active`.
  void (*clip)(int64_t positions, float low, float high, float *z, float *sums, float *active);
  /// slopes[n * stride + lane] = factor * sum over positions p of x[p * ld + n] * active[p][lane].
  void (*accumulate)(int64_t positions, int64_t columns, const float *x, int64_t ld,
                     const float *active, float factor, float *slopes, int64_t stride);
  /// sums[lane] = sum over samples of a * b.
  void (*dot)(int64_t samples, const float *a, const float *b, float *sums);
  /// y += factors * (a - shares * b), factors and shares by lane.
  void (*add)(int64_t samples, const float *a, const float *b, const float *factors,
              const float *shares, float *y);
};

const PoolKernels &poolKernels();

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_POOLKERNELS_H
