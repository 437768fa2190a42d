// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Parallel loops for the MLIR-free libraries. Every kernel in this project computes an element of
// its result inside one iteration, in one order, so results do not depend on the number of threads.

#ifndef GPFQ_CALIBRATION_THREADPOOL_H
#define GPFQ_CALIBRATION_THREADPOOL_H

#include <cstdint>
#include <functional>
#include <memory>

namespace gpfq {

/// Calls body(i) once for each i in [0, count), in any order and on any thread, and returns when
/// all calls have returned. An empty function means a serial loop; use runParallel() to call
/// either.
using ParallelFor = std::function<void(int64_t count, const std::function<void(int64_t)> &body)>;

/// Runs `body` through `parallelFor`, or serially when that is empty or there is one iteration.
void runParallel(const ParallelFor &parallelFor, int64_t count,
                 const std::function<void(int64_t)> &body);

/// A fixed set of threads. The caller of run() takes iterations itself and waits for iterations,
/// not for threads, so a descheduled worker costs nothing and nested or concurrent calls cannot
/// deadlock.
class ThreadPool {
public:
  /// `threads` counts the caller: ThreadPool(1) starts no thread. 0 means one per hardware thread.
  explicit ThreadPool(unsigned threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned threads() const;
  void run(int64_t count, const std::function<void(int64_t)> &body);

  /// A ParallelFor that refers to this pool, which must outlive it.
  ParallelFor parallelFor();

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace gpfq

#endif // GPFQ_CALIBRATION_THREADPOOL_H
