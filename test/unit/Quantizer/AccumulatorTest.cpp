// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestLayer.h"
#include <algorithm>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

/// The largest magnitude of a sum over one tile with the worst inputs.
static int64_t worstSum(const LayerResult &result, const AccumulatorBound &bound, int64_t columns) {
  int64_t worst = 0, tile = bound.tile > 0 ? bound.tile : columns;
  for (size_t row = 0; row < result.levels.size(); row += columns)
    for (int64_t begin = 0; begin < columns; begin += tile) {
      int64_t high = 0, low = 0;
      for (int64_t t = begin; t < std::min(begin + tile, columns); ++t) {
        int64_t q = result.levels[row + t];
        high += std::max({q * bound.inputMin, q * bound.inputMax, int64_t(0)});
        low += std::min({q * bound.inputMin, q * bound.inputMax, int64_t(0)});
      }
      worst = std::max({worst, high, -low});
    }
  return worst;
}

TEST(Accumulator, NoSumOverflows) {
  int64_t bounded = 0;
  for (unsigned seed = 0; seed < 12; ++seed)
    for (Method method : {Method::Gpfq, Method::Msq, Method::Qronos, Method::Spfq}) {
      TestLayer layer(seed);
      LayerSpec spec = makeSpec(seed);
      spec.method = method;
      spec.ridge = 0.1;
      spec.alternations = 1;
      spec.accumulator.inputMin = seed % 2 ? 0 : -128;
      spec.accumulator.inputMax = seed % 2 ? 255 : 127;
      spec.accumulator.tile = seed % 3 == 1 ? 16 : 0;
      LayerResult free = *quantizeLayer(layer.problem(), spec);
      EXPECT_LE(worstSum(free, spec.accumulator, layer.columns),
                (int64_t(1) << (free.report.accumulatorBits - 1)) - 1);
      for (int64_t bits : {12, 14, 16, 18, 32}) {
        spec.accumulator.bits = bits;
        Result<LayerResult> result = quantizeLayer(layer.problem(), spec);
        if (!result) { // Too many columns for an alphabet without 0.
          EXPECT_FALSE(spec.alphabet.contains(0)) << result.message();
          EXPECT_NE(result.message().find("accumulator"), std::string::npos);
          continue;
        }
        EXPECT_LE(worstSum(*result, spec.accumulator, layer.columns),
                  (int64_t(1) << (bits - 1)) - 1);
        EXPECT_LE(result->report.accumulatorBits, bits);
        for (int8_t level : result->levels)
          ASSERT_TRUE(spec.alphabet.contains(level));
        bounded += bits < free.report.accumulatorBits;
        if (spec.step != StepRule::Search && bits == 32)
          EXPECT_EQ(result->levels, free.levels);
      }
    }
  EXPECT_GT(bounded, 40);
}

TEST(Accumulator, TheErrorFallsWithTheBits) {
  TestLayer layer(0);
  LayerSpec spec;
  spec.accumulator.inputMin = 0;
  spec.accumulator.inputMax = 255;
  double previous = 2.0;
  for (int64_t bits : {9, 11, 13}) {
    spec.accumulator.bits = bits;
    double error = quantizeLayer(layer.problem(), spec)->report.inSampleError;
    EXPECT_LT(error, previous);
    previous = error;
  }
  spec.accumulator.bits = 0;
  EXPECT_LE(quantizeLayer(layer.problem(), spec)->report.inSampleError, previous);
}

TEST(Accumulator, BadBoundsGiveAMessage) {
  TestLayer layer(0);
  LayerSpec spec;
  for (int64_t bits : {-1, 1, 33}) {
    spec.accumulator.bits = bits;
    EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("bits"), std::string::npos);
  }
  spec.accumulator = {16, 5, 4, 0};
  EXPECT_NE(quantizeLayer(layer.problem(), spec).message().find("range"), std::string::npos);
}
