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

DepthwiseKernel::DepthwiseKernel(KernelBuilder &builder, DepthwiseConv2DOp op)
    : b(builder), g(builder.weights.geometry), strides(op.getStrides()),
      dilations(op.getDilations()), kernelHeight(op.getKernelShape()[0]),
      kernelWidth(op.getKernelShape()[1]), sharesQuads(strides[1] == 1 && dilations[1] == 1) {
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
}

Value DepthwiseKernel::loadInput(const DepthwisePanel &panel, const DepthwiseTile &tile, Value y,
                                 int64_t x) {
  Value column = b.add(b.scale(tile.x, strides[1]), x);
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

/// One vector after the other, so that the epilogue of one overlaps the products of the next.
void DepthwiseKernel::buildTile(const DepthwisePanel &panel, DepthwiseTile tile) {
  SmallVector<StoredVector> elements(tile.rows * tile.columns * g.vectors);
  InputRows rows;
  SmallVector<Value> before;
  for (int64_t v = 0; v < g.vectors; ++v) {
    if (v == 2 && b.isInteger) {
      // Codes are loaded anew for the upper half of the lanes, not kept in registers.
      rows.clear();
      tile.y = b.makeOpaque(tile.y, before);
    }
    SmallVector<Value> acc =
        b.isInteger ? buildQuads(panel, tile, v, rows, before) : buildTaps(panel, tile);
    KernelBuilder::FusedCache operands = loadOperands(v);
    before.clear();
    for (auto [pixel, sum] : llvm::enumerate(acc)) {
      Value y = b.add(tile.y, pixel / tile.columns), x = b.add(tile.x, pixel % tile.columns);
      StoredVector &element = elements[pixel * g.vectors + v];
      element = {sum, {tile.batch, y, x, panel.channel}, v, panel.channels, b.canStartFromBias()};
      element.value = b.emitElement(element, operands);
      before.push_back(element.value);
      if (v % 2 == 1 && b.packsCodes())
        before.back() = b.packWords((&element)[-1].value, element.value);
    }
  }
  b.storeElements(elements);
}

void DepthwiseKernel::storeOperands(const DepthwisePanel &panel) {
  for (auto [key, value] : b.loadChannelOperands(panel.channel, g.vectors, panel.channels)) {
    Value &buffer = operands[key];
    if (!buffer)
      buffer = b.allocate(b.getLanes(), getElementTypeOrSelf(value));
    vector::StoreOp::create(b, value, buffer, b.index(0));
  }
}

KernelBuilder::FusedCache DepthwiseKernel::loadOperands(int64_t v) {
  KernelBuilder::FusedCache cache;
  Value start = b.makeOpaque(b.index(0));
  for (auto [key, buffer] : operands)
    if (key.second == v) {
      VectorType type = b.getVectorType(getElementTypeOrSelf(buffer));
      cache[key] = vector::LoadOp::create(b, type, buffer, start);
    }
  return cache;
}

Value DepthwiseKernel::loadStart(int64_t v, Value zero) {
  VectorType type = b.getAccumulatorType();
  if (!b.canStartFromBias())
    return b.zeros(type);
  return vector::LoadOp::create(b, type, operands[{b.getBiasOperand(), v}], zero);
}

void DepthwiseKernel::buildPanel(DepthwisePanel panel, Value batchIndex, IndexRange tiles) {
  PackedBuffer packed = b.weights;
  if (b.isInteger) {
    arrangeWeights(panel);
    b.weights.geometry = b.getPlainGeometry(b.getBiasShift().value_or(0));
  } else if (g.runs == 1) {
    panel.factors = loadFactors(panel.start, b.index(0));
  }
  storeOperands(panel);
  b.buildTileLoops(rowRanges, tiles, [&](Value y, int64_t rows) {
    b.buildTileLoops(columnRanges, [&](Value x, int64_t columns) {
      buildTile(panel, {batchIndex, y, x, rows, columns});
    });
  });
  b.weights = packed;
}

void DepthwiseKernel::buildPanels(Value batchIndex, IndexRange tiles) {
  int64_t size = g.getPanelChannels(), regular = g.channels / size;
  int64_t channelBytes = g.getPanelBytes(g.vectors) / size;
  b.buildTileLoops({{size, regular, 0}}, panelChunk, [&](Value channel, int64_t channels) {
    buildPanel({b.scale(channel, channelBytes), channel, channels}, batchIndex, tiles);
  });
  if (g.channels == regular * size)
    return;
  auto buildLast = [&] { buildLastPanel(batchIndex, tiles); };
  // It may write channels of the panel before it, so it belongs to the chunk that has that.
  if (panelChunk.begin)
    b.buildInLastChunk(buildLast);
  else
    buildLast();
}

/// The channels that are left: an interleaved panel overlaps the one before it, or is not full.
void DepthwiseKernel::buildLastPanel(Value batchIndex, IndexRange tiles) {
  int64_t size = g.getPanelChannels(), regular = g.channels / size;
  int64_t start = regular * size, channels = g.channels - start;
  if (g.isInterleaved()) {
    int64_t left = channels;
    start = g.getPanelStart(regular);
    channels = g.channels - start;
    // What no other panel has is in the low half of the vectors, or with an overlap in the high.
    if (b.target.hasHalfVectors() && left <= size / 2) {
      b.useLanes(g.lanes / 2, start > 0 ? g.lanes / 2 : 0);
      start = std::max<int64_t>(0, g.channels - size / 2);
      channels = g.channels - start;
    }
  }
  buildPanel({b.index(regular * g.getPanelBytes(g.vectors)), b.index(start), channels}, batchIndex,
             tiles);
  b.useLanes(g.lanes);
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
  b.buildLoop(batch, [&](Value batchIndex) {
    if (tileChunk.begin)
      return buildPanels(batchIndex, tileChunk);
    b.buildParts(tilesAtOnce, tiles, [&](IndexRange part) { buildPanels(batchIndex, part); });
  });
}

void mlir::gpfq::buildDepthwiseKernel(KernelBuilder &builder, DepthwiseConv2DOp op) {
  DepthwiseKernel(builder, op).build();
}
