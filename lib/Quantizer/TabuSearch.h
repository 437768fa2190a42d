// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Search for levels beyond the minima of coordinate descent.

#ifndef GPFQ_LIB_QUANTIZER_TABUSEARCH_H
#define GPFQ_LIB_QUANTIZER_TABUSEARCH_H

#include "GroupSystem.h"

namespace gpfq {

/// A neuron while its levels move; one element for each column, ordered as in GroupColumns.
struct NeuronLevels {
  std::vector<int8_t> levels;
  std::vector<float> steps;
  /// c + Hd (see GroupMoments).
  std::vector<float> residuals;
};

/// Tabu search (Glover, ORSA Journal on Computing 1(3), 1989) on the training error of one neuron:
/// each move, of spec.tabuMoves, takes one column to a neighbouring level, the one that lowers the
/// error most or raises it least, and that column then rests for a few moves (a random number, by
/// `seed`). The levels become those of the least error on the way, which may be the ones at the
/// start; the residuals are not kept up.
void searchLevels(const LayerSpec &spec, const GroupMoments &moments, uint64_t seed,
                  NeuronLevels &neuron);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_TABUSEARCH_H
