// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/MomentCollector.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

using namespace gpfq;

TEST(MomentCollector, ChoosesDifferentPositions) {
  for (int64_t count : {1, 7, 50, 99, 100, 200}) {
    std::vector<int64_t> positions = MomentCollector::choosePositions(100, count, 5);
    EXPECT_EQ(int64_t(positions.size()), std::min<int64_t>(count, 100));
    EXPECT_TRUE(std::is_sorted(positions.begin(), positions.end()));
    EXPECT_EQ(std::set<int64_t>(positions.begin(), positions.end()).size(), positions.size());
    EXPECT_LT(positions.back(), 100);
    EXPECT_EQ(positions, MomentCollector::choosePositions(100, count, 5));
  }
  EXPECT_NE(MomentCollector::choosePositions(100, 7, 5),
            MomentCollector::choosePositions(100, 7, 6));
}

TEST(MomentCollector, HoldsOutTheGivenFraction) {
  SampleFraction heldOut(0.25);
  int64_t count = 0;
  for (int64_t i = 0; i < 100; ++i)
    count += heldOut.contains(i);
  EXPECT_EQ(count, 25);
  EXPECT_FALSE(SampleFraction(0.0).contains(0));
}

// A 1x1 convolution of one pixel: the rows are the samples themselves.
TEST(MomentCollector, AccumulatesTrainingAndHeldOutSamples) {
  MomentCollector::Layer layer;
  layer.shape.inputChannels = 2;
  layer.shape.outputChannels = 1;
  std::vector<float> weights = {1.0f, 1.0f};
  layer.weights = weights.data();
  MomentCollector::Options options;
  options.samples = 4;
  options.heldOut = SampleFraction(0.5);
  options.maxRows = 4;
  MomentCollector collector({layer}, options);
  ASSERT_EQ(collector.batchSize(), 4);
  double expected[2][2] = {};
  for (int64_t sample = 0; sample < 4; ++sample) {
    float x[2] = {float(sample), 1.0f}, xq[2] = {float(sample) + 0.5f, 2.0f};
    collector.gather(0, sample, MomentCollector::Float, 0, x);
    collector.gather(0, sample, MomentCollector::Quantized, 0, xq);
    bool isHeldOut = options.heldOut.contains(sample);
    expected[isHeldOut][0] += double(xq[0]) * double(xq[0]);
    expected[isHeldOut][1] += double(xq[0]) * double(x[1]);
  }
  collector.endBatch(0, 4, {});
  Gram training = collector.takeTraining(), heldOut = collector.takeHeldOut();
  EXPECT_EQ(training.rows, 2);
  EXPECT_EQ(heldOut.rows, 2);
  EXPECT_DOUBLE_EQ(training.hOf(0)[0], expected[0][0]);
  EXPECT_DOUBLE_EQ(heldOut.hOf(0)[0], expected[1][0]);
  // Row index: column of X~.
  EXPECT_DOUBLE_EQ(training.gOf(0)[1], expected[0][1]);
  EXPECT_DOUBLE_EQ(heldOut.gOf(0)[1], expected[1][1]);
}

/// Rows with a shortcut, in the target of the weights or beside it.
static void expectRowsWithShortcut(bool targetsShortcut, const std::vector<float> &targets) {
  // A 1x1 convolution of images of 1 x 2 pixels; the last sample is held out.
  MomentCollector::Layer layer;
  layer.shape.inputWidth = 2;
  layer.shape.inputChannels = 2;
  layer.shape.outputChannels = 2;
  std::vector<float> weights = {1.0f, 2.0f, -1.0f, 1.0f}, bias = {0.5f, 0.25f};
  layer.weights = weights.data();
  MomentCollector::Options options;
  options.samples = 2;
  options.heldOut = SampleFraction(0.5);
  options.maxRows = 4;
  options.hasShortcut = true;
  options.targetsShortcut = targetsShortcut;
  options.keptBytes = 1024;
  options.bias = bias.data();
  MomentCollector collector({layer}, options);
  float x[4] = {1.0f, 2.0f, 3.0f, 4.0f}, xq[4] = {1.5f, 2.5f, 3.5f, 4.5f};
  float r[4] = {1.0f, 1.0f, 2.0f, 2.0f}, rq[4] = {1.0f, 0.5f, 2.0f, 2.5f};
  for (int64_t sample = 0; sample < 2; ++sample) {
    collector.gather(0, sample, MomentCollector::Float, 0, x, r);
    collector.gather(0, sample, MomentCollector::Quantized, 0, xq, rq);
  }
  collector.endBatch(0, 2, {});
  ClippedRows rows = collector.keptRows();
  ASSERT_EQ(rows.rows, 2);
  EXPECT_EQ(rows.layout, RowLayout::GroupMajor);
  EXPECT_EQ(std::vector<float>(rows.inputs, rows.inputs + 4), std::vector<float>(xq, xq + 4));
  EXPECT_EQ(std::vector<float>(rows.targets, rows.targets + 4), targets);
  // The bias + r~.
  EXPECT_EQ(std::vector<float>(rows.offsets, rows.offsets + 4),
            (std::vector<float>{1.5f, 0.75f, 2.5f, 2.75f}));
  EXPECT_EQ(rows.bias, nullptr);
  EXPECT_EQ(collector.takeTraining().hasTargetShift(), targetsShortcut);
}

