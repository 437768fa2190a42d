// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "PooledPanel.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>
#include <cmath>

using namespace gpfq;

/// c. On images that are not of the calibration, errors of means are least from 4 to 10
/// (SqueezeNet's classifier, 900 images of 169 positions).
static constexpr double positionWeight = 8.0;
/// Sweeps of a round, each with the best step for its levels behind it.
static constexpr int sweepsPerRound = 4;
/// A level changes only when that brings it nearer by this much, in steps.
static constexpr float sweepMargin = 1e-4f;

PooledPanel::PooledPanel(const LayerContext &context, const LayerSolution &solution,
                         const std::vector<float> &biasDelta, int64_t group, int64_t first,
                         int64_t count)
    : context(context), rows(*context.problem.pooled), system(context.systems[group]),
      kernels(poolKernels()), lanes(kernels.lanes), columns(context.problem.columns), group(group),
      firstNeuron(first), count(count),
      weight(positionWeight * system.training.unit * double(rows.samples) /
             (double(context.problem.training->rows) * double(rows.positions))) {
  int64_t blocks = context.blocks.count;
  current.levels.resize(columns * lanes);
  current.steps.resize(blocks * lanes);
  current.bias.assign(lanes, 0.0f);
  isDone.assign(lanes, false);
  weights.resize(columns * lanes);
  inverse.resize(columns * lanes);
  shares.resize(columns * lanes);
  slopeData.resize(columns * rows.samples * lanes);
  for (AlignedBuffer<float> *buffer : {&residuals, &active, &outputs})
    buffer->resize(rows.samples * lanes);
  activeEnergy.resize(lanes);
  biasChange.resize(lanes);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    int64_t channel = system.columns.firstChannel + first + (lane < count ? lane : 0);
    for (int64_t n = 0; n < columns; ++n) {
      current.levels[n * lanes + lane] = solution.levels[channel * columns + n];
      weights[n * lanes + lane] = context.problem.weights[channel * columns + n];
    }
    for (int64_t b = 0; b < blocks; ++b)
      current.steps[b * lanes + lane] = solution.steps[channel * blocks + b];
    if (!biasDelta.empty())
      current.bias[lane] = biasDelta[channel];
  }
  best = current;
}

std::vector<float> PooledPanel::quantizedWeights() {
  std::vector<float> result(columns * lanes);
  for (int64_t i = 0; i < columns * lanes; ++i)
    result[i] = current.levels[i] * step(i / lanes, i % lanes);
  return result;
}

std::vector<double> PooledPanel::evaluate(bool withSlopes) {
  const LayerProblem &problem = context.problem;
  int64_t inputs = problem.groups * columns, positions = rows.positions;
  int64_t channel = system.columns.firstChannel + firstNeuron;
  std::vector<float> quantized = quantizedWeights(), start(lanes, 0.0f), sums(lanes);
  for (int64_t lane = 0; lane < count; ++lane)
    start[lane] = current.bias[lane] + (rows.bias && !rows.offsets ? rows.bias[channel + lane] : 0);
  AlignedBuffer<float> z(positions * lanes);
  std::vector<double> result(lanes, 0.0);
  energies.assign(lanes, 0.0);
  std::fill(active.begin(), active.end(), 0.0f);
  auto factor = static_cast<float>(1.0 / double(positions));
  for (int64_t i = 0; i < rows.samples; ++i) {
    for (int64_t p = 0; p < positions; ++p) {
      std::copy(start.begin(), start.end(), z.data() + p * lanes);
      if (rows.offsets)
        for (int64_t lane = 0; lane < count; ++lane)
          z[p * lanes + lane] +=
              rows.offsets[(i * positions + p) * problem.outputChannels + channel + lane];
    }
    const float *x = rows.inputs + i * positions * inputs + group * columns;
    multiplyAccumulatePanel<float>(positions, columns, x, inputs, quantized.data(), z.data());
    std::fill(sums.begin(), sums.end(), 0.0f);
    float *sampleActive = active.data() + i * lanes;
    kernels.clip(positions, rows.low, rows.high, z.data(), sums.data(), sampleActive);
    if (withSlopes)
      kernels.accumulate(positions, columns, x, inputs, z.data(), factor,
                         slopeData.data() + i * lanes, rows.samples * lanes);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      sampleActive[lane] *= factor;
      float target = rows.targets[i * problem.outputChannels + channel + (lane < count ? lane : 0)];
      float residual = lane < count ? target - factor * sums[lane] : 0.0f;
      residuals[i * lanes + lane] = residual;
      result[lane] += double(residual) * residual;
      energies[lane] += double(target) * target;
    }
  }
  return result;
}

