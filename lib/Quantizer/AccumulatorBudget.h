// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Keeps the levels of a neuron within what an accumulator of P bits can sum.

#ifndef GPFQ_LIB_QUANTIZER_ACCUMULATORBUDGET_H
#define GPFQ_LIB_QUANTIZER_ACCUMULATORBUDGET_H

#include "GroupSystem.h"
#include "gpfq/Calibration/AlignedBuffer.h"

namespace gpfq {

/// An empty string when the levels of every tile of `columns` columns can be chosen so that they
/// fit.
std::string checkAccumulator(const AccumulatorBound &bound, const Alphabet &alphabet,
                             int64_t columns);

/// Bits of the least accumulator that holds the sums of all tiles of rows of `columns` levels.
int64_t neededAccumulatorBits(const AccumulatorBound &bound, const std::vector<int8_t> &levels,
                              int64_t columns);

/// The extreme values, over all inputs in the range of the bound, of sum q_t x_t. The range
/// contains 0, so no partial sum goes beyond them, whatever its order.
struct ExtremeSums {
  /// The upper one, and the lower one negated.
  int64_t high = 0, low = 0;

  /// Adds `count` columns of that level.
  void add(const AccumulatorBound &bound, int level, int64_t count);
};

/// What is spent of the accumulators of the lanes of a panel. Does nothing without a bound.
class AccumulatorBudget {
public:
  AccumulatorBudget(const LayerSpec &spec, const GroupColumns &columns, int64_t lanes);

  bool isActive() const { return bound.bits > 0; }
  /// No column has a level; each has the least magnitude of the alphabet reserved. `weights` are
  /// columns x lanes.
  void start(const AlignedBuffer<float> &weights, const std::vector<float> &steps);
  /// Each column has a level, columns x lanes.
  void start(const std::vector<int8_t> &levels);

  /// What to take from the magnitude of the argument of the t-th column, in steps: the least
  /// threshold with which the unrounded weights of the tile fit. It leaves some of the accumulator
  /// to later columns.
  float threshold(int64_t t, int64_t lane) const { return thresholds[tile(t) * lanes + lane]; }
  /// Frees what is reserved for the t-th column.
  void release(int64_t t) { --reserved[tile(t)]; }
  /// Of the levels that fit beside the other columns of the tile, the nearest to `level`.
  int8_t fit(int8_t level, int64_t t, int64_t lane) const;
  void add(int8_t level, int64_t t, int64_t lane) {
    sums[tile(t) * lanes + lane].add(bound, level, 1);
  }
  void remove(int8_t level, int64_t t, int64_t lane) {
    sums[tile(t) * lanes + lane].add(bound, level, -1);
  }

private:
  int64_t tile(int64_t t) const { return bound.tile > 0 ? columns.order[t] / bound.tile : 0; }

  const Alphabet &alphabet;
  const AccumulatorBound &bound;
  const GroupColumns &columns;
  int64_t lanes, tiles;
  /// By tile and lane.
  std::vector<ExtremeSums> sums;
  std::vector<float> thresholds;
  /// Columns of each tile that have no level yet.
  std::vector<int64_t> reserved;
};

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_ACCUMULATORBUDGET_H
