// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Element-wise work on rows of inputs and outputs, for the instruction set of floatIsa().

#ifndef GPFQ_LIB_QUANTIZER_ROWKERNELS_H
#define GPFQ_LIB_QUANTIZER_ROWKERNELS_H

#include <cstdint>

namespace gpfq {

/// Sums over rows, by output channel.
struct ClippedSums {
  float *error, *energy, *move;
};

struct RowKernels {
  /// sums[t * width + c] += x[t * width + c] * y[c] for t < taps, c < width.
  void (*accumulateTaps)(int64_t taps, int64_t width, const float *x, const float *y, float *sums);
  /// sums[c] += x[t * width + c] * weights[t * width + c], t ascending.
  void (*multiplyTaps)(int64_t taps, int64_t width, const float *x, const float *weights,
                       float *sums);
  /// With z = target + offset and zq = output + offset, adds (clamp(z) - clamp(zq))^2 and
  /// clamp(z)^2 to the sums. The output becomes the move of the target from z to where zq costs
  /// least, which is anywhere beyond a bound that clips z, and is added to the sums.
  void (*clip)(int64_t channels, float low, float high, const float *targets, const float *offsets,
               float *outputs, const ClippedSums &sums);
};

const RowKernels &rowKernels();

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_ROWKERNELS_H
