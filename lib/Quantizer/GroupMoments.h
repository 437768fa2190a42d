// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Moments of one group from a Gram.

#ifndef GPFQ_LIB_QUANTIZER_GROUPMOMENTS_H
#define GPFQ_LIB_QUANTIZER_GROUPMOMENTS_H

#include "GroupSystem.h"
#include "gpfq/Calibration/AlignedBuffer.h"

namespace gpfq {

/// Moments before they are divided by the unit and rounded to f32, shifted and ordered.
struct ExactMoments {
  /// H without ridge, count x count.
  AlignedBuffer<double> h;
  /// X~'(T - X~w) and tril(G - H) w + X~'R of each neuron, neurons x count, or empty (0).
  std::vector<double> mismatch, path;
};

/// Moments of group `group`; `exact` is filled as well, with the path when it is needed.
GroupMoments makeGroupMoments(const Gram &gram, const GroupColumns &columns,
                              const ColumnShift &shift, int64_t group, double ridge, bool needsPath,
                              ExactMoments &exact, const ParallelFor &parallelFor);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_GROUPMOMENTS_H
