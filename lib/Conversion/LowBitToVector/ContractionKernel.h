// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_CONTRACTIONKERNEL_H
#define GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_CONTRACTIONKERNEL_H

#include "KernelBuilder.h"

namespace mlir::gpfq {

/// Output pixel (or matrix row) of a tile, relative to its first.
struct TileRow {
  int64_t y, x;
};

/// Where a tile is: batch, channel group, first output pixel, first channel of the panel in the
/// result; and how many vectors of channels it has, the last of `lastLanes` lanes.
struct TilePlace {
  Value batch, group, y, x, channel, panelStart;
  int64_t vectors = 0, lastLanes = 0;
};

/// One run of the pixels of a tile.
struct RunPlace {
  const TilePlace &tile;
  ArrayRef<TileRow> rows;
  Value tapRow, tapColumn;
  /// Added to the address of the weights if not null: a zero of which the optimiser knows nothing.
  Value zero = {};
};

/// What a quad of weights is multiplied by, for each pixel of a tile. Its bytes from `skip` to
/// `end` are elements.
struct QuadInput {
  int64_t pixels, skip, end;
  function_ref<Value(int64_t pixel, int64_t byte)> loadElement;
  /// All four codes as an i32; null if they are not side by side.
  function_ref<Value(int64_t pixel)> loadWord;
};

/// A convolution, or a matrix product seen as a convolution of one row of pixels.
class ContractionKernel {
public:
  ContractionKernel(KernelBuilder &builder, lowbit::LowBitComputeOpInterface op)
      : b(builder), g(builder.weights.geometry),
        byElement(readsInputByElement(op, cast<MemRefType>(builder.input.getType()))),
        sumsLevels(builder.multipliesSignedCodes()) {
    if (ArrayRef<int64_t> tile = op.getLayoutAttr().getTile(); !tile.empty())
      chosenTileRows = tile.front();
  }

  void build();

  int64_t batch = 1, height = 1, width = 1;
  int64_t strideY = 1, strideX = 1, dilationY = 1, dilationX = 1;
  /// Runs are arranged as tapRows x tapColumns.
  int64_t tapRows = 1, tapColumns = 1;
  int64_t groupChannels = 0;
  bool crossesColumns = false;
  /// Bytes of the weights of each element of the batch; 0 if it shares them.
  int64_t batchBytes = 0;
  /// Output rows and columns at the edges that have tables of their own, see LayoutAttr.
  ArrayRef<int64_t> border;

private:
  void chooseChunks();
  void buildBlocks(function_ref<void(IndexRange)> body);
  void buildPanels(Value batchIndex, Value group, IndexRange tiles);
  void buildPanel(TilePlace place, int64_t channels, IndexRange tiles);
  /// Builds `body` in loops over the tiles in `tiles`, of those of the outer dimension.
  void buildTiles(TilePlace place, IndexRange tiles,
                  function_ref<void(const TilePlace &, ArrayRef<TileRow>)> body);
  void buildTile(TilePlace place, ArrayRef<TileRow> rows, int64_t channels);
  SmallVector<Value> buildRun(const RunPlace &run, ValueRange accumulators);
  /// `buildRun` by products of sums of codes and levels, for as many quads as make pairs.
  SmallVector<Value> buildPairedRun(const RunPlace &run, ValueRange accumulators);
  /// Stores what accumulators of each pixel in `tiles` begin with for the products of codes alone.
  void buildCodeSums(TilePlace place, IndexRange tiles);
  /// What accumulators of each vector begin with for the products of levels alone.
  SmallVector<Value> buildLevelSums(int64_t vectors);
  /// Where the i32 of a pixel is in `codeSums`.
  Value getCodeSumPlace(const TilePlace &place, TileRow row);
  /// What accumulators of pairs begin with; `bias`, if there is one, is for each vector.
  SmallVector<Value> startPairs(const TilePlace &place, ArrayRef<TileRow> rows,
                                ArrayRef<Value> bias);
  /// True if blocks of narrow sums are longer than a run, of which there are few.
  bool hasShortRuns() const;
  /// All products of a tile in such blocks.
  SmallVector<Value> buildShortRuns(const TilePlace &place, ArrayRef<TileRow> rows,
                                    ValueRange accumulators);
  /// `buildRun` in blocks of steps, or of quads of one, that have narrow sums.
  SmallVector<Value> buildNarrowRun(const RunPlace &run, ValueRange accumulators);
  /// The narrow sums of `steps` steps from `first` on, added to `zeros`.
  SmallVector<Value> buildNarrowSteps(const RunPlace &run, Value first, int64_t steps,
                                      ValueRange zeros);
  SmallVector<Value> buildQuads(const RunPlace &run, Value step, int64_t firstStep,
                                int64_t firstQuad, int64_t quads, ValueRange accumulators);
  SmallVector<Value> buildRuns(const TilePlace &place, ArrayRef<TileRow> rows,
                               ValueRange accumulators);
  SmallVector<Value> buildRunsInOrder(const TilePlace &place, ArrayRef<TileRow> rows,
                                      ValueRange accumulators);
  void addSharedQuad(const TilePlace &place, ArrayRef<TileRow> rows, int64_t quad, int64_t first,
                     int64_t end, KernelBuilder::RegisterCache &cache, MutableArrayRef<Value> sums);
  SmallVector<Value> buildSharedQuads(const TilePlace &place, ArrayRef<TileRow> rows,
                                      ValueRange accumulators);
  SmallVector<Value> loadLevels(const TilePlace &place, Value stepStart, int64_t quadInStep,
                                KernelBuilder::RegisterCache &cache);
  void addProducts(const QuadInput &input, ArrayRef<Value> levels, MutableArrayRef<Value> sums);
  void addWordProducts(const QuadInput &input, Value stepStart, MutableArrayRef<Value> sums);
  Value emitCodes(const QuadInput &input, int64_t pixel);
  /// `word` in each lane, as bytes.
  Value broadcastWord(Value word);
  /// As many of `codes` as there are `levels`.
  Value getFactor(Value codes, Value levels);
  /// Byte of the weights at which a step of a run starts.
  Value getStepStart(const RunPlace &run, Value step);

