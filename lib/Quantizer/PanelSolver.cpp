// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "PanelSolver.h"
#include "TabuSearch.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>
#include <cmath>

using namespace gpfq;

/// Columns between two recomputations of the residual in a sweep.
static constexpr int64_t sweepBlock = 32;
/// A sweep changes a level only when that brings it nearer by this much, in steps, so that rounding
/// can neither raise the error nor make two levels alternate.
static constexpr float sweepMargin = 1e-4f;

int64_t PanelSolver::width() { return panelWidth<float>(); }

PanelSolver::PanelSolver(const GroupSystem &system, const LayerSpec &spec)
    : system(system), spec(spec), rounding(spec), lanesPerPanel(width()),
      budget(spec, system.columns, lanesPerPanel), kernels(laneKernels()),
      uniform(rounding.hasThreshold() || budget.isActive() || spec.method == Method::Spfq
                  ? nullptr
                  : spec.alphabet.uniformLevels()) {
  size_t size = system.columns.count * lanesPerPanel;
  levels.resize(size);
  weights.resize(size);
  differences.resize(size);
  products.resize(size);
}

/// Uniform in [0, 1), from a hash of its arguments (the finaliser of splitmix64, twice), so that it
/// depends on no order of evaluation.
static float uniformAt(uint64_t seed, uint64_t channel, uint64_t column) {
  auto mix = [](uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  };
  constexpr uint64_t golden = 0x9e3779b97f4a7c15u;
  uint64_t hash = mix(mix(seed + golden * (channel + 1)) + golden * (column + 1));
  return static_cast<float>(hash >> 40) * 0x1p-24f;
}

void PanelSolver::setLevel(int64_t t, int64_t lane, int8_t level) {
  int64_t i = t * lanesPerPanel + lane;
  levels[i] = level;
  differences[i] = weights[i] - level * step(t, lane);
}

void PanelSolver::setLanes(const std::vector<Lane> &newLanes, const std::vector<float> &source) {
  lanes = newLanes;
  lanes.resize(lanesPerPanel, Lane(lanes.front()));
  steps.clear();
  lambdas.clear();
  for (int64_t block = 0; block < system.columns.blocks; ++block)
    for (const Lane &lane : lanes) {
      steps.push_back(lane.steps[block]);
      lambdas.push_back(lambdaInSteps(spec, lane.steps[block]));
    }
  int64_t n = system.columns.count;
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
    for (int64_t t = 0; t < n; ++t)
      weights[t * lanesPerPanel + lane] = source[lanes[lane].neuron * n + t];
}

void PanelSolver::solve(const std::vector<Lane> &newLanes) {
  const std::vector<float> &refitted = system.recursion.weights;
  setLanes(newLanes, refitted.empty() ? system.columns.weights : refitted);
  budget.start(weights, steps);
  if (spec.method == Method::Msq)
    quantizeNearest();
  else
    recurse();
  if (!refitted.empty()) {
    // Errors and sweeps are about the weights of the layer.
    setLanes(newLanes, system.columns.weights);
    for (int64_t t = 0; t < system.columns.count; ++t)
      for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
        setLevel(t, lane, level(t, lane));
  }
  sweeps();
}

void PanelSolver::start(const std::vector<Lane> &newLanes, const int8_t *source) {
  setLanes(newLanes, system.columns.weights);
  int64_t n = system.columns.count, given = newLanes.size();
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
    for (int64_t t = 0; t < n; ++t)
      setLevel(t, lane, source[(lane < given ? lane : 0) * n + system.columns.order[t]]);
  budget.start(levels);
}

void PanelSolver::store(int64_t count, int8_t *target) const {
  int64_t n = system.columns.count;
  for (int64_t lane = 0; lane < count; ++lane)
    for (int64_t t = 0; t < n; ++t)
      target[lane * n + system.columns.order[t]] = level(t, lane);
}