TEST(MomentCollector, KeepsRowsWithShortcuts) {
  // X w, and X w + r - r~.
  expectRowsWithShortcut(false, {5.0f, 1.0f, 11.0f, 1.0f});
  expectRowsWithShortcut(true, {5.0f, 1.5f, 11.0f, 0.5f});
}

/// Images of 1 x 2 pixels of which the network uses means of outputs clamped to [0, 4].
static PooledRows collectImages(const MomentCollector::Options &common, const float *shortcuts,
                                std::unique_ptr<MomentCollector> &collector) {
  static const float weights[4] = {1.0f, 2.0f, -1.0f, 1.0f};
  static const float x[4] = {1.0f, 2.0f, 3.0f, -4.0f}, xq[4] = {1.5f, 2.5f, 3.5f, -4.5f};
  MomentCollector::Layer layer;
  layer.shape.inputWidth = 2;
  layer.shape.inputChannels = layer.shape.outputChannels = 2;
  layer.weights = weights;
  MomentCollector::Options options = common;
  options.samples = 3;
  options.maxRows = 1;
  options.keptBytes = 1 << 20;
  options.isPooled = true;
  options.low = 0.0f;
  options.high = 4.0f;
  collector = std::make_unique<MomentCollector>(std::vector{layer}, options);
  for (int64_t sample = 0; sample < 3; ++sample) {
    collector->gather(0, sample, MomentCollector::Float, 0, x, shortcuts);
    collector->gather(0, sample, MomentCollector::Quantized, 0, xq, shortcuts);
  }
  collector->endBatch(0, 3, {});
  PooledRows rows = collector->keptSamples();
  EXPECT_EQ(rows.samples, 3);
  EXPECT_EQ(rows.positions, 2);
  EXPECT_EQ(rows.low, 0.0f);
  EXPECT_EQ(rows.high, 4.0f);
  for (int64_t i = 0; i < 12; ++i)
    EXPECT_EQ(rows.inputs[i], xq[i % 4]);
  // Whatever maxRows is.
  EXPECT_EQ(collector->takeTraining().rows, 6);
  return rows;
}

TEST(MomentCollector, KeepsMeansOverPositions) {
  std::vector<float> bias = {0.5f, 0.25f};
  MomentCollector::Options options;
  options.bias = bias.data();
  std::unique_ptr<MomentCollector> collector;
  PooledRows rows = collectImages(options, nullptr, collector);
  // X w is (5, 1) and (-5, -7); with the bias (5.5, 1.25) and (-4.5, -6.75).
  EXPECT_EQ(std::vector<float>(rows.targets, rows.targets + 2), (std::vector{2.0f, 0.625f}));
  EXPECT_EQ(rows.bias, bias.data());
  EXPECT_EQ(rows.offsets, nullptr);

  float shortcuts[4] = {-2.0f, 1.0f, 6.0f, 7.0f};
  options.hasShortcut = true;
  rows = collectImages(options, shortcuts, collector);
  // (3.5, 2.25) and (1.5, 0.25).
  EXPECT_EQ(std::vector<float>(rows.targets, rows.targets + 2), (std::vector{2.5f, 1.25f}));
  EXPECT_EQ(std::vector<float>(rows.offsets, rows.offsets + 4),
            (std::vector{-1.5f, 1.25f, 6.5f, 7.25f}));
  EXPECT_EQ(rows.bias, nullptr);
}

