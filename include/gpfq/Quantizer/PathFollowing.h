// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The recursion of the paper on rows, in f64, with the alphabets of its theorems, which have no
// largest level. quantizeLayer() is the same on moments, with finite alphabets; this is what it and
// the theory are tested with.

#ifndef GPFQ_QUANTIZER_PATHFOLLOWING_H
#define GPFQ_QUANTIZER_PATHFOLLOWING_H

#include "gpfq/Quantizer/LayerSpec.h"
#include <vector>

namespace gpfq {

/// threshold  values                              Q(z)
/// None       k delta                             the nearest value
/// Soft       k delta                             the nearest value to sign(z) max(|z| - lambda, 0)
/// Hard       0 and +-(lambda + k delta), k >= 0  0 where |z| <= lambda, else the nearest value
///
/// for all integers k (Zhang, Zhou, Saab, SIAM J. Math. Data Sci. 5(2), 2023). A tie goes to the
/// larger value, or with a threshold to the larger magnitude.
struct InfiniteAlphabet {
  /// Positive.
  double delta = 1.0;
  Threshold threshold = Threshold::None;
  /// In the unit of the values, at least 0.
  double lambda = 0.0;

  double nearest(double z) const;
  /// sup |z - Q(z)|: delta / 2, lambda + delta / 2 or max(lambda, delta / 2).
  double largestError() const;
};

/// Columns X_t and X~_t of m rows, row-major; borrowed.
struct PathRows {
  int64_t rows = 0, columns = 0;
  const float *x = nullptr, *xq = nullptr;
};

struct Path {
  /// q.
  std::vector<double> values;
  /// u_N = X w - X~ q.
  std::vector<double> error;
  /// max over t of ||u_t||^2.
  double largestSquare = 0.0;
};

/// q_t = Q(<X~_t, u_{t-1} + w_t X_t> / ||X~_t||^2), or Q(0) where X~_t is 0, and u_t = u_{t-1} +
/// w_t X_t - q_t X~_t from u_0 = 0, for a neuron of `rows.columns` weights.
Path followPath(const PathRows &rows, const float *weights, const InfiniteAlphabet &alphabet);

/// r^2 e^2 / s^2 (1 - (1 - s^2)^N) for the largest error e of the alphabet: a bound on E ||u_N||^2
/// for X = X~ of independent columns with ||X_t|| <= r = `radius` and E <X_t, v>^2 / ||X_t||^2 >=
/// s^2 = `spread` for every unit vector v; 1 / m for isotropic columns. Derived in docs/theory.md.
double expectedErrorBound(const InfiniteAlphabet &alphabet, double radius, double spread,
                          int64_t columns);

} // namespace gpfq

#endif // GPFQ_QUANTIZER_PATHFOLLOWING_H