void PanelSolver::sweeps() {
  for (int64_t i = 0; spec.method != Method::Msq && i < spec.sweeps && sweep(); ++i)
    ;
}

void PanelSolver::search(int64_t count, const ParallelFor &parallelFor) {
  if (spec.method == Method::Msq || spec.tabuMoves == 0)
    return;
  const GroupMoments &moments = system.training;
  int64_t n = system.columns.count;
  multiply(moments, differences);
  runParallel(parallelFor, count, [&](int64_t lane) {
    NeuronLevels neuron{std::vector<int8_t>(n), std::vector<float>(n), std::vector<float>(n)};
    for (int64_t t = 0; t < n; ++t) {
      neuron.levels[t] = level(t, lane);
      neuron.steps[t] = step(t, lane);
      neuron.residuals[t] = mismatch(moments, t, lane) + products[t * lanesPerPanel + lane];
    }
    searchLevels(spec, moments, system.columns.firstChannel + lanes[lane].neuron, neuron);
    for (int64_t t = 0; t < n; ++t)
      setLevel(t, lane, neuron.levels[t]);
  });
}

void PanelSolver::quantizeNearest() {
  for (int64_t t = 0; t < system.columns.count; ++t) {
    if (budget.isActive())
      budget.release(t);
    for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
      quantize(weights[t * lanesPerPanel + lane], t, lane);
  }
}

void PanelSolver::quantize(float target, int64_t t, int64_t lane) {
  float z = target / step(t, lane);
  if (budget.isActive())
    z = Rounding::shrink(z, budget.threshold(t, lane));
  int8_t level;
  if (spec.method == Method::Spfq) {
    const GroupColumns &columns = system.columns;
    level = rounding.stochastic(
        z, lambda(t, lane),
        uniformAt(spec.seed, columns.firstChannel + lanes[lane].neuron, columns.order[t]));
  } else {
    level = rounding.nearest(z, lambda(t, lane));
  }
  if (budget.isActive()) {
    level = budget.fit(level, t, lane);
    budget.add(level, t, lane);
  }
  setLevel(t, lane, level);
}

/// The recursion over columns. Path following in Gram form: the paper's
///   q_t = Q(<X~_t, u_{t-1} + w_t X_t> / ||X~_t||^2)  has
///   <X~_t, u_{t-1} + w_t X_t> = sum_{j<=t} G_tj w_j - sum_{j<t} H_tj q_j
///                             = H_tt w_t + sum_{j<=t} M_tj w_j + sum_{j<t} H_tj d_j,  M = G - H.
/// Each sum runs over j in order, so cutting it at the borders of blocks does not change a bit.
void PanelSolver::recurse() {
  const GroupMoments &moments = system.training;
  const Recursion &recursion = system.recursion;
  int64_t n = system.columns.count;
  bool isFeedback = !recursion.feedback.empty();
  const float *factors = isFeedback ? recursion.feedback.data() : moments.h.data();
  std::fill(products.begin(), products.end(), 0.0f);
  if (!recursion.path.empty())
    for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
      for (int64_t t = 0; t < n; ++t)
        products[t * lanesPerPanel + lane] = recursion.path[lanes[lane].neuron * n + t];

  int64_t blockSize = std::max<int64_t>(1, spec.blockSize);
  for (int64_t begin = 0; begin < n; begin += blockSize) {
    int64_t end = std::min(begin + blockSize, n);
    multiplyAccumulatePanel<float>(end - begin, begin, factors + begin * n, n, differences.data(),
                                   products.data() + begin * lanesPerPanel);
    for (int64_t t = begin; t < end; ++t) {
      multiplyAccumulatePanel<float>(1, t - begin, factors + t * n + begin, n,
                                     differences.data() + begin * lanesPerPanel,
                                     products.data() + t * lanesPerPanel);
      if (budget.isActive())
        budget.release(t);
      float inverse = moments.inverseDiagonal[t], factor = isFeedback ? 1.0f : inverse;
      if (inverse == 0.0f) {
        for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
          quantize(moments.isConstant[t] ? weights[t * lanesPerPanel + lane] : 0.0f, t, lane);
      } else if (uniform) {
        kernels.quantize(*uniform, column(t, factor));
      } else {
        for (int64_t lane = 0; lane < lanesPerPanel; ++lane) {
          int64_t i = t * lanesPerPanel + lane;
          quantize(weights[i] + products[i] * factor, t, lane);
        }
      }
    }
  }
}

