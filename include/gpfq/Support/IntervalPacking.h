// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_SUPPORT_INTERVALPACKING_H
#define GPFQ_SUPPORT_INTERVALPACKING_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace gpfq {

/// A buffer of `bytes` bytes that is in use at the times `first` to `last`, both included.
struct BufferInterval {
  int64_t first;
  int64_t last;
  int64_t bytes;
  /// Result of packIntervals: bytes from the start of the arena.
  int64_t offset = 0;
};

/// Gives every buffer an offset such that buffers that are in use at the same time are disjoint,
/// and returns the size of the arena. Sizes are rounded up to `alignment` and offsets are multiples
/// of it. Buffers are placed in order of decreasing size, each in the smallest gap between its
/// already placed contemporaries that fits ("greedy by size" of Pisarchyk and Lee, "Efficient
/// memory management for deep neural net inference", arXiv 2001.03288).
int64_t packIntervals(llvm::MutableArrayRef<BufferInterval> buffers, int64_t alignment);

/// The largest sum of rounded sizes over all times: no packing can be smaller.
int64_t maxLiveBytes(llvm::ArrayRef<BufferInterval> buffers, int64_t alignment);

} // namespace gpfq

#endif // GPFQ_SUPPORT_INTERVALPACKING_H
