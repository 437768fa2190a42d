// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/MomentCache.h"
#include "../RandomData.h"
#include "TemporaryDirectory.h"
#include <filesystem>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

/// Moments with every part that there can be.
static Gram makeGram(unsigned seed, bool isShared, int64_t neurons) {
  RandomData random(seed);
  GramAccumulator::Shape shape{/*groups=*/2, /*columns=*/5,
                               neurons,      RowLayout::GroupMajor,
                               isShared,     /*needsG=*/seed % 2 == 0};
  std::vector<float> weights = random.normals(2 * neurons * 5);
  GramAccumulator accumulator(shape, weights.data());
  std::vector<float> x = random.normals(7 * 10), xq = random.normals(7 * 10),
                     shift = random.normals(7 * 2 * neurons);
  accumulator.add(x.data(), xq.data(), 7, {}, seed % 2 ? shift.data() : nullptr);
  return accumulator.take();
}

static void expectEqual(const Gram &a, const Gram &b) {
  EXPECT_EQ(a.groups, b.groups);
  EXPECT_EQ(a.columns, b.columns);
  EXPECT_EQ(a.neuronsPerGroup, b.neuronsPerGroup);
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.sharedInputs, b.sharedInputs);
  EXPECT_EQ(a.foldsMismatch, b.foldsMismatch);
  EXPECT_EQ(a.h, b.h);
  EXPECT_EQ(a.g, b.g);
  EXPECT_EQ(a.xx, b.xx);
  EXPECT_EQ(a.outputEnergy, b.outputEnergy);
  EXPECT_EQ(a.sumX, b.sumX);
  EXPECT_EQ(a.sumXq, b.sumXq);
  EXPECT_EQ(a.shiftXq, b.shiftXq);
  EXPECT_EQ(a.shiftX, b.shiftX);
  EXPECT_EQ(a.shiftEnergy, b.shiftEnergy);
  EXPECT_EQ(a.sumShift, b.sumShift);
}

TEST(MomentCache, LoadsWhatWasStored) {
  TemporaryDirectory directory;
  auto cache = MomentCache::open(directory.file("cache"), "key");
  ASSERT_TRUE(cache) << cache.message();
  for (unsigned seed = 0; seed < 8; ++seed) {
    Gram training = makeGram(seed, seed % 4 < 2, seed < 4 ? 1 : 9),
         heldOut = makeGram(seed + 8, seed % 4 < 2, seed < 4 ? 1 : 9);
    ASSERT_FALSE(cache->store(seed, "state", training, heldOut));
    Gram loadedTraining, loadedHeldOut;
    auto loaded = cache->load(seed, "state", loadedTraining, loadedHeldOut);
    ASSERT_TRUE(loaded) << loaded.message();
    ASSERT_TRUE(*loaded);
    expectEqual(loadedTraining, training);
    expectEqual(loadedHeldOut, heldOut);
  }
}

TEST(MomentCache, HasOneStateOfALayer) {
  TemporaryDirectory directory;
  auto cache = MomentCache::open(directory.file("cache"), "key");
  Gram gram = makeGram(0, true, 1), loaded;
  ASSERT_FALSE(cache->store(0, "first", gram, gram));
  EXPECT_FALSE(*cache->load(0, "second", loaded, loaded));
  EXPECT_FALSE(*cache->load(1, "first", loaded, loaded));
  ASSERT_FALSE(cache->store(0, "second", gram, gram));
  EXPECT_FALSE(*cache->load(0, "first", loaded, loaded));
  EXPECT_TRUE(*cache->load(0, "second", loaded, loaded));
}

TEST(MomentCache, RefusesAnotherRunAndDamagedFiles) {
  TemporaryDirectory directory;
  std::string path = directory.file("cache");
  auto cache = MomentCache::open(path, "key");
  ASSERT_TRUE(cache);
  auto other = MomentCache::open(path, "other key");
  ASSERT_FALSE(other);
  EXPECT_NE(other.message().find("belongs to another model"), std::string::npos);

  Gram gram = makeGram(0, false, 1), loaded;
  ASSERT_FALSE(cache->store(0, "state", gram, gram));
  auto size = std::filesystem::file_size(path + "/moments-0000");
  for (uintmax_t cut : {uintmax_t(3), uintmax_t(30), size / 2, size - 1}) {
    std::filesystem::resize_file(path + "/moments-0000", cut);
    auto result = cache->load(0, "state", loaded, loaded);
    ASSERT_FALSE(result) << cut;
    EXPECT_NE(result.message().find("is damaged"), std::string::npos);
  }
}
