// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How the weights of a layer are quantised: the options of the quantiser. In formulas X and X~ are
// the inputs in the float and in the quantised network, w and q the weights of a neuron, T = X w +
// R the target (see Gram), H = X~'X~.

#ifndef GPFQ_QUANTIZER_LAYERSPEC_H
#define GPFQ_QUANTIZER_LAYERSPEC_H

#include "gpfq/Quantizer/Alphabet.h"
#include <cstdint>

namespace gpfq {

enum class Method {
  /// Greedy path following quantisation (Zhang, Zhou, Saab, SIAM J. Math. Data Sci. 5(2), 2023).
  Gpfq,
  /// Memoryless scalar quantisation: each weight to its nearest level.
  Msq,
  /// Error feedback through the Cholesky factor of the inverse of H + ridge (Frantar et al., OPTQ,
  /// ICLR 2023). Its target is X~ w: what X has beyond X~ is left to the sweeps.
  Optq,
  /// Mismatch refit, then Optq (Zhang et al., Qronos, arXiv 2505.11695). Qronos rounds the first
  /// column before the refit; given that level, the others are the same.
  Qronos,
  /// Path following with stochastic rounding (Zhang, Saab, SPFQ, arXiv 2309.10975): of the two
  /// levels around the argument the upper one with the probability that makes the mean exact.
  Spfq
};

/// One step for all output channels, one for each, or one for each and each block of
/// LayerSpec::scaleBlock input channels, over all taps of a kernel.
enum class Granularity { Tensor, Channel, Block };

/// How the step is chosen. The radius is step * (largest magnitude of a level).
enum class StepRule {
  /// radius = max |w| over the tensor or over the channel.
  AbsMax,
  /// radius = stepFactor * (mean over channels of max |w|) for Tensor, the paper's rule;
  /// stepFactor * max |w| of the channel for Channel, of the block for Block.
  Constant,
  /// The multiple of the AbsMax radius, in a grid, that gives the smallest error on the held-out
  /// rows, or on the training rows when there are none. Labels are never used.
  Search
};

/// Order in which columns are quantised.
enum class ColumnOrder { Natural, NormDescending };

/// Sparse quantisation (Zhang, Zhou, Saab, as Gpfq): the argument z of the quantiser, in units of
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
  /// Input channels of a block of Granularity::Block; it must divide those of a neuron. The step
  /// search takes one multiple for all blocks of an output channel.
  int64_t scaleBlock = 0;
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
  /// Of the threshold.
  double lambda = 0.0;
  LambdaUnit lambdaUnit = LambdaUnit::Step;
  AccumulatorBound accumulator;
  ColumnOrder order = ColumnOrder::NormDescending;
  /// Coordinate descent sweeps after the recursion (not for Msq). Each lowers the training error or
  /// leaves it; sweeping stops early when nothing changes. With a threshold its penalties, times
  /// ||X~_t||^2, are part of what the sweeps lower.
  int64_t sweeps = 2;
  /// Moves of a tabu search wherever sweeps have ended, for each output channel (not for Msq, and
  /// neither with a threshold nor an accumulator bound): one level at a time goes to the next one,
  /// also where that raises the training error, and the levels with the least are kept. At most
  /// 2^30; N > 1024 columns have 1024 / N of them.
  int64_t tabuMoves = 0;
  /// Rounds, after those, of: the best step for the levels in closed form, <X~q, T> /
  /// ||X~q||^2 (its change limited to [1/2, 2]), or for Granularity::Block the joint least squares
  /// of all steps of the channel, then sweeps. No round raises the training error
  /// with its ridge, of a channel or, for Granularity::Tensor, in total.
  int64_t alternations = 0;
  /// Rounds, after the alternations, that aim at ||clamp(z) - clamp(zq)||^2 over the rows of
  /// LayerProblem::clipped (nothing happens without them): the target moves to zq where z and zq
  /// are clipped alike and to the bound where z alone is, then one alternation. That error never
  /// ends above where it started, of a channel or, for Granularity::Tensor, in total.
  int64_t clipRounds = 0;
  /// Rounds, after those, that aim at the error of the means over the positions of an image, over
  /// the samples of LayerProblem::pooled (nothing happens without them): each is one of Gauss and
  /// Newton, with levels by coordinate descent and the best step and bias for them. That error
  /// never ends above where it started, of any channel. The ridge and the errors of single
  /// positions count as well. Not for Msq, thresholds and accumulator bounds; with
  /// Granularity::Tensor the step stays.
  int64_t poolRounds = 0;
  /// Not for Granularity::Tensor.
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
  /// Quantise against centred moments and return E[T - X~q] for each output channel.
  bool biasCorrection = false;

  /// Are there poolRounds, and do they go with the other options?
  bool fitsMeans() const {
    return poolRounds > 0 && method != Method::Msq && threshold == Threshold::None &&
           accumulator.bits == 0;
  }
  /// Does the recursion start from the refitted weights?
  bool usesRefit() const { return refit || method == Method::Qronos; }
  /// Does the recursion follow the path of X~ from that of X? Where these differ it takes Gram::g.
  bool followsPath() const {
    return !usesRefit() && (method == Method::Gpfq || method == Method::Spfq);
  }
  /// Are rows needed, and not only moments?
  bool usesRows() const { return clipRounds > 0 || fitsMeans(); }
};

} // namespace gpfq

#endif // GPFQ_QUANTIZER_LAYERSPEC_H
