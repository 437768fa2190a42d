// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/Gram.h"
#include "gpfq/Calibration/FloatKernels.h"
#include "gpfq/Quantizer/RowProducts.h"
#include <algorithm>
#include <cmath>
#include <utility>

using namespace gpfq;

/// From this many groups on they are spread over threads instead of the work inside a group.
static constexpr int64_t manyGroups = 4;

static bool allFinite(const std::vector<double> &values) {
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value); });
}

bool Gram::isFinite() const {
  return allFinite(h) && allFinite(g) && allFinite(xx) && allFinite(outputEnergy) &&
         allFinite(sumX) && allFinite(sumXq) && allFinite(shiftXq) && allFinite(shiftX) &&
         allFinite(shiftEnergy) && allFinite(sumShift);
}

static Gram makeGram(const GramAccumulator::Shape &shape) {
  Gram gram;
  gram.groups = shape.groups;
  gram.columns = shape.columns;
  gram.neuronsPerGroup = shape.neuronsPerGroup;
  gram.foldsMismatch = shape.foldsMismatch();
  gram.sharedInputs = shape.sharedInputs || gram.foldsMismatch;
  int64_t square = shape.groups * shape.columns * shape.columns;
  gram.h.assign(square, 0.0);
  gram.sumX.assign(shape.groups * shape.columns, 0.0);
  if (gram.foldsMismatch)
    gram.outputEnergy.assign(shape.groups * shape.neuronsPerGroup, 0.0);
  if (gram.sharedInputs)
    return gram;
  gram.g.assign(square, 0.0);
  gram.sumXq = gram.sumX;
  // A row costs columns^2 / 2 multiplications for X'X and neurons * columns for the outputs.
  // Interleaved groups are small, and X'X has a kernel for them.
  if (shape.layout == RowLayout::Interleaved || shape.columns < 2 * shape.neuronsPerGroup)
    gram.xx.assign(square, 0.0);
  else
    gram.outputEnergy.assign(shape.groups * shape.neuronsPerGroup, 0.0);
  return gram;
}

bool GramAccumulator::Shape::foldsMismatch() const {
  if (sharedInputs || needsG || isExact)
    return false;
  // Multiplications of a row over its columns: G and the output energies, against the outputs,
  // their mismatch and its moments.
  return columns + std::min(columns / 2, neuronsPerGroup) > 3 * neuronsPerGroup;
}

uint64_t GramAccumulator::Shape::bytes() const {
  auto n = uint64_t(columns), all = uint64_t(groups), neurons = uint64_t(neuronsPerGroup);
  uint64_t moments = (sharedInputs || foldsMismatch() ? 1 : 3) * n * n;
  if (foldsMismatch())
    moments += neurons * n;
  return all * sizeof(double) * (moments + 2 * n + neurons);
}

/// Columns i of rows x[r * stride + i * step], in f64.
static std::vector<double> toDouble(int64_t rows, int64_t n, const float *x, int64_t stride,
                                    int64_t step) {
  std::vector<double> result(rows * n);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < n; ++i)
      result[r * n + i] = x[r * stride + i * step];
  return result;
}

/// m[i][j] += sum over rows of a[r][i] * b[r][j], in the order of the rows.
static void accumulateExactly(int64_t rows, int64_t n, const std::vector<double> &a,
                              const std::vector<double> &b, double *m,
                              const ParallelFor &parallelFor) {
  runParallel(parallelFor, n, [&](int64_t i) {
    double *sums = m + i * n;
    for (int64_t r = 0; r < rows; ++r) {
      double factor = a[r * n + i];
      const double *row = b.data() + r * n;
      for (int64_t j = 0; j < n; ++j)
        sums[j] += factor * row[j];
    }
  });
}

GramAccumulator::GramAccumulator(const Shape &shape, const float *weights)
    : shape(shape), gram(makeGram(shape)) {
  if (gram.outputEnergy.empty())
    return;
  multiplier = std::make_unique<RowMultiplier>(getRowShape(shape), weights);
}

GramAccumulator::GramAccumulator(GramAccumulator &&) = default;
GramAccumulator::~GramAccumulator() = default;

