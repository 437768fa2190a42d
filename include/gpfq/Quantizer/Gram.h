// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Second moments of the inputs of a layer, all that the quantiser needs to know about the data.

#ifndef GPFQ_QUANTIZER_GRAM_H
#define GPFQ_QUANTIZER_GRAM_H

#include "gpfq/Calibration/ThreadPool.h"
#include <cstdint>
#include <memory>
#include <vector>

namespace gpfq {

/// Moments of X (inputs of the layer in the float network) and X~ (inputs in the quantised network)
/// over m rows, for each group of a grouped layer. A group has N columns and OC / groups neurons.
/// The target of the layer is T = X w + R; the target shift R is 0 unless rows of it were added.
struct Gram {
  int64_t groups = 1;
  /// N, columns of one group.
  int64_t columns = 0;
  int64_t neuronsPerGroup = 0;
  /// m, rows seen.
  int64_t rows = 0;
  /// X == X~, or the mismatch is folded: `g` and `xx` are empty and H takes their place.
  bool sharedInputs = false;
  /// R has the mismatch of the inputs too, (X - X~) w: T = X~ w + R, and inputs count as shared.
  /// Enough for all but the path of X; see LayerSpec::followsPath.
  bool foldsMismatch = false;

  /// H = X~'X~, groups x N x N, symmetric.
  std::vector<double> h;
  /// G = X~'X, groups x N x N; row index: column of X~, column index: column of X.
  std::vector<double> g;
  /// X'X, groups x N x N, or empty when outputEnergy is there.
  std::vector<double> xx;
  /// ||X w||^2 of each neuron, groups x neuronsPerGroup, or empty when it follows from X'X, or from
  /// H of X == X~.
  std::vector<double> outputEnergy;
  /// Sums of the columns of X and X~, groups x N each; equal when inputs are shared.
  std::vector<double> sumX, sumXq;

  /// X~'R and X'R, groups x neuronsPerGroup x N; empty when R is 0, the second one also when inputs
  /// are shared.
  std::vector<double> shiftXq, shiftX;
  /// ||R||^2 and the sum of R over the rows, groups x neuronsPerGroup each; empty when R is 0.
  std::vector<double> shiftEnergy, sumShift;

  bool hasTargetShift() const { return !shiftXq.empty(); }
  const double *hOf(int64_t group) const { return h.data() + group * columns * columns; }
  const double *gOf(int64_t group) const {
    return (sharedInputs ? h.data() : g.data()) + group * columns * columns;
  }
  /// False when a moment is NaN or infinite.
  bool isFinite() const;
};

/// How the groups of a row are laid out.
enum class RowLayout {
  /// group, then column: element (g, t) at g * N + t.
  GroupMajor,
  /// column, then group: element (g, t) at t * groups + g; for depthwise convolutions, many small
  /// groups.
  Interleaved
};

class RowMultiplier;

/// Accumulates a Gram over blocks of rows. Sums of up to 256 rows are formed in f32 and added in
/// f64 in the order of the rows; the result does not depend on the number of threads. It depends,
/// in the last bits of f32, on how the rows are cut into calls of add().
class GramAccumulator {
public:
  struct Shape {
    int64_t groups = 1;
    int64_t columns = 0;
    int64_t neuronsPerGroup = 0;
    RowLayout layout = RowLayout::GroupMajor;
    /// X == X~ for all rows (the first quantised layer): half the work and memory.
    bool sharedInputs = false;
    /// Without it the mismatch is folded where that takes less work than G.
    bool needsG = true;
    /// Forms all sums in f64. Slow; to see what the f32 sums change.
    bool isExact = false;

    /// Is the result one with Gram::foldsMismatch?
    bool foldsMismatch() const;
    /// Size of the moments, without those of a target shift that is added.
    uint64_t bytes() const;
  };

  /// `weights`: (groups * neuronsPerGroup) x columns floats, the layer's; copied. Needed to fold
  /// the mismatch and for ||X w||^2, which is formed from X'X or from the outputs, whichever costs
  /// less for the shape.
  GramAccumulator(const Shape &shape, const float *weights);
  GramAccumulator(GramAccumulator &&);
  ~GramAccumulator();

  /// Adds `rows` rows of groups * columns floats. `xq` is ignored when inputs are shared.
  /// `targetShift` is R, rows x (groups * neuronsPerGroup), or null for 0: what the target has
  /// beyond X w, such as the float minus the quantised shortcut that is added to the output.
  void add(const float *x, const float *xq, int64_t rows, const ParallelFor &parallelFor = {},
           const float *targetShift = nullptr);

  /// The moments of the rows so far; the accumulator is empty afterwards.
  Gram take();

private:
  void addExactly(const float *x, const float *xq, int64_t rows, const ParallelFor &parallelFor);
  void addInterleaved(const float *x, const float *xq, int64_t rows,
                      const ParallelFor &parallelFor);
  void addGroups(const float *x, const float *xq, int64_t rows, const ParallelFor &parallelFor);
  void addOutputs(const float *x, int64_t rows, const ParallelFor &parallelFor);
  /// (X - X~) w + R, for R or null.
  std::vector<float> foldMismatch(const float *x, const float *xq, int64_t rows,
                                  const float *targetShift, const ParallelFor &parallelFor) const;
  void addTargetShift(const float *x, const float *xq, int64_t rows, const float *targetShift,
                      const ParallelFor &parallelFor);

  Shape shape;
  Gram gram;
  /// Multiplies by the weights, where outputs are formed.
  std::unique_ptr<RowMultiplier> multiplier;
};

} // namespace gpfq

#endif // GPFQ_QUANTIZER_GRAM_H
