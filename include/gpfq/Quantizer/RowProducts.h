// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Products of the rows of a layer with its weights and with targets, for both row layouts. Results
// do not depend on the number of threads.

#ifndef GPFQ_QUANTIZER_ROWPRODUCTS_H
#define GPFQ_QUANTIZER_ROWPRODUCTS_H

#include "gpfq/Calibration/FloatKernels.h"
#include "gpfq/Calibration/ThreadPool.h"
#include "gpfq/Quantizer/Gram.h"
#include <vector>

namespace gpfq {

/// Shape of rows: an input row has groups * columns floats in the given layout, an output row
/// groups * neurons floats, by group.
struct RowShape {
  int64_t groups = 1, columns = 0, neurons = 0;
  RowLayout layout = RowLayout::GroupMajor;

  int64_t inputs() const { return groups * columns; }
  int64_t outputs() const { return groups * neurons; }
};

/// That of the rows of such moments.
RowShape getRowShape(const GramAccumulator::Shape &shape);

/// Rows of which sums are formed in f32; such sums are added in f64, in the order of the rows.
constexpr int64_t rowsPerSum = 256;

/// moments[o][t] += sum over rows of x[row][t of the group of o] * y[row][o]; `moments` is
/// outputs x columns.
void accumulateCrossMoments(const RowShape &shape, int64_t rows, const float *x, const float *y,
                            double *moments, const ParallelFor &parallelFor);

/// The product of rows with the weights of a layer.
class RowMultiplier {
public:
  /// `weights` is outputs x columns, `bias` has a value for each output or is null.
  RowMultiplier(const RowShape &shape, const float *weights, const float *bias = nullptr);

  /// y[row][o] = bias[o] + sum over t of x[row][t of the group of o] * weights[o][t].
  void multiply(int64_t rows, const float *x, float *y, const ParallelFor &parallelFor) const;

private:
  RowShape shape;
  std::vector<float> bias;
  /// Of group-major rows.
  PackedWeights packed;
  /// Of interleaved rows, by neuron of the group, column and group: groups are neighbours.
  std::vector<float> lanes;
};

} // namespace gpfq

#endif // GPFQ_QUANTIZER_ROWPRODUCTS_H
