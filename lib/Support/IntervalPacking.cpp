// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Support/IntervalPacking.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
#include <tuple>

using namespace llvm;

int64_t gpfq::packIntervals(MutableArrayRef<BufferInterval> buffers, int64_t alignment) {
  SmallVector<BufferInterval *> order;
  for (BufferInterval &buffer : buffers)
    order.push_back(&buffer);
  llvm::sort(order, [](BufferInterval *a, BufferInterval *b) {
    return std::tuple(-a->bytes, a->first, a) < std::tuple(-b->bytes, b->first, b);
  });

  auto roundedSize = [&](const BufferInterval &b) { return int64_t(alignTo(b.bytes, alignment)); };
  int64_t arena = 0;
  SmallVector<BufferInterval *> placed; // Sorted by offset.
  for (BufferInterval *buffer : order) {
    int64_t size = roundedSize(*buffer);
    int64_t gapStart = 0, best = -1, bestGap = std::numeric_limits<int64_t>::max();
    for (BufferInterval *other : placed) {
      if (other->last < buffer->first || other->first > buffer->last)
        continue;
      int64_t gap = other->offset - gapStart;
      if (gap >= size && gap < bestGap) {
        best = gapStart;
        bestGap = gap;
      }
      gapStart = std::max(gapStart, other->offset + roundedSize(*other));
    }
    buffer->offset = best < 0 ? gapStart : best;
    arena = std::max(arena, buffer->offset + size);
    placed.insert(
        upper_bound(placed, buffer,
                    [](BufferInterval *a, BufferInterval *b) { return a->offset < b->offset; }),
        buffer);
  }
  return arena;
}

int64_t gpfq::maxLiveBytes(ArrayRef<BufferInterval> buffers, int64_t alignment) {
  int64_t most = 0;
  // The sum can only grow where a buffer starts.
  for (const BufferInterval &start : buffers) {
    int64_t live = 0;
    for (const BufferInterval &buffer : buffers)
      if (buffer.first <= start.first && start.first <= buffer.last)
        live += alignTo(buffer.bytes, alignment);
    most = std::max(most, live);
  }
  return most;
}
