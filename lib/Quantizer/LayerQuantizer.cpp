// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/LayerQuantizer.h"
#include "PanelSolver.h"
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
  if (!std::isfinite(spec.ridge) || spec.ridge < 0.0)
    return "the ridge must be finite and not negative";
  if (spec.step == StepRule::Search && !(spec.searchLow > 0.0 && spec.searchHigh >= spec.searchLow))
    return "the step search needs a grid of positive, increasing multiples";
  bool needsData = spec.method != Method::Msq || spec.refit || spec.step == StepRule::Search ||
                   spec.biasCorrection;
  if (!problem.training || problem.training->rows == 0)
    return needsData ? "there are no calibration rows for this layer" : "";
  std::string message = checkGram(problem, *problem.training, "training");
  if (message.empty() && problem.heldOut && problem.heldOut->rows > 0)
    message = checkGram(problem, *problem.heldOut, "held-out");
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

namespace {
/// Levels and squared errors while groups are solved.
struct Solution {
  std::vector<int8_t> levels;
  /// By output channel.
  std::vector<double> trainingErrors, heldOutErrors;
};
} // namespace

static void solveGroup(const GroupSystem &system, const LayerSpec &spec,
                       const std::vector<float> &steps, int64_t group, Solution &solution,
                       const ParallelFor &parallelFor) {
  const GroupColumns &columns = system.columns;
  int64_t first = group * columns.neurons;
  int64_t width = PanelSolver(system, spec).width();
  runParallel(parallelFor, (columns.neurons + width - 1) / width, [&](int64_t panel) {
    PanelSolver solver(system, spec);
    int64_t begin = panel * width, count = std::min(width, columns.neurons - begin);
    std::vector<PanelSolver::Lane> lanes;
    for (int64_t lane = 0; lane < count; ++lane)
      lanes.push_back({begin + lane, steps[first + begin + lane]});
    solver.solve(lanes);
    for (int64_t lane = 0; lane < count; ++lane)
      for (int64_t t = 0; t < columns.count; ++t)
        solution.levels[(first + begin + lane) * columns.count + columns.order[t]] =
            solver.level(t, lane);
    if (!system.training.isEmpty())
      std::copy_n(solver.errors(system.training).begin(), count,
                  solution.trainingErrors.begin() + first + begin);
    if (!system.heldOut.isEmpty())
      std::copy_n(solver.errors(system.heldOut).begin(), count,
                  solution.heldOutErrors.begin() + first + begin);
  });
}

/// E[T - X~q] of each output channel over the training rows.
static std::vector<float> getBiasDelta(const LayerProblem &problem,
                                       const std::vector<int8_t> &levels,
                                       const std::vector<float> &steps, const ColumnShift &means) {
  int64_t n = problem.columns, neurons = problem.outputChannels / problem.groups;
  std::vector<float> delta(problem.outputChannels);
  for (int64_t o = 0; o < problem.outputChannels; ++o) {
    const double *meanX = means.x.data() + o / neurons * n,
                 *meanXq = means.xq.data() + o / neurons * n;
    double sum = means.target.empty() ? 0.0 : means.target[o];
    for (int64_t t = 0; t < n; ++t)
      sum +=
          problem.weights[o * n + t] * meanX[t] - double(levels[o * n + t]) * steps[o] * meanXq[t];
    delta[o] = static_cast<float>(sum);
  }
  return delta;
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

static LayerReport makeReport(const LayerProblem &problem, const LayerSpec &spec,
                              const std::vector<GroupSystem> &systems, const Solution &solution,
                              const std::vector<float> &scales) {
  LayerReport report;
  report.method = methodName(spec);
  for (const GroupSystem &system : systems)
    if (system.recursion.factorRidge >= 0.0)
      report.factorRidge =
          std::max(report.factorRidge,
                   system.recursion.factorRidge * problem.training->rows / problem.columns);
  auto total = [](const std::vector<double> &values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  double trainingEnergy = 0.0, heldOutEnergy = 0.0;
  for (const GroupSystem &system : systems) {
    trainingEnergy += total(system.training.energy);
    heldOutEnergy += total(system.heldOut.energy);
  }
  if (!systems.front().training.isEmpty())
    report.inSampleError = relativeNorm(total(solution.trainingErrors), trainingEnergy);
  if (!systems.front().heldOut.isEmpty())
    report.heldOutError = relativeNorm(total(solution.heldOutErrors), heldOutEnergy);
  int64_t zeros = std::count(solution.levels.begin(), solution.levels.end(), 0);
  report.sparsity = double(zeros) / solution.levels.size();
  report.meanStep = std::accumulate(scales.begin(), scales.end(), 0.0) / scales.size();
  return report;
}

Result<LayerResult> gpfq::quantizeLayer(const LayerProblem &givenProblem, const LayerSpec &spec,
                                        const ParallelFor &parallelFor) {
  std::string message = checkProblem(givenProblem, spec);
  if (!message.empty())
    return Result<LayerResult>::failure(message);
  LayerProblem problem = givenProblem;
  if (problem.training && problem.training->rows == 0)
    problem.training = nullptr;
  ColumnShift means;
  if (spec.biasCorrection)
    means = getColumnMeans(*problem.training);

  // Groups are independent; few of them share the threads, many are spread over them.
  auto forEachGroup = [&](const std::function<void(int64_t, const ParallelFor &)> &body) {
    if (problem.groups >= manyGroups)
      return runParallel(parallelFor, problem.groups, [&](int64_t g) { body(g, {}); });
    for (int64_t g = 0; g < problem.groups; ++g)
      body(g, parallelFor);
  };
  std::vector<GroupSystem> systems(problem.groups);
  forEachGroup([&](int64_t g, const ParallelFor &inner) {
    systems[g] = makeGroupSystem(problem, spec, means, g, inner);
  });

  std::vector<float> steps = chooseSteps(problem, spec, systems, parallelFor);
  if (!std::all_of(steps.begin(), steps.end(), [](float step) { return std::isfinite(step); }))
    return Result<LayerResult>::failure("the step is too large for a float; lower the step factor");

  Solution solution;
  solution.levels.resize(problem.outputChannels * problem.columns);
  solution.trainingErrors.assign(problem.outputChannels, 0.0);
  solution.heldOutErrors.assign(problem.outputChannels, 0.0);
  forEachGroup([&](int64_t g, const ParallelFor &inner) {
    solveGroup(systems[g], spec, steps, g, solution, inner);
  });

  LayerResult result;
  if (spec.biasCorrection)
    result.biasDelta = getBiasDelta(problem, solution.levels, steps, means);
  result.scales =
      spec.granularity == Granularity::Tensor ? std::vector<float>{steps.front()} : steps;
  result.report = makeReport(problem, spec, systems, solution, result.scales);
  result.levels = std::move(solution.levels);
  return result;
}
