// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Data without information: each method gives finite results inside the alphabet, or says why not.

#include "TestLayer.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

namespace {
struct Degenerate : TestLayer {
  using TestLayer::TestLayer;

  /// Replaces the sizes and draws the data again.
  void resize(int64_t newOutputChannels, int64_t newColumns, int64_t newRows) {
    outputChannels = newOutputChannels;
    columns = newColumns;
    rows = newRows;
    groups = 1;
    sharedInputs = false;
    RandomData random(columns + rows);
    weights = random.normals(outputChannels * columns);
    x = random.activations(rows, columns);
    xq = random.perturbed(x, 0.1f);
    heldOutX = random.activations(heldOutRows, columns);
    heldOutXq = random.perturbed(heldOutX, 0.1f);
    accumulate();
  }
  /// Changes each input value of each set of rows.
  template <typename Change> void change(Change change) {
    for (std::vector<float> *data : {&x, &xq, &heldOutX, &heldOutXq})
      for (size_t i = 0; i < data->size(); ++i)
        (*data)[i] = change(data->data() + i / columns * columns, i / columns, i % columns);
    accumulate();
  }
};
} // namespace

/// Every method with everything that may follow it.
static void expectSoundResults(const TestLayer &layer, const char *what) {
  std::vector<float> targets;
  for (int64_t r = 0; r < layer.rows; ++r)
    for (int64_t o = 0; o < layer.outputChannels; ++o)
      targets.push_back(static_cast<float>(layer.target(r, o)));
  ClippedRows clipped;
  clipped.rows = layer.rows;
  clipped.inputs = layer.xq.data();
  clipped.targets = targets.data();
  // Each row an image, so that clamped targets are the means.
  std::vector<float> means;
  for (float target : targets)
    means.push_back(std::max(target, 0.0f));
  PooledRows pooled;
  pooled.samples = layer.rows;
  pooled.positions = 1;
  pooled.low = 0.0f;
  pooled.inputs = layer.xq.data();
  pooled.targets = means.data();
  for (Method method : {Method::Gpfq, Method::Msq, Method::Optq, Method::Qronos, Method::Spfq})
    for (unsigned variant = 0; variant < 12; ++variant) {
      LayerSpec spec;
      spec.method = method;
      spec.alphabet = *Alphabet::parse(variant % 2 ? "mid_rise:2" : "mid_tread:3");
      spec.refit = variant % 4 >= 2;
      spec.biasCorrection = variant % 3 > 0;
      spec.step = variant % 3 == 1 ? StepRule::Search : StepRule::AbsMax;
      spec.ridge = variant == 7 ? 0.1 : 0.0;
      spec.alternations = 2;
      spec.tabuMoves = variant % 4 ? 100 : 0;
      spec.clipRounds = spec.poolRounds = 2;
      if (variant % 3)
        spec.scaleMatching =
            variant % 3 == 1 ? ScaleMatching::Variance : ScaleMatching::LeastSquares;
      else
        spec.granularity = variant % 2 ? Granularity::Tensor : Granularity::Channel;
      LayerProblem problem = layer.problem();
      problem.clipped = &clipped;
      problem.pooled = &pooled;
      Result<LayerResult> result = quantizeLayer(problem, spec);
      if (!result) {
        EXPECT_FALSE(result.message().empty());
        continue;
      }
      for (int8_t level : result->levels)
        ASSERT_TRUE(spec.alphabet.contains(level)) << what;
      for (float scale : result->scales)
        ASSERT_TRUE(std::isfinite(scale) && scale > 0.0f) << what << ' ' << variant;
      for (float delta : result->biasDelta)
        ASSERT_TRUE(std::isfinite(delta)) << what << ' ' << variant;
      ASSERT_FALSE(std::isnan(result->report.inSampleError)) << what << ' ' << variant;
      ASSERT_FALSE(std::isnan(result->report.heldOutError)) << what << ' ' << variant;
      ASSERT_LE(result->report.clippedErrorAfter, result->report.clippedErrorBefore) << what;
      ASSERT_LE(result->report.pooledErrorAfter, result->report.pooledErrorBefore) << what;
    }
}

TEST(DegenerateData, Sizes) {
  Degenerate layer(0);
  for (auto [outputs, columns, rows] :
       {std::array<int64_t, 3>{1, 1, 1}, {5, 1, 40}, {1, 30, 40}, {6, 40, 1}, {6, 40, 7}}) {
    layer.resize(outputs, columns, rows);
    expectSoundResults(layer, "sizes");
  }
}

