// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/LayerQuantizer.h"
#include "ClippedTargets.h"
#include "PooledTargets.h"
#include "StepSearch.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace gpfq;

/// An empty string when the moments fit the problem.
static std::string checkGram(const LayerProblem &problem, const Gram &gram, const char *name) {
  if (gram.groups != problem.groups || gram.columns != problem.columns ||
      gram.neuronsPerGroup * gram.groups != problem.outputChannels)
    return std::string("the ") + name + " moments were made for a layer of another shape";
  if (!gram.isFinite())
    return std::string("the ") + name +
           " data of this layer contain NaN or infinite values, or values whose squares overflow";
  return "";
}

static std::string checkProblem(const LayerProblem &problem, const LayerSpec &spec) {
  if (problem.outputChannels < 1 || problem.columns < 1 || problem.groups < 1 ||
      problem.outputChannels % problem.groups != 0)
    return "a layer needs output channels, columns, and groups that divide the output channels";
  int64_t size = problem.outputChannels * problem.columns;
  for (int64_t i = 0; i < size; ++i)
    if (!std::isfinite(problem.weights[i]))
      return "weight " + std::to_string(i % problem.columns) + " of output channel " +
             std::to_string(i / problem.columns) + " is NaN or infinite";
  if (!std::isfinite(spec.stepFactor) || spec.stepFactor <= 0.0)
    return "the step factor must be positive and finite";
  if (!(spec.radiusQuantile > 0.0 && spec.radiusQuantile <= 1.0))
    return "the quantile of the radius must be above 0 and at most 1";
  if (spec.threshold != Threshold::None && !spec.alphabet.contains(0))
    return "a threshold needs an alphabet with the level 0; " + spec.alphabet.str() + " has none";
  if (!std::isfinite(spec.lambda) || spec.lambda < 0.0)
    return "lambda must be finite and not negative";
  if (!std::isfinite(spec.ridge) || spec.ridge < 0.0)
    return "the ridge must be finite and not negative";
  if (spec.step == StepRule::Search && !(spec.searchLow > 0.0 && spec.searchHigh >= spec.searchLow))
    return "the step search needs a grid of positive, increasing multiples";
  if (spec.granularity == Granularity::Block) {
    int64_t channels = problem.inputChannels > 0 ? problem.inputChannels : problem.columns;
    if (problem.columns % channels != 0)
      return "the columns of a neuron are not its input channels times the taps of a kernel";
    if (spec.scaleBlock < 1 || channels % spec.scaleBlock != 0)
      return "blocks of " + std::to_string(spec.scaleBlock) + " do not divide " +
             std::to_string(channels) + " input channels";
    if (spec.accumulator.bits > 0)
      return "accumulator bounds need one step for each output channel";
  }
  if (spec.scaleMatching != ScaleMatching::None && spec.granularity == Granularity::Tensor)
    return "output scales are matched by output channel; use a step for each channel";
  if (spec.scaleMatching == ScaleMatching::Variance && !spec.biasCorrection)
    return "matching the variance of the outputs needs the bias correction";
  std::string accumulator = checkAccumulator(spec.accumulator, spec.alphabet, problem.columns);
  if (!accumulator.empty())
    return accumulator;
  if (spec.tabuMoves > 0 && (spec.threshold != Threshold::None || spec.accumulator.bits > 0))
    return "a tabu search keeps neither to a threshold nor to an accumulator bound";
  constexpr int64_t mostMoves = int64_t(1) << 30;
  if (spec.tabuMoves > mostMoves)
    return "a tabu search has at most " + std::to_string(mostMoves) + " moves";
  bool clips = problem.clipped && spec.clipRounds > 0;
  if (clips && (problem.clipped->rows < 1 || !problem.clipped->inputs ||
                !problem.clipped->targets || !(problem.clipped->low < problem.clipped->high)))
    return "the activation function needs rows, and a lower bound below its upper one";
  if (hasPooledTargets(problem, spec) &&
      (problem.pooled->samples < 1 || problem.pooled->positions < 1 || !problem.pooled->inputs ||
       !problem.pooled->targets || !(problem.pooled->low < problem.pooled->high)))
    return "the pooling needs samples, positions, and a lower bound below the upper one";
  bool needsData = spec.method != Method::Msq || spec.refit || spec.step == StepRule::Search ||
                   spec.biasCorrection || spec.alternations > 0 || clips ||
                   hasPooledTargets(problem, spec) || spec.scaleMatching != ScaleMatching::None;
  if (!problem.training || problem.training->rows == 0)
    return needsData ? "there are no calibration rows for this layer" : "";
  std::string message = checkGram(problem, *problem.training, "training");
  if (message.empty() && problem.heldOut && problem.heldOut->rows > 0)
    message = checkGram(problem, *problem.heldOut, "held-out");
  if (message.empty() && problem.heldOut && problem.heldOut->rows > 0 &&
      problem.heldOut->hasTargetShift() != problem.training->hasTargetShift())
    return "a target shift is needed in both the training and the held-out moments, or in none";
  if (spec.followsPath() && problem.training->foldsMismatch)
    return "moments in which the mismatch of the inputs is folded do not have the path of X, which "
           "this method follows";
  return message;
}

static ColumnShift getColumnMeans(const Gram &gram) {
  ColumnShift means{gram.sumX, gram.sumXq, gram.sumShift};
  for (std::vector<double> *sums : {&means.x, &means.xq, &means.target})
    for (double &value : *sums)
      value /= gram.rows;
  return means;
}

