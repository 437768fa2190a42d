// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of lowbit.conv_2d and lowbit.matmul: the loops around the tiles.

#include "ContractionKernel.h"

#include "gpfq/Dialect/LowBit/Transforms/TileTable.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

static const SmallVector<ReassociationIndices> mergeColumnsAndChannels = {{0}, {1}, {2, 3}};

/// True if a run of `op` covers several columns of the input.
static bool runCrossesColumns(LowBitComputeOpInterface op) {
  LayoutAttr layout = op.getLayoutAttr();
  return isa<Conv2DOp>(op) && layout.getRun() != layout.getStoredKernel().back();
}

static bool hasMergeableColumns(MemRefType inputType) {
  return memref::CollapseShapeOp::isGuaranteedCollapsible(inputType, mergeColumnsAndChannels);
}

bool mlir::gpfq::readsInputByElement(LowBitComputeOpInterface op, MemRefType inputType) {
  return op.getLayoutAttr().getRun() < 4 || !hasUnitInnerStride(inputType) ||
         (runCrossesColumns(op) && !hasMergeableColumns(inputType));
}

/// The largest panel that is unpacked once for `emitDot`: with the input of a tile it stays near
/// the core.
static constexpr int64_t maxUnpackedBytes = 32 * 1024;
/// Narrow sums and words win more, from the second-level cache too: the largest panel of words in a
/// workspace; on the stack, panels are up to `maxPanelStackBytes`.
static constexpr int64_t maxWorkspaceBytes = 512 * 1024;
/// Tiles for which unpacking once takes less time than in the inner loop.
static constexpr int64_t minTilesToUnpack = 8;

static bool hasTilesToUnpack(const KernelTarget &target, const ContractionShape &shape) {
  return shape.pixels >= minTilesToUnpack * target.getIntegerTile(shape).rows;
}

static int64_t getWordBytes(const PackedGeometry &g) {
  return 2 * g.getTotalQuads() * g.vectors * g.getRegisterBytes();
}

static int64_t getPairBytes(const PackedGeometry &g) {
  int64_t steps =
      g.runs * llvm::divideCeil(g.getQuads(), 2) + llvm::divideCeil(g.getSharedQuads(), 2);
  return 2 * steps * g.vectors * g.getRegisterBytes();
}

int64_t mlir::gpfq::getPanelBufferBytes(LowBitComputeOpInterface op, const KernelTarget &target) {
  PackedGeometry g(op);
  int32_t magnitude = op.getAlphabet().getMaxMagnitude() << g.getShift();
  bool usesWords = op.hasIntegerAccumulator() && !g.hasSigns() && target.widensLevels(magnitude) &&
                   hasTilesToUnpack(target, {getPixels(op), g.getTotalQuads(), g.bits});
  int64_t bytes = g.isPaired() ? getPairBytes(g) : usesWords ? getWordBytes(g) : 0;
  return bytes > maxPanelStackBytes && bytes <= maxWorkspaceBytes ? bytes : 0;
}

int64_t mlir::gpfq::getCodeSumBytes(LowBitComputeOpInterface op) {
  constexpr int64_t maxStackBytes = 4096;
  int64_t bytes = PackedGeometry(op).isPaired() ? 4 * getPixels(op) : 0;
  return bytes > maxStackBytes ? llvm::alignTo(bytes, 64) : 0;
}

bool ContractionKernel::usesPairs() const {
  return g.isPaired() && !byElement && g.getPairs() > 0 && b.target.getPairedTime() < 1.0;
}

bool ContractionKernel::unpacksOnce() const {
  if (usesPairs())
    return b.hasPanelBuffer() || getPairBytes(g) <= maxPanelStackBytes;
  if (!b.isInteger || g.isInPlace() || !hasTilesToUnpack(b.target, getShape()))
    return false;
  if (b.widensLevels())
    return b.hasPanelBuffer() || getWordBytes(g) <= maxPanelStackBytes;
  int64_t bytes = g.getTotalQuads() * g.vectors * g.getRegisterBytes();
  return g.bits != 8 && bytes <= (b.getNarrowQuads() > 0 ? maxPanelStackBytes : maxUnpackedBytes);
}

int64_t ContractionKernel::getTileRows() const {
  if (chosenTileRows)
    return *chosenTileRows;
  int64_t pixels = height * width;
  if (g.isInPlace())
    return 1;
  if (!b.isInteger)
    return b.target.getFloatTile(pixels).rows;
  if (g.hasSigns())
    return b.target.getSignTile(pixels)->rows;
  if (panelForm == PanelForm::Words)
    return b.target.getWordTileRows(g.vectors);
  if (panelForm == PanelForm::Pairs)
    return b.target.getPairedTileRows(g.vectors);
  if (pixels > 1 && (isUnpackedOnce || g.bits == 8))
    return b.target.getByteTileRows(getShape(), g.vectors);
  // Panels were chosen before the batch became rows, which may ask for others.
  TileShape tile = b.target.getIntegerTile(getShape());
  return g.vectors <= tile.vectors ? tile.rows
                                   : std::max<int64_t>(1, tile.rows * tile.vectors / g.vectors);
}

/// All of `tiles` of the outer dimension for one panel: its weights stay in the first-level cache.
void ContractionKernel::buildPanel(TilePlace place, int64_t channels, IndexRange tiles) {
  PackedBuffer packed = b.weights;
  if (isUnpackedOnce) {
    int64_t vectors = llvm::divideCeil(channels, g.lanes);
    bool isPaired = panelForm == PanelForm::Pairs;
    b.weights = b.unpackPanel(place.panelStart, vectors, panelForm,
                              isPaired ? 0 : b.getBiasShift().value_or(0));
    place.panelStart = b.getUnpackedStart();
    if (isPaired)
      levelSums = buildLevelSums(vectors);
  }
  buildTiles(place, tiles,
             [&](const TilePlace &at, ArrayRef<TileRow> rows) { buildTile(at, rows, channels); });
  b.weights = packed;
}

