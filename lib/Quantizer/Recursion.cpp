// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Recursion.h"
#include <Eigen/Cholesky>
#include <algorithm>

using namespace gpfq;

/// A pivot below this fraction of its diagonal element is rounding of the f32 sums: the data do not
/// tell the column from later ones.
static constexpr double smallestPivot = 1e-5;

static bool usesFeedback(const LayerSpec &spec) {
  return spec.method == Method::Optq || spec.method == Method::Qronos;
}

namespace {
/// H + ridge I = N D N' over the unit, N unit upper triangular, D diagonal. Columns without energy
/// of their own (GroupMoments::inverseDiagonal 0) are uncoupled.
class Factor {
public:
  Factor(const GroupMoments &moments, const AlignedBuffer<double> &h)
      : moments(moments), n(moments.inverseDiagonal.size()) {
    double largest = 0.0;
    for (int64_t t = 0; t < n; ++t)
      if (isCoupled(t))
        largest = std::max(largest, h[t * n + t] / moments.unit);
    usedRidge = moments.ridge;
    for (double raised = smallestPivot * largest; !factorize(h); raised *= 10.0)
      usedRidge = std::max(10.0 * usedRidge, raised);
  }

  double ridge() const { return usedRidge; }

  /// rows[o] += (H + ridge I)^-1 mismatch[o] / unit, for rows of n elements.
  void solve(const std::vector<double> &mismatch, std::vector<double> &rows,
             const ParallelFor &parallelFor) const {
    constexpr int64_t block = 32;
    int64_t neurons = mismatch.size() / n;
    runParallel(parallelFor, (neurons + block - 1) / block, [&](int64_t i) {
      int64_t first = i * block, count = std::min(block, neurons - first);
      Eigen::MatrixXd solution(n, count);
      for (int64_t o = 0; o < count; ++o)
        for (int64_t t = 0; t < n; ++t)
          solution(n - 1 - t, o) =
              isCoupled(t) ? mismatch[(first + o) * n + t] / moments.unit : 0.0;
      lower.triangularView<Eigen::Lower>().solveInPlace(solution);
      lower.transpose().triangularView<Eigen::Upper>().solveInPlace(solution);
      for (int64_t o = 0; o < count; ++o)
        for (int64_t t = 0; t < n; ++t)
          rows[(first + o) * n + t] += solution(n - 1 - t, o);
    });
  }

  /// N_jt for j < t, in row t.
  std::vector<float> feedback() const {
    std::vector<float> result(n * n, 0.0f);
    for (int64_t t = 0; t < n; ++t)
      for (int64_t j = 0; j < t; ++j)
        result[t * n + j] =
            static_cast<float>(lower(n - 1 - j, n - 1 - t) / lower(n - 1 - t, n - 1 - t));
    return result;
  }

private:
  bool isCoupled(int64_t t) const { return moments.inverseDiagonal[t] != 0.0f; }
  /// The Cholesky factor of H + ridge I in reverse order is N sqrt(D) in reverse order.
  bool factorize(const AlignedBuffer<double> &h) {
    lower.resize(n, n);
    for (int64_t t = 0; t < n; ++t)
      for (int64_t j = 0; j <= t; ++j)
        lower(n - 1 - j, n - 1 - t) =
            t == j ? (isCoupled(t) ? h[t * n + t] / moments.unit + usedRidge : 1.0)
                   : (isCoupled(t) && isCoupled(j) ? h[t * n + j] / moments.unit : 0.0);
    Eigen::VectorXd diagonal = lower.diagonal();
    Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> inPlace(lower);
    if (inPlace.info() != Eigen::Success)
      return false;
    for (int64_t i = 0; i < n; ++i)
      if (!(lower(i, i) * lower(i, i) >= smallestPivot * diagonal(i)))
        return false;
    return true;
  }

  const GroupMoments &moments;
  int64_t n;
  double usedRidge = 0.0;
  /// The lower triangle.
  Eigen::MatrixXd lower;
};
} // namespace

Recursion gpfq::makeRecursion(const LayerSpec &spec, const GroupColumns &columns,
                              const GroupMoments &moments, const ExactMoments &exact,
                              const ParallelFor &parallelFor) {
  Recursion recursion;
  if (spec.followsPath()) {
    for (double value : exact.path)
      recursion.path.push_back(static_cast<float>(value * (1.0 / moments.unit)));
    return recursion;
  }
  bool isRefitted = spec.usesRefit() && !exact.mismatch.empty();
  if (!isRefitted && !usesFeedback(spec))
    return recursion;
  Factor factor(moments, exact.h);
  recursion.factorRidge = factor.ridge();
  if (isRefitted) {
    // (H + ridge I)^-1 (X~'T + ridge w) = w + (H + ridge I)^-1 X~'(T - X~w).
    std::vector<double> refitted(columns.weights.begin(), columns.weights.end());
    factor.solve(exact.mismatch, refitted, parallelFor);
    recursion.weights.assign(refitted.begin(), refitted.end());
  }
  // OPTQ's recursion q_t = Q(w_t), w_j -= (w_t - q_t) U_tj / U_tt for j > t, with H^-1 = U'U, has
  // N = (diag(U)^-1 U)^-1, so its feedback of w - q is N (as LDLQ: Chee et al., QuIP, NeurIPS
  // 2023).
  if (usesFeedback(spec))
    recursion.feedback = factor.feedback();
  return recursion;
}
