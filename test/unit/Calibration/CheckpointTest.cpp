// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/Checkpoint.h"

#include "TemporaryDirectory.h"
#include <gtest/gtest.h>

using namespace gpfq;

static LayerResult makeResult() {
  LayerResult result;
  result.levels = {-7, 0, 7, 3};
  result.scales = {0.5f, 0.25f};
  result.biasDelta = {1.0f, -1.0f};
  result.report.method = "gpfq";
  result.report.inSampleError = 0.125;
  result.report.clippedErrorAfter = 0.25;
  result.report.pooledErrorAfter = 0.125;
  result.report.accumulatorBits = 17;
  return result;
}

TEST(Checkpoint, LoadsWhatWasStored) {
  TemporaryDirectory directory;
  auto checkpoint = Checkpoint::open(directory.file("run"), "key");
  ASSERT_TRUE(checkpoint) << checkpoint.message();
  ASSERT_FALSE(checkpoint->store(3, makeResult()));

  auto reopened = Checkpoint::open(directory.file("run"), "key");
  ASSERT_TRUE(reopened);
  LayerResult result;
  ASSERT_TRUE(*reopened->load(3, result));
  EXPECT_EQ(result.levels, makeResult().levels);
  EXPECT_EQ(result.scales, makeResult().scales);
  EXPECT_EQ(result.biasDelta, makeResult().biasDelta);
  EXPECT_EQ(result.report.method, "gpfq");
  EXPECT_EQ(result.report.inSampleError, 0.125);
  EXPECT_EQ(result.report.clippedErrorAfter, 0.25);
  EXPECT_EQ(result.report.pooledErrorAfter, 0.125);
  EXPECT_EQ(result.report.accumulatorBits, 17);
  auto missing = reopened->load(2, result);
  ASSERT_TRUE(missing);
  EXPECT_FALSE(*missing);
}

TEST(Checkpoint, RefusesAnotherRun) {
  TemporaryDirectory directory;
  ASSERT_TRUE(Checkpoint::open(directory.file("run"), "key"));
  auto other = Checkpoint::open(directory.file("run"), "other key");
  ASSERT_FALSE(other);
  EXPECT_NE(other.message().find("another model"), std::string::npos);
}

TEST(Checkpoint, RemovesWhatAnInterruptedRunHasLeft) {
  TemporaryDirectory directory;
  ASSERT_TRUE(Checkpoint::open(directory.file("run"), "key"));
  // No process has so large a number; the other one is this one.
  std::string gone = "run/layer-0003.tmp2147483647",
              mine = "run/layer-0003.tmp" + std::to_string(getpid());
  directory.write(gone, "half");
  directory.write(mine, "half");
  ASSERT_TRUE(Checkpoint::open(directory.file("run"), "key"));
  EXPECT_FALSE(std::filesystem::exists(directory.file(gone)));
  EXPECT_TRUE(std::filesystem::exists(directory.file(mine)));
}

TEST(Checkpoint, FilesAreReplaced) {
  TemporaryDirectory directory;
  for (const char *text : {"first", "second"}) {
    ASSERT_FALSE(writeFileAtomically(directory.file("file"), text));
    std::ifstream file(directory.file("file"));
    std::string content;
    file >> content;
    EXPECT_EQ(content, text);
  }
  auto begin = std::filesystem::directory_iterator(directory.file(""));
  EXPECT_EQ(std::distance(begin, std::filesystem::directory_iterator()), 1);
}

TEST(Checkpoint, RefusesDamagedFiles) {
  TemporaryDirectory directory;
  auto checkpoint = Checkpoint::open(directory.file("run"), "key");
  ASSERT_FALSE(checkpoint->store(0, makeResult()));
  std::filesystem::resize_file(directory.file("run/layer-0000"), 30);
  LayerResult result;
  auto loaded = checkpoint->load(0, result);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.message().find("damaged"), std::string::npos);
}

TEST(Checkpoint, RefusesAnUnwritableDirectory) {
  TemporaryDirectory directory;
  directory.write("file", "");
  EXPECT_FALSE(Checkpoint::open(directory.file("file/run"), "key"));
  EXPECT_TRUE(writeFileAtomically(directory.file("no/such/folder"), "text"));
}