void ContractionKernel::buildTiles(TilePlace place, IndexRange tiles,
                                   function_ref<void(const TilePlace &, ArrayRef<TileRow>)> body) {
  IndexRange rowTiles = height > 1 ? tiles : IndexRange(),
             columnTiles = height > 1 ? IndexRange() : tiles;
  b.buildTileLoops(rowRanges, rowTiles, [&](Value y, int64_t rowCount) {
    b.buildTileLoops(columnRanges, columnTiles, [&](Value x, int64_t columnCount) {
      SmallVector<TileRow> rows;
      for (int64_t dy = 0; dy < rowCount; ++dy)
        for (int64_t dx = 0; dx < columnCount; ++dx)
          rows.push_back({dy, dx});
      place.y = y;
      place.x = x;
      body(place, rows);
    });
  });
}

void ContractionKernel::buildPanels(Value batchIndex, Value group, IndexRange tiles) {
  int64_t channelBytes = g.getPanelBytes(g.vectors) / g.getPanelChannels();
  Value groupStart = b.scale(group, g.getGroupBytes());
  if (batchBytes > 0)
    groupStart = b.add(groupStart, b.scale(batchIndex, batchBytes));
  Value groupChannel = b.scale(group, g.channels);
  TilePlace place = {batchIndex, group, b.index(0), b.index(0), {}, {}};
  if (g.isInPlace() && height * width == 1)
    offsetSum = buildOffsetSum(place, {0, 0});
  if (panelForm == PanelForm::Pairs)
    buildCodeSums(place, tiles);
  b.buildTileLoops(panelRanges, panelChunk, [&](Value channel, int64_t channels) {
    place.panelStart = b.add(groupStart, b.scale(channel, channelBytes));
    place.channel = b.add(groupChannel, channel);
    buildPanel(place, channels, tiles);
  });
}

void ContractionKernel::build() {
  if (crossesColumns && hasMergeableColumns(cast<MemRefType>(b.input.getType())))
    b.input = memref::CollapseShapeOp::create(b, b.input, mergeColumnsAndChannels);
  mergesPixels = b.mergePixels();
  isUnpackedOnce = unpacksOnce();
  if (isUnpackedOnce && usesPairs())
    panelForm = PanelForm::Pairs;
  else if (isUnpackedOnce && b.widensLevels())
    panelForm = PanelForm::Words;
  int64_t limit = getTileRows();
  // Narrow images: a tile spans several output rows.
  rowRanges = getBalancedTiles(height, std::max<int64_t>(1, limit / width));
  columnRanges = getBalancedTiles(width, limit);
  panelRanges = getPanelRanges(g);
  chooseChunks();
  b.buildTileLoops({{1, batch, 0}}, batchChunk, [&](Value batchIndex, int64_t) {
    b.buildTileLoops({{1, g.groups, 0}}, groupChunk, [&](Value group, int64_t) {
      buildBlocks([&](IndexRange tiles) { buildPanels(batchIndex, group, tiles); });
    });
  });
}

void mlir::gpfq::buildContractionKernel(KernelBuilder &builder, Conv2DOp op) {
  ContractionKernel kernel(builder, op);
  ArrayRef<int64_t> shape = cast<MemRefType>(op.getInit().getType()).getShape();
  SmallVector<int64_t> filter = op.getLayoutAttr().getStoredKernel();
  kernel.batch = shape[0];
  kernel.height = shape[1];
  kernel.width = shape[2];
  kernel.strideY = op.getStrides()[0];
  kernel.strideX = op.getStrides()[1];
  kernel.dilationY = op.getDilations()[0];
  kernel.dilationX = op.getDilations()[1];
  kernel.tapRows = filter[1];
  kernel.groupChannels = filter[3];
  kernel.crossesColumns = runCrossesColumns(op);
  kernel.border = op.getLayoutAttr().getBorder();
  kernel.tapColumns = kernel.crossesColumns ? 1 : filter[2];
  kernel.build();
}

/// Matrices as images of one row of pixels.
static void setMatrixShape(ContractionKernel &kernel, LowBitComputeOpInterface op) {
  ArrayRef<int64_t> shape = cast<MemRefType>(op.getInit().getType()).getShape();
  kernel.batch = shape.size() == 3 ? shape[0] : 1;
  kernel.width = shape[shape.size() - 2];
  kernel.groupChannels = op.getLayoutAttr().getStoredKernel()[1];
}

void mlir::gpfq::buildContractionKernel(KernelBuilder &builder, MatmulOp op) {
  ContractionKernel kernel(builder, op);
  setMatrixShape(kernel, op);
  kernel.build();
}

void mlir::gpfq::buildContractionKernel(KernelBuilder &builder, BatchMatmulOp op) {
  Value &weights = builder.weights.memref;
  if (cast<MemRefType>(weights.getType()).getRank() == 2)
    weights =
        memref::CollapseShapeOp::create(builder, weights, ArrayRef<ReassociationIndices>{{0, 1}});
  ContractionKernel kernel(builder, op);
  setMatrixShape(kernel, op);
  kernel.batchBytes = builder.weights.geometry.getTotalBytes();
  kernel.build();
}
