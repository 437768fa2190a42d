// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LayerSolver.h"
#include <Eigen/Dense>
#include <algorithm>
#include <cfloat>
#include <cmath>

using namespace gpfq;

void gpfq::forEachPanel(const LayerContext &context, int64_t lanesPerNeuron,
                        const std::function<void(int64_t, int64_t, int64_t)> &body) {
  int64_t lanes = context.systems.front().columns.neurons * lanesPerNeuron;
  int64_t width = PanelSolver::width(), panels = (lanes + width - 1) / width;
  runParallel(context.parallelFor, panels * context.problem.groups, [&](int64_t i) {
    int64_t first = i % panels * width;
    body(i / panels, first, std::min(width, lanes - first));
  });
}

using Lanes = std::vector<PanelSolver::Lane>;

/// Calls body(solver, lanes, channel) for panels of neurons with the steps of the solution;
/// `channel` is that of the first lane.
static void
forEachLanePanel(const LayerContext &context, const LayerSolution &solution,
                 const std::function<void(PanelSolver &, const Lanes &, int64_t)> &body) {
  forEachPanel(context, /*lanesPerNeuron=*/1, [&](int64_t g, int64_t first, int64_t count) {
    const GroupSystem &system = context.systems[g];
    int64_t channel = system.columns.firstChannel + first;
    PanelSolver solver(system, context.spec);
    Lanes lanes;
    for (int64_t lane = 0; lane < count; ++lane)
      lanes.push_back(
          {first + lane, solution.steps.data() + (channel + lane) * context.blocks.count});
    body(solver, lanes, channel);
  });
}

void gpfq::forEachStartedPanel(const LayerContext &context, const LayerSolution &solution,
                               const std::function<void(PanelSolver &, int64_t, int64_t)> &body) {
  forEachLanePanel(
      context, solution, [&](PanelSolver &solver, const Lanes &lanes, int64_t channel) {
        solver.start(lanes, solution.levels.data() + channel * context.problem.columns);
        body(solver, channel, int64_t(lanes.size()));
      });
}

void gpfq::solveLayer(const LayerContext &context, LayerSolution &solution) {
  solution.levels.resize(context.problem.outputChannels * context.problem.columns);
  forEachLanePanel(context, solution,
                   [&](PanelSolver &solver, const Lanes &lanes, int64_t channel) {
                     solver.solve(lanes);
                     solver.search(int64_t(lanes.size()), context.parallelFor);
                     solver.store(int64_t(lanes.size()),
                                  solution.levels.data() + channel * context.problem.columns);
                   });
}

std::vector<float> gpfq::getBiasDelta(const LayerContext &context, const LayerSolution &solution) {
  if (!context.spec.biasCorrection)
    return {};
  const LayerProblem &problem = context.problem;
  const ColumnShift &means = context.means;
  int64_t n = problem.columns, neurons = problem.outputChannels / problem.groups;
  std::vector<float> delta(problem.outputChannels);
  for (int64_t o = 0; o < problem.outputChannels; ++o) {
    const double *meanX = means.x.data() + o / neurons * n,
                 *meanXq = means.xq.data() + o / neurons * n;
    double sum = means.target.empty() ? 0.0 : means.target[o];
    for (int64_t t = 0; t < n; ++t)
      sum += problem.weights[o * n + t] * meanX[t] -
             double(solution.levels[o * n + t]) * solution.step(context.blocks, o, t) * meanXq[t];
    if (!solution.targetMeans.empty())
      sum += solution.targetMeans[o];
    delta[o] = static_cast<float>(sum);
  }
  return delta;
}

/// The sum over the rows of T - X~q without the means of the training rows.
static double sumOfCentred(const LayerContext &context, const LayerSolution &solution,
                           const Gram &gram, int64_t channel) {
  const ColumnShift &means = context.means;
  int64_t n = gram.columns, g = channel / gram.neuronsPerGroup;
  double sum = gram.sumShift.empty() ? 0.0 : gram.sumShift[channel];
  if (!means.target.empty())
    sum -= gram.rows * means.target[channel];
  for (int64_t t = 0; t < n; ++t) {
    double w = context.problem.weights[channel * n + t],
           q = double(solution.levels[channel * n + t]) * solution.step(context.blocks, channel, t);
    sum += w * (gram.sumX[g * n + t] - gram.rows * means.x[g * n + t]) -
           q * (gram.sumXq[g * n + t] - gram.rows * means.xq[g * n + t]);
  }
  return sum;
}

std::vector<double> gpfq::measureErrors(const LayerContext &context, const LayerSolution &solution,
                                        bool isTraining) {
  std::vector<double> errors(context.problem.outputChannels);
  forEachStartedPanel(context, solution, [&](PanelSolver &solver, int64_t channel, int64_t count) {
    const GroupSystem &system = context.systems[channel / context.systems[0].columns.neurons];
    std::copy_n(solver.errors(isTraining ? system.training : system.heldOut).begin(), count,
                errors.begin() + channel);
  });
  if (!context.spec.biasCorrection || solution.targetMeans.empty())
    return errors;
  // The bias is more than that which makes up for the means.
  const Gram &gram = isTraining ? *context.problem.training : *context.problem.heldOut;
  for (size_t o = 0; o < errors.size(); ++o) {
    double mean = solution.targetMeans[o];
    double sum = sumOfCentred(context, solution, gram, o);
    errors[o] = std::max(errors[o] + mean * (gram.rows * mean - 2.0 * sum), 0.0);
  }
  return errors;
}

