// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Quantises a panel of neurons of one group side by side, one in each vector lane. Lanes are
// independent and may hold the same neuron at several steps.

#ifndef GPFQ_LIB_QUANTIZER_PANELSOLVER_H
#define GPFQ_LIB_QUANTIZER_PANELSOLVER_H

#include "GroupSystem.h"
#include "gpfq/Calibration/AlignedBuffer.h"

namespace gpfq {

class PanelSolver {
public:
  struct Lane {
    int64_t neuron;
    float step;
  };

  PanelSolver(const GroupSystem &system, const LayerSpec &spec);

  /// Lanes that one call of solve() takes.
  int64_t width() const { return lanesPerPanel; }
  /// Quantises the lanes by the method of the spec.
  void solve(const std::vector<Lane> &lanes);
  /// Level of column order[t] in a lane.
  int8_t level(int64_t t, int64_t lane) const { return levels[t * lanesPerPanel + lane]; }
  /// ||Xw - X~q||^2 of each lane on the given rows, at least 0.
  std::vector<double> errors(const GroupMoments &moments);

private:
  void loadWeights(const std::vector<float> &source);
  void quantizeNearest();
  void recurse();
  int8_t round(float target, int64_t t, int64_t lane) const;
  /// One sweep of coordinate descent; false when no level changed.
  bool sweep();
  void setLevel(int64_t t, int64_t lane, int8_t level);

  const GroupSystem &system;
  const LayerSpec &spec;
  int64_t lanesPerPanel;
  std::vector<Lane> lanes;
  /// Columns x lanes.
  std::vector<int8_t> levels;
  AlignedBuffer<float> weights, differences, products;
};

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_PANELSOLVER_H
