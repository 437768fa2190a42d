// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The least-squares problem of one group, prepared for path following and for measuring errors.

#ifndef GPFQ_LIB_QUANTIZER_GROUPSYSTEM_H
#define GPFQ_LIB_QUANTIZER_GROUPSYSTEM_H

#include "gpfq/Quantizer/LayerQuantizer.h"

namespace gpfq {

/// Columns of a group in the order in which they are quantised.
struct GroupColumns {
  int64_t count = 0, neurons = 0;
  /// Output channel of the first neuron.
  int64_t firstChannel = 0;
  /// order[t]: column that is quantised t-th.
  std::vector<int64_t> order;
  /// Blocks that have a step of their own, and the one of each column, ordered.
  int64_t blocks = 1;
  std::vector<int32_t> blockOf;
  /// neurons x count, ordered.
  std::vector<float> weights;
};

/// Moments of one set of rows in terms of the difference D = W - Q of the weights, which keeps f32
/// accurate: the quantities that cancel are formed in f64. With the target T = Xw + R, the mismatch
/// c = X~'(T - X~w) = (G - H)w + X~'R, and e = T - X~q,
///   ||e||^2 = base + 2 d'c + d'Hd,       base = ||T - X~w||^2.
/// Training moments add ridge * ||d||^2. Columns are ordered as in GroupColumns. Everything but
/// energy is divided by `unit`.
struct GroupMoments {
  bool isEmpty() const { return h.empty(); }

  /// H, count x count.
  std::vector<float> h;
  /// c of each neuron, neurons x count; empty when it is 0: shared inputs and no target shift.
  std::vector<float> mismatch;
  /// 1 / H_tt, or 0 for a column that is 0 or constant on these rows.
  std::vector<float> inverseDiagonal;
  /// Is the column constant but not 0, and its mean removed? The bias makes up for any level then.
  std::vector<bool> isConstant;
  std::vector<double> base;
  /// ||X w||^2, of uncentred X.
  std::vector<double> energy;
  /// What the diagonal of h has more than H.
  double ridge = 0.0;
  double unit = 1.0;
};

/// Operands of the recursion over columns: with d = weights - q,
///   q_t = Q(weights_t + (path_t + sum over j < t of H_tj d_j) / H_tt)       (path following)
///   q_t = Q(weights_t + sum over j < t of feedback_tj d_j)                  (error feedback)
struct Recursion {
  /// neurons x count; empty: the weights of the layer.
  std::vector<float> weights;
  /// tril(G - H) w + X~'R of each neuron over the unit, neurons x count; empty: 0.
  std::vector<float> path;
  /// count x count, strictly lower; empty: path following.
  std::vector<float> feedback;
  /// Ridge of the factorisation that gave `weights` or `feedback`, over the unit; negative when
  /// there was none.
  double factorRidge = -1.0;
};

struct GroupSystem {
  GroupColumns columns;
  GroupMoments training, heldOut;
  Recursion recursion;
};

/// Means that are subtracted from the columns of X, X~ and R before anything else; see
/// LayerSpec::biasCorrection. By group and column, or output channel, or empty for none.
struct ColumnShift {
  std::vector<double> x, xq, target;
};

/// Prepares group `group` of the problem.
GroupSystem makeGroupSystem(const LayerProblem &problem, const LayerSpec &spec,
                            const ColumnShift &shift, int64_t group,
                            const ParallelFor &parallelFor);

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_GROUPSYSTEM_H
