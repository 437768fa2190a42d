// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/Alphabet.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace gpfq;

/// The nearest level by comparing all of them; of two equally near ones the larger.
static int nearestByForce(const Alphabet &alphabet, double z) {
  int best = alphabet.min();
  for (int level : alphabet.levels())
    if (std::fabs(z - level) <= std::fabs(z - best))
      best = level;
  return best;
}

TEST(Alphabet, NearestAgreesWithExhaustiveSearch) {
  for (const char *text : {"mid_tread:1", "mid_tread:7", "mid_tread:127", "mid_rise:1",
                           "mid_rise:4", "mid_rise:64", "range:-8:7", "range:-2:1", "range:0:3",
                           "levels:-3:0:1", "levels:5", "levels:-100:-9:9:100"}) {
    Result<Alphabet> alphabet = Alphabet::parse(text);
    ASSERT_TRUE(alphabet) << text;
    for (int i = -1200; i <= 1200; ++i) {
      float z = i * 0.125f; // Includes every tie.
      EXPECT_EQ(alphabet->nearest(z), nearestByForce(*alphabet, z)) << text << " at " << z;
    }
  }
}

TEST(Alphabet, MidTreadTiesAreThePapers) {
  Alphabet alphabet = *Alphabet::midTread(7);
  for (int i = -40; i <= 40; ++i) {
    double z = i * 0.25;
    double paper = std::copysign(std::fmin(std::fabs(std::floor(z + 0.5)), 7), z);
    EXPECT_EQ(alphabet.nearest(z), static_cast<int>(paper)) << z;
  }
}

TEST(Alphabet, NonFiniteArguments) {
  float infinity = std::numeric_limits<float>::infinity();
  for (const char *text : {"mid_tread:7", "mid_rise:2", "range:-2:1", "levels:-3:0:1"}) {
    Alphabet alphabet = *Alphabet::parse(text);
    EXPECT_EQ(alphabet.nearest(infinity), alphabet.max());
    EXPECT_EQ(alphabet.nearest(-infinity), alphabet.min());
    EXPECT_EQ(alphabet.nearest(std::nanf("")), alphabet.nearest(0.0f));
  }
}

TEST(Alphabet, StochasticRoundingTakesTheNeighboursWithTheMeanKept) {
  for (const char *text : {"mid_tread:3", "mid_rise:2", "range:-2:1", "levels:-9:-1:0:4"}) {
    Alphabet alphabet = *Alphabet::parse(text);
    for (float z = alphabet.min(); z <= alphabet.max(); z += 0.125f) {
      constexpr int draws = 4096;
      double sum = 0.0;
      for (int i = 0; i < draws; ++i) {
        int level = alphabet.stochastic(z, (i + 0.5f) / draws);
        ASSERT_TRUE(alphabet.contains(level));
        sum += level;
      }
      EXPECT_NEAR(sum / draws, z, 0.01) << text;
    }
    EXPECT_EQ(alphabet.stochastic(1e9f, 0.0f), alphabet.max());
    EXPECT_EQ(alphabet.stochastic(-1e9f, 0.99f), alphabet.min());
    EXPECT_EQ(alphabet.stochastic(std::nanf(""), 0.5f), alphabet.nearest(0.0f));
  }
}

TEST(Alphabet, DefaultsForBits) {
  EXPECT_EQ(Alphabet::forBits(1)->str(), "mid_rise:1");
  EXPECT_EQ(Alphabet::forBits(2)->str(), "mid_rise:2");
  EXPECT_EQ(Alphabet::forBits(3)->str(), "mid_rise:4");
  EXPECT_EQ(Alphabet::forBits(4)->str(), "mid_tread:7");
  EXPECT_EQ(Alphabet::forBits(8)->str(), "mid_tread:127");
  for (int bits = 1; bits <= 8; ++bits)
    EXPECT_EQ(Alphabet::forBits(bits)->bits(), bits);
  EXPECT_FALSE(Alphabet::forBits(0));
  EXPECT_FALSE(Alphabet::forBits(9));
}

TEST(Alphabet, Properties) {
  Alphabet rise = *Alphabet::midRise(2);
  EXPECT_EQ(rise.levels(), (std::vector<int8_t>{-3, -1, 1, 3}));
  EXPECT_FALSE(rise.contains(0));
  Alphabet range = *Alphabet::range(-8, 7);
  EXPECT_EQ(range.maxMagnitude(), 8);
  EXPECT_EQ(range.bits(), 4);
  EXPECT_EQ(Alphabet::explicitLevels({5})->bits(), 1);
}

TEST(Alphabet, TextRoundTrip) {
  for (const char *text : {"mid_tread:7", "mid_rise:4", "range:-8:7", "levels:-3:0:1"})
    EXPECT_EQ(Alphabet::parse(text)->str(), text);
}

TEST(Alphabet, BadTextGivesAMessage) {
  for (const char *text :
       {"", "mid_tread", "mid_tread:", "mid_tread:0", "mid_tread:128", "mid_tread:7:1",
        "mid_rise:65", "range:1:1", "range:-129:1", "range:1", "levels:", "levels:1:1",
        "levels:200", "odd:3", "mid_tread:7x", "mid_tread:99999999999999999999"}) {
    Result<Alphabet> alphabet = Alphabet::parse(text);
    EXPECT_FALSE(alphabet) << text;
    EXPECT_FALSE(alphabet.message().empty()) << text;
  }
}
