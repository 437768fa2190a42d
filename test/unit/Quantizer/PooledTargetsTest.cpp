// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestLayer.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

namespace {
/// A layer before a clip and a global pooling, whose rows are the positions of images.
struct PooledLayer : TestLayer {
  std::vector<float> means, offsets, bias;
  PooledRows pooled;

  PooledLayer(unsigned seed, bool hasOffsets) : TestLayer(seed) {
    RandomData random(seed + 700);
    if (seed % 2)
      addShift(seed);
    bias = random.normals(outputChannels);
    offsets = random.normals(rows * outputChannels);
    pooled.positions = 4;
    pooled.samples = rows / pooled.positions;
    pooled.low = seed % 5 == 0 ? -INFINITY : 0.0f;
    pooled.high = seed % 3 == 0 ? INFINITY : 3.0f;
    pooled.inputs = xq.data();
    pooled.offsets = hasOffsets ? offsets.data() : nullptr;
    pooled.bias = bias.data();
    for (int64_t i = 0; i < pooled.samples; ++i)
      for (int64_t o = 0; o < outputChannels; ++o)
        means.push_back(static_cast<float>(
            mean(i, o, [&](int64_t row) { return target(row, o) + offset(row, o); })));
    pooled.targets = means.data();
  }
  LayerProblem problem() const {
    LayerProblem result = TestLayer::problem();
    result.pooled = &pooled;
    return result;
  }
  double offset(int64_t row, int64_t channel) const {
    return pooled.offsets ? offsets[row * outputChannels + channel] : bias[channel];
  }
  template <typename Output> double mean(int64_t sample, int64_t channel, Output output) const {
    double sum = 0.0;
    for (int64_t p = 0; p < pooled.positions; ++p)
      sum += std::clamp(output(sample * pooled.positions + p), double(pooled.low),
                        double(pooled.high));
    return sum / double(pooled.positions);
  }
  /// ||p - pq||_F / ||p||_F from the rows.
  double pooledError(const LayerResult &result) const {
    double error = 0.0, energy = 0.0;
    for (int64_t o = 0; o < outputChannels; ++o)
      for (int64_t i = 0; i < pooled.samples; ++i) {
        double p = means[i * outputChannels + o];
        double pq =
            mean(i, o, [&](int64_t row) { return offset(row, o) + output(result, xq, row, o); });
        error += (p - pq) * (p - pq);
        energy += p * p;
      }
    return std::sqrt(error / energy);
  }
};
} // namespace

TEST(PooledTargets, ErrorFallsAndIsThatOfTheRows) {
  double before = 0.0, after = 0.0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    PooledLayer layer(seed, /*hasOffsets=*/seed % 4 < 2);
    LayerSpec spec = makeSpec(seed);
    spec.biasCorrection = seed % 3 != 1;
    spec.sweeps = 2;
    LayerResult plain = *quantizeLayer(layer.problem(), spec);
    EXPECT_EQ(plain.report.poolRounds, 0);
    EXPECT_LT(plain.report.pooledErrorAfter, 0.0);
    for (int64_t rounds : {1, 3}) {
      spec.poolRounds = rounds;
      LayerResult result = *quantizeLayer(layer.problem(), spec);
      if (spec.method == Method::Msq) {
        EXPECT_EQ(result.levels, plain.levels);
        continue;
      }
      const LayerReport &report = result.report;
      EXPECT_EQ(report.poolRounds, rounds);
      EXPECT_NEAR(report.pooledErrorBefore, layer.pooledError(plain), 1e-4) << "seed " << seed;
      EXPECT_NEAR(report.pooledErrorAfter, layer.pooledError(result), 1e-4) << "seed " << seed;
      EXPECT_LE(report.pooledErrorAfter, report.pooledErrorBefore);
      for (int8_t level : result.levels)
        EXPECT_TRUE(spec.alphabet.contains(level));
      if (spec.granularity == Granularity::Tensor)
        EXPECT_EQ(result.scales, plain.scales);
      if (rounds > 1)
        continue;
      before += report.pooledErrorBefore;
      after += report.pooledErrorAfter;
    }
  }
  EXPECT_LT(after, 0.97 * before);
}

TEST(PooledTargets, ErrorsOnTheRowsAreReportedWithTheBias) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    PooledLayer layer(seed, /*hasOffsets=*/false);
    LayerSpec spec;
    spec.alphabet = *Alphabet::midTread(3);
    spec.biasCorrection = true;
    spec.poolRounds = 2;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    EXPECT_NEAR(result.report.inSampleError, layer.directError(result), 1e-4) << "seed " << seed;
    EXPECT_NEAR(result.report.heldOutError, layer.directHeldOutError(result), 1e-4);
  }
}

TEST(PooledTargets, ThreadsDoNotMatter) {
  // Narrow panels, so that there are several.
  FloatIsa best = floatIsa();
  ASSERT_TRUE(selectFloatIsa(FloatIsa::Baseline));
  PooledLayer layer(3, /*hasOffsets=*/true);
  LayerSpec spec;
  spec.alphabet = *Alphabet::midRise(2);
  spec.biasCorrection = true;
  spec.poolRounds = 2;
  LayerResult alone = *quantizeLayer(layer.problem(), spec);
  for (int64_t threads : {2, 3}) {
    ThreadPool pool(threads);
    LayerResult result = *quantizeLayer(layer.problem(), spec, pool.parallelFor());
    EXPECT_EQ(result.levels, alone.levels);
    EXPECT_EQ(result.scales, alone.scales);
    EXPECT_EQ(result.biasDelta, alone.biasDelta);
  }
  EXPECT_TRUE(selectFloatIsa(best));
}

TEST(PooledTargets, AllInstructionSetsLowerTheError) {
  FloatIsa best = floatIsa();
  for (FloatIsa isa : {FloatIsa::Baseline, FloatIsa::X86_64_V3, FloatIsa::X86_64_V4}) {
    if (!selectFloatIsa(isa))
      continue;
    for (unsigned seed = 0; seed < 4; ++seed) {
      PooledLayer layer(seed, /*hasOffsets=*/seed % 2);
      LayerSpec spec;
      spec.alphabet = *Alphabet::midRise(2);
      spec.biasCorrection = true;
      spec.poolRounds = 2;
      LayerResult result = *quantizeLayer(layer.problem(), spec);
      EXPECT_NEAR(result.report.pooledErrorAfter, layer.pooledError(result), 1e-4);
      EXPECT_LT(result.report.pooledErrorAfter, result.report.pooledErrorBefore);
    }
  }
  EXPECT_TRUE(selectFloatIsa(best));
}

TEST(PooledTargets, BadRowsGiveAMessage) {
  PooledLayer layer(4, /*hasOffsets=*/false);
  LayerSpec spec;
  spec.poolRounds = 1;
  layer.means[3] = NAN;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("NaN"), std::string::npos);
  layer.pooled.positions = 0;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("positions"), std::string::npos);
}
