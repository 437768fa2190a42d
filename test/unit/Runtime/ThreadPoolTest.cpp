// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Runtime/ThreadPool.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <sched.h>
#include <set>
#include <thread>
#include <vector>

namespace {

using Pool = std::unique_ptr<const gpfq_parallel, decltype(&gpfq_pool_destroy)>;

Pool makePool(int32_t threads, int32_t flags = 0) {
  return Pool(gpfq_pool_create(threads, flags), gpfq_pool_destroy);
}

/// Calls `body` for each index; null is no pool.
template <typename Body> void run(const gpfq_parallel *pool, int64_t count, Body body) {
  auto call = [](void *context, int64_t index) { (*static_cast<Body *>(context))(index); };
  gpfq_parallel_for(pool, count, call, &body);
}

/// Each index once, and all of them before the call returns.
void expectEachIndexOnce(const gpfq_parallel *pool, int64_t count) {
  std::vector<std::atomic<int>> calls(count);
  run(pool, count, [&](int64_t i) { ++calls[i]; });
  for (int64_t i = 0; i < count; ++i)
    ASSERT_EQ(calls[i], 1) << "index " << i << " of " << count;
}

TEST(ThreadPool, RefusesBadArguments) {
  EXPECT_EQ(gpfq_pool_create(0, 0), nullptr);
  EXPECT_EQ(gpfq_pool_create(-1, 0), nullptr);
  EXPECT_EQ(gpfq_pool_create(257, 0), nullptr);
  EXPECT_EQ(gpfq_pool_create(2, 2), nullptr);
  gpfq_pool_destroy(nullptr);
}

TEST(ThreadPool, RunsEachIndexOnce) {
  expectEachIndexOnce(nullptr, 7);
  for (int32_t threads : {1, 2, 3, 8}) {
    Pool pool = makePool(threads);
    ASSERT_TRUE(pool);
    for (int64_t count : {0, 1, 2, 3, 17, 1000})
      expectEachIndexOnce(pool.get(), count);
  }
}

TEST(ThreadPool, KeepsCallsThatFollowEachOtherApart) {
  Pool pool = makePool(4);
  for (int round = 0; round < 20000; ++round) {
    int64_t count = 2 + round % 5;
    std::atomic<int64_t> sum{0};
    run(pool.get(), count, [&](int64_t i) { sum += round + i; });
    ASSERT_EQ(sum, count * round + count * (count - 1) / 2);
  }
}

TEST(ThreadPool, WakesThreadsThatSleep) {
  Pool pool = makePool(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    expectEachIndexOnce(pool.get(), 64);
  }
}

TEST(ThreadPool, UsesItsThreads) {
  Pool pool = makePool(2, GPFQ_POOL_PIN);
  // Two indices that wait for each other: one thread alone would not return.
  std::atomic<int> arrived{0};
  std::vector<std::thread::id> threads(2);
  run(pool.get(), 2, [&](int64_t i) {
    threads[i] = std::this_thread::get_id();
    ++arrived;
    while (arrived < 2)
      std::this_thread::yield();
  });
  EXPECT_NE(threads[0], threads[1]);
}

TEST(ThreadPool, LeavesTheCpuOfTheCaller) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  if (CPU_COUNT(&allowed) < 2)
    GTEST_SKIP() << "there is one CPU";
  Pool pool = makePool(2, GPFQ_POOL_PIN);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed))
      continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    if (sched_getcpu() != cpu)
      GTEST_SKIP() << "the system does not keep threads on a CPU";
    std::atomic<int> arrived{0};
    std::set<int> cpus;
    std::mutex mutex;
    run(pool.get(), 2, [&](int64_t) {
      {
        std::lock_guard<std::mutex> lock(mutex);
        cpus.insert(sched_getcpu());
      }
      ++arrived;
      while (arrived < 2)
        std::this_thread::yield();
    });
    EXPECT_EQ(cpus.size(), 2u) << "caller on CPU " << cpu;
  }
  sched_setaffinity(0, sizeof(allowed), &allowed);
}

TEST(ThreadPool, TakesNestedCallsAndCallsFromManyThreads) {
  Pool pool = makePool(2);
  std::atomic<int> nested{0};
  run(pool.get(), 4, [&](int64_t) { run(pool.get(), 5, [&](int64_t) { ++nested; }); });
  EXPECT_EQ(nested, 20);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round)
        expectEachIndexOnce(pool.get(), 3 + round % 4);
    });
  for (std::thread &caller : callers)
    caller.join();
}

TEST(ThreadPool, EndsWithoutACall) {
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(makePool(4));
}

} // namespace
