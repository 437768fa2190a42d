// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/PathFollowing.h"
#include <algorithm>
#include <cmath>

using namespace gpfq;

double InfiniteAlphabet::nearest(double z) const {
  if (threshold == Threshold::None)
    return delta * std::floor(z / delta + 0.5);
  double excess = std::fabs(z) - lambda;
  if (excess <= 0.0)
    return 0.0;
  double multiple = delta * std::floor(excess / delta + 0.5);
  return std::copysign(threshold == Threshold::Soft ? multiple : lambda + multiple, z);
}

double InfiniteAlphabet::largestError() const {
  switch (threshold) {
  case Threshold::None:
    return 0.5 * delta;
  case Threshold::Soft:
    return lambda + 0.5 * delta;
  case Threshold::Hard:
    return std::max(lambda, 0.5 * delta);
  }
  return 0.0;
}

Path gpfq::followPath(const PathRows &rows, const float *weights,
                      const InfiniteAlphabet &alphabet) {
  Path path;
  std::vector<double> &u = path.error;
  u.assign(rows.rows, 0.0);
  for (int64_t t = 0; t < rows.columns; ++t) {
    double product = 0.0, energy = 0.0;
    for (int64_t r = 0; r < rows.rows; ++r) {
      double xq = rows.xq[r * rows.columns + t];
      u[r] += double(weights[t]) * rows.x[r * rows.columns + t];
      product += xq * u[r];
      energy += xq * xq;
    }
    double q = alphabet.nearest(energy > 0.0 ? product / energy : 0.0), square = 0.0;
    for (int64_t r = 0; r < rows.rows; ++r) {
      u[r] -= q * rows.xq[r * rows.columns + t];
      square += u[r] * u[r];
    }
    path.values.push_back(q);
    path.largestSquare = std::max(path.largestSquare, square);
  }
  return path;
}

double gpfq::expectedErrorBound(const InfiniteAlphabet &alphabet, double radius, double spread,
                                int64_t columns) {
  double largest = radius * alphabet.largestError();
  return largest * largest / spread * (1.0 - std::pow(1.0 - spread, double(columns)));
}
