// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Quantises a panel of neurons of one group side by side, one in each vector lane. Lanes are
// independent and may hold the same neuron at several steps.

#ifndef GPFQ_LIB_QUANTIZER_PANELSOLVER_H
#define GPFQ_LIB_QUANTIZER_PANELSOLVER_H

#include "AccumulatorBudget.h"
#include "GroupSystem.h"
#include "LaneKernels.h"
#include "Rounding.h"
#include "gpfq/Calibration/AlignedBuffer.h"

namespace gpfq {

class PanelSolver {
public:
  struct Lane {
    int64_t neuron;
    /// One for each block; borrowed until the lanes are set.
    const float *steps;
  };

  PanelSolver(const GroupSystem &system, const LayerSpec &spec);

  /// What the best step for the levels of a lane depends on, with e = T - X~q.
  struct StepTerms {
    /// q'X~'e, ||X~q||^2 and ||e||^2.
    double residual, energy, error;
  };

  /// The most lanes that solve() and start() take.
  static int64_t width();
  /// Quantises the lanes by the method of the spec.
  void solve(const std::vector<Lane> &lanes);
  /// Takes over levels: a row of columns, in the order of the layer, for each lane.
  void start(const std::vector<Lane> &lanes, const int8_t *levels);
  /// Coordinate descent, as the spec says.
  void sweeps();
  /// Tabu search in the first `count` lanes, as the spec says; each lane on its own, since a narrow
  /// layer has one panel.
  void search(int64_t count, const ParallelFor &parallelFor);
  /// Writes the levels of the first `count` lanes as start() reads them.
  void store(int64_t count, int8_t *levels) const;
  /// ||T - X~q||^2 of each lane on the given rows, at least 0.
  std::vector<double> errors(const GroupMoments &moments);
  /// ||T - X~q||^2 + ridge ||w - q||^2 of each lane on the training rows.
  std::vector<double> objectives();
  /// On the training rows, with or without the rows that a ridge amounts to (sqrt(ridge) I, whose
  /// target is sqrt(ridge) w).
  std::vector<StepTerms> stepTerms(bool withRidge);

  /// The same with a step for each block b, with the ridge: q_b'(X~'e - ridge d) and q_b'H q_c, and
  /// the error. q_b is q in block b, and 0 elsewhere.
  struct BlockTerms {
    std::vector<double> residual, energy;
    double error = 0.0;
  };
  std::vector<BlockTerms> blockTerms();

private:
  void setLanes(const std::vector<Lane> &lanes, const std::vector<float> &weights);
  void quantizeNearest();
  void recurse();
  /// The level for the argument `target` of the quantiser, set.
  void quantize(float target, int64_t t, int64_t lane);
  LaneColumn column(int64_t t, float factor);
  bool improveColumn(int64_t t, float *changes);
  bool isImproved(int8_t level, int8_t better, float move, float lambda) const;
  /// One sweep of coordinate descent; false when no level changed.
  bool sweep();
  void setLevel(int64_t t, int64_t lane, int8_t level);
  /// Index into steps and lambdas.
  int64_t stepIndex(int64_t t, int64_t lane) const {
    return system.columns.blockOf[t] * lanesPerPanel + lane;
  }
  float step(int64_t t, int64_t lane) const { return steps[stepIndex(t, lane)]; }
  float lambda(int64_t t, int64_t lane) const { return lambdas[stepIndex(t, lane)]; }

  int8_t level(int64_t t, int64_t lane) const { return levels[t * lanesPerPanel + lane]; }
  /// c_t of the neuron of a lane (see GroupMoments).
  float mismatch(const GroupMoments &moments, int64_t t, int64_t lane) const {
    if (moments.mismatch.empty())
      return 0.0f;
    return moments.mismatch[lanes[lane].neuron * system.columns.count + t];
  }
  void multiply(const GroupMoments &moments, const AlignedBuffer<float> &vectors);
  double laneError(const GroupMoments &moments, int64_t lane, double excess) const;

  const GroupSystem &system;
  const LayerSpec &spec;
  Rounding rounding;
  int64_t lanesPerPanel;
  AccumulatorBudget budget;
  const LaneKernels &kernels;
  /// What the kernels round to; null when a rule takes more than that.
  const UniformLevels *uniform;
  std::vector<Lane> lanes;
  /// By block and lane; lambdas in steps.
  std::vector<float> steps, lambdas;
  /// Columns x lanes.
  std::vector<int8_t> levels;
  AlignedBuffer<float> weights, differences, products;
};

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_PANELSOLVER_H
