// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A random layer with its rows, and what the papers' formulas give on the rows in f64.

#ifndef GPFQ_TEST_UNIT_QUANTIZER_TESTLAYER_H
#define GPFQ_TEST_UNIT_QUANTIZER_TESTLAYER_H

#include "../RandomData.h"
#include "gpfq/Quantizer/LayerQuantizer.h"

namespace gpfq::test {

/// Rows are group-major.
struct TestLayer {
  int64_t outputChannels, columns, groups, rows, heldOutRows;
  /// See LayerProblem.
  int64_t inputChannels = 0;
  bool sharedInputs;
  /// See GramAccumulator::Shape; takes effect with accumulate().
  bool needsG = true;
  std::vector<float> weights, x, xq, heldOutX, heldOutXq;
  /// Target shift R, rows x outputChannels, or empty.
  std::vector<float> shift, heldOutShift;
  Gram training, heldOut;

  explicit TestLayer(unsigned seed);
  /// Adds a target shift; the moments are formed anew.
  void addShift(unsigned seed);
  void accumulate();

  LayerProblem problem() const;
  int64_t group(int64_t channel) const { return channel / (outputChannels / groups); }
  /// Patch of the group of an output channel.
  const float *patch(const std::vector<float> &data, int64_t row, int64_t channel) const {
    return data.data() + (row * groups + group(channel)) * columns;
  }
  /// That of a weight; of any of the channel where it has one.
  float scale(const LayerResult &result, int64_t channel, int64_t column = 0) const {
    if (result.scales.size() == 1)
      return result.scales[0];
    int64_t blocks = int64_t(result.scales.size()) / outputChannels;
    int64_t channels = inputChannels > 0 ? inputChannels : columns;
    return result.scales[channel * blocks + column % channels * blocks / channels];
  }
  /// T of the training rows without rounding.
  double target(int64_t row, int64_t channel) const;

  /// X~q and the change of the bias, for a row of `data`.
  double output(const LayerResult &result, const std::vector<float> &data, int64_t row,
                int64_t channel) const;

  /// ||T - X~ Q||_F / ||X W||_F from the rows, with the bias of the result.
  double directError(const LayerResult &result) const;
  double directHeldOutError(const LayerResult &result) const;

  /// The recursion of the paper on the rows, in natural order, given the scales and the start
  /// u_0 = R: q_t = Q(<X~_t, u_{t-1} + w_t X_t> / ||X~_t||^2).
  std::vector<int8_t> directRecursion(const Alphabet &alphabet, const LayerResult &result) const;

private:
  double errorOnRows(const LayerResult &result, const std::vector<float> &dataX,
                     const std::vector<float> &dataXq, const std::vector<float> &dataShift) const;
};

/// A specification that varies with the seed: alphabet, granularity, step rule.
LayerSpec makeSpec(unsigned seed);

} // namespace gpfq::test

#endif // GPFQ_TEST_UNIT_QUANTIZER_TESTLAYER_H
