// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "PooledTargets.h"
#include "PooledPanel.h"
#include <algorithm>
#include <cmath>

using namespace gpfq;

bool gpfq::hasPooledTargets(const LayerProblem &problem, const LayerSpec &spec) {
  return problem.pooled && spec.fitsMeans();
}

Result<RoundsOutcome> gpfq::fitPooledTargets(LayerContext &context, LayerSolution &solution) {
  std::vector<float> start = getBiasDelta(context, solution), bias = start;
  int64_t outputs = context.problem.outputChannels;
  std::vector<double> before(outputs), after(outputs), energy(outputs);
  LayerSolution fitted = solution;
  forEachPanel(context, /*lanesPerNeuron=*/1, [&](int64_t g, int64_t first, int64_t count) {
    PooledPanel panel(context, solution, start, g, first, count);
    panel.run();
    panel.store(fitted, bias);
    int64_t channel = context.systems[g].columns.firstChannel + first;
    std::copy_n(panel.errorsBefore.begin(), count, before.begin() + channel);
    std::copy_n(panel.errors.begin(), count, after.begin() + channel);
    std::copy_n(panel.energies.begin(), count, energy.begin() + channel);
  });
  RoundsOutcome outcome{context.spec.poolRounds};
  for (int64_t o = 0; o < outputs; ++o) {
    outcome.errorBefore += before[o];
    outcome.errorAfter += after[o];
    outcome.energy += energy[o];
  }
  if (!std::isfinite(outcome.errorBefore) || !std::isfinite(outcome.energy))
    return Result<RoundsOutcome>::failure(
        "the rows before the pooling contain NaN or infinite values, or values whose squares "
        "overflow");
  fitted.targetMeans.clear();
  if (context.spec.biasCorrection) {
    // The bias is what the means of the targets make it.
    std::vector<float> plain = getBiasDelta(context, fitted);
    for (int64_t o = 0; o < outputs; ++o)
      fitted.targetMeans.push_back(double(bias[o]) - plain[o]);
  }
  solution = std::move(fitted);
  return outcome;
}
