// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of lowbit.depthwise_conv_2d: lanes hold channels. The loops around the tiles, and the
// kernels of f32, in which each tap is a fused multiply-add.

#include "DepthwiseKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// Weights that tiles find in the first-level cache beside their input.
static constexpr int64_t maxPreparedBytes = 12 * 1024;

DepthwiseKernel::DepthwiseKernel(KernelBuilder &builder, DepthwiseConv2DOp op)
    : b(builder), g(builder.weights.geometry), slotLanes(g.lanes), strides(op.getStrides()),
      dilations(op.getDilations()), kernelHeight(op.getKernelShape()[0]),
      kernelWidth(op.getKernelShape()[1]), sharesQuads(strides[1] == 1 && dilations[1] == 1),
      widensLevels(builder.widensLevels()) {
  ArrayRef<int64_t> shape = cast<MemRefType>(b.init.getType()).getShape();
  batch = shape[0];
  height = shape[1];
  width = shape[2];
  bool isOneQuad = sharesQuads && getQuads(1) == 1;
  PixelTile tile = b.isInteger ? b.target.getDepthwiseTile(isOneQuad) : PixelTile{1, 4};
  if (ArrayRef<int64_t> chosen = op.getLayoutAttr().getTile(); !chosen.empty())
    tile = {chosen[0], chosen[1]};
  // A kernel row at a time is a loop, in which rows of outputs have no input in common.
  rowRanges = getBalancedTiles(height, g.runs == 1 ? tile.rows : 1);
  columnRanges = getBalancedTiles(width, tile.columns);
  foldedPixels = getFoldedPixels();
}

Value DepthwiseKernel::loadInput(const DepthwisePanel &panel, const DepthwiseTile &tile, Value y,
                                 int64_t x) {
  Value column = b.add(b.scale(tile.x, strides[1]), x);
  if (panel.pixels > 1)
    return loadPixels(panel, tile.batch, y, column);
  return b.loadVector(b.input, {tile.batch, y, column, panel.channel}, panel.channels,
                      g.vectors * b.getLanes());
}

//===----------------------------------------------------------------------===//
// f32
//===----------------------------------------------------------------------===//

/// The weights of a run, a vector for each tap.
SmallVector<Value> DepthwiseKernel::loadFactors(Value panelStart, Value run) {
  SmallVector<Value> factors;
  for (int64_t step = 0; step < g.getSteps(); ++step) {
    Value stepIndex = b.add(b.scale(run, g.getSteps()), step);
    Value stepStart = b.add(panelStart, b.scale(stepIndex, g.getStepBytes(g.vectors)));
    KernelBuilder::RegisterCache cache;
    for (int64_t q = 0; q < g.quadsPerStep; ++q) {
      int64_t quad = step * g.quadsPerStep + q;
      if (quad >= g.getQuads())
        break;
      Value bytes = b.loadLevels(stepStart, 0, q, cache);
      for (int64_t byte = 0; byte < g.getQuadEnd(quad); ++byte)
        factors.push_back(b.getFloatLevels(bytes, byte));
    }
  }
  return factors;
}

