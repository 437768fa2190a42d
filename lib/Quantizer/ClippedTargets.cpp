// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ClippedTargets.h"
#include "RowKernels.h"
#include "gpfq/Quantizer/RowProducts.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace gpfq;

static double total(const std::vector<double> &values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Floats of input rows that are read several times from a cache.
static constexpr int64_t partFloats = 1024 * 1024;

namespace {
class ClippedTargets {
public:
  ClippedTargets(LayerContext &context, const ClippedRows &rows)
      : context(context), rows(rows),
        shape{context.problem.groups, context.problem.columns,
              context.problem.outputChannels / context.problem.groups, rows.layout},
        partRows(std::max<int64_t>(1, partFloats / shape.inputs() / rowsPerSum) * rowsPerSum),
        moments(shape.outputs() * shape.columns) {
    for (const GroupSystem &system : context.systems)
      mismatches.push_back(system.training.mismatch);
  }

  /// Measures the solution, and if `withMove` forms the moments of the move of the target, T2 - T,
  /// that it leads to.
  void evaluate(const LayerSolution &solution, bool withMove);
  /// Moves the target of the training moments, and the mean of it.
  void moveTargets(LayerSolution &solution);
  /// Moves it back.
  void restoreTargets() {
    for (size_t g = 0; g < mismatches.size(); ++g)
      context.systems[g].training.mismatch = mismatches[g];
  }

  /// By output channel: ||clamp(z) - clamp(zq)||^2 of the last evaluation, ||clamp(z)||^2.
  std::vector<double> errors, energies;

private:
  /// The part of `count` rows from `first`, for which `outputs` has X~q and gets T2 - T.
  void clip(int64_t first, int64_t count, float *outputs);

  LayerContext &context;
  const ClippedRows &rows;
  RowShape shape;
  /// Rows that are measured at a time.
  int64_t partRows;
  /// By group, of T.
  std::vector<std::vector<float>> mismatches;
  /// Sums of T2 - T over the rows.
  std::vector<double> sums;
  /// (T2 - T)'X~, outputs x columns.
  std::vector<double> moments;
};
} // namespace

void ClippedTargets::evaluate(const LayerSolution &solution, bool withMove) {
  int64_t n = shape.columns, outputs = shape.outputs();
  std::vector<float> weights(outputs * n), bias = getBiasDelta(context, solution);
  bias.resize(outputs, 0.0f);
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = solution.levels[i] * solution.step(context.blocks, i / n, i % n);
  RowMultiplier multiplier(shape, weights.data(), bias.data());
  for (std::vector<double> *values : {&errors, &energies, &sums})
    values->assign(outputs, 0.0);
  std::fill(moments.begin(), moments.end(), 0.0);
  std::vector<float> buffer(std::min(partRows, rows.rows) * outputs);
  for (int64_t first = 0; first < rows.rows; first += partRows) {
    int64_t count = std::min(partRows, rows.rows - first);
    const float *inputs = rows.inputs + first * shape.inputs();
    multiplier.multiply(count, inputs, buffer.data(), context.parallelFor);
    clip(first, count, buffer.data());
    if (withMove)
      accumulateCrossMoments(shape, count, inputs, buffer.data(), moments.data(),
                             context.parallelFor);
  }
}

void ClippedTargets::clip(int64_t first, int64_t count, float *outputs) {
  int64_t channels = shape.outputs();
  const RowKernels &kernels = rowKernels();
  std::vector<float> zeros;
  if (!rows.offsets && !rows.bias)
    zeros.assign(channels, 0.0f);
  const float *constant = rows.bias ? rows.bias : zeros.data();
  // Error, energy and move of each block of rows, added in order.
  int64_t blocks = (count + rowsPerSum - 1) / rowsPerSum;
  std::vector<float> partial(blocks * 3 * channels, 0.0f);
  runParallel(context.parallelFor, blocks, [&](int64_t block) {
    float *error = partial.data() + block * 3 * channels;
    ClippedSums blockSums{error, error + channels, error + 2 * channels};
    for (int64_t r = block * rowsPerSum; r < std::min((block + 1) * rowsPerSum, count); ++r)
      kernels.clip(channels, rows.low, rows.high, rows.targets + (first + r) * channels,
                   rows.offsets ? rows.offsets + (first + r) * channels : constant,
                   outputs + r * channels, blockSums);
  });
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t o = 0; o < channels; ++o) {
      errors[o] += partial[block * 3 * channels + o];
      energies[o] += partial[(block * 3 + 1) * channels + o];
      sums[o] += partial[(block * 3 + 2) * channels + o];
    }
}

void ClippedTargets::moveTargets(LayerSolution &solution) {
  int64_t n = shape.columns;
  // The rows stand for those of the training moments.
  double weight = double(context.problem.training->rows) / rows.rows;
  bool isCentred = !context.means.xq.empty();
  for (size_t g = 0; g < context.systems.size(); ++g) {
    GroupSystem &system = context.systems[g];
    std::vector<float> &mismatch = system.training.mismatch;
    mismatch = mismatches[g];
    mismatch.resize(shape.neurons * n, 0.0f);
    for (int64_t o = 0; o < shape.neurons; ++o) {
      int64_t channel = system.columns.firstChannel + o;
      for (int64_t t = 0; t < n; ++t) {
        int64_t column = system.columns.order[t];
        double mean = isCentred ? context.means.xq[g * n + column] : 0.0;
        mismatch[o * n + t] += static_cast<float>(
            weight * (moments[channel * n + column] - mean * sums[channel]) / system.training.unit);
      }
    }
  }
  solution.targetMeans = sums;
  for (double &mean : solution.targetMeans)
    mean /= rows.rows;
}

Result<RoundsOutcome> gpfq::fitClippedTargets(LayerContext &context, LayerSolution &solution) {
  ClippedTargets targets(context, *context.problem.clipped);
  int64_t n = context.problem.columns, outputs = context.problem.outputChannels;
  targets.evaluate(solution, context.spec.clipRounds > 0);
  RoundsOutcome outcome;
  outcome.errorBefore = total(targets.errors);
  outcome.energy = total(targets.energies);
  if (!std::isfinite(outcome.errorBefore) || !std::isfinite(outcome.energy))
    return Result<RoundsOutcome>::failure(
        "the rows before the activation function contain NaN or infinite values, or values whose "
        "squares overflow");
  solution.targetMeans.assign(outputs, 0.0);
  LayerSolution best = solution;
  std::vector<double> bestErrors = targets.errors;
  while (outcome.rounds < context.spec.clipRounds) {
    targets.moveTargets(solution);
    alternate(context, solution);
    ++outcome.rounds;
    targets.evaluate(solution, outcome.rounds < context.spec.clipRounds);
    bool isTensor = context.spec.granularity == Granularity::Tensor;
    bool isBetter = total(targets.errors) < total(bestErrors);
    for (int64_t o = 0; o < outputs; ++o) {
      if (!(isTensor ? isBetter : targets.errors[o] < bestErrors[o]))
        continue;
      bestErrors[o] = targets.errors[o];
      int64_t blocks = context.blocks.count;
      std::copy_n(solution.steps.begin() + o * blocks, blocks, best.steps.begin() + o * blocks);
      best.targetMeans[o] = solution.targetMeans[o];
      std::copy_n(solution.levels.begin() + o * n, n, best.levels.begin() + o * n);
    }
  }
  targets.restoreTargets();
  outcome.errorAfter = total(bestErrors);
  solution = std::move(best);
  return outcome;
}
