// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "StepSearch.h"
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>

using namespace gpfq;

/// The quantile of |w| of each channel and block.
static std::vector<double> blockQuantiles(const LayerProblem &problem, const ScaleBlocks &blocks,
                                          double quantile) {
  std::vector<double> result, magnitudes(problem.columns / blocks.count);
  int64_t last = int64_t(magnitudes.size()) - 1;
  double position = quantile * last;
  int64_t low = static_cast<int64_t>(position), high = std::min(low + 1, last);
  for (int64_t i = 0; i < problem.outputChannels * blocks.count; ++i) {
    const float *weights = problem.weights + i / blocks.count * problem.columns;
    int64_t count = 0;
    for (int64_t t = 0; t < problem.columns; ++t)
      if (blocks.of(t) == i % blocks.count)
        magnitudes[count++] = std::fabs(double(weights[t]));
    std::nth_element(magnitudes.begin(), magnitudes.begin() + low, magnitudes.end());
    double below = magnitudes[low],
           above = *std::min_element(magnitudes.begin() + high, magnitudes.end());
    result.push_back(below + (position - low) * (above - below));
  }
  return result;
}

/// Radius of each channel and block before any search.
static std::vector<double> getRadii(const LayerProblem &problem, const ScaleBlocks &blocks,
                                    const LayerSpec &spec) {
  std::vector<double> radii = blockQuantiles(problem, blocks, spec.radiusQuantile);
  bool isConstant = spec.step == StepRule::Constant;
  if (spec.granularity == Granularity::Tensor) {
    double mean = std::accumulate(radii.begin(), radii.end(), 0.0) / radii.size();
    double radius = isConstant ? mean : *std::max_element(radii.begin(), radii.end());
    std::fill(radii.begin(), radii.end(), radius);
  }
  if (isConstant)
    for (double &radius : radii)
      radius *= spec.stepFactor;
  return radii;
}

static float toStep(double radius, const Alphabet &alphabet) {
  return static_cast<float>(
      std::max(radius / std::max(alphabet.maxMagnitude(), 1), double(FLT_MIN)));
}

/// Multiples of the AbsMax radius that the search tries, increasing: the grid, and 1 where the grid
/// passes over it, so that the result is never worse than the AbsMax step.
static std::vector<double> getMultiples(const LayerSpec &spec) {
  int64_t count = std::max<int64_t>(1, spec.searchCount);
  std::vector<double> multiples;
  for (int64_t i = 0; i < count; ++i) {
    double position = count > 1 ? double(i) / (count - 1) : 1.0;
    multiples.push_back(spec.searchLow + position * (spec.searchHigh - spec.searchLow));
  }
  auto above = std::lower_bound(multiples.begin(), multiples.end(), 1.0);
  if (above != multiples.begin() && above != multiples.end() && *above != 1.0)
    multiples.insert(above, 1.0);
  return multiples;
}

/// The error of each output channel with each candidate, channels x candidates; getStep(index of
/// channel and block, candidate).
template <typename GetStep>
static std::vector<double> measureCandidates(const LayerContext &context, int64_t candidates,
                                             GetStep getStep) {
  std::vector<double> errors(context.problem.outputChannels * candidates);
  int64_t blocks = context.blocks.count;
  forEachPanel(context, candidates, [&](int64_t g, int64_t first, int64_t count) {
    const GroupSystem &system = context.systems[g];
    PanelSolver solver(system, context.spec);
    std::vector<PanelSolver::Lane> lanes;
    std::vector<float> steps(count * blocks);
    for (int64_t lane = 0; lane < count; ++lane) {
      int64_t neuron = (first + lane) / candidates;
      for (int64_t b = 0; b < blocks; ++b)
        steps[lane * blocks + b] = getStep((system.columns.firstChannel + neuron) * blocks + b,
                                           (first + lane) % candidates);
      lanes.push_back({neuron, steps.data() + lane * blocks});
    }
    solver.solve(lanes);
    const GroupMoments &moments = system.heldOut.isEmpty() ? system.training : system.heldOut;
    std::copy_n(solver.errors(moments).begin(), count,
                errors.begin() + system.columns.firstChannel * candidates + first);
  });
  return errors;
}

std::vector<float> gpfq::chooseSteps(const LayerContext &context) {
  const LayerSpec &spec = context.spec;
  std::vector<double> radii = getRadii(context.problem, context.blocks, spec);
  std::vector<float> steps(radii.size());
  if (spec.step != StepRule::Search) {
    for (size_t o = 0; o < steps.size(); ++o)
      steps[o] = toStep(radii[o], spec.alphabet);
    return steps;
  }

  std::vector<double> multiples = getMultiples(spec);
  int64_t candidates = multiples.size();
  auto getStep = [&](int64_t index, int64_t candidate) {
    return toStep(radii[index] * multiples[candidate], spec.alphabet);
  };
  std::vector<double> errors = measureCandidates(context, candidates, getStep);
  // The largest step of those with the least error: without data that tells, no weight saturates.
  auto findBest = [&](const double *candidateErrors) {
    int64_t best = candidates - 1;
    for (int64_t i = candidates - 1; i-- > 0;)
      if (candidateErrors[i] < candidateErrors[best])
        best = i;
    return best;
  };
  if (spec.granularity == Granularity::Tensor) {
    std::vector<double> total(candidates, 0.0);
    for (size_t i = 0; i < errors.size(); ++i)
      total[i % candidates] += errors[i];
    std::fill(steps.begin(), steps.end(), getStep(0, findBest(total.data())));
    return steps;
  }
  for (int64_t i = 0; i < int64_t(steps.size()); ++i)
    steps[i] = getStep(i, findBest(errors.data() + i / context.blocks.count * candidates));
  return steps;
}
