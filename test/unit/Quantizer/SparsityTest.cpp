// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestLayer.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

/// s_lambda(z) = sign(z) max(|z| - lambda, 0).
static double shrink(double z, double lambda) {
  return std::copysign(std::max(std::fabs(z) - lambda, 0.0), z);
}

/// The paper's quantiser with hard threshold: {0} and +-(lambda + k delta), 0 <= k <= K.
static double paperHard(double z, double lambda, double delta, int64_t k) {
  if (std::fabs(z) <= lambda)
    return 0.0;
  double index = std::min(std::fabs(std::floor(shrink(z, lambda) / delta + 0.5)), double(k));
  return std::copysign(lambda + delta * index, z);
}

/// Path following on the rows with any quantiser of the argument in steps.
template <typename Quantizer>
static std::vector<int8_t> follow(const TestLayer &layer, const LayerResult &result,
                                  Quantizer quantizer) {
  std::vector<int8_t> levels;
  for (int64_t o = 0; o < layer.outputChannels; ++o) {
    std::vector<double> u(layer.rows, 0.0);
    for (int64_t t = 0; t < layer.columns; ++t) {
      double dot = 0.0, norm = 0.0;
      for (int64_t r = 0; r < layer.rows; ++r) {
        double xq = layer.patch(layer.xq, r, o)[t];
        u[r] += double(layer.weights[o * layer.columns + t]) * layer.patch(layer.x, r, o)[t];
        dot += xq * u[r];
        norm += xq * xq;
      }
      double step = layer.scale(result, o);
      levels.push_back(static_cast<int8_t>(quantizer(dot / norm / step)));
      for (int64_t r = 0; r < layer.rows; ++r)
        u[r] -= levels.back() * step * layer.patch(layer.xq, r, o)[t];
    }
  }
  return levels;
}

TEST(Sparsity, ThresholdsAreThePapers) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    TestLayer layer(seed);
    LayerSpec spec;
    spec.granularity = Granularity::Tensor;
    spec.step = StepRule::Constant;
    spec.stepFactor = 1.16;
    spec.order = ColumnOrder::Natural;
    spec.sweeps = 0;
    spec.alphabet = *Alphabet::midTread(7);
    spec.threshold = Threshold::Soft;
    spec.lambda = 0.7;
    LayerResult soft = *quantizeLayer(layer.problem(), spec);
    EXPECT_EQ(
        soft.levels,
        follow(layer, soft,
               [&](double z) { return spec.alphabet.nearest(static_cast<float>(shrink(z, 0.7))); }))
        << "seed " << seed;

    HardThresholdAlphabet hard = *Alphabet::hardThreshold(/*k=*/5, /*ratio=*/0.75);
    EXPECT_EQ(hard.roundingError, 0.0);
    spec.alphabet = hard.alphabet;
    spec.threshold = Threshold::Hard;
    spec.lambda = hard.lambda;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    EXPECT_EQ(result.levels, follow(layer, result,
                                    [&](double z) {
                                      return paperHard(static_cast<float>(z), hard.lambda,
                                                       hard.delta, 5);
                                    }))
        << "seed " << seed;
  }
}

TEST(Sparsity, UnitsOfLambdaAgree) {
  TestLayer layer(4);
  LayerSpec spec;
  spec.granularity = Granularity::Tensor;
  spec.threshold = Threshold::Soft;
  spec.lambda = 0.5;
  LayerResult steps = *quantizeLayer(layer.problem(), spec);
  spec.lambdaUnit = LambdaUnit::Radius;
  spec.lambda = 0.5 / 7;
  EXPECT_EQ(quantizeLayer(layer.problem(), spec)->levels, steps.levels);
  spec.lambdaUnit = LambdaUnit::Weight;
  spec.lambda = 0.5 * steps.scales[0];
  EXPECT_EQ(quantizeLayer(layer.problem(), spec)->levels, steps.levels);
}