float gpfq::scaleStep(float step, double factor) {
  return static_cast<float>(
      std::clamp(step * std::clamp(factor, 0.5, 2.0), double(FLT_MIN), double(FLT_MAX)));
}

namespace {
/// q'X~'(T - X~q), ||X~q||^2 and the objective of each output channel.
struct StepTerms {
  std::vector<double> residual, energy, objective;

  explicit StepTerms(int64_t channels)
      : residual(channels), energy(channels), objective(channels) {}
};
} // namespace

/// With the ridge as part of the training rows, or without it.
static StepTerms getStepTerms(const LayerContext &context, const LayerSolution &solution,
                              bool withRidge) {
  StepTerms terms(context.problem.outputChannels);
  forEachStartedPanel(context, solution, [&](PanelSolver &solver, int64_t channel, int64_t count) {
    std::vector<PanelSolver::StepTerms> lanes = solver.stepTerms(withRidge);
    for (int64_t lane = 0; lane < count; ++lane) {
      terms.residual[channel + lane] = lanes[lane].residual;
      terms.energy[channel + lane] = lanes[lane].energy;
      terms.objective[channel + lane] = lanes[lane].error;
    }
  });
  return terms;
}

static double total(const std::vector<double> &values) {
  double sum = 0.0;
  for (double value : values)
    sum += value;
  return sum;
}

/// Gives `candidate` the best steps for the levels of the solution, and the objective of each
/// output channel before that.
static std::vector<double> fitSteps(const LayerContext &context, const LayerSolution &solution,
                                    LayerSolution &candidate) {
  bool isTensor = context.spec.granularity == Granularity::Tensor;
  StepTerms before = getStepTerms(context, solution, /*withRidge=*/true);
  auto getFactor = [](double residual, double energy) {
    return energy > 0.0 ? 1.0 + residual / energy : 1.0;
  };
  double common = getFactor(total(before.residual), total(before.energy));
  for (size_t o = 0; o < candidate.steps.size(); ++o)
    candidate.steps[o] = scaleStep(
        solution.steps[o], isTensor ? common : getFactor(before.residual[o], before.energy[o]));
  return std::move(before.objective);
}

/// The same for several blocks: the factors 1 + f of the steps of a channel have (q_b'H q_c) f =
/// q_b'X~'e.
static std::vector<double> fitBlockSteps(const LayerContext &context, const LayerSolution &solution,
                                         LayerSolution &candidate) {
  int64_t blocks = context.blocks.count;
  std::vector<double> objective(context.problem.outputChannels);
  forEachStartedPanel(context, solution, [&](PanelSolver &solver, int64_t channel, int64_t count) {
    std::vector<PanelSolver::BlockTerms> terms = solver.blockTerms();
    for (int64_t lane = 0; lane < count; ++lane) {
      objective[channel + lane] = terms[lane].error;
      Eigen::Map<const Eigen::MatrixXd> energy(terms[lane].energy.data(), blocks, blocks);
      Eigen::Map<const Eigen::VectorXd> residual(terms[lane].residual.data(), blocks);
      Eigen::VectorXd change = energy.completeOrthogonalDecomposition().solve(residual);
      float *steps = candidate.steps.data() + (channel + lane) * blocks;
      for (int64_t b = 0; b < blocks; ++b)
        steps[b] = scaleStep(steps[b], std::isfinite(change(b)) ? 1.0 + change(b) : 1.0);
    }
  });
  return objective;
}

bool gpfq::alternate(const LayerContext &context, LayerSolution &solution) {
  bool isTensor = context.spec.granularity == Granularity::Tensor;
  int64_t n = context.problem.columns, blocks = context.blocks.count;
  LayerSolution candidate = solution;
  std::vector<double> before = blocks == 1 ? fitSteps(context, solution, candidate)
                                           : fitBlockSteps(context, solution, candidate);

  std::vector<double> after(before.size());
  forEachStartedPanel(context, candidate, [&](PanelSolver &solver, int64_t channel, int64_t count) {
    solver.sweeps();
    solver.search(count, context.parallelFor);
    solver.store(count, candidate.levels.data() + channel * n);
    std::copy_n(solver.objectives().begin(), count, after.begin() + channel);
  });

  if (isTensor) {
    if (!(total(after) < total(before)))
      return false;
    solution = std::move(candidate);
    return true;
  }
  bool improved = false;
  for (size_t o = 0; o < after.size(); ++o) {
    if (!(after[o] < before[o]))
      continue;
    improved = true;
    std::copy_n(candidate.steps.begin() + o * blocks, blocks, solution.steps.begin() + o * blocks);
    std::copy_n(candidate.levels.begin() + o * n, n, solution.levels.begin() + o * n);
  }
  return improved;
}

void gpfq::matchScales(const LayerContext &context, LayerSolution &solution) {
  StepTerms terms = getStepTerms(context, solution, /*withRidge=*/false);
  int64_t blocks = context.blocks.count;
  for (int64_t o = 0; o < context.problem.outputChannels; ++o) {
    double energy = terms.energy[o];
    if (!(energy > 0.0))
      continue;
    // T = X~q + e: <X~q, T> = ||X~q||^2 + q'X~'e and ||T||^2 = ||X~q||^2 + 2 q'X~'e + ||e||^2.
    double factor = context.spec.scaleMatching == ScaleMatching::LeastSquares
                        ? 1.0 + terms.residual[o] / energy
                        : std::sqrt(std::max(
                              1.0 + (2.0 * terms.residual[o] + terms.objective[o]) / energy, 0.0));
    for (int64_t b = o * blocks; b < (o + 1) * blocks; ++b)
      solution.steps[b] = scaleStep(solution.steps[b], factor);
  }
}
