// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Moves of two levels at a time, which leave minima of coordinate descent between correlated
// columns.

#ifndef GPFQ_LIB_QUANTIZER_PAIRMOVES_H
#define GPFQ_LIB_QUANTIZER_PAIRMOVES_H

#include "GroupSystem.h"

namespace gpfq {

/// For each column those that are most correlated with it, most of all first: pairCandidates or
/// fewer, of the columns that can move.
std::vector<std::vector<int32_t>> getPartners(const LayerSpec &spec, const GroupMoments &moments);

/// A neuron while its levels move.
struct NeuronLevels {
  float step;
  /// By column: level, and residual c + Hd (see GroupMoments).
  std::vector<int8_t> levels;
  std::vector<float> residuals;
};

/// One sweep over the columns: each moves to a neighbouring level, and one of its partners to the
/// level that is best then, where that lowers the error. False when nothing moved.
bool sweepPairs(const LayerSpec &spec, const GroupMoments &moments,
                const std::vector<std::vector<int32_t>> &partners, NeuronLevels &neuron);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_PAIRMOVES_H
