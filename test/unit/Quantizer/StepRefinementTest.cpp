// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestLayer.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

namespace {
/// Sums over the training rows of one channel, of the target and of the quantised output without
/// bias.
struct OutputSums {
  double target = 0.0, quantized = 0.0, targetSquare = 0.0, quantizedSquare = 0.0, product = 0.0;

  OutputSums(const TestLayer &layer, const LayerResult &result, int64_t channel) {
    for (int64_t r = 0; r < layer.rows; ++r) {
      double y = layer.target(r, channel), yq = 0.0;
      for (int64_t t = 0; t < layer.columns; ++t)
        yq += double(layer.patch(layer.xq, r, channel)[t]) *
              result.levels[channel * layer.columns + t] * layer.scale(result, channel);
      target += y;
      quantized += yq;
      targetSquare += y * y;
      quantizedSquare += yq * yq;
      product += y * yq;
    }
  }
};
} // namespace

TEST(StepRefinement, AlternationNeverRaisesTheTrainingError) {
  bool improved = false;
  for (unsigned seed = 0; seed < 20; ++seed) {
    TestLayer layer(seed);
    if (seed % 4 == 3)
      layer.addShift(seed);
    LayerSpec spec = makeSpec(seed);
    spec.method = seed % 7 == 6 ? Method::Msq : Method::Gpfq;
    spec.sweeps = seed % 3;
    double previous = INFINITY;
    for (int64_t rounds : {0, 1, 2, 5}) {
      spec.alternations = rounds;
      LayerResult result = *quantizeLayer(layer.problem(), spec);
      double error = result.report.inSampleError;
      EXPECT_LE(error, previous * (1.0 + 1e-6)) << "seed " << seed << " rounds " << rounds;
      EXPECT_NEAR(error, layer.directError(result), 2e-3 * error + 1e-4);
      improved |= rounds > 0 && error < 0.99 * previous;
      previous = error;
      for (int8_t level : result.levels)
        ASSERT_TRUE(spec.alphabet.contains(level));
    }
  }
  EXPECT_TRUE(improved);
}

TEST(StepRefinement, OneRoundIsTheBestStepForTheLevels) {
  for (unsigned seed : {0u, 3u, 4u, 7u, 11u})
    for (Granularity granularity : {Granularity::Tensor, Granularity::Channel}) {
      TestLayer layer(seed);
      layer.addShift(seed);
      LayerSpec spec = makeSpec(seed);
      spec.granularity = granularity;
      spec.sweeps = 0;
      LayerResult before = *quantizeLayer(layer.problem(), spec);
      spec.alternations = 1;
      LayerResult after = *quantizeLayer(layer.problem(), spec);
      ASSERT_EQ(before.levels, after.levels);
      double product = 0.0, square = 0.0;
      for (int64_t o = 0; o < layer.outputChannels; ++o) {
        OutputSums sums(layer, before, o);
        product += sums.product;
        square += sums.quantizedSquare;
        if (granularity == Granularity::Channel && square > 0.0)
          EXPECT_NEAR(after.scales[o] / before.scales[o],
                      std::clamp(sums.product / sums.quantizedSquare, 0.5, 2.0), 1e-3);
      }
      if (granularity == Granularity::Tensor)
        EXPECT_NEAR(after.scales[0] / before.scales[0], std::clamp(product / square, 0.5, 2.0),
                    1e-3);
    }
}

TEST(StepRefinement, ScaleMatching) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    TestLayer layer(seed);
    layer.addShift(seed);
    LayerSpec spec = makeSpec(seed);
    spec.granularity = Granularity::Channel;
    spec.biasCorrection = true;
    spec.ridge = seed % 2 ? 0.2 : 0.0; // The outputs are matched on the rows alone.
    LayerResult before = *quantizeLayer(layer.problem(), spec);
    spec.scaleMatching = ScaleMatching::LeastSquares;
    LayerResult least = *quantizeLayer(layer.problem(), spec);
    spec.scaleMatching = ScaleMatching::Variance;
    LayerResult variance = *quantizeLayer(layer.problem(), spec);
    EXPECT_EQ(before.levels, least.levels);
    EXPECT_EQ(before.levels, variance.levels);
    EXPECT_LE(least.report.inSampleError, before.report.inSampleError * (1.0 + 1e-6));
    EXPECT_LE(least.report.inSampleError, variance.report.inSampleError * (1.0 + 1e-6));
    for (int64_t o = 0; o < layer.outputChannels; ++o) {
      double factor = variance.scales[o] / before.scales[o];
      if (factor < 0.5001 || factor > 1.999)
        continue;
      OutputSums sums(layer, variance, o);
      double m = layer.rows;
      double target = sums.targetSquare - sums.target * sums.target / m,
             quantized = sums.quantizedSquare - sums.quantized * sums.quantized / m;
      EXPECT_NEAR(std::sqrt(quantized / target), 1.0, 2e-3) << "seed " << seed;
    }
    for (const LayerResult *result : {&least, &variance})
      EXPECT_NEAR(result->report.inSampleError, layer.directError(*result), 1e-3);
  }
}

TEST(StepRefinement, ScaleMatchingSaysWhatItNeeds) {
  TestLayer layer(0);
  LayerSpec spec;
  spec.scaleMatching = ScaleMatching::Variance;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("bias correction"),
            std::string::npos);
  spec.biasCorrection = true;
  spec.granularity = Granularity::Tensor;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("each channel"), std::string::npos);
}
