// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/ValueStore.h"

#include "TemporaryDirectory.h"
#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace gpfq;

TEST(ValueStore, KeepsValuesInMemoryAndInTheFile) {
  TemporaryDirectory directory;
  ValueStore store(1000, directory.path);
  std::vector<ValueStore::Block> blocks;
  for (int i = 0; i < 8; ++i) {
    auto block = store.allocate(300);
    ASSERT_TRUE(block) << block.message();
    EXPECT_EQ(block->memory() != nullptr, i < 3);
    ASSERT_FALSE(store.write(*block, std::string(300, char('a' + i)).data()));
    blocks.push_back(*block);
  }
  EXPECT_LE(store.memoryBytes(), 1000u);
  // Unlinked: nothing is left behind, whatever happens to the process.
  EXPECT_TRUE(std::filesystem::is_empty(directory.path));
  for (int i = 0; i < 8; ++i) {
    std::string read(300, ' ');
    ASSERT_FALSE(store.read(blocks[i], read.data()));
    EXPECT_EQ(read, std::string(300, char('a' + i)));
  }
}

TEST(ValueStore, ReusesReleasedSpace) {
  TemporaryDirectory directory;
  ValueStore store(0, directory.path);
  std::vector<ValueStore::Block> blocks;
  for (int i = 0; i < 6; ++i)
    blocks.push_back(*store.allocate(640));
  uint64_t size = store.fileBytes();
  for (int i : {1, 3, 2})
    store.release(blocks[i]);
  // The three neighbours have become one range.
  ASSERT_TRUE(store.allocate(3 * 640));
  EXPECT_EQ(store.fileBytes(), size);
}

TEST(ValueStore, ReportsAFullDisk) {
  TemporaryDirectory directory;
  ValueStore store(0, directory.path);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = before;
  limit.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &limit);
  auto block = store.allocate(1 << 20);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(block);
  EXPECT_NE(block.message().find("TMPDIR"), std::string::npos) << block.message();
}

TEST(ValueStore, ReportsAMissingDirectory) {
  ValueStore store(0, "/nonexistent");
  auto block = store.allocate(64);
  ASSERT_FALSE(block);
  EXPECT_NE(block.message().find("/nonexistent"), std::string::npos);
}
