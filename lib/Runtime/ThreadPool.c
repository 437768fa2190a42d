/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#define _GNU_SOURCE
#include "gpfq/Runtime/ThreadPool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
  MAX_THREADS = 256,
  /* Looks for work, each followed by a pause, before a thread sleeps; before a caller that waits
   * yields. */
  IDLE_LOOKS = 10000,
  WAIT_LOOKS = 256,
  CACHE_LINE = 64
};

struct pool;

/* A thread of the pool; number 0 is whichever calls. Each begins with a range of indices of its
 * own, neighbours, so that what it writes in one call is in its cache when it reads it in the next.
 */
struct thread {
  /* Number of the call in the upper half, indices of the range that nobody has taken in the lower
   * half. An index is taken by an exchange of the whole word, so a thread that is late for a call
   * takes none of the next one without having seen its `body`. */
  _Alignas(CACHE_LINE) atomic_uint_fast64_t state;
  struct pool *pool;
  pthread_t handle;
};

struct pool {
  gpfq_parallel parallel;
  int32_t num_threads;
  /* CPUs that the process may use. */
  cpu_set_t allowed;
  /* 1 where there are fewer of them than threads: a thread that watches would only keep others from
   * work. */
  int idle_looks;
  /* The one that the caller was on when the call began. */
  atomic_int caller_cpu;
  /* Set while a call has the pool. */
  atomic_bool busy;
  void (*body)(void *context, int64_t index);
  void *context;
  int64_t count;
  /* Indices whose bodies have returned. */
  _Alignas(CACHE_LINE) atomic_int_fast64_t done;
  _Alignas(CACHE_LINE) atomic_int sleepers;
  atomic_bool stop;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  struct thread threads[];
};

static inline void pause_thread(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static uint32_t call_number(uint64_t state) { return (uint32_t)(state >> 32); }

/* First index of the range of a thread. */
static int64_t range_begin(const struct pool *pool, int32_t thread) {
  return pool->count * thread / pool->num_threads;
}

/* Runs indices of the range of `owner` until none is left. */
static void take_range(struct pool *pool, int32_t owner) {
  atomic_uint_fast64_t *word = &pool->threads[owner].state;
  uint_fast64_t state = atomic_load_explicit(word, memory_order_acquire);
  while ((uint32_t)state != 0) {
    if (!atomic_compare_exchange_weak_explicit(word, &state, state - 1, memory_order_acq_rel,
                                               memory_order_acquire))
      continue;
    pool->body(pool->context, range_begin(pool, owner + 1) - (int64_t)(uint32_t)state);
    atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
    state = atomic_load_explicit(word, memory_order_acquire);
  }
}

/* Runs indices of the current call until none is left, those of `thread` first. */
static void take_indices(struct pool *pool, int32_t thread) {
  for (int32_t i = 0; i < pool->num_threads; ++i)
    take_range(pool, (thread + i) % pool->num_threads);
}

/* A thread on the CPU of the caller waits for it, and the system may leave both there for as long
 * as calls follow each other: it goes to the others for good. */
static void leave_caller(struct pool *pool) {
  int cpu = sched_getcpu();
  if (cpu < 0 || cpu >= CPU_SETSIZE ||
      cpu != atomic_load_explicit(&pool->caller_cpu, memory_order_relaxed))
    return;
  cpu_set_t others = pool->allowed;
  CPU_CLR(cpu, &others);
  if (CPU_COUNT(&others) > 0)
    sched_setaffinity(0, sizeof(others), &others);
}

/* Sleeps unless there is a call other than number `seen`. */
static void sleep_until_call(struct thread *self, uint32_t seen) {
  struct pool *pool = self->pool;
  pthread_mutex_lock(&pool->mutex);
  /* Either this load sees the new call, or its caller sees the sleeper and signals, which it cannot
   * do before the wait has released the mutex. */
  atomic_fetch_add(&pool->sleepers, 1);
  while (call_number(atomic_load(&self->state)) == seen && !atomic_load(&pool->stop))
    pthread_cond_wait(&pool->wake, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument) {
  struct thread *self = argument;
  struct pool *pool = self->pool;
  uint32_t seen = 0;
  while (!atomic_load_explicit(&pool->stop, memory_order_relaxed)) {
    uint32_t number = seen;
    for (int look = 0; look < pool->idle_looks && number == seen; ++look) {
      number = call_number(atomic_load_explicit(&self->state, memory_order_acquire));
      pause_thread();
    }
    if (number == seen) {
      sleep_until_call(self, seen);
      continue;
    }
    seen = number;
    leave_caller(pool);
    take_indices(pool, (int32_t)(self - pool->threads));
  }
  return NULL;
}

static void wake_sleepers(struct pool *pool) {
  if (atomic_load(&pool->sleepers) == 0)
    return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

static void run_pool(void *self, int64_t count, void (*body)(void *context, int64_t index),
                     void *context) {
  struct pool *pool = self;
  bool is_busy = count < 2 || count > UINT32_MAX || pool->num_threads == 1 ||
                 atomic_exchange_explicit(&pool->busy, true, memory_order_acquire);
  if (is_busy) {
    for (int64_t i = 0; i < count; ++i)
      body(context, i);
    return;
  }
  pool->body = body;
  pool->context = context;
  atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->caller_cpu, sched_getcpu(), memory_order_relaxed);
  pool->count = count;
  uint64_t number = call_number(atomic_load(&pool->threads[0].state)) + UINT64_C(1);
  for (int32_t i = 0; i < pool->num_threads; ++i)
    atomic_store(&pool->threads[i].state,
                 number << 32 | (uint64_t)(range_begin(pool, i + 1) - range_begin(pool, i)));
  wake_sleepers(pool);
  take_indices(pool, 0);
  for (int look = 0; atomic_load_explicit(&pool->done, memory_order_acquire) < count; ++look) {
    if (look % WAIT_LOOKS == WAIT_LOOKS - 1)
      sched_yield();
    else
      pause_thread();
  }
  atomic_store_explicit(&pool->busy, false, memory_order_release);
}

/* Pins `thread` to the CPU of the given rank among `allowed`. */
static void pin_thread(pthread_t thread, int32_t rank, const cpu_set_t *allowed) {
  int count = CPU_COUNT(allowed);
  rank = count ? rank % count : 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, allowed) || rank-- > 0)
      continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(thread, sizeof(one), &one);
    return;
  }
}