/// Calls body(group, parallelFor for the inside of the group).
static void forEachGroup(int64_t groups, const ParallelFor &parallelFor,
                         const std::function<void(int64_t, const ParallelFor &)> &body) {
  if (groups < manyGroups) {
    for (int64_t g = 0; g < groups; ++g)
      body(g, parallelFor);
    return;
  }
  runParallel(parallelFor, groups, [&](int64_t g) { body(g, {}); });
}

/// sums[i] += sum of column i over rows of `width` floats.
static void addSums(int64_t rows, int64_t width, const float *x, std::vector<double> &sums) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < width; ++i)
      sums[i] += x[r * width + i];
}

void GramAccumulator::add(const float *x, const float *xq, int64_t rows,
                          const ParallelFor &parallelFor, const float *targetShift) {
  if (!gram.outputEnergy.empty())
    addOutputs(x, rows, parallelFor);
  std::vector<float> folded;
  if (gram.foldsMismatch) {
    folded = foldMismatch(x, xq, rows, targetShift, parallelFor);
    targetShift = folded.data();
    x = xq;
  } else if (gram.sharedInputs) {
    xq = x;
  }
  if (shape.isExact)
    addExactly(x, xq, rows, parallelFor);
  else if (shape.layout == RowLayout::Interleaved)
    addInterleaved(x, xq, rows, parallelFor);
  else
    addGroups(x, xq, rows, parallelFor);
  addSums(rows, shape.groups * shape.columns, x, gram.sumX);
  if (!gram.sharedInputs)
    addSums(rows, shape.groups * shape.columns, xq, gram.sumXq);
  if (targetShift)
    addTargetShift(x, xq, rows, targetShift, parallelFor);
  gram.rows += rows;
}

void GramAccumulator::addExactly(const float *x, const float *xq, int64_t rows,
                                 const ParallelFor &parallelFor) {
  int64_t n = shape.columns;
  bool isInterleaved = shape.layout == RowLayout::Interleaved;
  int64_t stride = shape.groups * n, step = isInterleaved ? shape.groups : 1;
  for (int64_t g = 0; g < shape.groups; ++g) {
    int64_t first = isInterleaved ? g : g * n;
    std::vector<double> exactX = toDouble(rows, n, x + first, stride, step);
    std::vector<double> exactXq =
        gram.sharedInputs ? exactX : toDouble(rows, n, xq + first, stride, step);
    auto accumulate = [&](const std::vector<double> &a, const std::vector<double> &b,
                          std::vector<double> &m) {
      if (!m.empty())
        accumulateExactly(rows, n, a, b, m.data() + g * n * n, parallelFor);
    };
    accumulate(exactXq, exactXq, gram.h);
    accumulate(exactXq, exactX, gram.g);
    accumulate(exactX, exactX, gram.xx);
  }
}

void GramAccumulator::addInterleaved(const float *x, const float *xq, int64_t rows,
                                     const ParallelFor &parallelFor) {
  int64_t n = shape.columns;
  accumulateInterleavedGram(rows, n, shape.groups, xq, xq, gram.h.data(), parallelFor);
  if (gram.sharedInputs)
    return;
  accumulateInterleavedGram(rows, n, shape.groups, xq, x, gram.g.data(), parallelFor);
  accumulateInterleavedGram(rows, n, shape.groups, x, x, gram.xx.data(), parallelFor);
}

void GramAccumulator::addGroups(const float *x, const float *xq, int64_t rows,
                                const ParallelFor &parallelFor) {
  int64_t n = shape.columns, ld = shape.groups * n;
  forEachGroup(shape.groups, parallelFor, [&](int64_t g, const ParallelFor &inner) {
    accumulateGram(rows, n, xq + g * n, ld, gram.h.data() + g * n * n, inner);
    if (gram.sharedInputs)
      return;
    accumulateCrossGram(rows, n, xq + g * n, ld, x + g * n, ld, gram.g.data() + g * n * n, inner);
    if (!gram.xx.empty())
      accumulateGram(rows, n, x + g * n, ld, gram.xx.data() + g * n * n, inner);
  });
}