std::vector<float> PooledPanel::multiplyMoments(const std::vector<float> &vector,
                                                bool withMismatch) const {
  const std::vector<int64_t> &order = system.columns.order;
  std::vector<float> ordered(columns * lanes), product(columns * lanes, 0.0f),
      result(columns * lanes);
  for (int64_t t = 0; t < columns; ++t)
    std::copy_n(vector.data() + order[t] * lanes, lanes, ordered.data() + t * lanes);
  if (withMismatch && !system.training.mismatch.empty())
    for (int64_t t = 0; t < columns; ++t)
      for (int64_t lane = 0; lane < count; ++lane)
        product[t * lanes + lane] = system.training.mismatch[(firstNeuron + lane) * columns + t];
  multiplyAccumulatePanel<float>(columns, columns, system.training.h.data(), columns,
                                 ordered.data(), product.data());
  for (int64_t t = 0; t < columns; ++t)
    for (int64_t lane = 0; lane < lanes; ++lane)
      result[order[t] * lanes + lane] = static_cast<float>(weight) * product[t * lanes + lane];
  return result;
}

/// What the best bias does for the residuals and for the slopes of each column is taken off: with
/// the change b of pq with the bias, the slopes a become a - (a'b / b'b) b.
void PooledPanel::prepareColumns() {
  std::vector<float> sums(lanes), squares(lanes), zeros(lanes, 0.0f);
  bool fitsBias = context.spec.biasCorrection;
  kernels.dot(rows.samples, active.data(), active.data(), activeEnergy.data());
  auto share = [&](int64_t lane) {
    return fitsBias && activeEnergy[lane] > 0.0f ? sums[lane] / activeEnergy[lane] : 0.0f;
  };
  kernels.dot(rows.samples, residuals.data(), active.data(), sums.data());
  for (int64_t lane = 0; lane < lanes; ++lane)
    biasChange[lane] = share(lane);
  std::vector<float> taken(biasChange);
  for (float &value : taken)
    value = -value;
  kernels.add(rows.samples, active.data(), active.data(), taken.data(), zeros.data(),
              residuals.data());
  const std::vector<int64_t> &order = system.columns.order;
  for (int64_t t = 0; t < columns; ++t) {
    int64_t n = order[t];
    kernels.dot(rows.samples, slopes(n), active.data(), sums.data());
    kernels.dot(rows.samples, slopes(n), slopes(n), squares.data());
    double diagonal = weight * system.training.h[t * columns + t];
    for (int64_t lane = 0; lane < lanes; ++lane) {
      shares[n * lanes + lane] = share(lane);
      double energy = squares[lane] - double(share(lane)) * share(lane) * activeEnergy[lane];
      energy = std::max(energy, 0.0) + diagonal;
      bool moves = system.training.inverseDiagonal[t] != 0.0f && energy > 0.0;
      inverse[n * lanes + lane] = moves ? static_cast<float>(1.0 / energy) : 0.0f;
    }
  }
}

void PooledPanel::sweep() {
  const std::vector<int64_t> &order = system.columns.order;
  std::vector<float> sums(lanes), changes(lanes), quantized(lanes);
  std::fill(outputs.begin(), outputs.end(), 0.0f);
  for (int64_t t = 0; t < columns; ++t) {
    int64_t n = order[t];
    kernels.dot(rows.samples, slopes(n), residuals.data(), sums.data());
    bool changed = false;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int64_t i = n * lanes + lane;
      float move = (sums[lane] + moments[i]) * inverse[i] / step(n, lane);
      // Squares of huge values overflow.
      if (!std::isfinite(move))
        move = 0.0f;
      int8_t level = current.levels[i], better = context.spec.alphabet.nearest(level + move);
      changes[lane] = 0.0f;
      if (std::fabs(level + move - better) + sweepMargin < std::fabs(move)) {
        changes[lane] = (level - better) * step(n, lane);
        current.levels[i] = better;
        biasChange[lane] += changes[lane] * shares[i];
        changed = true;
      }
      quantized[lane] = current.levels[i] * step(n, lane);
    }
    const float *columnShares = shares.data() + n * lanes;
    if (changed) {
      kernels.add(rows.samples, slopes(n), active.data(), changes.data(), columnShares,
                  residuals.data());
      const float *h = system.training.h.data() + t * columns;
      for (int64_t s = 0; s < columns; ++s)
        for (int64_t lane = 0; lane < lanes; ++lane)
          moments[order[s] * lanes + lane] += static_cast<float>(weight) * h[s] * changes[lane];
    }
    kernels.add(rows.samples, slopes(n), active.data(), quantized.data(), columnShares,
                outputs.data());
  }
}

