/* Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
   See LICENSE for license information.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "gpfq/Runtime/Parallel.h"

void gpfq_parallel_for(const gpfq_parallel *parallel, int64_t count,
                       void (*body)(void *context, int64_t index), void *context) {
  if (parallel) {
    parallel->parallel_for(parallel->self, count, body, context);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    body(context, i);
}