void GramAccumulator::addOutputs(const float *x, int64_t rows, const ParallelFor &parallelFor) {
  constexpr int64_t block = 128;
  int64_t outputs = getRowShape(shape).outputs();
  std::vector<float> y(rows * outputs);
  multiplier->multiply(rows, x, y.data(), parallelFor);
  int64_t blocks = (rows + block - 1) / block;
  std::vector<double> energies(blocks * outputs, 0.0);
  runParallel(parallelFor, blocks, [&](int64_t b) {
    double *energy = energies.data() + b * outputs;
    for (int64_t r = b * block; r < std::min((b + 1) * block, rows); ++r)
      for (int64_t o = 0; o < outputs; ++o)
        energy[o] += double(y[r * outputs + o]) * y[r * outputs + o];
  });
  // Blocks in order, whatever thread computed them.
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t o = 0; o < outputs; ++o)
      gram.outputEnergy[o] += energies[b * outputs + o];
}

std::vector<float> GramAccumulator::foldMismatch(const float *x, const float *xq, int64_t rows,
                                                 const float *targetShift,
                                                 const ParallelFor &parallelFor) const {
  int64_t inputs = getRowShape(shape).inputs(), outputs = getRowShape(shape).outputs();
  // Not initialised: megabytes that are written at once.
  std::unique_ptr<float[]> difference(new float[rows * inputs]);
  runParallel(parallelFor, (rows + rowsPerSum - 1) / rowsPerSum, [&](int64_t block) {
    int64_t end = std::min((block + 1) * rowsPerSum, rows) * inputs;
    for (int64_t i = block * rowsPerSum * inputs; i < end; ++i)
      difference[i] = x[i] - xq[i];
  });
  std::vector<float> folded(rows * outputs);
  multiplier->multiply(rows, difference.get(), folded.data(), parallelFor);
  for (size_t i = 0; targetShift && i < folded.size(); ++i)
    folded[i] += targetShift[i];
  return folded;
}

void GramAccumulator::addTargetShift(const float *x, const float *xq, int64_t rows,
                                     const float *targetShift, const ParallelFor &parallelFor) {
  RowShape rowShape = getRowShape(shape);
  int64_t outputs = rowShape.outputs();
  if (!gram.hasTargetShift()) {
    gram.shiftXq.assign(outputs * shape.columns, 0.0);
    if (!gram.sharedInputs)
      gram.shiftX = gram.shiftXq;
    gram.shiftEnergy.assign(outputs, 0.0);
    gram.sumShift.assign(outputs, 0.0);
  }
  accumulateCrossMoments(rowShape, rows, xq, targetShift, gram.shiftXq.data(), parallelFor);
  if (!gram.sharedInputs)
    accumulateCrossMoments(rowShape, rows, x, targetShift, gram.shiftX.data(), parallelFor);
  addSums(rows, outputs, targetShift, gram.sumShift);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t o = 0; o < outputs; ++o)
      gram.shiftEnergy[o] += double(targetShift[r * outputs + o]) * targetShift[r * outputs + o];
}

Gram GramAccumulator::take() {
  Gram result = std::exchange(gram, makeGram(shape));
  int64_t n = shape.columns;
  if (shape.layout == RowLayout::Interleaved) {
    // Sums were accumulated column by column of the rows: n x groups.
    auto transpose = [&](std::vector<double> &sums) {
      std::vector<double> byGroup(sums.size());
      for (int64_t t = 0; t < n; ++t)
        for (int64_t g = 0; g < shape.groups; ++g)
          byGroup[g * n + t] = sums[t * shape.groups + g];
      sums = std::move(byGroup);
    };
    transpose(result.sumX);
    if (!result.sharedInputs)
      transpose(result.sumXq);
  } else {
    for (int64_t g = 0; g < shape.groups; ++g) {
      symmetrize(n, result.h.data() + g * n * n);
      if (!result.xx.empty())
        symmetrize(n, result.xx.data() + g * n * n);
    }
  }
  if (result.sharedInputs)
    result.sumXq = result.sumX;
  return result;
}