  SmallVector<Value> getInputIndices(const TilePlace &place, TileRow row, Value tapRow,
                                     Value tapColumn, Value element);
  Value loadElement(ArrayRef<Value> indices, int64_t offset);
  Value loadWord(ArrayRef<Value> indices, int64_t offset, int64_t skip);
  /// Number of the table for a pixel along one dimension of `size` pixels.
  Value getTableIndex(Value pixel, int64_t size, int64_t first, int64_t last);
  /// What the offsets of fields in place add to the sums of a row.
  Value buildOffsetSum(const TilePlace &place, TileRow row);
  Value buildOffsetSumByElement(const TilePlace &place, TileRow row);
  /// The sums of products, from those of each place in a byte.
  void mergeFields(const TilePlace &place, ArrayRef<TileRow> rows, SmallVectorImpl<Value> &sums);
  /// Lanes of the last vector of a panel of `channels` channels that products are made of.
  int64_t getLastLanes(int64_t channels) const;
  /// What the accumulators of signs begin with.
  SmallVector<Value> loadTables(const TilePlace &place, ArrayRef<TileRow> rows, int64_t vectors);
  SmallVector<Value> getResultPosition(const TilePlace &place, TileRow row, int64_t channel);

  /// Ranges of tiles of the outer dimension: rows, or where there is one row, columns.
  ArrayRef<TileRange> getOuterRanges() const { return height > 1 ? rowRanges : columnRanges; }
  /// Tiles of the outer dimension that a block of the second-level cache holds, as part of an
  /// image.
  int64_t getBlockTiles() const;
  /// What a register of weights costs before its first product, in products.
  double getRegisterCost() const;
  /// What a pixel costs beside its products, as part of those with one vector.
  double getPixelCost() const;
  int64_t getTileRows() const;
  ContractionShape getShape() const { return {height * width, g.getTotalQuads(), g.bits}; }
  /// True if each panel is unpacked once, for all tiles, rather than in the inner loop.
  bool unpacksOnce() const;
  /// True if quads are multiplied in pairs, once unpacked.
  bool usesPairs() const;

  KernelBuilder &b;
  const lowbit::PackedGeometry &g;
  bool byElement;
  /// True if codes are made signed, for which sums of the levels make up.
  bool sumsLevels;
  bool isUnpackedOnce = false;
  PanelForm panelForm = PanelForm::Bytes;
  /// Of pairs: the bytes of an i32 for each pixel, and `buildLevelSums` of the panel.
  Value codeSums, codeSumsStart;
  SmallVector<Value> levelSums;
  /// True if results of pixels side by side are stored as one.
  bool mergesPixels = false;
  /// `buildOffsetSum` of the only row of an element of the batch.
  Value offsetSum;
  /// Of the layout, if it has a tile.
  std::optional<int64_t> chosenTileRows;
  SmallVector<TileRange, 2> rowRanges, columnRanges, panelRanges;
  /// What one chunk computes.
  IndexRange batchChunk, groupChunk, panelChunk, tileChunk;
};

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_CONTRACTIONKERNEL_H
