// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/* How the work of one run is spread over threads. C, freestanding, as CpuCheck.h. */

#ifndef GPFQ_RUNTIME_PARALLEL_H
#define GPFQ_RUNTIME_PARALLEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A way to make many calls. The header of a compiled library declares it too, so a host can hand in
 * one of its own. */
#ifndef GPFQ_PARALLEL_DECLARED
#define GPFQ_PARALLEL_DECLARED
typedef struct gpfq_parallel {
  /* Calls body(context, i) once for each i from 0 to count - 1, on any threads, in any order, and
   * returns after the last call has returned. */
  void (*parallel_for)(void *self, int64_t count, void (*body)(void *context, int64_t index),
                       void *context);
  /* Passed to parallel_for. */
  void *self;
} gpfq_parallel;
#endif /* GPFQ_PARALLEL_DECLARED */

/* What compiled networks call: the parallel_for of `parallel`, or a loop where that is NULL. */
void gpfq_parallel_for(const gpfq_parallel *parallel, int64_t count,
                       void (*body)(void *context, int64_t index), void *context);

#ifdef __cplusplus
}
#endif

#endif /* GPFQ_RUNTIME_PARALLEL_H */
