// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The rounds of LayerSpec::poolRounds for a panel of neurons; see PooledTargets.h.

#ifndef GPFQ_LIB_QUANTIZER_POOLEDPANEL_H
#define GPFQ_LIB_QUANTIZER_POOLEDPANEL_H

#include "LayerSolver.h"
#include "PoolKernels.h"

namespace gpfq {

/// Some neurons of one group, one in each vector lane. Vectors over columns are in the order of the
/// layer and have a float for each lane, and so have those over samples.
class PooledPanel {
public:
  PooledPanel(const LayerContext &context, const LayerSolution &solution,
              const std::vector<float> &biasDelta, int64_t group, int64_t first, int64_t count);

  /// Runs the rounds; the levels, steps and biases are then the best of all.
  void run();
  void store(LayerSolution &solution, std::vector<float> &biasDelta) const;

  /// By lane, of the start and the best; ||p||^2.
  std::vector<double> errorsBefore, errors, energies;

private:
  struct Solution {
    /// Columns x lanes.
    std::vector<int8_t> levels;
    /// Blocks x lanes, lanes.
    std::vector<float> steps, bias;
  };

  float &step(int64_t n, int64_t lane) {
    return current.steps[context.blocks.of(n) * lanes + lane];
  }
  float *slopes(int64_t n) { return slopeData.data() + n * rows.samples * lanes; }
  /// ||p - pq||^2 of the current solution by lane, and what the next round needs of it: the
  /// residuals, the slope with the bias and, on demand, the other slopes.
  std::vector<double> evaluate(bool withSlopes);
  /// level * step, columns x lanes.
  std::vector<float> quantizedWeights();
  /// weight * (H vector), or weight * (H vector + mismatch); columns x lanes.
  std::vector<float> multiplyMoments(const std::vector<float> &vector, bool withMismatch) const;
  /// One round from the current solution, for which evaluate() has been called.
  void descend();
  void prepareColumns();
  /// Coordinate descent over the levels.
  void sweep();
  /// The best step for the levels.
  void fitStep();
  void keepBest(const std::vector<double> &newErrors);

  const LayerContext &context;
  const PooledRows &rows;
  const GroupSystem &system;
  const PoolKernels &kernels;
  int64_t lanes, columns, group, firstNeuron, count;
  /// Of the training moments beside ||p - pq||^2, with their unit.
  double weight;
  Solution current, best;
  /// Whether the last round of a lane made it worse, which it would do again.
  std::vector<bool> isDone;
  /// Columns x lanes: w, X~'(T - X~q) times the weight, the step of Newton for a residual of 1, and
  /// the part of the bias in the slopes.
  std::vector<float> weights, moments, inverse, shares;
  /// A, columns x samples x lanes.
  AlignedBuffer<float> slopeData;
  /// Samples x lanes: p - pq, the slope of pq with the bias, and A q without the part of the bias.
  AlignedBuffer<float> residuals, active, outputs;
  /// By lane: ||active||^2, and the change of the bias in this round.
  std::vector<float> activeEnergy, biasChange;
};

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_POOLEDPANEL_H