void PooledPanel::fitStep() {
  std::vector<float> quantized = quantizedWeights(), residual(lanes), energy(lanes),
                     zeros(lanes, 0.0f);
  std::vector<float> product = multiplyMoments(quantized, /*withMismatch=*/false);
  kernels.dot(rows.samples, outputs.data(), residuals.data(), residual.data());
  kernels.dot(rows.samples, outputs.data(), outputs.data(), energy.data());
  std::vector<double> share(lanes, 0.0);
  for (int64_t i = 0; i < columns * lanes; ++i) {
    int64_t lane = i % lanes;
    residual[lane] += quantized[i] * moments[i];
    energy[lane] += quantized[i] * product[i];
    share[lane] += double(quantized[i]) * shares[i];
  }
  std::vector<float> changes(lanes);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    double factor = energy[lane] > 0.0f ? 1.0 + residual[lane] / energy[lane] : 1.0;
    factor = std::clamp(std::isfinite(factor) ? factor : 1.0, 0.8, 1.25);
    changes[lane] = static_cast<float>(1.0 - factor);
    biasChange[lane] += static_cast<float>((1.0 - factor) * share[lane]);
    for (int64_t b = 0; b < context.blocks.count; ++b)
      current.steps[b * lanes + lane] = scaleStep(current.steps[b * lanes + lane], factor);
  }
  kernels.add(rows.samples, outputs.data(), active.data(), changes.data(), zeros.data(),
              residuals.data());
  for (int64_t i = 0; i < columns * lanes; ++i)
    moments[i] += changes[i % lanes] * product[i];
}

void PooledPanel::descend() {
  prepareColumns();
  std::vector<float> differences = quantizedWeights();
  for (int64_t i = 0; i < columns * lanes; ++i)
    differences[i] = weights[i] - differences[i];
  moments = multiplyMoments(differences, /*withMismatch=*/true);
  for (int i = 0; i < sweepsPerRound; ++i) {
    sweep();
    if (context.spec.granularity != Granularity::Tensor)
      fitStep();
  }
  for (int64_t lane = 0; lane < lanes; ++lane)
    current.bias[lane] += biasChange[lane];
}

void PooledPanel::keepBest(const std::vector<double> &newErrors) {
  for (int64_t lane = 0; lane < lanes; ++lane) {
    bool isBetter = !isDone[lane] && newErrors[lane] < errors[lane];
    isDone[lane] = !isBetter;
    const Solution &from = isBetter ? current : best;
    Solution &to = isBetter ? best : current;
    for (int64_t n = 0; n < columns; ++n)
      to.levels[n * lanes + lane] = from.levels[n * lanes + lane];
    for (int64_t b = 0; b < context.blocks.count; ++b)
      to.steps[b * lanes + lane] = from.steps[b * lanes + lane];
    to.bias[lane] = from.bias[lane];
    if (isBetter)
      errors[lane] = newErrors[lane];
  }
}

void PooledPanel::run() {
  errorsBefore = errors = evaluate(/*withSlopes=*/true);
  for (int64_t round = 0; round < context.spec.poolRounds; ++round) {
    descend();
    bool isLast = round + 1 == context.spec.poolRounds;
    keepBest(evaluate(!isLast));
  }
}

void PooledPanel::store(LayerSolution &solution, std::vector<float> &biasDelta) const {
  int64_t blocks = context.blocks.count;
  for (int64_t lane = 0; lane < count; ++lane) {
    int64_t channel = system.columns.firstChannel + firstNeuron + lane;
    for (int64_t n = 0; n < columns; ++n)
      solution.levels[channel * columns + n] = best.levels[n * lanes + lane];
    for (int64_t b = 0; b < blocks; ++b)
      solution.steps[channel * blocks + b] = best.steps[b * lanes + lane];
    if (!biasDelta.empty())
      biasDelta[channel] = best.bias[lane];
  }
}
