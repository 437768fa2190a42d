// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_LOOPBUILDER_H
#define GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_LOOPBUILDER_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::gpfq {

/// `count` tiles of `size`, the first of which starts at `start`.
struct TileRange {
  int64_t size, count, start;
};

/// Cuts `total` in the least number of tiles of at most `limit`, whose sizes differ by at most one.
SmallVector<TileRange, 2> getBalancedTiles(int64_t total, int64_t limit);

/// Cuts `total` in `tiles` tiles, at most `total`, whose sizes differ by at most one.
SmallVector<TileRange, 2> cutInTiles(int64_t total, int64_t tiles);

/// Tiles of all ranges together.
int64_t countTiles(ArrayRef<TileRange> ranges);

/// Consecutive indices from `begin` to `end`; all that there are if null.
struct IndexRange {
  Value begin, end;
};

/// True if elements that follow each other in the last dimension do so in memory.
bool hasUnitInnerStride(MemRefType type);

/// `count` indices in parts of `size`, but for the last.
struct LoopParts {
  int64_t count, size;
  int64_t getNum() const { return llvm::divideCeil(count, size); }
};

/// Builds what all kernels share: constants, loops, parts that may run at the same time, partial
/// vectors.
class LoopBuilder : public ImplicitLocOpBuilder {
public:
  /// Builds at the insertion point of `builder`, in the first block of the kernel.
  LoopBuilder(Location loc, OpBuilder &builder)
      : ImplicitLocOpBuilder(loc, builder), entry(getInsertionBlock()) {}

  /// A constant at the start of the kernel, made once.
  Value getConstant(TypedAttr value);
  Value index(int64_t value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value scale(Value a, int64_t factor);
  Value splat(VectorType type, int64_t value);
  Value zeros(VectorType type);

  using LoopBody = function_ref<SmallVector<Value>(Value, ValueRange)>;
  /// A loop from 0 to `count` that carries values; no loop if `count` is 0 or 1.
  SmallVector<Value> buildLoop(int64_t count, ValueRange carried, LoopBody body);
  /// A loop that carries nothing.
  void buildLoop(int64_t count, function_ref<void(Value)> body);
  /// A loop from `begin` to `end`.
  void buildLoop(Value begin, Value end, function_ref<void(Value)> body);
  /// Loops over the tiles of each range; `body` gets the start and size of a tile.
  void buildTileLoops(ArrayRef<TileRange> ranges, function_ref<void(Value, int64_t)> body);
  /// The same for the tiles whose numbers, counted over all ranges, are in `tiles`.
  void buildTileLoops(ArrayRef<TileRange> ranges, IndexRange tiles,
                      function_ref<void(Value, int64_t)> body);

  /// Part number `part` of `count` indices, of which each part but the last has `size`.
  IndexRange getPart(Value part, int64_t size, int64_t count);
  /// Builds `body` in a loop over the parts; once, for all indices, where one part has them.
  void buildParts(int64_t size, int64_t count, function_ref<void(IndexRange)> body);

  /// Makes the kernel one that computes a part of its result in each call: part number `chunk` of
  /// at most `most`.
  void splitIntoChunks(Value chunk, int64_t most) {
    chunkIndex = chunk;
    mostChunks = most;
  }
  /// Lets it have no more than `most` parts.
  void limitChunks(int64_t most) { mostChunks = std::min(mostChunks, most); }
  /// The number of the part, if the kernel is split.
  Value getChunk() const { return chunkIndex; }
  /// Parts that the kernel is split into.
  int64_t getNumChunks() const { return numChunks; }
  int64_t getMostChunks() const { return mostChunks; }
  bool isSplit() const { return mostChunks > 1; }
  /// How many times faster than one thread very many are when `count` equal pieces of work are
  /// split as evenly as possible.
  double getSpeedup(int64_t count) const;
  /// Splits `count` pieces of work, of which a chunk gets at most `most`; the pieces of this chunk.
  IndexRange takeChunk(int64_t count, int64_t most);
  /// Splits each of two nested loops into equal parts, but for the last; the indices of this chunk.
  /// All indices of a loop of one part are a null range.
  std::pair<IndexRange, IndexRange> takeChunk(LoopParts outer, LoopParts inner);
  /// Builds `then` under `condition`, or where that is null without one.
  void buildIf(Value condition, function_ref<void()> then, function_ref<void()> otherwise = {});
  /// Builds `body` for the last chunk alone.
  void buildInLastChunk(function_ref<void()> body);

  /// The first `valid` elements of a vector of `size`, the rest zero; reads nothing else.
  Value loadVector(Value memref, ArrayRef<Value> indices, int64_t valid, int64_t size);
  /// Writes the first `valid` elements of `vector` and nothing else.
  void storeVector(Value vector, Value memref, ArrayRef<Value> indices, int64_t valid);

protected:
  /// The first block of the kernel.
  Block *entry;

private:
  Value chunkIndex;
  int64_t mostChunks = 1, numChunks = 1;
  llvm::DenseMap<Attribute, Value> constants;
};

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_LOOPBUILDER_H
