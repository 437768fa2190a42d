// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/ThreadPool.h"
#include <atomic>
#include <gtest/gtest.h>
#include <vector>

using namespace gpfq;

TEST(ThreadPool, EachIterationRunsOnce) {
  for (unsigned threads : {1u, 2u, 5u}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t count : {0, 1, 2, 100, 1000}) {
      std::vector<std::atomic<int>> calls(count);
      pool.run(count, [&](int64_t i) { ++calls[i]; });
      for (std::atomic<int> &number : calls)
        EXPECT_EQ(number, 1);
    }
  }
}

TEST(ThreadPool, NestedLoops) {
  ThreadPool pool(3);
  ParallelFor parallelFor = pool.parallelFor();
  std::atomic<int> calls{0};
  runParallel(parallelFor, 20,
              [&](int64_t) { runParallel(parallelFor, 30, [&](int64_t) { ++calls; }); });
  EXPECT_EQ(calls, 600);
}

TEST(ThreadPool, AnEmptyParallelForIsSerial) {
  std::vector<int64_t> order;
  runParallel({}, 4, [&](int64_t i) { order.push_back(i); });
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 2, 3}));
}
