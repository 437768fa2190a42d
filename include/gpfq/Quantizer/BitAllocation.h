// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which layer gets how many bits: the multiple-choice knapsack problem.

#ifndef GPFQ_QUANTIZER_BITALLOCATION_H
#define GPFQ_QUANTIZER_BITALLOCATION_H

#include "gpfq/Quantizer/Result.h"
#include <cstdint>
#include <vector>

namespace gpfq {

/// What one layer costs at one setting.
struct AllocationChoice {
  /// Size of the weights, at least 0; in any unit.
  int64_t size = 0;
  /// Error at the output of the network, at least 0; errors of layers add up.
  double error = 0.0;
};

/// One choice for each layer.
struct Allocation {
  int64_t size = 0;
  double error = 0.0;
  /// Index of the choice of each layer.
  std::vector<int64_t> choices;
};

/// The allocations that no other one beats in both size and error, by rising size and falling
/// error: dynamic programming over the layers. Exact while at most `maxStates` combinations of the
/// layers so far are undominated; beyond that, of those whose sizes differ by less than a
/// `maxStates`-th of the range the one with the least error goes on, so that sizes stay exact and
/// the error of a point may be above the best at its size, but not above the best at a size smaller
/// by (number of layers) / `maxStates` of the range. Each layer needs at least one choice.
class AllocationFrontier {
public:
  explicit AllocationFrontier(const std::vector<std::vector<AllocationChoice>> &layers,
                              int64_t maxStates = 1 << 15);

  /// The allocation with the least error of at most `size`; a failure when even the smallest is
  /// larger.
  Result<Allocation> best(int64_t size) const;
  /// About `count` points of the frontier, spread evenly over the sizes, with both ends.
  std::vector<Allocation> points(int64_t count) const;

private:
  /// A combination of choices of the first layers.
  struct State {
    int64_t size;
    double error;
    int32_t parent, choice;
  };
  Allocation trace(int64_t state) const;

  /// By number of layers; by rising size and falling error.
  std::vector<std::vector<State>> states;
};

} // namespace gpfq

#endif // GPFQ_QUANTIZER_BITALLOCATION_H
