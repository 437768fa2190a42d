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
/// A layer before an activation function, with the rows that it sees.
struct ClippedLayer : TestLayer {
  std::vector<float> targets, offsets, bias;
  ClippedRows clipped;

  ClippedLayer(unsigned seed, bool hasOffsets) : TestLayer(seed) {
    RandomData random(seed + 500);
    if (seed % 2)
      addShift(seed);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t o = 0; o < outputChannels; ++o)
        targets.push_back(static_cast<float>(target(r, o)));
    bias = random.normals(outputChannels);
    offsets = random.normals(rows * outputChannels);
    clipped.rows = rows;
    clipped.high = seed % 3 == 0 ? INFINITY : 3.0f;
    clipped.inputs = xq.data();
    clipped.targets = targets.data();
    clipped.offsets = hasOffsets ? offsets.data() : nullptr;
    clipped.bias = bias.data();
  }
  LayerProblem problem() const {
    LayerProblem result = TestLayer::problem();
    result.clipped = &clipped;
    return result;
  }
  /// ||clamp(z) - clamp(zq)||_F / ||clamp(z)||_F from the rows.
  double clippedError(const LayerResult &result) const {
    double error = 0.0, energy = 0.0;
    for (int64_t o = 0; o < outputChannels; ++o)
      for (int64_t r = 0; r < clipped.rows; ++r) {
        double offset = clipped.offsets ? offsets[r * outputChannels + o] : bias[o];
        double z = targets[r * outputChannels + o] + offset;
        double zq = offset + output(result, xq, r, o);
        double clippedZ = std::clamp(z, double(clipped.low), double(clipped.high));
        double e = clippedZ - std::clamp(zq, double(clipped.low), double(clipped.high));
        error += e * e;
        energy += clippedZ * clippedZ;
      }
    return std::sqrt(error / energy);
  }
};
} // namespace

TEST(ClippedTargets, ErrorFallsAndIsThatOfTheRows) {
  double before = 0.0, after = 0.0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    ClippedLayer layer(seed, /*hasOffsets=*/seed % 4 < 2);
    LayerSpec spec = makeSpec(seed);
    spec.biasCorrection = seed % 3 != 1;
    LayerResult plain = *quantizeLayer(layer.problem(), spec);
    EXPECT_EQ(plain.report.clipRounds, 0);
    EXPECT_LT(plain.report.clippedErrorAfter, 0.0);
    double previous = INFINITY;
    for (int64_t rounds : {1, 2, 4}) {
      spec.clipRounds = rounds;
      LayerResult result = *quantizeLayer(layer.problem(), spec);
      const LayerReport &report = result.report;
      EXPECT_EQ(report.clipRounds, rounds);
      EXPECT_NEAR(report.clippedErrorBefore, layer.clippedError(plain), 1e-4) << "seed " << seed;
      EXPECT_NEAR(report.clippedErrorAfter, layer.clippedError(result), 1e-4) << "seed " << seed;
      EXPECT_LE(report.clippedErrorAfter, report.clippedErrorBefore);
      EXPECT_LE(report.clippedErrorAfter, previous);
      previous = report.clippedErrorAfter;
      // The errors against T include the bias that aims at other targets.
      EXPECT_NEAR(report.inSampleError, layer.directError(result), 1e-3) << "seed " << seed;
      EXPECT_NEAR(report.heldOutError, layer.directHeldOutError(result), 1e-3) << "seed " << seed;
      before += report.clippedErrorBefore;
      after += report.clippedErrorAfter;
    }
  }
  EXPECT_LT(after, 0.97 * before);
}

TEST(ClippedTargets, WithoutClippingItIsAlternation) {
  for (unsigned seed : {0u, 2u, 3u, 8u}) {
    ClippedLayer layer(seed, /*hasOffsets=*/true);
    layer.clipped.low = -INFINITY;
    layer.clipped.high = INFINITY;
    LayerSpec spec = makeSpec(seed);
    spec.granularity = Granularity::Channel;
    spec.clipRounds = 2;
    LayerResult clipped = *quantizeLayer(layer.problem(), spec);
    spec.clipRounds = 0;
    spec.alternations = 2;
    LayerResult alternated = *quantizeLayer(layer.problem(), spec);
    // Both keep the better of the rounds, by sums over rows and by moments.
    EXPECT_NEAR(clipped.report.inSampleError, alternated.report.inSampleError,
                1e-5 + 1e-3 * alternated.report.inSampleError);
  }
}