LaneColumn PanelSolver::column(int64_t t, float factor) {
  int64_t i = t * lanesPerPanel;
  return {lanesPerPanel,
          steps.data() + stepIndex(t, 0),
          weights.data() + i,
          products.data() + i,
          factor,
          levels.data() + i,
          differences.data() + i};
}

/// Is level `better` for the argument level + move, and by more than the margin?
bool PanelSolver::isImproved(int8_t level, int8_t better, float move, float lambda) const {
  float distance = std::fabs(level + move - better);
  if (!rounding.hasThreshold())
    return !(distance + sweepMargin >= std::fabs(move));
  float before = move * move + rounding.penalty(level, lambda);
  return distance * distance + rounding.penalty(better, lambda) + sweepMargin < before;
}

/// Moves the t-th column by its residuals, in `products`, with any rule; see LaneKernels::improve.
bool PanelSolver::improveColumn(int64_t t, float *changes) {
  bool changed = false;
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane) {
    int64_t i = t * lanesPerPanel + lane;
    float laneStep = step(t, lane), laneLambda = lambda(t, lane);
    float move = products[i] * system.training.inverseDiagonal[t] / laneStep;
    int8_t level = levels[i], better = rounding.nearest(level + move, laneLambda);
    changes[lane] = 0.0f;
    if (budget.isActive()) {
      budget.remove(level, t, lane);
      better = budget.fit(better, t, lane);
    }
    bool isBetter = isImproved(level, better, move, laneLambda);
    if (budget.isActive())
      budget.add(isBetter ? better : level, t, lane);
    if (!isBetter)
      continue;
    changes[lane] = (better - level) * laneStep;
    setLevel(t, lane, better);
    changed = true;
  }
  return changed;
}

/// Exact minimisation over one level at a time: q_t <- Q(q_t + r_t / H_tt) with the residual
/// r = X~'(T - X~q) = c + Hd.
bool PanelSolver::sweep() {
  const GroupMoments &moments = system.training;
  int64_t n = system.columns.count;
  bool changed = false;
  AlignedBuffer<float> changes(lanesPerPanel);
  for (int64_t begin = 0; begin < n; begin += sweepBlock) {
    int64_t end = std::min(begin + sweepBlock, n);
    for (int64_t t = begin; t < end; ++t)
      for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
        products[t * lanesPerPanel + lane] = mismatch(moments, t, lane);
    multiplyAccumulatePanel<float>(end - begin, n, moments.h.data() + begin * n, n,
                                   differences.data(), products.data() + begin * lanesPerPanel);

    for (int64_t t = begin; t < end; ++t) {
      float inverse = moments.inverseDiagonal[t];
      if (inverse == 0.0f)
        continue;
      bool changedHere =
          uniform ? kernels.improve(*uniform, column(t, inverse), sweepMargin, changes.data())
                  : improveColumn(t, changes.data());
      if (!changedHere)
        continue;
      changed = true;
      kernels.update(end - t - 1, moments.h.data() + (t + 1) * n + t, n, changes.data(),
                     lanesPerPanel, products.data() + (t + 1) * lanesPerPanel);
    }
  }
  return changed;
}

/// products = H vectors.
void PanelSolver::multiply(const GroupMoments &moments, const AlignedBuffer<float> &vectors) {
  int64_t n = system.columns.count;
  std::fill(products.begin(), products.end(), 0.0f);
  multiplyAccumulatePanel<float>(n, n, moments.h.data(), n, vectors.data(), products.data());
}

