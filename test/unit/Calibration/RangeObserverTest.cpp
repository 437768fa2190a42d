// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/RangeObserver.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;

TEST(RangeObserver, MinMaxContainsZero) {
  RangeObserver observer(/*withHistogram=*/false);
  std::vector<float> values = {2.0f, 5.1f, 3.0f};
  observer.add(values.data(), 3);
  ActivationScale scale = observer.scale(RangeRule::MinMax, 99.99, 255);
  EXPECT_EQ(scale.zeroPoint, 0);
  EXPECT_FLOAT_EQ(scale.scale, 5.1f / 255.0f);

  float negative = -5.1f;
  observer.add(&negative, 1);
  scale = observer.scale(RangeRule::MinMax, 99.99, 255);
  EXPECT_EQ(scale.zeroPoint, 128);
  EXPECT_FLOAT_EQ(scale.scale, 10.2f / 255.0f);
  EXPECT_FALSE(observer.hasNonFinite());
}

TEST(RangeObserver, ZeroTensorHasScaleOne) {
  RangeObserver observer(true);
  std::vector<float> zeros(10, 0.0f);
  observer.add(zeros.data(), 10);
  for (RangeRule rule : {RangeRule::MinMax, RangeRule::Percentile, RangeRule::Mse}) {
    EXPECT_EQ(observer.scale(rule, 99.9, 255).scale, 1.0f);
    EXPECT_EQ(observer.scale(rule, 99.9, 255).zeroPoint, 0);
  }
}

TEST(RangeObserver, TinyRangeHasAPositiveScale) {
  RangeObserver observer(false);
  float tiny = 1e-45f;
  observer.add(&tiny, 1);
  EXPECT_GT(observer.scale(RangeRule::MinMax, 99.9, 255).scale, 0.0f);
}

TEST(RangeObserver, SeesNonFiniteValues) {
  RangeObserver observer(true);
  std::vector<float> values = {1.0f, NAN, 2.0f};
  observer.add(values.data(), 3);
  EXPECT_TRUE(observer.hasNonFinite());
  EXPECT_EQ(observer.max(), 2.0f);
}

TEST(RangeObserver, ScaleOfSignsIsTheMeanMagnitude) {
  RangeObserver observer(true), reversed(true), rest(true);
  std::vector<float> values;
  double sum = 0.0;
  for (int i = 1; i <= 1000; ++i) {
    values.push_back((i % 3 ? 1.0f : -1.0f) * std::ldexp(1.0f + float(i) / 1024.0f, i % 40 - 20));
    sum += std::abs(double(values.back()));
  }
  observer.add(values.data(), 1000);
  ActivationScale scale = observer.signScale();
  EXPECT_TRUE(scale.isSign);
  EXPECT_EQ(scale.zeroPoint, 1);
  EXPECT_EQ(scale.scale, float(sum / 1000.0));

  // Not a bit depends on the order.
  std::reverse(values.begin(), values.end());
  reversed.add(values.data(), 300);
  rest.add(values.data() + 300, 700);
  reversed.merge(rest);
  EXPECT_EQ(reversed.signScale().scale, scale.scale);
}

TEST(RangeObserver, DescribesSigns) {
  RangeObserver observer(true);
  std::vector<float> values = {-0.0f, 0.0f, 2.0f, -2.0f, -2.0f, 2.0f, 2.0f, -2.0f};
  observer.add(values.data(), 8);
  EXPECT_EQ(observer.signScale().scale, 1.5f);
  ActivationUse use = observer.describe(observer.signScale(), 2);
  EXPECT_EQ(use.codes, (std::vector<double>{3.0, 0.0, 5.0}));
  EXPECT_EQ(use.clipped, 0.0);
  // Two values change by 1.5 and six by about 0.5.
  EXPECT_NEAR(use.error, std::sqrt((2 * 2.25 + 6 * 0.25) / 24.0), 0.01);

  RangeObserver zeros(true);
  std::vector<float> none(4, 0.0f);
  zeros.add(none.data(), 4);
  EXPECT_EQ(zeros.signScale().scale, 1.0f);
}

