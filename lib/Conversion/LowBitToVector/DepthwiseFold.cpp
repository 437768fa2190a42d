// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last panel of an integer depthwise kernel that has 16 channels or fewer of its own. Lanes of
// 128 bits, 16 channels, do not depend on each other, so they hold pixels instead, as many columns
// apart as a tile has.

#include "DepthwiseKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Channels of a lane of 128 bits, and columns of the tile that each of them computes: two share
/// their codes.
static constexpr int64_t laneChannels = 16, laneColumns = 2;

int64_t DepthwiseKernel::getFoldedPixels() const {
  int64_t pixels = g.getPanelChannels() / laneChannels, left = g.channels % g.getPanelChannels();
  // With a larger stride, tiles that compute all channels win more.
  if (!g.isInterleaved() || !sharesQuads || left == 0 || left > laneChannels)
    return 1;
  // Fewer channels have no panel before them to overlap. Tiles overlap too, which may not read what
  // another one has written in place.
  bool fits = g.channels >= laneChannels && width >= laneColumns * pixels && !b.readsPixels();
  return fits ? pixels : 1;
}

Value DepthwiseKernel::repeatChannels(Value vector) {
  int64_t perLane = cast<VectorType>(vector.getType()).getNumElements() / g.lanes;
  // Four vectors share the channels of a lane of 128 bits, the last one that has any.
  constexpr int64_t lanes = laneChannels / 4;
  int64_t first = (std::min(g.channels, g.getPanelChannels()) - laneChannels) / 4;
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < g.lanes; ++lane)
    for (int64_t i = 0; i < perLane; ++i)
      order.push_back((first + lane % lanes) * perLane + i);
  return vector::ShuffleOp::create(b, vector, vector, order);
}

Value DepthwiseKernel::loadPixels(const DepthwisePanel &panel, Value batch, Value y, Value column) {
  Value result = b.zeros(b.getBytesType());
  for (int64_t pixel = 0; pixel < panel.pixels; ++pixel) {
    Value at = b.add(column, pixel * laneColumns * strides[1]);
    Value codes =
        b.loadVector(b.input, {batch, y, at, panel.channel}, panel.channels, panel.channels);
    result =
        vector::InsertStridedSliceOp::create(b, codes, result, pixel * panel.channels, int64_t(1));
  }
  return result;
}

/// The last of a row overlaps the one before it if it would not fit.
void DepthwiseKernel::visitFoldedTiles(Value batchIndex, IndexRange tiles,
                                       function_ref<void(const DepthwiseTile &)> body) {
  int64_t columns = laneColumns * foldedPixels;
  b.buildTileLoops(rowRanges, tiles, [&](Value y, int64_t rows) {
    b.buildLoop(llvm::divideCeil(width, columns), [&](Value tile) {
      Value x = b.createOrFold<arith::MinUIOp>(b.scale(tile, columns), b.index(width - columns));
      body({batchIndex, y, x, rows, laneColumns});
    });
  });
}