std::vector<double> PanelSolver::errors(const GroupMoments &moments) {
  multiply(moments, differences);
  std::vector<double> result(lanesPerPanel);
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
    result[lane] = std::max(laneError(moments, lane, moments.ridge), 0.0);
  return result;
}

std::vector<double> PanelSolver::objectives() {
  multiply(system.training, differences);
  std::vector<double> result(lanesPerPanel);
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
    result[lane] = laneError(system.training, lane, /*excess=*/0.0);
  return result;
}

/// ||T - X~q||^2, for products = H differences; the ridge part of H counts but for `excess`.
double PanelSolver::laneError(const GroupMoments &moments, int64_t lane, double excess) const {
  double error = moments.base[lanes[lane].neuron];
  for (int64_t t = 0; t < system.columns.count; ++t) {
    int64_t i = t * lanesPerPanel + lane;
    error +=
        differences[i] * (2.0 * mismatch(moments, t, lane) + products[i] - excess * differences[i]);
  }
  return error * moments.unit;
}

std::vector<PanelSolver::StepTerms> PanelSolver::stepTerms(bool withRidge) {
  const GroupMoments &moments = system.training;
  int64_t n = system.columns.count;
  double excess = withRidge ? 0.0 : moments.ridge;
  std::vector<StepTerms> terms(lanesPerPanel, StepTerms{0.0, 0.0, 0.0});
  AlignedBuffer<float> quantized(weights.size());
  for (size_t i = 0; i < quantized.size(); ++i)
    quantized[i] = levels[i] * step(i / lanesPerPanel, i % lanesPerPanel);
  multiply(moments, quantized);
  for (size_t i = 0; i < quantized.size(); ++i)
    terms[i % lanesPerPanel].energy +=
        moments.unit * quantized[i] * (products[i] - excess * quantized[i]);
  multiply(moments, differences);
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane) {
    terms[lane].error = laneError(moments, lane, excess);
    for (int64_t t = 0; t < n; ++t) {
      int64_t i = t * lanesPerPanel + lane;
      terms[lane].residual +=
          moments.unit * quantized[i] *
          (double(mismatch(moments, t, lane)) + products[i] - excess * differences[i]);
    }
  }
  return terms;
}

std::vector<PanelSolver::BlockTerms> PanelSolver::blockTerms() {
  const GroupMoments &moments = system.training;
  int64_t n = system.columns.count, blocks = system.columns.blocks;
  std::vector<BlockTerms> terms(lanesPerPanel);
  for (BlockTerms &lane : terms) {
    lane.residual.assign(blocks, 0.0);
    lane.energy.assign(blocks * blocks, 0.0);
  }
  AlignedBuffer<float> part(weights.size());
  for (int64_t block = 0; block < blocks; ++block) {
    for (int64_t t = 0; t < n; ++t)
      for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
        part[t * lanesPerPanel + lane] =
            system.columns.blockOf[t] == block ? level(t, lane) * step(t, lane) : 0.0f;
    multiply(moments, part);
    for (int64_t t = 0; t < n; ++t)
      for (int64_t lane = 0; lane < lanesPerPanel; ++lane)
        terms[lane].energy[block * blocks + system.columns.blockOf[t]] +=
            moments.unit * products[t * lanesPerPanel + lane] * level(t, lane) * step(t, lane);
  }
  multiply(moments, differences);
  for (int64_t lane = 0; lane < lanesPerPanel; ++lane) {
    terms[lane].error = laneError(moments, lane, /*excess=*/0.0);
    for (int64_t t = 0; t < n; ++t)
      terms[lane].residual[system.columns.blockOf[t]] +=
          moments.unit * level(t, lane) * step(t, lane) *
          (double(mismatch(moments, t, lane)) + products[t * lanesPerPanel + lane]);
  }
  return terms;
}
