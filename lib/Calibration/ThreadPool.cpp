// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/ThreadPool.h"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

using namespace gpfq;

void gpfq::runParallel(const ParallelFor &parallelFor, int64_t count,
                       const std::function<void(int64_t)> &body) {
  if (parallelFor && count > 1) {
    parallelFor(count, body);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    body(i);
}

namespace {
/// One call of run(). A worker that arrives late finds no iteration left and drops its reference.
struct Job {
  Job(int64_t count, const std::function<void(int64_t)> &body) : count(count), body(body) {}

  /// Takes iterations until none is left.
  void work() {
    for (int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      body(i);
      if (finished.fetch_add(1) + 1 == count) {
        std::lock_guard<std::mutex> lock(mutex);
        done.notify_all();
      }
    }
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex);
    done.wait(lock, [&] { return finished.load() == count; });
  }

  const int64_t count;
  /// Belongs to the caller of run(); read only while an iteration is unfinished.
  const std::function<void(int64_t)> &body;
  std::atomic<int64_t> next{0}, finished{0};
  std::mutex mutex;
  std::condition_variable done;
};
} // namespace

struct ThreadPool::Impl {
  void workerLoop() {
    uint64_t seen = 0;
    while (true) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex);
        wake.wait(lock, [&] { return stopping || generation != seen; });
        if (stopping)
          return;
        seen = generation;
        job = current;
      }
      if (job)
        job->work();
    }
  }

  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable wake;
  std::shared_ptr<Job> current;
  uint64_t generation = 0;
  bool stopping = false;
};

ThreadPool::ThreadPool(unsigned threads) : impl(std::make_unique<Impl>()) {
  if (threads == 0)
    threads = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 1; i < threads; ++i)
    impl->workers.emplace_back([this] { impl->workerLoop(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(impl->mutex);
    impl->stopping = true;
  }
  impl->wake.notify_all();
  for (std::thread &worker : impl->workers)
    worker.join();
}

unsigned ThreadPool::threads() const { return static_cast<unsigned>(impl->workers.size()) + 1; }

void ThreadPool::run(int64_t count, const std::function<void(int64_t)> &body) {
  if (impl->workers.empty() || count <= 1) {
    for (int64_t i = 0; i < count; ++i)
      body(i);
    return;
  }
  auto job = std::make_shared<Job>(count, body);
  {
    std::lock_guard<std::mutex> lock(impl->mutex);
    impl->current = job;
    ++impl->generation;
  }
  impl->wake.notify_all();
  job->work();
  job->wait();
}

ParallelFor ThreadPool::parallelFor() {
  return [this](int64_t count, const std::function<void(int64_t)> &body) { run(count, body); };
}
