// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Quantisation of the weights of one layer: the entry point of the quantiser.

#ifndef GPFQ_QUANTIZER_LAYERQUANTIZER_H
#define GPFQ_QUANTIZER_LAYERQUANTIZER_H

#include "gpfq/Calibration/ThreadPool.h"
#include "gpfq/Quantizer/Alphabet.h"
#include "gpfq/Quantizer/Gram.h"
#include "gpfq/Quantizer/Result.h"
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace gpfq {

enum class Method {
  /// Greedy path following quantisation (Zhang, Zhou, Saab, SIAM J. Math. Data Sci. 5(2), 2023).
  Gpfq,
  /// Memoryless scalar quantisation: each weight to its nearest level.
  Msq,
  /// Error feedback through the Cholesky factor of the inverse of H + ridge (Frantar et al., OPTQ,
  /// ICLR 2023). Its target is X~ w: what X has beyond X~ is left to the sweeps.
  Optq,
  /// Mismatch refit, then Optq (Zhang et al., Qronos, arXiv 2505.11695, which rounds the first
  /// column
  /// before the refit: only that one level may differ, given it the rest is the same).
  Qronos,
  /// Path following with stochastic rounding (Zhang, Saab, SPFQ, arXiv 2309.10975): of the two
  /// levels around the argument the upper one with the probability that makes the mean exact.
  Spfq
};

/// One step for all output channels, or one for each.
enum class Granularity { Tensor, Channel };

/// How the step is chosen. The radius is step * (largest magnitude of a level).
enum class StepRule {
  /// radius = max |w| over the tensor or over the channel.
  AbsMax,
  /// radius = stepFactor * (mean over channels of max |w|) for Tensor, the paper's rule;
  /// stepFactor * max |w| of the channel for Channel.
  Constant,
  /// The multiple of the AbsMax radius, in a grid, that gives the smallest error on the held-out
  /// rows
  /// (on the training rows when there are none). Labels are never used.
  Search
};

/// Order in which columns are quantised.
enum class ColumnOrder { Natural, NormDescending };

/// Sparse quantisation (Zhang, Zhou, Saab, section 5): the argument z of the quantiser, in units of
/// the step, is first thresholded. The alphabet must contain 0.
enum class Threshold {
  None,
  /// The level nearest to sign(z) max(|z| - lambda, 0), which minimises (z - q)^2 + 2 lambda |q|.
  Soft,
  /// 0 or the level nearest to z, whichever has the smaller (z - q)^2 + lambda^2 [q != 0]. With
  /// Alphabet::hardThreshold and lambda = its least positive level this is the paper's rule: 0 when
  /// |z| <= lambda.
  Hard
};

/// What LayerSpec::lambda is measured in: steps, the radius (step * largest magnitude of a level),
/// or the unit of the weights.
enum class LambdaUnit { Step, Radius, Weight };

/// Last change of the scale of each output channel, by a factor in [1/2, 2].
enum class ScaleMatching {
  None,
  /// To the least training error: <X~q, T> / ||X~q||^2.
  LeastSquares,
  /// To the variance of the target, which least squares would shrink: sqrt(var T / var X~q). Needs
  /// biasCorrection.
  Variance
};

/// Keeps sums of products of levels and integer inputs within an accumulator of a few bits: every
/// partial sum, in any order, is in (-2^(bits-1), 2^(bits-1)) (after Colbert et al., AXE, TMLR
/// 2025, arXiv 2409.17092).
struct AccumulatorBound {
  /// P; 0: no bound.
  int64_t bits = 0;
  /// Range of the inputs; extended to contain 0.
  int64_t inputMin = -128, inputMax = 127;
  /// Columns, in the order of the layer, that one accumulator sums; 0: all.
  int64_t tile = 0;
};

struct LayerSpec {
  Method method = Method::Gpfq;
  /// Quantise the weights (H + ridge)^-1 (X~'T + ridge w) that fit the target T on X~ best, with
  /// X = X~, instead of following the path of X. Always on for Qronos.
  bool refit = false;
  Alphabet alphabet;
  Granularity granularity = Granularity::Channel;
  StepRule step = StepRule::AbsMax;
  /// Quantile of the |w| of a channel (linear between two of them) that takes the place of max |w|
  /// in the rules: 1 is the maximum.
  double radiusQuantile = 1.0;
  /// C of StepRule::Constant.
  double stepFactor = 1.0;
  /// Grid of StepRule::Search: searchCount multiples from searchLow to searchHigh, and 1 where it
  /// is between two of them, so that the search never does worse than AbsMax on its rows.
  double searchLow = 0.15, searchHigh = 1.15;
  int64_t searchCount = 16;
  Threshold threshold = Threshold::None;
  double lambda = 0.0;
  LambdaUnit lambdaUnit = LambdaUnit::Step;
  AccumulatorBound accumulator;
  ColumnOrder order = ColumnOrder::NormDescending;
  /// Coordinate descent sweeps after the recursion (not for Msq). Each lowers the training error or
  /// leaves it; sweeping stops early when nothing changes. With a threshold its penalties, weighted
  /// by
  /// ||X~_t||^2, are part of what the sweeps lower.
  int64_t sweeps = 2;
  /// Rounds, after the sweeps, of: the best step for the levels in closed form, <X~q, T> /
  /// ||X~q||^2 (its change limited to [1/2, 2]), then sweeps. No round raises the training error
  /// with its ridge, of a channel or, for Granularity::Tensor, in total.
  int64_t alternations = 0;
  /// Rounds, after the alternations, that aim at ||clamp(z) - clamp(zq)||^2 over the rows of
  /// LayerProblem::clipped (nothing happens without them): the target moves to zq where z and zq
  /// are clipped alike and to the bound where z alone is, then one alternation. That error never
  /// ends above where it started, of a channel or, for Granularity::Tensor, in total.
  int64_t clipRounds = 0;
  /// Only for Granularity::Channel.
  ScaleMatching scaleMatching = ScaleMatching::None;
  /// Weight of ||w - q||^2 beside ||T - X~ q||^2, in units of the mean energy of a column times
  /// columns / rows. It keeps weights near the float ones where few rows say little about them. It
  /// is also the ridge of the refit and the damping of Optq; see LayerReport::factorRidge. On rows
  /// of other images, layers of squeezenet1_1 and mobilenet_v2 have their least error at 1 to 4,
  /// whether the rows are a tenth of the columns or many times as many.
  double ridge = 0.0;
  /// Seed of Spfq. Random numbers belong to an output channel and a column.
  uint64_t seed = 0;
  /// Columns per block of the recursion; 1 is the unblocked form. Levels do not depend on it.
  int64_t blockSize = 32;
  /// Quantise against centred moments and return E[Y - Y~] for each output channel.
  bool biasCorrection = false;
};

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

/// Operands of one layer. Pointers are borrowed.
struct LayerProblem {
  int64_t outputChannels = 0;
  /// N: inputs of one neuron. For a convolution kernelHeight * kernelWidth * channelsPerGroup, FHWC
  /// order.
  int64_t columns = 0;
  int64_t groups = 1;
  /// outputChannels x columns, row-major; group g owns rows [g*OC/groups, (g+1)*OC/groups).
  const float *weights = nullptr;
  /// Null only for Msq with a step that is not searched; the errors are then not reported.
  const Gram *training = nullptr;
  /// Null or without rows when nothing is held out.
  const Gram *heldOut = nullptr;
  /// Null when no clipping activation function follows.
  const ClippedRows *clipped = nullptr;
};

struct LayerReport {
  /// "gpfq", "msq", "optq", "qronos" or "spfq"; with "+refit" where the spec says refit.
  std::string method;
  /// Ridge of the refit and of Optq, in the unit of LayerSpec::ridge; negative when nothing was
  /// factorised (neither method, or no mismatch to refit). It is above LayerSpec::ridge where
  /// H + ridge was singular to the precision of f32 sums (a Cholesky pivot below 1e-5 of its
  /// diagonal element): then it is 1e-5 of the largest column energy, or the smallest multiple of
  /// that by a power of 10 that suffices. The largest one of all groups.
  double factorRidge = -1.0;
  /// ||X W - X~ Q||_F / ||X W||_F over all output channels; 0 when X W is 0 and so is the
  /// difference, infinite when only X W is. With biasCorrection the difference includes the
  /// corrected bias. Negative when there are no rows to measure on.
  double inSampleError = -1.0, heldOutError = -1.0;
  /// Rounds of LayerSpec::clipRounds that ran, and ||clamp(z) - clamp(zq)||_F / ||clamp(z)||_F over
  /// the rows of LayerProblem::clipped before and after them (before the scale matching); negative
  /// when there was none.
  int64_t clipRounds = 0;
  double clippedErrorBefore = -1.0, clippedErrorAfter = -1.0;
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
  /// 1 (Tensor) or outputChannels (Channel) scales, positive and finite; weight = level * scale.
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
