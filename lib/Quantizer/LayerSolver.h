// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The stages of the quantisation of a layer: each works on all output channels, in panels.

#ifndef GPFQ_LIB_QUANTIZER_LAYERSOLVER_H
#define GPFQ_LIB_QUANTIZER_LAYERSOLVER_H

#include "PanelSolver.h"
#include "ScaleBlocks.h"
#include <functional>

namespace gpfq {

/// What the stages have in common.
struct LayerContext {
  LayerProblem problem;
  const LayerSpec &spec;
  const ParallelFor &parallelFor;
  ScaleBlocks blocks;
  /// Of the training rows with biasCorrection, otherwise empty.
  ColumnShift means;
  /// One for each group.
  std::vector<GroupSystem> systems;
};

struct LayerSolution {
  /// outputChannels x columns, in the order of the layer.
  std::vector<int8_t> levels;
  /// By output channel and block; all equal for Granularity::Tensor.
  std::vector<float> steps;
  /// That of a column, in the order of the layer.
  float step(const ScaleBlocks &blocks, int64_t channel, int64_t column) const {
    return steps[channel * blocks.count + blocks.of(column)];
  }
  /// What the mean of the target of each output channel has beyond that of T, or empty (0).
  std::vector<double> targetMeans;
};

/// What rounds that aim at some outputs y of the network have done: ||y - yq||^2 before and after,
/// and ||y||^2.
struct RoundsOutcome {
  int64_t rounds = 0;
  double errorBefore = 0.0, errorAfter = 0.0, energy = 0.0;
};

/// Splits the lanes of each group, lanesPerNeuron for each of its neurons, into panels and calls
/// body(group, first lane, lanes) for them, in parallel.
void forEachPanel(const LayerContext &context, int64_t lanesPerNeuron,
                  const std::function<void(int64_t, int64_t, int64_t)> &body);

/// forEachPanel with one lane for each neuron, which holds the levels and the step of the solution;
/// body(solver, output channel of the first lane, lanes).
void forEachStartedPanel(const LayerContext &context, const LayerSolution &solution,
                         const std::function<void(PanelSolver &, int64_t, int64_t)> &body);

/// Quantises by the method of the spec at the steps of the solution.
void solveLayer(const LayerContext &context, LayerSolution &solution);

/// The change of the bias, E[target - X~q] over the training rows; empty without biasCorrection.
std::vector<float> getBiasDelta(const LayerContext &context, const LayerSolution &solution);

/// ||T - X~q - biasDelta||^2 of each output channel on the training or held-out rows.
std::vector<double> measureErrors(const LayerContext &context, const LayerSolution &solution,
                                  bool isTraining);

/// The factor on a step is limited to [1/2, 2]; the step stays positive and finite.
float scaleStep(float step, double factor);

/// One round of: step *= q'X~'T / ||X~q||^2 (over the channel, or over all channels for
/// Granularity::Tensor; jointly for the blocks of a channel), which is the best step for the
/// levels, then sweeps and the search. Of the old and the new solution the one is kept that has the
/// smaller ||T - X~q||^2 + ridge ||w - q||^2, for each channel or in total. False when the old one
/// was.
bool alternate(const LayerContext &context, LayerSolution &solution);

/// LayerSpec::scaleMatching.
void matchScales(const LayerContext &context, LayerSolution &solution);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_LAYERSOLVER_H
