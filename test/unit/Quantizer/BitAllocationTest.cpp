// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/BitAllocation.h"
#include <gtest/gtest.h>
#include <random>

using namespace gpfq;

using Choices = std::vector<std::vector<AllocationChoice>>;

static Choices randomChoices(std::mt19937 &random, int64_t layers, int64_t maxSize) {
  Choices result(layers);
  for (auto &choices : result)
    for (int64_t i = 0, count = 1 + random() % 4; i < count; ++i)
      choices.push_back({int64_t(random() % maxSize), double(random() % 1000)});
  return result;
}

/// The least error of at most `size` among all combinations, or -1.
static double bestByTrial(const Choices &layers, int64_t size, size_t layer = 0) {
  if (size < 0)
    return -1.0;
  if (layer == layers.size())
    return 0.0;
  double best = -1.0;
  for (const AllocationChoice &choice : layers[layer]) {
    double rest = bestByTrial(layers, size - choice.size, layer + 1);
    if (rest >= 0.0 && (best < 0.0 || rest + choice.error < best))
      best = rest + choice.error;
  }
  return best;
}

static void expectConsistent(const Choices &layers, const Allocation &allocation) {
  ASSERT_EQ(allocation.choices.size(), layers.size());
  int64_t size = 0;
  double error = 0.0;
  for (size_t i = 0; i < layers.size(); ++i) {
    size += layers[i][allocation.choices[i]].size;
    error += layers[i][allocation.choices[i]].error;
  }
  EXPECT_EQ(allocation.size, size);
  EXPECT_DOUBLE_EQ(allocation.error, error);
}

TEST(BitAllocation, FindsTheBestOfAllCombinations) {
  std::mt19937 random(1);
  for (int64_t trial = 0; trial < 100; ++trial) {
    Choices layers = randomChoices(random, 1 + random() % 6, 50);
    AllocationFrontier frontier(layers);
    for (int64_t size : {0, 20, 60, 120, 400}) {
      double expected = bestByTrial(layers, size);
      Result<Allocation> best = frontier.best(size);
      ASSERT_EQ(bool(best), expected >= 0.0);
      if (!best)
        continue;
      EXPECT_LE(best->size, size);
      EXPECT_DOUBLE_EQ(best->error, expected);
      expectConsistent(layers, *best);
    }
  }
}

TEST(BitAllocation, StaysNearTheBestWithFewStates) {
  std::mt19937 random(2);
  for (int64_t trial = 0; trial < 20; ++trial) {
    Choices layers = randomChoices(random, 30, 100000);
    AllocationFrontier exact(layers), thinned(layers, 1000);
    std::vector<Allocation> ends = exact.points(2);
    int64_t range = ends.back().size - ends.front().size;
    for (int64_t percent : {20, 50, 80}) {
      int64_t size = ends.front().size + range * percent / 100;
      Result<Allocation> best = thinned.best(size), smaller = exact.best(size - range * 30 / 1000);
      ASSERT_TRUE(best && smaller);
      EXPECT_LE(best->size, size);
      EXPECT_LE(best->error, smaller->error);
      expectConsistent(layers, *best);
    }
  }
}

TEST(BitAllocation, GivesPointsOfTheFrontier) {
  std::mt19937 random(3);
  Choices layers = randomChoices(random, 20, 1000);
  std::vector<Allocation> points = AllocationFrontier(layers).points(10);
  ASSERT_GE(points.size(), 2u);
  ASSERT_LE(points.size(), 11u);
  for (size_t i = 1; i < points.size(); ++i) {
    EXPECT_GT(points[i].size, points[i - 1].size);
    EXPECT_LT(points[i].error, points[i - 1].error);
  }
}

TEST(BitAllocation, SaysWhatTheSmallestTakes) {
  AllocationFrontier frontier({{{10, 1.0}, {20, 0.0}}, {{5, 0.0}}});
  EXPECT_EQ(frontier.best(14).message(),
            "the smallest choices take 15, more than the budget of 14");
  EXPECT_EQ(frontier.best(15)->choices, (std::vector<int64_t>{0, 0}));
  EXPECT_EQ(frontier.best(25)->choices, (std::vector<int64_t>{1, 0}));
}
