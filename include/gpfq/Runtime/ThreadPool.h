// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/* The threads that a library compiled with --parallel=pool carries. C, on POSIX threads. */

#ifndef GPFQ_RUNTIME_THREADPOOL_H
#define GPFQ_RUNTIME_THREADPOOL_H

#include "gpfq/Runtime/Parallel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Thread i starts on the i-th CPU of those that the process may use, and stays there unless the
 * caller of parallel_for, which is thread 0 and is left where it is, comes to the same CPU. */
#define GPFQ_POOL_PIN 1

/* A pool of `threads` threads, the caller of parallel_for among them; `flags` is 0 or
 * GPFQ_POOL_PIN. NULL if `threads` is not 1 to 256, a flag is unknown, or the system gives no
 * memory or threads.
 *
 * Each thread, the caller first, begins with a range of the indices of its own and then takes some
 * of the others', until none is left. A call waits for the indices that others have taken, not for
 * threads: one that sleeps or is preempted before it took any costs nothing. A thread that finds
 * itself on the CPU of the caller moves to another one. Threads watch for work for some 250 us
 * after a call, then sleep; where the process may use fewer CPUs than threads, they sleep at once.
 * Calls from several threads at the same time are allowed; those that find the pool busy run on
 * their own. */
const gpfq_parallel *gpfq_pool_create(int32_t threads, int32_t flags);

/* Ends the threads and frees the pool. No call may be under way. NULL is allowed. */
void gpfq_pool_destroy(const gpfq_parallel *pool);

#ifdef __cplusplus
}
#endif

#endif /* GPFQ_RUNTIME_THREADPOOL_H */
