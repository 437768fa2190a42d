// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Quantisation of the weights of one layer: the entry point of the quantiser.

#ifndef GPFQ_QUANTIZER_LAYERQUANTIZER_H
#define GPFQ_QUANTIZER_LAYERQUANTIZER_H

#include "gpfq/Calibration/ThreadPool.h"
#include "gpfq/Quantizer/Gram.h"
#include "gpfq/Quantizer/LayerSpec.h"
#include "gpfq/Quantizer/Result.h"
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace gpfq {

/// Rows of a layer that an activation function clamp(z, low, high) follows: z = target + offset in
/// the float network, zq = X~q + (change of the bias) + offset in the quantised one. The rows are
/// those of the training moments or some of them.
struct ClippedRows {
  int64_t rows = 0;
  RowLayout layout = RowLayout::GroupMajor;
  /// 0 and infinity for ReLU, 0 and 6 for ReLU6.
  float low = 0.0f, high = std::numeric_limits<float>::infinity();
  /// X~, rows x (groups * columns).
  const float *inputs = nullptr;
  /// T = X w + R, without the bias, rows x outputChannels.
  const float *targets = nullptr;
  /// The bias of the float network plus what else is added before the function in the quantised
  /// network, such as a shortcut; rows x outputChannels. Null: `bias` in each row.
  const float *offsets = nullptr;
  /// outputChannels, or null for 0. Ignored when there are offsets.
  const float *bias = nullptr;
};

/// The images of a layer of whose outputs the network uses only the mean over all positions of an
/// image, p = mean of clamp(z, low, high), with z as in ClippedRows. The samples are those of the
/// training moments or some of them.
struct PooledRows {
  int64_t samples = 0;
  /// Of an image, P.
  int64_t positions = 0;
  /// Infinite where nothing is clipped.
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  /// X~, samples x positions x (groups * columns), RowLayout::GroupMajor.
  const float *inputs = nullptr;
  /// p of the float network, samples x outputChannels.
  const float *targets = nullptr;
  /// As in ClippedRows; samples x positions x outputChannels.
  const float *offsets = nullptr;
  const float *bias = nullptr;
};

/// Operands of one layer. Pointers are borrowed.
struct LayerProblem {
  int64_t outputChannels = 0;
  /// N: inputs of one neuron. For a convolution kernelHeight * kernelWidth * channelsPerGroup, FHWC
  /// order.
  int64_t columns = 0;
  int64_t groups = 1;
  /// outputChannels x columns, row-major; group g owns rows [g*OC/groups, (g+1)*OC/groups).
  const float *weights = nullptr;
  /// Null only for Msq without any option that takes data; the errors are then not reported.
  const Gram *training = nullptr;
  /// Null or without rows when nothing is held out.
  const Gram *heldOut = nullptr;
  /// Null when no clipping activation function follows.
  const ClippedRows *clipped = nullptr;
  /// Null when more than means over positions is used.
  const PooledRows *pooled = nullptr;
  /// C for Granularity::Block: column t reads input channel t % C of its group. 0: each column one
  /// of its own.
  int64_t inputChannels = 0;
};

struct LayerReport {
  /// "gpfq", "msq", "optq", "qronos" or "spfq"; with "+refit" where the spec says refit.
  std::string method;
  /// Ridge of the refit and of Optq, in the unit of LayerSpec::ridge; negative when nothing was
  /// factorised (neither method, or no mismatch to refit). It is above LayerSpec::ridge where
  /// H + ridge was singular to the precision of f32 sums (a Cholesky pivot below 1e-5 of its
  /// diagonal element): it is then raised to 1e-5 of the largest column energy, or tenfold where
  /// that is more, and tenfold again until that suffices. The largest one of all groups.
  double factorRidge = -1.0;
  /// ||T - X~ Q||_F / ||X W||_F over all output channels; 0 when X W is 0 and so is the difference,
  /// infinite when only X W is. With biasCorrection the difference includes the change of the bias.
  /// Negative when there are no rows to measure on.
  double inSampleError = -1.0, heldOutError = -1.0;
  /// Rounds of LayerSpec::clipRounds that ran, and ||clamp(z) - clamp(zq)||_F / ||clamp(z)||_F over
  /// the rows of LayerProblem::clipped before and after them (before the scale matching); negative
  /// when there was none.
  int64_t clipRounds = 0;
  double clippedErrorBefore = -1.0, clippedErrorAfter = -1.0;
  /// The same for LayerSpec::poolRounds and the means over positions of LayerProblem::pooled.
  int64_t poolRounds = 0;
  double pooledErrorBefore = -1.0, pooledErrorAfter = -1.0;
  /// Bits of the least accumulator that holds the sums of the levels and any inputs of
  /// LayerSpec::accumulator.
  int64_t accumulatorBits = 0;
  /// Fraction of levels equal to 0.
  double sparsity = 0.0;
  /// Mean of the scales.
  double meanStep = 0.0;
};

struct LayerResult {
  /// outputChannels x columns, row-major.
  std::vector<int8_t> levels;
  /// 1 (Tensor), outputChannels (Channel) or outputChannels x blocks (Block) scales, positive and
  /// finite; weight = level * scale.
  std::vector<float> scales;
  /// Empty, or one value for each output channel to add to the bias.
  std::vector<float> biasDelta;
  LayerReport report;
};

/// Quantises a layer. Fails, with a message, on inconsistent sizes, and on NaN or infinite weights
/// or moments. A channel of zero weights with a scale of its own gets the smallest normal float as
/// that scale, so that it is 0 in any alphabet. A column that is 0 in X~ gets nearest(0); with
/// biasCorrection, one that is constant gets the level nearest to its weight. Levels depend neither
/// on the number of threads nor on blockSize.
Result<LayerResult> quantizeLayer(const LayerProblem &problem, const LayerSpec &spec,
                                  const ParallelFor &parallelFor = {});

} // namespace gpfq

#endif // GPFQ_QUANTIZER_LAYERQUANTIZER_H