TEST(DegenerateData, Columns) {
  Degenerate layer(0);
  layer.resize(9, 24, 60);
  auto reset = [&] { layer.resize(9, 24, 60); };
  layer.change(
      [](const float *, int64_t row, int64_t t) { return (row % 7 - 3) * 0.1f * (t + 1); });
  expectSoundResults(layer, "rank 1");
  reset();
  layer.change([](const float *row, int64_t, int64_t t) { return row[t / 2 * 2]; });
  expectSoundResults(layer, "duplicated columns");
  reset();
  layer.change([](const float *row, int64_t, int64_t t) { return t % 3 ? row[t] : 0.0f; });
  expectSoundResults(layer, "zero columns");
  reset();
  layer.change([](const float *row, int64_t, int64_t t) { return t % 3 ? row[t] : 0.7f; });
  expectSoundResults(layer, "constant columns");
  reset();
  layer.change([](const float *, int64_t, int64_t) { return 0.0f; });
  expectSoundResults(layer, "no data");
  reset();
  std::fill(layer.weights.begin(), layer.weights.end(), 0.0f);
  layer.accumulate();
  expectSoundResults(layer, "zero weights");
}

TEST(DegenerateData, DynamicRange) {
  Degenerate layer(0);
  layer.resize(9, 24, 60);
  auto reset = [&] { layer.resize(9, 24, 60); };
  layer.change([](const float *row, int64_t, int64_t t) {
    return row[t] * std::pow(10.0f, -18.0f + 1.5f * t);
  });
  expectSoundResults(layer, "columns from 1e-18 to 1e16");
  for (float factor : {1e-20f, 1e-10f, 1e10f, 1e18f, 1e20f}) {
    reset();
    layer.change([&](const float *row, int64_t, int64_t t) { return row[t] * factor; });
    expectSoundResults(layer, "scaled inputs");
    reset();
    for (float &weight : layer.weights)
      weight *= factor;
    layer.accumulate();
    expectSoundResults(layer, "scaled weights");
  }
  reset();
  layer.change([](const float *row, int64_t, int64_t t) {
    return row[t] * std::pow(10.0f, -20.0f + 40.0f / 23.0f * t);
  });
  expectSoundResults(layer, "columns from 1e-20 to 1e20");
  // Squares that overflow are an error with a message.
  reset();
  layer.change([](const float *row, int64_t, int64_t t) { return row[t] * 1e30f; });
  Result<LayerResult> result = quantizeLayer(layer.problem(), LayerSpec());
  ASSERT_FALSE(result);
  EXPECT_NE(result.message().find("overflow"), std::string::npos);
}

TEST(DegenerateData, ResultsScaleWithTheData) {
  // Powers of two change no rounding.
  TestLayer layer(0);
  LayerSpec spec;
  spec.method = Method::Qronos;
  spec.ridge = 0.1;
  spec.step = StepRule::Search;
  LayerResult reference = *quantizeLayer(layer.problem(), spec);
  for (float factor : {0x1p-20f, 0x1p20f}) {
    TestLayer scaled = layer;
    for (std::vector<float> *data : {&scaled.x, &scaled.xq, &scaled.heldOutX, &scaled.heldOutXq})
      for (float &value : *data)
        value *= factor;
    scaled.accumulate();
    EXPECT_EQ(quantizeLayer(scaled.problem(), spec)->levels, reference.levels);
    scaled = layer;
    for (float &weight : scaled.weights)
      weight *= factor;
    scaled.accumulate();
    EXPECT_EQ(quantizeLayer(scaled.problem(), spec)->levels, reference.levels);
  }
}

TEST(DegenerateData, WidestLayers) {
  // The first dense layer of VGG-11 has no moments that fit; the baseline needs none.
  LayerProblem problem;
  problem.outputChannels = 3;
  problem.columns = 25088;
  std::vector<float> weights = RandomData(1).normals(problem.outputChannels * problem.columns);
  problem.weights = weights.data();
  LayerSpec spec;
  spec.method = Method::Msq;
  Result<LayerResult> result = quantizeLayer(problem, spec);
  ASSERT_TRUE(result) << result.message();
  for (size_t i = 0; i < weights.size(); ++i)
    ASSERT_EQ(result->levels[i],
              spec.alphabet.nearest(weights[i] / result->scales[i / problem.columns]));
  spec.method = Method::Gpfq;
  result = quantizeLayer(problem, spec);
  ASSERT_FALSE(result);
  EXPECT_NE(result.message().find("no calibration rows"), std::string::npos);
}