SmallVector<Value> DepthwiseKernel::buildTaps(const DepthwisePanel &panel,
                                              const DepthwiseTile &tile) {
  SmallVector<Value> acc(tile.columns, b.zeros(b.getAccumulatorType()));
  return b.buildLoop(g.runs, acc, [&](Value run, ValueRange runAcc) {
    SmallVector<Value> factors = panel.factors, sums(runAcc);
    if (factors.empty())
      factors = loadFactors(panel.start, run);
    Value y = b.add(b.scale(tile.y, strides[0]), b.scale(run, dilations[0]));
    for (auto [column, sum] : llvm::enumerate(sums))
      for (int64_t tap = 0; tap < g.run; ++tap) {
        Value x = loadInput(panel, tile, b.add(y, tap / kernelWidth * dilations[0]),
                            column * strides[1] + tap % kernelWidth * dilations[1]);
        sum = math::FmaOp::create(b, x, factors[tap], sum);
      }
    return sums;
  });
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// The vectors of the rows of a tile, one after the other, so that the epilogue of one overlaps the
/// products of the next. Where results are integers those of two vectors wait as one, and the upper
/// two are in two parts, for which there are registers in tall tiles too.
SmallVector<DepthwiseKernel::TilePart> DepthwiseKernel::getTileParts(int64_t rows) const {
  SmallVector<TilePart> parts;
  for (int64_t v = 0; v < std::min<int64_t>(2, g.vectors); ++v)
    parts.push_back({v, 0, rows});
  constexpr int64_t rowsAtOnce = 3;
  int64_t half = rows > rowsAtOnce ? rows / 2 : rows;
  for (int64_t row = 0; row < rows; row += half)
    for (int64_t v = 2; v < g.vectors; ++v)
      parts.push_back({v, row, std::min(rows, row + half)});
  return parts;
}

void DepthwiseKernel::buildTile(const DepthwisePanel &panel, DepthwiseTile tile) {
  PackedGeometry packed = b.weights.geometry;
  if (b.isInteger)
    b.weights.geometry = b.getPlainGeometry(b.getBiasShift().value_or(0));
  SmallVector<StoredVector> elements(tile.rows * tile.columns * g.vectors);
  InputRows rows;
  SmallVector<Value> before;
  for (TilePart part : getTileParts(tile.rows)) {
    int64_t v = part.vector;
    if (v == 2 && part.firstRow == 0 && b.isInteger) {
      // Codes are loaded anew for the upper half of the lanes, not kept in registers.
      rows.clear();
      tile.y = b.makeOpaque(tile.y, before);
    }
    SmallVector<Value> acc =
        b.isInteger ? buildQuads(panel, tile, part, rows, before) : buildTaps(panel, tile);
    KernelBuilder::FusedCache operands = loadOperands(panel, v);
    before.clear();
    for (auto [i, sum] : llvm::enumerate(acc)) {
      int64_t pixel = part.firstRow * tile.columns + int64_t(i);
      Value y = b.add(tile.y, pixel / tile.columns), x = b.add(tile.x, pixel % tile.columns);
      StoredVector &element = elements[pixel * g.vectors + v];
      element = {sum, {tile.batch, y, x, panel.channel}, v, panel.channels, b.canStartFromBias()};
      element.pixels = panel.pixels;
      element.columnsApart = tile.columns;
      element.value = b.emitElement(element, operands);
      before.push_back(element.value);
      if (v % 2 == 1 && b.packsCodes())
        before.back() = b.packWords((&element)[-1].value, element.value);
    }
  }
  b.storeElements(elements);
  b.weights.geometry = packed;
}

void DepthwiseKernel::storeOperands(const DepthwisePanel &panel) {
  Value channel = panel.channel;
  int64_t channels = panel.channels;
  if (panel.pixels > 1) {
    // Lanes as those of the weights.
    channel = b.index(std::max<int64_t>(0, g.channels - g.getPanelChannels()));
    channels = std::min(g.channels, g.getPanelChannels());
  }
  for (auto [key, value] : b.loadChannelOperands(channel, g.vectors, channels)) {
    if (panel.pixels > 1)
      value = repeatChannels(value);
    Value &buffer = operands[key];
    if (!buffer)
      buffer = b.allocate(slots * slotLanes, getElementTypeOrSelf(value));
    vector::StoreOp::create(b, value, buffer, b.scale(panel.slot, slotLanes));
  }
}

KernelBuilder::FusedCache DepthwiseKernel::loadOperands(const DepthwisePanel &panel, int64_t v) {
  KernelBuilder::FusedCache cache;
  Value start = b.makeOpaque(b.scale(panel.slot, slotLanes));
  for (auto [key, buffer] : operands)
    if (key.second == v) {
      VectorType type = b.getVectorType(getElementTypeOrSelf(buffer));
      cache[key] = vector::LoadOp::create(b, type, buffer, start);
    }
  return cache;
}

Value DepthwiseKernel::loadStart(const DepthwisePanel &panel, int64_t v, ValueRange before) {
  VectorType type = b.getAccumulatorType();
  if (!b.canStartFromBias())
    return b.zeros(type);
  Value start = b.makeOpaque(b.scale(panel.slot, slotLanes), before);
  return vector::LoadOp::create(b, type, operands[{b.getBiasOperand(), v}], start);
}

/// Arranges the weights and fused operands of a panel for tiles.
void DepthwiseKernel::preparePanel(DepthwisePanel &panel) {
  if (b.isInteger)
    arrangeWeights(panel);
  else if (g.runs == 1)
    panel.factors = loadFactors(panel.start, b.index(0));
  storeOperands(panel);
}

/// True if the channels that are left of the last panel take half of the lanes.
bool DepthwiseKernel::hasHalfPanel() const {
  int64_t left = g.channels % g.getPanelChannels();
  return g.isInterleaved() && b.target.hasHalfVectors() && left > 0 &&
         left <= g.getPanelChannels() / 2;
}

/// True if tiles compute all their channels one after the other, so that lines of the input and
/// result which panels share come from the second-level cache once. Where tiles read few lines,
/// changing between whole and half vectors takes more time than that.
bool DepthwiseKernel::computesAllChannels() const {
  int64_t panels = llvm::divideCeil(g.channels, g.getPanelChannels());
  return b.isInteger && panels > 1 && panels * getSlotBytes() <= maxPreparedBytes &&
         foldedPixels == 1 && (strides[1] > 1 || !hasHalfPanel());
}

/// Builds `body` for all panels of the chunk.
void DepthwiseKernel::visitPanels(PanelFunction body) {
  int64_t size = g.getPanelChannels(), regular = g.channels / size;
  int64_t panelBytes = g.getPanelBytes(g.vectors);
  auto visitFull = [&](Value number) {
    Value slot = slots > 1 ? number : b.index(0);
    DepthwisePanel panel = {b.scale(number, panelBytes), b.scale(number, size), size, slot};
    body(panel);
  };
  if (panelChunk.begin)
    b.buildLoop(panelChunk.begin, panelChunk.end, visitFull);
  else
    b.buildLoop(regular, visitFull);
  if (g.channels == regular * size)
    return;
  // It may write channels of the panel before it, so it belongs to the chunk that has that.
  if (panelChunk.begin)
    b.buildInLastChunk([&] { visitLastPanel(body); });
  else
    visitLastPanel(body);
}

/// The channels that are left: an interleaved panel overlaps the one before it, or is not full.
void DepthwiseKernel::visitLastPanel(PanelFunction body) {
  int64_t size = g.getPanelChannels(), regular = g.channels / size;
  int64_t start = regular * size, channels = g.channels - start;
  if (foldedPixels > 1) {
    channels = size / foldedPixels;
    start = g.channels - channels;
  } else if (g.isInterleaved()) {
    start = g.getPanelStart(regular);
    if (hasHalfPanel()) {
      // What no other panel has is in the low half of the vectors, or with an overlap in the high.
      b.useLanes(g.lanes / 2, start > 0 ? g.lanes / 2 : 0);
      start = std::max<int64_t>(0, g.channels - size / 2);
    }
    channels = g.channels - start;
  }
  DepthwisePanel panel = {b.index(regular * g.getPanelBytes(g.vectors)), b.index(start), channels,
                          b.index(slots > 1 ? regular : 0)};
  panel.pixels = foldedPixels;
  body(panel);
  b.useLanes(g.lanes);
}

void DepthwiseKernel::visitTiles(Value batchIndex, IndexRange tiles,
                                 function_ref<void(const DepthwiseTile &)> body) {
  b.buildTileLoops(rowRanges, tiles, [&](Value y, int64_t rows) {
    b.buildTileLoops(columnRanges,
                     [&](Value x, int64_t columns) { body({batchIndex, y, x, rows, columns}); });
  });
}

void DepthwiseKernel::buildPanels(Value batchIndex, IndexRange tiles) {
  if (slots > 1) {
    visitPanels([&](DepthwisePanel &panel) { preparePanel(panel); });
    return visitTiles(batchIndex, tiles, [&](const DepthwiseTile &tile) {
      visitPanels([&](DepthwisePanel &panel) { buildTile(panel, tile); });
    });
  }
  visitPanels([&](DepthwisePanel &panel) {
    preparePanel(panel);
    auto build = [&](const DepthwiseTile &tile) { buildTile(panel, tile); };
    if (panel.pixels > 1)
      visitFoldedTiles(batchIndex, tiles, build);
    else
      visitTiles(batchIndex, tiles, build);
  });
}

void DepthwiseKernel::build() {
  auto inputType = cast<MemRefType>(b.input.getType());
  int64_t imageBytes = inputType.getNumElements() * inputType.getElementTypeBitWidth() / 8 / batch;
  int64_t tiles = countTiles(rowRanges);
  int64_t blocks = std::min<int64_t>(llvm::divideCeil(imageBytes, blockBytes), tiles);
  int64_t tilesAtOnce = llvm::divideCeil(tiles, blocks);
  IndexRange tileChunk;
  if (b.isSplit()) {
    // Chunks of rows each arrange all weights, but what the layers before and after read and write
    // is split into rows as a rule, and stays in the cache of a core.
    int64_t panels = std::max<int64_t>(1, g.channels / g.getPanelChannels());
    if (b.getSpeedup(tiles) >= 0.9 * b.getSpeedup(panels))
      tileChunk = b.takeChunk(tiles, tilesAtOnce);
    else
      panelChunk = b.takeChunk(panels, panels);
  }
  if (!panelChunk.begin && computesAllChannels()) {
    slots = llvm::divideCeil(g.channels, g.getPanelChannels());
    tilesAtOnce = tiles;
  }
  b.buildLoop(batch, [&](Value batchIndex) {
    if (tileChunk.begin)
      return buildPanels(batchIndex, tileChunk);
    b.buildParts(tilesAtOnce, tiles, [&](IndexRange part) { buildPanels(batchIndex, part); });
  });
}

void mlir::gpfq::buildDepthwiseKernel(KernelBuilder &builder, DepthwiseConv2DOp op) {
  DepthwiseKernel(builder, op).build();
}
