// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_DEPTHWISEKERNEL_H
#define GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_DEPTHWISEKERNEL_H

#include "KernelBuilder.h"
#include <array>
#include <functional>
#include <map>

namespace mlir::gpfq {

/// A panel of channels: its packed weights, its first channel and their number, the place of its
/// prepared weights and operands, and for f32 the weights of its only run.
struct DepthwisePanel {
  Value start, channel;
  int64_t channels;
  Value slot;
  SmallVector<Value> factors = SmallVector<Value>();
  /// Pixels that its vectors hold, with `channels` channels each.
  int64_t pixels = 1;
};

/// The columns of one row of the input, each loaded and interleaved once.
class InterleavedRow {
public:
  using Columns = std::array<int64_t, 4>;

  InterleavedRow(KernelBuilder &builder, std::function<Value(int64_t)> load)
      : b(builder), load(std::move(load)) {}

  /// Bytes of four columns side by side, in vector `v` of an interleaved panel.
  Value getQuad(Columns columns, int64_t v);

private:
  Value getColumn(int64_t column);
  /// Channels 0..7 or 8..15 of each 128-bit lane, two bytes each.
  Value getPair(int64_t first, int64_t second, int64_t half);

  KernelBuilder &b;
  std::function<Value(int64_t)> load;
  std::map<int64_t, Value> columns;
  std::map<std::array<int64_t, 3>, Value> pairs;
  std::map<std::pair<Columns, int64_t>, Value> quads;
};

/// Accumulators of a tile, with narrow sums where the target has a use for them.
class QuadSums {
public:
  QuadSums(KernelBuilder &builder, ValueRange accumulators)
      : b(builder), acc(accumulators), limit(builder.getNarrowQuads()) {}

  void startQuad();
  /// Adds the products with the bytes of `levels`, or with its words at even and at odd places.
  void add(int64_t index, Value codes, ArrayRef<Value> levels);
  SmallVector<Value> finish();

private:
  KernelBuilder &b;
  SmallVector<Value> acc, narrow;
  int64_t limit, quads = 0;
};

/// Output pixels of one panel: `rows` x `columns` of them from (y, x) on.
struct DepthwiseTile {
  Value batch, y, x;
  int64_t rows, columns;
};

class DepthwiseKernel {
public:
  DepthwiseKernel(KernelBuilder &builder, lowbit::DepthwiseConv2DOp op);

  void build();

private:
  bool hasHalfPanel() const;
  /// Pixels that the vectors of the last panel hold.
  int64_t getFoldedPixels() const;
  /// `vector` of the last panel with the channels that it has for itself for each pixel.
  Value repeatChannels(Value vector);
  Value loadPixels(const DepthwisePanel &panel, Value batch, Value y, Value column);
  void visitFoldedTiles(Value batch, IndexRange tiles,
                        function_ref<void(const DepthwiseTile &)> body);
  bool computesAllChannels() const;
  using PanelFunction = function_ref<void(DepthwisePanel &)>;
  void buildPanels(Value batch, IndexRange tiles);
  void visitPanels(PanelFunction body);
  void visitLastPanel(PanelFunction body);
  void preparePanel(DepthwisePanel &panel);
  void visitTiles(Value batch, IndexRange tiles, function_ref<void(const DepthwiseTile &)> body);
  /// A vector of the rows from `firstRow` to before `endRow` of a tile.
  struct TilePart {
    int64_t vector, firstRow, endRow;
  };
  SmallVector<TilePart> getTileParts(int64_t rows) const;
  void buildTile(const DepthwisePanel &panel, DepthwiseTile tile);
  Value loadInput(const DepthwisePanel &panel, const DepthwiseTile &tile, Value y, int64_t x);

  // Integers: a quad is four columns of a kernel row, interleaved byte by byte.
  void arrangeWeights(const DepthwisePanel &panel);
  Value gatherTaps(ArrayRef<Value> quadLevels, ArrayRef<int64_t> taps);
  InterleavedRow::Columns getQuadColumns(int64_t column, int64_t columns, int64_t quad) const;
  /// The rows of the input that a tile reads, by their distance from the first.
  using InputRows = std::map<int64_t, InterleavedRow>;
  void addKernelRow(const DepthwiseTile &tile, Value rowStart, TilePart part, QuadSums &sums,
                    function_ref<InterleavedRow &(int64_t)> getRow);
  /// The accumulators of `part`, computed after the vectors `before`.
  SmallVector<Value> buildQuads(const DepthwisePanel &panel, const DepthwiseTile &tile,
                                TilePart part, InputRows &rows, ValueRange before);

  // f32: a fused multiply-add for each tap.
  SmallVector<Value> loadFactors(Value panelStart, Value run);
  SmallVector<Value> buildTaps(const DepthwisePanel &panel, const DepthwiseTile &tile);

  /// Columns by which the weights are shifted for the output at column `column` of a tile: two
  /// neighbours share their quads, which start at an even column.
  int64_t getShift(int64_t column) const { return sharesQuads ? column % 2 : 0; }
  int64_t getNumShifts() const { return sharesQuads ? 2 : 1; }
  int64_t getQuads(int64_t shift) const { return llvm::divideCeil(kernelWidth + shift, 4); }
  /// Bytes of the arranged weights of a kernel row.
  int64_t getRowBytes() const;
  /// Bytes of the arranged weights of a panel.
  int64_t getSlotBytes() const { return kernelHeight * getRowBytes(); }
  /// Registers that the arranged weights of a vector of a quad take.
  int64_t getRegisters() const { return widensLevels ? 2 : 1; }
  void storeLevels(Value levels, Value at);
  SmallVector<Value, 2> loadLevels(Value at);
  /// Place of the first register of the weights of a kernel row at byte `rowStart`.
  Value getArranged(Value rowStart, int64_t shift, int64_t quad, int64_t vector);

  /// Fused operands of a panel wait in memory: the registers are needed for sums.
  void storeOperands(const DepthwisePanel &panel);
  KernelBuilder::FusedCache loadOperands(const DepthwisePanel &panel, int64_t v);
  /// What the sums of vector `v` start from, loaded after the vectors `before`.
  Value loadStart(const DepthwisePanel &panel, int64_t v, ValueRange before);

  KernelBuilder &b;
  const lowbit::PackedGeometry &g;
  /// Lanes of the layout; a last panel may compute with half of them.
  const int64_t slotLanes;
  SmallVector<int64_t> strides, dilations;
  int64_t batch, height, width, kernelHeight, kernelWidth;
  bool sharesQuads;
  /// True if arranged weights are words (see KernelBuilder::widensLevels).
  const bool widensLevels;
  int64_t foldedPixels = 1;
  SmallVector<TileRange, 2> rowRanges, columnRanges;
  /// Panels that one chunk computes.
  IndexRange panelChunk;
  /// Panels that are prepared at once: all of them, so that each tile computes all its channels, or
  /// one, for all tiles.
  int64_t slots = 1;
  /// Bytes of weights in the order of quads.
  Value arranged;
  std::map<std::pair<int64_t, int64_t>, Value> operands;
};

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_DEPTHWISEKERNEL_H