TEST(RangeObserver, PercentileAndMseIgnoreAnOutlier) {
  RangeObserver observer(true);
  std::vector<float> values;
  for (int i = 0; i < 400000; ++i)
    values.push_back(float(i % 1000) / 1000.0f);
  values.push_back(4.0f);
  observer.add(values.data(), int64_t(values.size()));
  EXPECT_FLOAT_EQ(observer.scale(RangeRule::MinMax, 99.9, 255).scale, 4.0f / 255.0f);
  // The bins are 0.4 % wide.
  EXPECT_NEAR(observer.scale(RangeRule::Percentile, 99.9, 255).scale * 255.0f, 1.0f, 0.01f);
  EXPECT_LT(observer.scale(RangeRule::Mse, 99.9, 255).scale * 255.0f, 3.0f);
}

TEST(RangeObserver, MergeEqualsOneObserver) {
  RangeObserver a(true), b(true), both(true);
  std::vector<float> values = {0.5f, -1.0f, 3.0f, 2.0f, 2.5f, -0.25f};
  a.add(values.data(), 2);
  b.add(values.data() + 2, 4);
  both.add(values.data(), 6);
  a.merge(b);
  for (RangeRule rule : {RangeRule::MinMax, RangeRule::Percentile, RangeRule::Mse}) {
    EXPECT_EQ(a.scale(rule, 90.0, 255).scale, both.scale(rule, 90.0, 255).scale);
    EXPECT_EQ(a.scale(rule, 90.0, 255).zeroPoint, both.scale(rule, 90.0, 255).zeroPoint);
  }
}

TEST(RangeObserver, DescribesCodes) {
  std::vector<float> values;
  for (int i = 0; i < 100000; ++i)
    values.push_back(float(i) / 100000.0f);
  RangeObserver observer(true);
  observer.add(values.data(), int64_t(values.size()));
  // Half of the values is above the range of the codes.
  ActivationScale scale = activationScale(0.0, 0.5, 255);
  ActivationUse use = observer.describe(scale, 255);
  double energy = 0.0, change = 0.0;
  for (float x : values) {
    double code = std::clamp(std::nearbyint(double(x) / scale.scale), 0.0, 255.0);
    energy += double(x) * x;
    change += std::pow(code * scale.scale - x, 2);
  }
  EXPECT_NEAR(use.error, std::sqrt(change / energy), 1e-3);
  EXPECT_NEAR(use.clipped, 0.5, 0.01);
  ASSERT_EQ(use.codes.size(), 256u);
  EXPECT_NEAR(use.codes[255], 50000, 1000);
  EXPECT_NEAR(use.codes[100], 100000 * 0.5 / 255, 20);
  ASSERT_EQ(use.values.size(), 64u);
  for (double count : use.values)
    EXPECT_NEAR(count, 100000 / 64.0, 40);
  EXPECT_TRUE(RangeObserver(false).describe(scale, 255).codes.empty());
}

TEST(RangeObserver, SamplesWithAStride) {
  std::vector<float> values;
  for (int i = 0; i < 700; ++i)
    values.push_back(float(i % 10));
  RangeObserver all(true), sample(true, 7), again(true, 7);
  for (int call = 0; call < 100; ++call) {
    values[0] = float(call % 10);
    all.add(values.data(), int64_t(values.size()));
    sample.add(values.data(), int64_t(values.size()));
    again.add(values.data(), int64_t(values.size()));
  }
  ActivationScale scale = activationScale(0.0, 255.0, 255);
  ActivationUse ofAll = all.describe(scale, 255), ofSample = sample.describe(scale, 255);
  EXPECT_EQ(ofSample.codes, again.describe(scale, 255).codes);
  EXPECT_EQ(sample.max(), 9.0f);
  for (int code = 0; code < 10; ++code)
    EXPECT_NEAR(ofSample.codes[code] * 7 / ofAll.codes[code], 1.0, 0.05) << code;
}