static double relativeNorm(double error, double energy) {
  if (energy > 0.0)
    return std::sqrt(error / energy);
  return error > 0.0 ? std::numeric_limits<double>::infinity() : 0.0;
}

static std::string methodName(const LayerSpec &spec) {
  std::string suffix = spec.refit ? "+refit" : "";
  switch (spec.method) {
  case Method::Gpfq:
    return "gpfq" + suffix;
  case Method::Msq:
    return "msq" + suffix;
  case Method::Optq:
    return spec.refit ? "qronos" : "optq";
  case Method::Qronos:
    return "qronos";
  case Method::Spfq:
    return "spfq" + suffix;
  }
  return "";
}

static LayerReport makeReport(const LayerContext &context, const LayerSolution &solution,
                              const std::vector<float> &scales) {
  LayerReport report;
  report.method = methodName(context.spec);
  auto total = [](const std::vector<double> &values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  double trainingEnergy = 0.0, heldOutEnergy = 0.0;
  for (const GroupSystem &system : context.systems) {
    trainingEnergy += total(system.training.energy);
    heldOutEnergy += total(system.heldOut.energy);
    if (system.recursion.factorRidge >= 0.0)
      report.factorRidge = std::max(report.factorRidge, system.recursion.factorRidge *
                                                            context.problem.training->rows /
                                                            context.problem.columns);
  }
  if (!context.systems.front().training.isEmpty())
    report.inSampleError =
        relativeNorm(total(measureErrors(context, solution, /*isTraining=*/true)), trainingEnergy);
  if (!context.systems.front().heldOut.isEmpty())
    report.heldOutError =
        relativeNorm(total(measureErrors(context, solution, /*isTraining=*/false)), heldOutEnergy);
  report.accumulatorBits =
      neededAccumulatorBits(context.spec.accumulator, solution.levels, context.problem.columns);
  int64_t zeros = std::count(solution.levels.begin(), solution.levels.end(), 0);
  report.sparsity = double(zeros) / solution.levels.size();
  report.meanStep = std::accumulate(scales.begin(), scales.end(), 0.0) / scales.size();
  return report;
}

/// From this many groups on they are spread over threads instead of the work inside a group.
static constexpr int64_t manyGroups = 4;

static void makeSystems(LayerContext &context) {
  int64_t groups = context.problem.groups;
  context.systems.resize(groups);
  auto make = [&](int64_t g, const ParallelFor &inner) {
    context.systems[g] = makeGroupSystem(context.problem, context.spec, context.means, g, inner);
  };
  if (groups >= manyGroups)
    return runParallel(context.parallelFor, groups, [&](int64_t g) { make(g, {}); });
  for (int64_t g = 0; g < groups; ++g)
    make(g, context.parallelFor);
}

Result<LayerResult> gpfq::quantizeLayer(const LayerProblem &problem, const LayerSpec &spec,
                                        const ParallelFor &parallelFor) {
  std::string message = checkProblem(problem, spec);
  if (!message.empty())
    return Result<LayerResult>::failure(message);
  LayerContext context{problem, spec, parallelFor, ScaleBlocks(problem, spec), {}, {}};
  if (problem.training && problem.training->rows == 0)
    context.problem.training = nullptr;
  if (spec.biasCorrection)
    context.means = getColumnMeans(*problem.training);
  makeSystems(context);

  LayerSolution solution;
  solution.steps = chooseSteps(context);
  if (!std::all_of(solution.steps.begin(), solution.steps.end(),
                   [](float step) { return std::isfinite(step); }))
    return Result<LayerResult>::failure("the step is too large for a float; lower the step factor");
  solveLayer(context, solution);
  for (int64_t i = 0; i < spec.alternations && alternate(context, solution); ++i)
    ;
  RoundsOutcome clip;
  if (problem.clipped && spec.clipRounds > 0) {
    Result<RoundsOutcome> outcome = fitClippedTargets(context, solution);
    if (!outcome)
      return Result<LayerResult>::failure(outcome.message());
    clip = *outcome;
  }
  RoundsOutcome pool;
  if (hasPooledTargets(problem, spec)) {
    Result<RoundsOutcome> outcome = fitPooledTargets(context, solution);
    if (!outcome)
      return Result<LayerResult>::failure(outcome.message());
    pool = *outcome;
  }
  if (spec.scaleMatching != ScaleMatching::None)
    matchScales(context, solution);

  LayerResult result;
  result.biasDelta = getBiasDelta(context, solution);
  result.scales = spec.granularity == Granularity::Tensor
                      ? std::vector<float>{solution.steps.front()}
                      : solution.steps;
  result.report = makeReport(context, solution, result.scales);
  if (clip.rounds > 0) {
    result.report.clipRounds = clip.rounds;
    result.report.clippedErrorBefore = relativeNorm(clip.errorBefore, clip.energy);
    result.report.clippedErrorAfter = relativeNorm(clip.errorAfter, clip.energy);
  }
  if (pool.rounds > 0) {
    result.report.poolRounds = pool.rounds;
    result.report.pooledErrorBefore = relativeNorm(pool.errorBefore, pool.energy);
    result.report.pooledErrorAfter = relativeNorm(pool.errorAfter, pool.energy);
  }
  result.levels = std::move(solution.levels);
  return result;
}
