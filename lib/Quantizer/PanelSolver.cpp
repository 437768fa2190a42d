// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "PanelSolver.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>
#include <cmath>

using namespace gpfq;

/// Columns between two recomputations of the residual in a sweep.
static constexpr int64_t sweepBlock = 32;
/// A sweep changes a level only when that brings it nearer by this much, in steps, so that rounding
/// can neither raise the error nor make two levels alternate.
static constexpr float sweepMargin = 1e-4f;

PanelSolver::PanelSolver(const GroupSystem &system, const LayerSpec &spec)
    : system(system), spec(spec), lanesPerPanel(panelWidth<float>()) {
  size_t size = system.columns.count * lanesPerPanel;
  levels.resize(size);
  weights.resize(size);
  differences.resize(size);
  products.resize(size);
}

void PanelSolver::setLevel(int64_t t, int64_t lane, int8_t level) {
  int64_t i = t * lanesPerPanel + lane;
  levels[i] = level;
  differences[i] = weights[i] - level * lanes[lane].step;
}

void PanelSolver::solve(const std::vector<Lane> &newLanes) {
  lanes = newLanes;
  lanes.resize(lanesPerPanel, lanes.front());
  int64_t n = system.columns.count;
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
    for (int64_t t = 0; t < n; ++t)
      weights[t * lanesPerPanel + lane] = system.columns.weights[lanes[lane].neuron * n + t];
  if (spec.method == Method::Msq)
    return quantizeNearest();
  followPath();
  for (int64_t i = 0; i < spec.sweeps && sweep(); ++i)
    ;
}

void PanelSolver::quantizeNearest() {
  for (int64_t t = 0; t < system.columns.count; ++t)
    for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
      setLevel(t, lane,
               spec.alphabet.nearest(weights[t * lanesPerPanel + lane] / lanes[lane].step));
}

/// Path following in Gram form. The paper's q_t = Q(<X~_t, u_{t-1} + w_t X_t> / ||X~_t||^2) has
///   <X~_t, u_{t-1} + w_t X_t> = sum_{j<=t} G_tj w_j - sum_{j<t} H_tj q_j
///                             = H_tt w_t + sum_{j<=t} M_tj w_j + sum_{j<t} H_tj d_j.
/// Each sum runs over j in order, so cutting it at the borders of blocks does not change a bit.
void PanelSolver::followPath() {
  const GroupMoments &moments = system.training;
  int64_t n = system.columns.count;
  std::fill(products.begin(), products.end(), 0.0f);
  if (!moments.pathMismatch.empty())
    for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
      for (int64_t t = 0; t < n; ++t)
        products[t * lanesPerPanel + lane] = moments.pathMismatch[lanes[lane].neuron * n + t];

  int64_t blockSize = std::max<int64_t>(1, spec.blockSize);
  for (int64_t begin = 0; begin < n; begin += blockSize) {
    int64_t end = std::min(begin + blockSize, n);
    multiplyAccumulatePanel<float>(end - begin, begin, moments.h.data() + begin * n, n,
                                   differences.data(), products.data() + begin * lanesPerPanel);
    for (int64_t t = begin; t < end; ++t) {
      multiplyAccumulatePanel<float>(1, t - begin, moments.h.data() + t * n + begin, n,
                                     differences.data() + begin * lanesPerPanel,
                                     products.data() + t * lanesPerPanel);
      float inverse = moments.inverseDiagonal[t];
      for (int64_t lane = 0; lane < lanesPerPanel; ++lane) {
        int64_t i = t * lanesPerPanel + lane;
        float target = 0.0f;
        if (inverse != 0.0f)
          target = weights[i] + products[i] * inverse;
        else if (moments.isConstant[t])
          target = weights[i];
        setLevel(t, lane, spec.alphabet.nearest(target / lanes[lane].step));
      }
    }
  }
}

/// Exact minimisation over one level at a time: q_t <- Q(q_t + r_t / H_tt) with the residual
/// r = X~'(Xw - X~q) = Mw + Hd.
bool PanelSolver::sweep() {
  const GroupMoments &moments = system.training;
  int64_t n = system.columns.count;
  bool changed = false;
  std::vector<float> delta(lanesPerPanel);
  for (int64_t begin = 0; begin < n; begin += sweepBlock) {
    int64_t end = std::min(begin + sweepBlock, n);
    float *residuals = products.data() + begin * lanesPerPanel;
    for (int64_t t = begin; t < end; ++t)
      for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
        products[t * lanesPerPanel + lane] =
            moments.mismatch.empty() ? 0.0f : moments.mismatch[lanes[lane].neuron * n + t];
    multiplyAccumulatePanel<float>(end - begin, n, moments.h.data() + begin * n, n,
                                   differences.data(), residuals);

    for (int64_t t = begin; t < end; ++t) {
      if (moments.inverseDiagonal[t] == 0.0f)
        continue;
      bool changedHere = false;
      for (int64_t lane = 0; lane < lanesPerPanel; ++lane) {
        int64_t i = t * lanesPerPanel + lane;
        float step = lanes[lane].step;
        float move = products[i] * moments.inverseDiagonal[t] / step;
        int8_t level = levels[i], better = spec.alphabet.nearest(level + move);
        delta[lane] = 0.0f;
        if (std::fabs(level + move - better) + sweepMargin >= std::fabs(move))
          continue;
        delta[lane] = (better - level) * step;
        setLevel(t, lane, better);
        changedHere = true;
      }
      if (!changedHere)
        continue;
      changed = true;
      for (int64_t later = t + 1; later < end; ++later)
        for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
          products[later * lanesPerPanel + lane] -= moments.h[later * n + t] * delta[lane];
    }
  }
  return changed;
}

std::vector<double> PanelSolver::errors(const GroupMoments &moments) {
  int64_t n = system.columns.count;
  std::fill(products.begin(), products.end(), 0.0f);
  multiplyAccumulatePanel<float>(n, n, moments.h.data(), n, differences.data(), products.data());
  std::vector<double> result(lanesPerPanel);
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane) {
    int64_t neuron = lanes[lane].neuron;
    double error = moments.base[neuron];
    for (int64_t t = 0; t < n; ++t) {
      int64_t i = t * lanesPerPanel + lane;
      double mismatch = moments.mismatch.empty() ? 0.0 : moments.mismatch[neuron * n + t];
      error += differences[i] * (2.0 * mismatch + products[i] - moments.ridge * differences[i]);
    }
    result[lane] = std::max(error, 0.0) * moments.unit;
  }
  return result;
}
