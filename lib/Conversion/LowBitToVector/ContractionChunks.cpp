// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of lowbit.conv_2d and lowbit.matmul: the parts that threads compute, and the blocks that
// a cache holds.

#include "ChunkSplit.h"
#include "ContractionKernel.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

static constexpr int64_t cacheLine = 64;

static int64_t getBytes(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

int64_t ContractionKernel::getBlockTiles() const {
  int64_t tiles = countTiles(getOuterRanges());
  int64_t imageBytes = (getBytes(b.input) + getBytes(b.init)) / batch / g.groups;
  int64_t blocks = std::min<int64_t>(llvm::divideCeil(imageBytes, blockBytes), tiles);
  // Weights that are large leave no room for a block beside them.
  if (blocks <= 1 || g.getFullPanels() == 0 || g.getGroupBytes() > blockBytes)
    return tiles;
  return llvm::divideCeil(tiles, blocks);
}

/// Where images are large and weights small, all panels go over one block of the image after the
/// other, so that its input and results stay in the second-level cache.
void ContractionKernel::buildBlocks(function_ref<void(IndexRange)> body) {
  if (tileChunk.begin)
    return body(tileChunk);
  b.buildParts(getBlockTiles(), countTiles(getOuterRanges()), body);
}

double ContractionKernel::getRegisterCost() const {
  // Roughly, as parts of different sizes take it: loads of weights that are not in the first-level
  // cache, and unpacking.
  constexpr double nearLoad = 0.5, farLoad = 4.0, unpack = 3.0;
  double load = g.getGroupBytes() > blockBytes ? farLoad : nearLoad;
  return load * double(g.bits) / 8 + (isUnpackedOnce ? unpack : 0.0);
}

double ContractionKernel::getPixelCost() const {
  bool isPaired = panelForm == PanelForm::Pairs;
  return isPaired ? b.target.getCodeSumCost(g.runs, g.run) / double(g.getTotalQuads()) : 0.0;
}

void ContractionKernel::chooseChunks() {
  if (!b.isSplit())
    return;
  auto initType = cast<MemRefType>(b.init.getType());
  int64_t elementBytes = llvm::divideCeil(initType.getElementTypeBitWidth(), 8);
  int64_t panelsOfLine = llvm::divideCeil(cacheLine, g.getPanelChannels() * elementBytes);
  ContractionLoops loops;
  loops.batch = batch;
  loops.groups = g.groups;
  loops.panelsOfLine = panelsOfLine;
  loops.quads = g.getTotalQuads();
  loops.registerCost = getRegisterCost();
  loops.pixelCost = getPixelCost();
  loops.mostTiles = getBlockTiles();
  loops.panels.append(g.getFullPanels(), g.vectors);
  if (int64_t tail = g.getTailVectors())
    loops.panels.push_back(tail);
  for (const TileRange &range : getOuterRanges())
    loops.tiles.append(range.count, range.size * (height > 1 ? width : 1));
  ChunkSplit split = chooseSplit(loops, b.getMostChunks());
  if (split.batch < batch)
    batchChunk = b.takeChunk({batch, split.batch}, {1, 1}).first;
  else if (split.groups < g.groups)
    groupChunk = b.takeChunk({g.groups, split.groups}, {1, 1}).first;
  else
    std::tie(panelChunk, tileChunk) = b.takeChunk({int64_t(loops.panels.size()), split.panels},
                                                  {int64_t(loops.tiles.size()), split.tiles});
}
