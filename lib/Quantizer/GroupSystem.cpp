// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "GroupSystem.h"
#include "Recursion.h"
#include "ScaleBlocks.h"
#include <algorithm>
#include <numeric>

using namespace gpfq;

GroupSystem gpfq::makeGroupSystem(const LayerProblem &problem, const LayerSpec &spec,
                                  const ColumnShift &shift, int64_t group,
                                  const ParallelFor &parallelFor) {
  GroupSystem system;
  GroupColumns &columns = system.columns;
  int64_t n = columns.count = problem.columns;
  columns.neurons = problem.outputChannels / problem.groups;
  columns.firstChannel = group * columns.neurons;
  columns.order.resize(n);
  std::iota(columns.order.begin(), columns.order.end(), 0);
  const Gram *training = problem.training;
  if (training && spec.order == ColumnOrder::NormDescending) {
    std::vector<double> energies(n);
    for (int64_t t = 0; t < n; ++t) {
      double mean = shift.xq.empty() ? 0.0 : shift.xq[group * n + t];
      energies[t] = training->hOf(group)[t * (n + 1)] - mean * mean * training->rows;
    }
    std::sort(columns.order.begin(), columns.order.end(), [&](int64_t a, int64_t b) {
      return energies[a] != energies[b] ? energies[a] > energies[b] : a < b;
    });
  }
  ScaleBlocks blocks(problem, spec);
  columns.blocks = blocks.count;
  for (int64_t column : columns.order)
    columns.blockOf.push_back(static_cast<int32_t>(blocks.of(column)));
  columns.weights.resize(columns.neurons * n);
  const float *weights = problem.weights + columns.firstChannel * n;
  for (int64_t o = 0; o < columns.neurons; ++o)
    for (int64_t t = 0; t < n; ++t)
      columns.weights[o * n + t] = weights[o * n + columns.order[t]];
  ExactMoments exact;
  if (problem.heldOut && problem.heldOut->rows > 0)
    system.heldOut = makeGroupMoments(*problem.heldOut, columns, shift, group, /*ridge=*/0.0,
                                      /*needsPath=*/false, exact, parallelFor);
  if (training) {
    exact = {};
    system.training = makeGroupMoments(*training, columns, shift, group, spec.ridge,
                                       spec.followsPath(), exact, parallelFor);
    system.recursion = makeRecursion(spec, columns, system.training, exact, parallelFor);
  }
  return system;
}
