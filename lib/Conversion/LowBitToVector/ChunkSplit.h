// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_CHUNKSPLIT_H
#define GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_CHUNKSPLIT_H

#include "LoopBuilder.h"

namespace mlir::gpfq {

/// The loops of a contraction, outermost first, and what their iterations cost: all costs in
/// products of a register of weights with a register of codes.
struct ContractionLoops {
  int64_t batch = 1, groups = 1;
  /// Vectors of each panel.
  SmallVector<int64_t> panels;
  /// Panels whose results are in one cache line, which no two threads should write.
  int64_t panelsOfLine;
  /// Pixels of each tile of the outer dimension.
  SmallVector<int64_t> tiles;
  /// Registers of weights of a vector of a panel.
  int64_t quads;
  /// Cost of such a register before its first product, in each chunk that has its panel.
  double registerCost;
  /// Cost of a pixel before its first product, in each chunk that has it, as part of the cost of
  /// its products with one vector.
  double pixelCost = 0;
  /// Tiles that a chunk with several panels may have.
  int64_t mostTiles;
};

/// Iterations of each loop that a chunk has, but for the last ones.
struct ChunkSplit {
  int64_t batch, groups, panels, tiles;
};

/// The split of `loops` into at most `mostChunks` chunks that takes the least time on few threads.
/// No split is of more than one loop, but for one of panels and tiles.
ChunkSplit chooseSplit(const ContractionLoops &loops, int64_t mostChunks);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_CHUNKSPLIT_H