TEST(ClippedTargets, ManyRowsAreThoseOfSeveralParts) {
  ThreadPool pool(2);
  for (unsigned seed : {4u, 7u}) {
    ClippedLayer layer(seed, /*hasOffsets=*/seed % 2);
    LayerSpec spec;
    spec.alphabet = *Alphabet::midRise(2);
    spec.clipRounds = 2;
    LayerResult few = *quantizeLayer(layer.problem(), spec);
    // The same rows again and again, more than are read at a time.
    int64_t inputs = layer.groups * layer.columns;
    int64_t copies = 2500000 / (layer.rows * inputs) + 1;
    auto repeat = [&](std::vector<float> &values) {
      size_t size = values.size();
      for (int64_t i = 1; i < copies; ++i)
        for (size_t j = 0; j < size; ++j)
          values.push_back(values[j]);
    };
    std::vector<float> inputRows = layer.xq;
    for (std::vector<float> *values : {&inputRows, &layer.targets, &layer.offsets})
      repeat(*values);
    layer.clipped.rows *= copies;
    layer.clipped.inputs = inputRows.data();
    layer.clipped.targets = layer.targets.data();
    if (layer.clipped.offsets)
      layer.clipped.offsets = layer.offsets.data();
    LayerResult many = *quantizeLayer(layer.problem(), spec);
    EXPECT_NEAR(many.report.clippedErrorBefore, few.report.clippedErrorBefore, 1e-5);
    EXPECT_NEAR(many.report.clippedErrorAfter, few.report.clippedErrorAfter, 1e-3);
    EXPECT_LT(many.report.clippedErrorAfter, many.report.clippedErrorBefore);
    LayerResult parallel = *quantizeLayer(layer.problem(), spec, pool.parallelFor());
    EXPECT_EQ(parallel.levels, many.levels);
    EXPECT_EQ(parallel.report.clippedErrorAfter, many.report.clippedErrorAfter);
  }
}

TEST(ClippedTargets, SomeRowsStandForAll) {
  // Every row twice in the moments, once in the clipped rows: the same targets.
  ClippedLayer layer(7, /*hasOffsets=*/false);
  LayerSpec spec;
  spec.alphabet = *Alphabet::midRise(2);
  spec.biasCorrection = true;
  spec.clipRounds = 3;
  LayerResult once = *quantizeLayer(layer.problem(), spec);
  ClippedLayer twice = layer;
  for (std::vector<float> *data : {&twice.x, &twice.xq, &twice.shift}) {
    std::vector<float> copy = *data;
    data->insert(data->end(), copy.begin(), copy.end());
  }
  twice.rows *= 2;
  twice.accumulate();
  LayerResult result = *quantizeLayer(twice.problem(), spec);
  EXPECT_NEAR(once.report.clippedErrorAfter, result.report.clippedErrorAfter,
              0.02 * once.report.clippedErrorAfter);
  EXPECT_LT(result.report.clippedErrorAfter, result.report.clippedErrorBefore);
}

TEST(ClippedTargets, LayoutsAndThreadsAgree) {
  ThreadPool pool(2);
  for (int64_t neurons : {1, 2}) {
    RandomData random(9 + neurons);
    int64_t channels = 70, taps = 9, rows = 600;
    std::vector<float> weights = random.normals(channels * neurons * taps);
    std::vector<float> interleaved = random.activations(rows, channels * taps),
                       groupMajor(interleaved.size());
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t t = 0; t < taps; ++t)
          groupMajor[(r * channels + c) * taps + t] = interleaved[(r * taps + t) * channels + c];
    std::vector<float> targets(rows * channels * neurons);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t o = 0; o < channels * neurons; ++o)
        for (int64_t t = 0; t < taps; ++t)
          targets[r * channels * neurons + o] +=
              groupMajor[(r * channels + o / neurons) * taps + t] * weights[o * taps + t];
    auto quantize = [&](RowLayout layout, const std::vector<float> &x,
                        const ParallelFor &parallelFor) {
      GramAccumulator accumulator({channels, taps, neurons, layout, /*sharedInputs=*/true},
                                  weights.data());
      accumulator.add(x.data(), nullptr, rows);
      Gram gram = accumulator.take();
      ClippedRows clipped;
      clipped.rows = rows;
      clipped.layout = layout;
      clipped.inputs = x.data();
      clipped.targets = targets.data();
      LayerProblem problem{
          channels * neurons, taps, channels, weights.data(), &gram, nullptr, &clipped};
      LayerSpec spec;
      spec.alphabet = *Alphabet::midRise(2);
      spec.biasCorrection = true;
      spec.clipRounds = 3;
      return *quantizeLayer(problem, spec, parallelFor);
    };
    LayerResult a = quantize(RowLayout::Interleaved, interleaved, {}),
                b = quantize(RowLayout::Interleaved, interleaved, pool.parallelFor()),
                c = quantize(RowLayout::GroupMajor, groupMajor, {});
    EXPECT_EQ(a.levels, b.levels);
    EXPECT_EQ(a.scales, b.scales);
    EXPECT_EQ(a.report.clippedErrorAfter, b.report.clippedErrorAfter);
    EXPECT_NEAR(a.report.clippedErrorBefore, c.report.clippedErrorBefore, 1e-4);
    EXPECT_NEAR(a.report.clippedErrorAfter, c.report.clippedErrorAfter, 2e-3);
    EXPECT_LT(a.report.clippedErrorAfter, 0.95 * a.report.clippedErrorBefore);
  }
}

TEST(ClippedTargets, BadRowsGiveAMessage) {
  ClippedLayer layer(4, /*hasOffsets=*/false);
  LayerSpec spec;
  spec.clipRounds = 1;
  layer.targets[3] = NAN;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("NaN"), std::string::npos);
  layer.clipped.high = layer.clipped.low;
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("lower bound"), std::string::npos);
}
