// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Searching for levels beyond the minima of coordinate descent.

#include "TestLayer.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

namespace {
/// Few columns, so that all combinations of levels can be tried.
struct SmallLayer : TestLayer {
  explicit SmallLayer(unsigned seed) : TestLayer(seed) {
    RandomData random(seed + 5);
    columns = random.integer(1, 6);
    weights = random.normals(outputChannels * columns);
    // Columns that are alike have many minima of coordinate descent.
    auto draw = [&](int64_t count) {
      std::vector<float> common = random.activations(count * groups, 1),
                         own = random.normals(count * groups * columns);
      for (size_t i = 0; i < own.size(); ++i)
        own[i] = common[i / columns] + 0.2f * own[i];
      return own;
    };
    x = draw(rows);
    heldOutX = draw(heldOutRows);
    xq = sharedInputs ? x : random.perturbed(x, 0.1f);
    heldOutXq = sharedInputs ? heldOutX : random.perturbed(heldOutX, 0.1f);
    accumulate();
  }

  /// ||T - X~q - b||^2 of an output channel for levels at the step of the result, from the rows,
  /// where b is the best bias with `withBias` and otherwise 0.
  double error(const LayerResult &result, const std::vector<int8_t> &levels, int64_t channel,
               bool withBias) const {
    double sum = 0.0, squares = 0.0;
    for (int64_t r = 0; r < rows; ++r) {
      double difference = target(r, channel);
      for (int64_t t = 0; t < columns; ++t)
        difference -= double(patch(xq, r, channel)[t]) * levels[t] * scale(result, channel);
      sum += difference;
      squares += difference * difference;
    }
    return withBias ? squares - sum * sum / rows : squares;
  }

  /// The least error of all combinations.
  double leastError(const LayerResult &result, const Alphabet &alphabet, int64_t channel,
                    bool withBias) const {
    std::vector<size_t> digits(columns, 0);
    std::vector<int8_t> levels(columns);
    double least = INFINITY;
    for (;;) {
      for (int64_t t = 0; t < columns; ++t)
        levels[t] = alphabet.levels()[digits[t]];
      least = std::min(least, error(result, levels, channel, withBias));
      int64_t t = 0;
      while (t < columns && ++digits[t] == alphabet.levels().size())
        digits[t++] = 0;
      if (t == columns)
        return least;
    }
  }
};
} // namespace

TEST(TabuSearch, FindsTheBestLevelsOfFewColumns) {
  int64_t best = 0, bestWithout = 0, channels = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    SmallLayer layer(seed);
    LayerSpec spec;
    spec.alphabet = seed % 3 == 0   ? *Alphabet::midTread(1)
                    : seed % 3 == 1 ? *Alphabet::midRise(2)
                                    : *Alphabet::explicitLevels({-5, -1, 0, 3});
    spec.biasCorrection = seed % 2;
    LayerResult without = *quantizeLayer(layer.problem(), spec);
    spec.tabuMoves = 1000;
    LayerResult with = *quantizeLayer(layer.problem(), spec);
    ASSERT_EQ(without.scales, with.scales);
    for (int64_t o = 0; o < layer.outputChannels; ++o) {
      auto errorOf = [&](const LayerResult &result) {
        const int8_t *levels = result.levels.data() + o * layer.columns;
        return layer.error(result, {levels, levels + layer.columns}, o, spec.biasCorrection);
      };
      double least = layer.leastError(with, spec.alphabet, o, spec.biasCorrection);
      double bound = least * (1.0 + 1e-3) + 1e-3;
      EXPECT_LE(errorOf(with), errorOf(without) * (1.0 + 1e-4) + 1e-4) << "seed " << seed;
      best += errorOf(with) <= bound;
      bestWithout += errorOf(without) <= bound;
      ++channels;
    }
  }
  EXPECT_GT(best, 0.96 * channels);
  EXPECT_LT(bestWithout, 0.85 * channels);
}

TEST(TabuSearch, LowersTheErrorOfAnyLayer) {
  ThreadPool pool(2);
  double plain = 0.0, searched = 0.0;
  for (unsigned seed = 0; seed < 24; ++seed) {
    TestLayer layer(seed);
    if (seed % 4 == 3)
      layer.addShift(seed);
    LayerSpec spec = makeSpec(seed);
    if (seed % 5 == 4) {
      spec.granularity = Granularity::Block;
      spec.scaleBlock = 1;
    }
    spec.sweeps = seed % 3 * 5;
    spec.ridge = seed % 2;
    spec.biasCorrection = seed % 3 == 1;
    LayerResult before = *quantizeLayer(layer.problem(), spec);
    spec.tabuMoves = 300;
    LayerResult after = *quantizeLayer(layer.problem(), spec);
    EXPECT_NEAR(after.report.inSampleError, layer.directError(after),
                2e-3 * after.report.inSampleError + 1e-4);
    for (int8_t level : after.levels)
      ASSERT_TRUE(spec.alphabet.contains(level));
    EXPECT_EQ(after.levels, quantizeLayer(layer.problem(), spec, pool.parallelFor())->levels);
    if (spec.ridge == 0.0) {
      EXPECT_LE(after.report.inSampleError, before.report.inSampleError * (1.0 + 1e-6));
    }
    plain += before.report.inSampleError;
    searched += after.report.inSampleError;
  }
  EXPECT_LT(searched, 0.97 * plain);
}

/// Their kernels have no fused multiply-adds; the moments that they start from may.
TEST(TabuSearch, AllInstructionSetsSearchWell) {
  FloatIsa initial = floatIsa();
  TestLayer layer(2);
  LayerSpec spec;
  spec.alphabet = *Alphabet::midRise(2);
  double before = quantizeLayer(layer.problem(), spec)->report.inSampleError;
  spec.tabuMoves = 1000;
  for (FloatIsa isa : {FloatIsa::Baseline, FloatIsa::X86_64_V3, FloatIsa::X86_64_V4})
    if (selectFloatIsa(isa)) {
      EXPECT_LT(quantizeLayer(layer.problem(), spec)->report.inSampleError, before);
    }
  selectFloatIsa(initial);
}

TEST(TabuSearch, IsRefusedWithWhatItDoesNotKeepTo) {
  TestLayer layer(0);
  LayerSpec spec;
  spec.tabuMoves = 1;
  spec.threshold = Threshold::Soft;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("threshold"), std::string::npos);
  spec.threshold = Threshold::None;
  spec.accumulator.bits = 16;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("accumulator"), std::string::npos);
  spec.accumulator.bits = 0;
  spec.tabuMoves = int64_t(1) << 40;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("moves"), std::string::npos);
}