TEST(MomentCollector, KeepsWhatFits) {
  MomentCollector::Layer layer;
  layer.shape.inputHeight = 3;
  layer.shape.inputWidth = 3;
  layer.shape.inputChannels = layer.shape.outputChannels = layer.shape.groups = 2;
  layer.shape.kernelHeight = layer.shape.kernelWidth = 3;
  layer.isDepthwise = true;
  std::vector<float> weights(18, 1.0f);
  weights[17] = 3.0f;
  layer.weights = weights.data();
  MomentCollector::Options options;
  options.samples = 8;
  options.maxRows = 8;
  options.sharedInputs = true;
  // Half of 8 rows of 18 inputs and two outputs, each with an offset.
  options.keptBytes = 4 * (18 + 4) * 4;
  MomentCollector collector({layer}, options);
  std::vector<float> x(18, 1.0f);
  for (int64_t sample = 0; sample < 8; ++sample)
    collector.gather(0, sample, MomentCollector::Float, 0, x.data());
  collector.endBatch(0, 8, {});
  ClippedRows rows = collector.keptRows();
  ASSERT_EQ(rows.rows, 4);
  EXPECT_EQ(rows.layout, RowLayout::Interleaved);
  EXPECT_EQ(rows.targets[0], 9.0f);
  EXPECT_EQ(rows.targets[1], 11.0f);
  EXPECT_EQ(rows.offsets, nullptr);
}

/// Rows of one channel of ones: their number is H.
static Gram collectPaperPatches(const MomentCollector::Layer &layer, double retainRate,
                                const std::vector<float> &image, int64_t samples = 3) {
  MomentCollector::Options options;
  options.samples = samples;
  options.sharedInputs = true;
  options.patches = Patches::Paper;
  options.retainRate = retainRate;
  MomentCollector collector({layer}, options);
  for (int64_t sample = 0; sample < samples; ++sample)
    collector.gather(0, sample, MomentCollector::Float, 0, image.data());
  collector.endBatch(0, samples, {});
  return collector.takeTraining();
}

TEST(MomentCollector, PaperPatches) {
  MomentCollector::Layer layer;
  layer.shape.inputHeight = layer.shape.inputWidth = 6;
  layer.shape.kernelHeight = layer.shape.kernelWidth = 3;
  float weight[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  layer.weights = weight;
  // The patch at (3 i, 3 j) has 10 i + j + 1 in its middle: the patches do not overlap.
  std::vector<float> image(36, 0.0f);
  for (int64_t i = 0; i < 4; ++i)
    image[(i / 2 * 3 + 1) * 6 + i % 2 * 3 + 1] = float(10 * (i / 2) + i % 2 + 1);
  for (auto [retainRate, rows] : {std::pair(0.25, 2), {0.5, 3}, {0.99, 4}, {1.0, 4}}) {
    Gram gram = collectPaperPatches(layer, retainRate, image);
    EXPECT_EQ(gram.rows, 3 * rows) << retainRate;
    // Only the middle column is not 0.
    for (int64_t t = 0; t < 9; ++t)
      EXPECT_EQ(gram.h[t * 9 + t] > 0.0, t == 4);
    EXPECT_EQ(collectPaperPatches(layer, retainRate, image).h, gram.h);
  }

  // A 1x1 convolution of stride 2 reads only zeros, its patches have the ones.
  layer.shape.kernelHeight = layer.shape.kernelWidth = 1;
  layer.shape.strideHeight = layer.shape.strideWidth = 2;
  for (int64_t i = 0; i < 36; ++i)
    image[i] = i / 6 % 2 ? 1.0f : 0.0f;
  EXPECT_GT(collectPaperPatches(layer, 1.0, image).h[0], 0.0);

  // A layer that is no convolution gives each of its rows once.
  layer.isConvolution = false;
  layer.shape = ConvShape();
  layer.shape.inputHeight = 6;
  image = {1.0f, 2.0f, 4.0f, 8.0f, 16.0f, 32.0f};
  Gram gram = collectPaperPatches(layer, 0.25, image, 1);
  EXPECT_EQ(gram.rows, 6);
  EXPECT_EQ(gram.h[0], 1365.0);
}

TEST(MomentCollector, DrawsPositions) {
  std::vector<int64_t> counts(5, 0), positions = MomentCollector::drawPositions(5, 5000, 7);
  for (int64_t position : positions)
    ++counts[position];
  for (int64_t count : counts)
    EXPECT_NEAR(count, 1000, 150);
  EXPECT_EQ(MomentCollector::drawPositions(5, 5000, 7), positions);
  EXPECT_NE(MomentCollector::drawPositions(5, 5000, 8), positions);
}
