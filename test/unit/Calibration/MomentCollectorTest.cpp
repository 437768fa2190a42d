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
  HeldOutSamples heldOut(0.25);
  int64_t count = 0;
  for (int64_t i = 0; i < 100; ++i)
    count += heldOut.contains(i);
  EXPECT_EQ(count, 25);
  EXPECT_FALSE(HeldOutSamples(0.0).contains(0));
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
  options.heldOut = HeldOutSamples(0.5);
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
