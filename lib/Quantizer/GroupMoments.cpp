// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "GroupMoments.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>

using namespace gpfq;

/// A centred column with less than this fraction of its energy is constant: the rest is rounding of
/// the f32 sums.
static constexpr double constantColumn = 1e-5;
/// Columns this much weaker than the mean are treated as zero.
static constexpr double negligibleColumn = 1e-20;

namespace {
/// Column sums of a group and the shift of its columns.
struct Shift {
  double rows;
  const double *sumA, *sumB, *shiftA, *shiftB;

  /// sum over rows of (a_i - shiftA_i)(b_j - shiftB_j), given the sum of a_i b_j.
  double apply(double moment, int64_t i, int64_t j) const {
    if (!shiftA)
      return moment;
    return moment - sumA[i] * shiftB[j] - shiftA[i] * sumB[j] + rows * shiftA[i] * shiftB[j];
  }
};
} // namespace

/// Moments `m` of a group, shifted and ordered, count x count.
static AlignedBuffer<double> orderMoments(const double *m, const Shift &shift,
                                          const std::vector<int64_t> &order) {
  int64_t n = order.size();
  AlignedBuffer<double> result(n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      result[i * n + j] = shift.apply(m[order[i] * n + order[j]], order[i], order[j]);
  return result;
}

/// result[neuron][i] = sum over j of m[i][j] w[neuron][j]; j <= i only when `isLower`.
static std::vector<double> multiplyNeurons(const AlignedBuffer<double> &m,
                                           const GroupColumns &columns, bool isLower,
                                           const ParallelFor &parallelFor) {
  constexpr int64_t block = 48;
  int64_t n = columns.count, width = panelWidth<double>();
  std::vector<double> result(columns.neurons * n);
  runParallel(parallelFor, (columns.neurons + width - 1) / width, [&](int64_t panel) {
    int64_t first = panel * width, used = std::min(width, columns.neurons - first);
    AlignedBuffer<double> w(n * width, 0.0), product(n * width, 0.0);
    for (int64_t lane = 0; lane < used; ++lane)
      for (int64_t j = 0; j < n; ++j)
        w[j * width + lane] = columns.weights[(first + lane) * n + j];
    if (!isLower)
      multiplyAccumulatePanel<double>(n, n, m.data(), n, w.data(), product.data());
    for (int64_t i = 0; isLower && i < n; i += block) {
      int64_t rows = std::min(block, n - i);
      multiplyAccumulatePanel<double>(rows, i, m.data() + i * n, n, w.data(),
                                      product.data() + i * width);
      for (int64_t t = i; t < i + rows; ++t)
        multiplyAccumulatePanel<double>(1, t - i + 1, m.data() + t * n + i, n, w.data() + i * width,
                                        product.data() + t * width);
    }
    for (int64_t lane = 0; lane < used; ++lane)
      for (int64_t i = 0; i < n; ++i)
        result[(first + lane) * n + i] = product[i * width + lane];
  });
  return result;
}

static std::vector<float> scaled(const double *values, size_t count, double factor) {
  std::vector<float> result(count);
  for (size_t i = 0; i < count; ++i)
    result[i] = static_cast<float>(values[i] * factor);
  return result;
}

/// w'v of each neuron for v = rows of `vectors`.
static std::vector<double> dotNeurons(const GroupColumns &columns,
                                      const std::vector<double> &vectors) {
  std::vector<double> result(columns.neurons, 0.0);
  for (int64_t o = 0; o < columns.neurons; ++o)
    for (int64_t j = 0; j < columns.count; ++j)
      result[o] += columns.weights[o * columns.count + j] * vectors[o * columns.count + j];
  return result;
}

/// w'v of each neuron for one vector of the group in its original order.
static std::vector<double> dotNeurons(const GroupColumns &columns, const double *vector) {
  std::vector<double> result(columns.neurons, 0.0);
  for (int64_t o = 0; o < columns.neurons; ++o)
    for (int64_t j = 0; j < columns.count; ++j)
      result[o] += columns.weights[o * columns.count + j] * vector[columns.order[j]];
  return result;
}

/// ||X w||^2 of each neuron.
static std::vector<double> getEnergy(const Gram &gram, const GroupColumns &columns, int64_t group,
                                     const ParallelFor &parallelFor) {
  if (!gram.outputEnergy.empty()) {
    const double *energy = gram.outputEnergy.data() + group * columns.neurons;
    return std::vector<double>(energy, energy + columns.neurons);
  }
  const double *xx =
      (gram.sharedInputs ? gram.h.data() : gram.xx.data()) + group * columns.count * columns.count;
  AlignedBuffer<double> ordered = orderMoments(xx, Shift{}, columns.order);
  return dotNeurons(columns, multiplyNeurons(ordered, columns, /*isLower=*/false, parallelFor));
}

/// X'R of each neuron for X of the given column sums, ordered and shifted, neurons x count.
static std::vector<double> orderTargetShift(const std::vector<double> &moments, const double *sumX,
                                            const double *shiftX, const double *sumR,
                                            const double *shiftR, const GroupColumns &columns,
                                            double rows) {
  int64_t n = columns.count;
  std::vector<double> result(columns.neurons * n);
  for (int64_t o = 0; o < columns.neurons; ++o) {
    Shift shift{rows, sumX, sumR, shiftX, shiftR};
    const double *source = moments.data() + (columns.firstChannel + o) * n;
    for (int64_t t = 0; t < n; ++t)
      result[o * n + t] = shift.apply(source[columns.order[t]], columns.order[t], o);
  }
  return result;
}

namespace {
/// Forms the moments of one group.
class Former {
public:
  Former(const Gram &gram, const GroupColumns &columns, const ColumnShift &shift, int64_t group,
         const ParallelFor &parallelFor)
      : gram(gram), columns(columns), group(group), parallelFor(parallelFor),
        rows(static_cast<double>(gram.rows)), sumX(byColumn(gram.sumX)),
        sumXq(byColumn(gram.sumXq)), shiftX(byColumn(shift.x)), shiftXq(byColumn(shift.xq)),
        sumR(byNeuron(gram.sumShift)), shiftR(byNeuron(shift.target)) {}

  GroupMoments form(double ridge, bool needsPath, ExactMoments &exact) {
    exact.h = orderMoments(gram.hOf(group), {rows, sumXq, sumXq, shiftXq, shiftXq}, columns.order);
    GroupMoments moments = formColumns(exact.h, ridge);
    moments.energy = getEnergy(gram, columns, group, parallelFor);
    moments.base.assign(columns.neurons, 0.0);
    if (!gram.sharedInputs)
      addInputMismatch(needsPath, moments, exact);
    if (gram.hasTargetShift())
      addTargetShift(needsPath, moments, exact);
    for (double &value : moments.base)
      value = std::max(value, 0.0) / moments.unit;
    moments.mismatch = scaled(exact.mismatch.data(), exact.mismatch.size(), 1.0 / moments.unit);
    return moments;
  }

private:
  const double *byColumn(const std::vector<double> &values) const {
    return values.empty() ? nullptr : values.data() + group * columns.count;
  }
  const double *byNeuron(const std::vector<double> &values) const {
    return values.empty() ? nullptr : values.data() + columns.firstChannel;
  }
  GroupMoments formColumns(const AlignedBuffer<double> &h, double ridge) const;
  void addInputMismatch(bool needsPath, GroupMoments &moments, ExactMoments &exact) const;
  void addTargetShift(bool needsPath, GroupMoments &moments, ExactMoments &exact) const;

  const Gram &gram;
  const GroupColumns &columns;
  int64_t group;
  const ParallelFor &parallelFor;
  double rows;
  /// Sums over the rows, and what is subtracted from each row or null.
  const double *sumX, *sumXq, *shiftX, *shiftXq, *sumR, *shiftR;
};
} // namespace

/// H, its diagonal and the unit.
GroupMoments Former::formColumns(const AlignedBuffer<double> &h, double ridge) const {
  int64_t n = columns.count;
  GroupMoments moments;
  double trace = 0.0;
  for (int64_t t = 0; t < n; ++t)
    trace += std::max(h[t * n + t], 0.0);
  moments.unit = trace > 0.0 ? trace / n : 1.0;
  // The mean column has an energy of 1 unit, and moments of few rows say little.
  moments.ridge = ridge * double(n) / rows;
  moments.inverseDiagonal.assign(n, 0.0f);
  moments.isConstant.assign(n, false);
  for (int64_t t = 0; t < n; ++t) {
    double energy = h[t * n + t], raw = gram.hOf(group)[columns.order[t] * (n + 1)];
    moments.isConstant[t] = shiftXq && raw > 0.0 && energy <= constantColumn * raw;
    if (!moments.isConstant[t] && energy > negligibleColumn * moments.unit)
      moments.inverseDiagonal[t] =
          static_cast<float>(1.0 / (energy / moments.unit + moments.ridge));
  }
  moments.h = scaled(h.data(), h.size(), 1.0 / moments.unit);
  for (int64_t t = 0; t < n; ++t)
    moments.h[t * n + t] += static_cast<float>(moments.ridge);
  return moments;
}

/// base = ||X w||^2 - 2 w'Gw + w'Hw = ||X w||^2 - w'Hw - 2 w'Mw, of shifted columns, and Mw for
/// M = G - H.
void Former::addInputMismatch(bool needsPath, GroupMoments &moments, ExactMoments &exact) const {
  const AlignedBuffer<double> &h = exact.h;
  AlignedBuffer<double> m =
      orderMoments(gram.gOf(group), {rows, sumXq, sumX, shiftXq, shiftX}, columns.order);
  for (size_t i = 0; i < m.size(); ++i)
    m[i] -= h[i];
  exact.mismatch = multiplyNeurons(m, columns, /*isLower=*/false, parallelFor);
  std::vector<double> wMw = dotNeurons(columns, exact.mismatch);
  std::vector<double> wHw =
      dotNeurons(columns, multiplyNeurons(h, columns, /*isLower=*/false, parallelFor));
  for (int64_t o = 0; o < columns.neurons; ++o)
    moments.base[o] = moments.energy[o] - wHw[o] - 2.0 * wMw[o];
  if (shiftX) {
    std::vector<double> sums = dotNeurons(columns, sumX), means = dotNeurons(columns, shiftX);
    for (int64_t o = 0; o < columns.neurons; ++o)
      moments.base[o] += means[o] * (rows * means[o] - 2.0 * sums[o]);
  }
  if (needsPath)
    exact.path = multiplyNeurons(m, columns, /*isLower=*/true, parallelFor);
}

/// With R the mismatch is more by X~'R, and base by 2 <(X - X~)w, R> + ||R||^2.
void Former::addTargetShift(bool needsPath, GroupMoments &moments, ExactMoments &exact) const {
  std::vector<double> shiftedXq =
      orderTargetShift(gram.shiftXq, sumXq, shiftXq, sumR, shiftR, columns, rows);
  if (!gram.sharedInputs) {
    std::vector<double> crossed =
        orderTargetShift(gram.shiftX, sumX, shiftX, sumR, shiftR, columns, rows);
    for (size_t i = 0; i < crossed.size(); ++i)
      crossed[i] -= shiftedXq[i];
    std::vector<double> products = dotNeurons(columns, crossed);
    for (int64_t o = 0; o < columns.neurons; ++o)
      moments.base[o] += 2.0 * products[o];
  }
  for (int64_t o = 0; o < columns.neurons; ++o) {
    double mean = shiftR ? shiftR[o] : 0.0;
    moments.base[o] +=
        gram.shiftEnergy[columns.firstChannel + o] + mean * (rows * mean - 2.0 * sumR[o]);
  }
  auto addTo = [&](std::vector<double> &vectors) {
    vectors.resize(shiftedXq.size());
    for (size_t i = 0; i < shiftedXq.size(); ++i)
      vectors[i] += shiftedXq[i];
  };
  addTo(exact.mismatch);
  if (needsPath)
    addTo(exact.path);
}

GroupMoments gpfq::makeGroupMoments(const Gram &gram, const GroupColumns &columns,
                                    const ColumnShift &shift, int64_t group, double ridge,
                                    bool needsPath, ExactMoments &exact,
                                    const ParallelFor &parallelFor) {
  return Former(gram, columns, shift, group, parallelFor).form(ridge, needsPath, exact);
}
