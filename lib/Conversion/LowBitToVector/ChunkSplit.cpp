// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ChunkSplit.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Sums of `sizes` over parts of `partSize` neighbours.
static SmallVector<double> sumParts(ArrayRef<int64_t> sizes, int64_t partSize) {
  SmallVector<double> sums(llvm::divideCeil(sizes.size(), partSize));
  for (auto [i, size] : llvm::enumerate(sizes))
    sums[i / partSize] += double(size);
  return sums;
}

/// Costs of the chunks of a split, in the order of their numbers.
static SmallVector<double> estimateChunks(const ContractionLoops &loops, ChunkSplit split) {
  // Of taking a chunk: a fraction of a microsecond.
  constexpr double chunkCost = 1000.0;
  SmallVector<double> pixels = sumParts(loops.tiles, split.tiles), chunks;
  for (int64_t batch = 0; batch < loops.batch; batch += split.batch)
    for (int64_t group = 0; group < loops.groups; group += split.groups)
      for (double vectors : sumParts(loops.panels, split.panels))
        for (double count : pixels)
          chunks.push_back(chunkCost +
                           double(std::min(split.batch, loops.batch - batch) *
                                  std::min(split.groups, loops.groups - group)) *
                               double(loops.quads) *
                               (vectors * (loops.registerCost + count) + loops.pixelCost * count));
  return chunks;
}

/// Time of `threads` threads that each take the chunks of a range of their own and then those that
/// are left of the others', as the pool of the runtime does.
static double estimateTime(ArrayRef<double> chunks, int64_t threads) {
  SmallVector<double> busy(threads);
  SmallVector<int64_t> next, end;
  int64_t count = chunks.size();
  for (int64_t thread = 0; thread < threads; ++thread) {
    next.push_back(count * thread / threads);
    end.push_back(count * (thread + 1) / threads);
  }
  for (int64_t taken = 0; taken < count; ++taken) {
    int64_t thread = llvm::min_element(busy) - busy.begin(), owner = thread;
    while (next[owner] == end[owner])
      owner = (owner + 1) % threads;
    busy[thread] += chunks[next[owner]++];
  }
  return *llvm::max_element(busy);
}

/// The numbers of iterations that parts of a loop of `count` can have, the largest first: multiples
/// of `step`.
static SmallVector<int64_t> listPartSizes(int64_t count, int64_t mostParts, int64_t step = 1) {
  SmallVector<int64_t> sizes;
  int64_t steps = llvm::divideCeil(count, step);
  for (int64_t parts = 1; parts <= std::min(steps, mostParts); ++parts) {
    int64_t size = std::min(count, step * int64_t(llvm::divideCeil(steps, parts)));
    if (sizes.empty() || sizes.back() != size)
      sizes.push_back(size);
  }
  return sizes;
}

ChunkSplit mlir::gpfq::chooseSplit(const ContractionLoops &loops, int64_t mostChunks) {
  int64_t panels = loops.panels.size(), tiles = loops.tiles.size();
  const ChunkSplit whole = {loops.batch, loops.groups, panels, tiles};
  ChunkSplit best = whole;
  SmallVector<double> serial = estimateChunks(loops, whole);
  double bestScore = 0;
  auto consider = [&](ChunkSplit split) {
    SmallVector<double> chunks = estimateChunks(loops, split);
    double score = 0;
    for (int64_t threads : {2, 4, 8})
      score += serial.front() / (double(threads) * estimateTime(chunks, threads));
    if (score > bestScore) {
      bestScore = score;
      best = split;
    }
  };
  for (int64_t size : listPartSizes(loops.batch, mostChunks))
    consider({size, loops.groups, panels, tiles});
  for (int64_t size : listPartSizes(loops.groups, mostChunks))
    consider({loops.batch, size, panels, tiles});
  for (int64_t size : listPartSizes(panels, mostChunks, loops.panelsOfLine))
    for (int64_t parts : listPartSizes(tiles, mostChunks / llvm::divideCeil(panels, size)))
      if (parts == tiles || parts <= loops.mostTiles || size <= loops.panelsOfLine)
        consider({loops.batch, loops.groups, size, parts});
  return best;
}