TEST(Sparsity, LambdaGivesZerosAndSweepsKeepThem) {
  for (Threshold threshold : {Threshold::Soft, Threshold::Hard})
    for (Method method : {Method::Gpfq, Method::Msq, Method::Qronos, Method::Spfq}) {
      TestLayer layer(0);
      LayerSpec spec;
      spec.method = method;
      spec.ridge = 0.1;
      spec.alphabet = *Alphabet::midTread(7);
      spec.threshold = threshold;
      double previous = -1.0;
      for (double lambda : {0.0, 0.8, 1.6, 3.0, 100.0}) {
        spec.lambda = lambda;
        spec.sweeps = 0;
        double before = quantizeLayer(layer.problem(), spec)->report.sparsity;
        spec.sweeps = 4;
        double after = quantizeLayer(layer.problem(), spec)->report.sparsity;
        EXPECT_GT(after, previous) << lambda;
        EXPECT_GT(after, before - 0.1);
        previous = after;
      }
      EXPECT_EQ(previous, 1.0);
    }
}

TEST(Sparsity, HardThresholdAlphabets) {
  for (double ratio : {0.1, 0.5, 1.0 / 3.0, 1.7, 20.0})
    for (int64_t k : {0, 1, 3, 8, 60}) {
      Result<HardThresholdAlphabet> result = Alphabet::hardThreshold(k, ratio);
      ASSERT_TRUE(result) << result.message();
      EXPECT_EQ(result->alphabet.size(), 2 * k + 3);
      EXPECT_TRUE(result->alphabet.contains(0));
      for (int64_t i = 0; i <= k; ++i) {
        EXPECT_TRUE(result->alphabet.contains(result->lambda + i * result->delta));
        EXPECT_TRUE(result->alphabet.contains(-(result->lambda + i * result->delta)));
      }
      EXPECT_NEAR(double(result->lambda) / result->delta - ratio, result->roundingError, 1e-12);
      if (k <= 3)
        EXPECT_LE(std::fabs(result->roundingError), 0.02) << ratio;
    }
  EXPECT_EQ(Alphabet::hardThreshold(3, 0.5)->alphabet.str(), "levels:-7:-5:-3:-1:0:1:3:5:7");
  EXPECT_FALSE(Alphabet::hardThreshold(100, 40.0));
  EXPECT_FALSE(Alphabet::hardThreshold(-1, 1.0));
  EXPECT_FALSE(Alphabet::hardThreshold(3, 0.0));
  EXPECT_FALSE(Alphabet::hardThreshold(3, NAN));
}

TEST(Sparsity, RadiusQuantile) {
  TestLayer layer(0);
  LayerSpec spec;
  spec.step = StepRule::Constant;
  for (double quantile : {1.0, 0.9, 0.5, 1e-6}) {
    spec.radiusQuantile = quantile;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    for (int64_t o = 0; o < layer.outputChannels; ++o) {
      std::vector<double> magnitudes;
      for (int64_t t = 0; t < layer.columns; ++t)
        magnitudes.push_back(std::fabs(layer.weights[o * layer.columns + t]));
      std::sort(magnitudes.begin(), magnitudes.end());
      double position = quantile * (layer.columns - 1);
      int64_t low = position, high = std::min(low + 1, layer.columns - 1);
      double radius = magnitudes[low] + (position - low) * (magnitudes[high] - magnitudes[low]);
      EXPECT_NEAR(result.scales[o] * 7, radius, 1e-5);
    }
  }
}

TEST(Sparsity, BadThresholdsGiveAMessage) {
  TestLayer layer(0);
  auto expectFailure = [&](const LayerSpec &spec, const char *part) {
    EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find(part), std::string::npos);
  };
  LayerSpec spec;
  spec.threshold = Threshold::Soft;
  spec.lambda = -1.0;
  expectFailure(spec, "lambda");
  spec.lambda = 1.0;
  spec.alphabet = *Alphabet::midRise(2);
  expectFailure(spec, "level 0");
  spec = {};
  spec.radiusQuantile = 0.0;
  expectFailure(spec, "quantile");
}