const gpfq_parallel *gpfq_pool_create(int32_t threads, int32_t flags) {
  if (threads < 1 || threads > MAX_THREADS || (flags & ~GPFQ_POOL_PIN))
    return NULL;
  struct pool *pool =
      aligned_alloc(CACHE_LINE, sizeof(struct pool) + (size_t)threads * sizeof(struct thread));
  if (!pool)
    return NULL;
  pool->parallel = (gpfq_parallel){run_pool, pool};
  pool->num_threads = 1;
  atomic_init(&pool->caller_cpu, -1);
  atomic_init(&pool->busy, false);
  for (int32_t i = 0; i < threads; ++i) {
    atomic_init(&pool->threads[i].state, 0);
    pool->threads[i].pool = pool;
  }
  atomic_init(&pool->done, 0);
  atomic_init(&pool->sleepers, 0);
  atomic_init(&pool->stop, false);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  CPU_ZERO(&pool->allowed);
  sched_getaffinity(0, sizeof(pool->allowed), &pool->allowed);
  pool->idle_looks = CPU_COUNT(&pool->allowed) < threads ? 1 : IDLE_LOOKS;
  for (int32_t i = 1; i < threads; ++i) {
    struct thread *thread = &pool->threads[i];
    if (pthread_create(&thread->handle, NULL, work, thread)) {
      gpfq_pool_destroy(&pool->parallel);
      return NULL;
    }
    if (flags & GPFQ_POOL_PIN)
      pin_thread(thread->handle, i, &pool->allowed);
    pool->num_threads = i + 1;
  }
  return &pool->parallel;
}

void gpfq_pool_destroy(const gpfq_parallel *parallel) {
  if (!parallel)
    return;
  struct pool *pool = parallel->self;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->stop, true);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (int32_t i = 1; i < pool->num_threads; ++i)
    pthread_join(pool->threads[i].handle, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}
