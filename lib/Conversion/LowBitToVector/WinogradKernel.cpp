// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Winograd's algorithm: for each position a matrix product of transformed codes and levels, then
// A^T m A of the sums and the epilogue.

#include "Winograd.h"

#include "WorkspaceParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// Rows `first` and `first` + 2 of A^T, which share terms, times the values that `get` gives.
static std::array<Value, 2> emitOutputRows(LoopBuilder &b, int64_t first,
                                           function_ref<Value(int64_t)> get) {
  auto plus = [&](Value x, Value y) -> Value { return arith::AddIOp::create(b, x, y); };
  auto minus = [&](Value x, Value y) -> Value { return arith::SubIOp::create(b, x, y); };
  auto shift = [&](Value x, int64_t bits) -> Value {
    return arith::ShLIOp::create(b, x, b.splat(cast<VectorType>(x.getType()), bits));
  };
  Value m1 = get(1), m2 = get(2), m3 = get(3), m4 = get(4);
  if (first == 0) {
    Value near = plus(m1, m2), far = plus(m3, m4);
    return {plus(plus(get(0), near), far), plus(near, shift(far, 2))};
  }
  Value near = minus(m1, m2), far = minus(m3, m4);
  return {plus(near, shift(far, 1)), plus(plus(near, shift(far, 3)), shift(get(5), 1))};
}

namespace {

class WinogradKernel {
public:
  WinogradKernel(KernelBuilder &builder, const WinogradShape &shape, WinogradTransforms &transforms,
                 Value workspace, Value state)
      : b(builder), s(shape), transforms(transforms), lanes(shape.lanes), workspace(workspace),
        parts(builder, state, shape.getNumChunks()),
        sums(builder.allocate(winogradPositions * shape.getGroupTiles() * lanes,
                              builder.getI32Type())) {}

  void build() {
    if (b.isSplit())
      std::tie(panelChunk, groupChunk) = b.takeChunk(s.panelParts, s.groupParts);
    levels = isSplit() ? b.scale(parts.take(b.getChunk()), s.getChunkSize()) : b.index(0);
    codes = b.add(levels, s.getChunkLevelsSize());
    if (s.keepsLevels)
      buildGroupByGroup();
    else
      buildVectorByVector();
    if (isSplit())
      parts.release();
  }

private:
  bool isSplit() const { return s.getNumChunks() > 1; }

  /// A group of tiles: its number, its first tile, and how many there are, as many as in the first
  /// group if `isLarge` or one less.
  struct GroupPlace {
    Value number, start, size;
    /// Null if all are.
    Value isLarge;
  };

  /// A vector of output channels: its number in its panel, its first channel, and how many channels
  /// there are.
  struct VectorPlace {
    Value number, channel;
    int64_t valid;
  };

  /// Transforms all levels of the chunk first.
  void buildGroupByGroup() {
    Value firstChannel = panelChunk.begin
                             ? b.scale(panelChunk.begin, b.weights.geometry.getPanelChannels())
                             : b.index(0);
    auto getLevels = [&](const VectorPlace &vector) {
      Value inChunk = b.createOrFold<arith::SubIOp>(vector.channel, firstChannel);
      return b.add(levels, b.scale(inChunk, s.getLevelsSize() / lanes));
    };
    auto buildLevels = [&] {
      visitPanels([&](Value channel, int64_t channels, const PackedBuffer &panel) {
        visitVectors(channel, channels, [&](const VectorPlace &vector) {
          transforms.callLevels(b, panel, llvm::divideCeil(channels, lanes), vector.number,
                                workspace, getLevels(vector));
        });
      });
    };
    if (isSplit())
      parts.buildUnlessTagged(panelChunk.begin ? panelChunk.begin : b.index(0), buildLevels);
    else
      buildLevels();
    visitGroups([&](const GroupPlace &group) {
      transforms.callCodes(b, group.start, group.size, workspace, codes);
      b.buildTileLoops(getPanelRanges(b.weights.geometry), panelChunk,
                       [&](Value channel, int64_t channels) {
                         visitVectors(channel, channels, [&](const VectorPlace &vector) {
                           buildBlock(vector, group, getLevels(vector), codes);
                         });
                       });
    });
  }

  /// Transforms all codes of the chunk first.
  void buildVectorByVector() {
    auto getCodes = [&](const GroupPlace &group) {
      return b.add(codes, b.scale(group.number, s.getGroupTiles() * s.getCodesSize()));
    };
    visitGroups([&](const GroupPlace &group) {
      transforms.callCodes(b, group.start, group.size, workspace, getCodes(group));
    });
    visitPanels([&](Value channel, int64_t channels, const PackedBuffer &panel) {
      visitVectors(channel, channels, [&](const VectorPlace &vector) {
        transforms.callLevels(b, panel, llvm::divideCeil(channels, lanes), vector.number, workspace,
                              levels);
        visitGroups(
            [&](const GroupPlace &group) { buildBlock(vector, group, levels, getCodes(group)); });
      });
    });
  }

  void visitGroups(function_ref<void(const GroupPlace &)> body) {
    Value begin = groupChunk.begin ? groupChunk.begin : b.index(0);
    Value end = groupChunk.end ? groupChunk.end : b.index(countTiles(s.groups));
    b.buildLoop(begin, end, [&](Value number) {
      int64_t size = s.getGroupTiles();
      GroupPlace place = {number, b.scale(number, size), b.index(size), {}};
      if (s.groups.size() > 1) {
        Value large = b.index(s.groups[0].count);
        place.isLarge = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number, large);
        place.size = arith::SelectOp::create(b, place.isLarge, b.index(size), b.index(size - 1));
        Value smaller = arith::SubIOp::create(b, arith::MaxUIOp::create(b, number, large), large);
        place.start = arith::SubIOp::create(b, place.start, smaller);
      }
      body(place);
    });
  }

  /// Unpacks each panel of the chunk.
  void
  visitPanels(function_ref<void(Value channel, int64_t channels, const PackedBuffer &panel)> body) {
    const PackedGeometry &g = b.weights.geometry;
    int64_t channelBytes = g.getPanelBytes(g.vectors) / g.getPanelChannels();
    b.buildTileLoops(
        getPanelRanges(b.weights.geometry), panelChunk, [&](Value channel, int64_t channels) {
          PackedBuffer panel =
              b.unpackPanel(b.scale(channel, channelBytes), llvm::divideCeil(channels, lanes));
          body(channel, channels, panel);
        });
  }

  void visitVectors(Value channel, int64_t channels, function_ref<void(const VectorPlace &)> body) {
    b.buildLoop(channels / lanes, [&](Value number) {
      body({number, b.add(channel, b.scale(number, lanes)), lanes});
    });
    if (int64_t rest = channels % lanes)
      body({b.index(channels / lanes), b.add(channel, channels - rest), rest});
  }

  /// A group of tiles of one vector of channels; where transformed levels and codes begin.
  void buildBlock(VectorPlace vector, const GroupPlace &group, Value levels, Value codes) {
    vector.channel = b.makeOpaque(vector.channel);
    auto buildPositions = [&](int64_t tiles) {
      b.buildLoop(winogradPositions,
                  [&](Value position) { buildPosition(levels, codes, position, tiles); });
    };
    int64_t size = s.getGroupTiles();
    if (group.isLarge)
      b.buildIf(group.isLarge, [&] { buildPositions(size); }, [&] { buildPositions(size - 1); });
    else
      buildPositions(size);
    // What the epilogue gets is not shifted.
    PackedGeometry packed = std::exchange(b.weights.geometry, b.getPlainGeometry());
    KernelBuilder::FusedCache cache = b.loadChannelOperands(vector.channel, 1, vector.valid);
    b.buildLoop(b.index(0), group.size, [&](Value m) {
      buildOutputs(getWinogradTile(b, s, b.add(group.start, m)), m, vector, cache);
    });
    b.weights.geometry = packed;
  }

  /// The sums of one position of `tiles` tiles.
  void buildPosition(Value levels, Value codes, Value position, int64_t tiles) {
    int64_t pairs = s.inputChannels / 2, stride = s.getGroupTiles();
    Value levelsStart = b.add(levels, b.scale(position, s.getPositionSize()));
    Value codesStart = b.add(codes, b.scale(position, stride * s.inputChannels));
    SmallVector<Value> acc(tiles, b.zeros(b.getAccumulatorType()));
    constexpr int64_t atOnce = 4;
    acc = b.buildLoop(pairs / atOnce, acc, [&](Value step, ValueRange before) {
      SmallVector<Value> after(before);
      Value levelsAt = b.add(levelsStart, b.scale(step, 2 * lanes * atOnce));
      Value codesAt = b.add(codesStart, b.scale(step, 2 * atOnce));
      for (int64_t pair = 0; pair < atOnce; ++pair)
        addProducts(b.add(levelsAt, 2 * lanes * pair), b.add(codesAt, 2 * pair), after);
      return after;
    });
    for (auto [m, sum] : llvm::enumerate(acc)) {
      Value at = b.scale(b.add(b.scale(position, stride), m), lanes);
      vector::StoreOp::create(b, sum, sums, ValueRange(at));
    }
  }

  /// Adds the products of a pair of channels.
  void addProducts(Value levelsAt, Value codesAt, MutableArrayRef<Value> acc) {
    auto wordsType = VectorType::get(2 * lanes, b.getI16Type());
    Value factors = vector::LoadOp::create(b, wordsType, workspace, ValueRange(levelsAt));
    for (auto [m, sum] : llvm::enumerate(acc)) {
      Value pair = vector::LoadOp::create(b, VectorType::get(2, b.getI16Type()), workspace,
                                          ValueRange(b.add(codesAt, m * s.inputChannels)));
      Value word = vector::ExtractOp::create(
          b, vector::BitCastOp::create(b, VectorType::get(1, b.getI32Type()), pair), int64_t(0));
      Value words = vector::BroadcastOp::create(b, b.getAccumulatorType(), word);
      sum = b.emitPairDot(sum, vector::BitCastOp::create(b, wordsType, words), factors);
    }
  }

  /// 576 times the sums of a tile become sums.
  Value emitDivide(Value sum) {
    auto type = cast<VectorType>(sum.getType());
    constexpr int64_t inverseOf9 = 954437177;
    static_assert(uint32_t(9 * inverseOf9) == 1);
    Value scaled = arith::MulIOp::create(b, sum, b.splat(type, inverseOf9));
    return arith::ShRSIOp::create(b, scaled, b.splat(type, 6));
  }

  void buildOutputs(const WinogradTile &tile, Value m, const VectorPlace &vector,
                    const KernelBuilder::FusedCache &cache) {
    for (int64_t first : {0, 1}) {
      // Sums are read again for each pair of rows: all of them do not fit the registers.
      Value firstSum = b.makeOpaque(b.scale(m, lanes));
      SmallVector<std::array<Value, 2>> columns;
      for (int64_t j = 0; j < winogradInputs; ++j)
        columns.push_back(emitOutputRows(b, first, [&](int64_t i) -> Value {
          Value at = b.add(firstSum, (winogradInputs * i + j) * s.getGroupTiles() * lanes);
          return vector::LoadOp::create(b, b.getAccumulatorType(), sums, ValueRange(at));
        }));
      for (int64_t row : {0, 1}) {
        int64_t i = first + 2 * row;
        bool canBeOutside = i >= s.height % winogradOutputs && s.height % winogradOutputs != 0;
        b.buildIf(canBeOutside ? isLess(tile.row, s.tileRows - 1) : Value(), [&] {
          auto get = [&](int64_t j) { return columns[j][row]; };
          auto [pixel0, pixel2] = emitOutputRows(b, 0, get);
          auto [pixel1, pixel3] = emitOutputRows(b, 1, get);
          storeRow(tile, i, {pixel0, pixel1, pixel2, pixel3}, vector, cache);
        });
      }
    }
  }

  /// One row of a tile, of which the last of an image may have fewer columns.
  void storeRow(const WinogradTile &tile, int64_t i, ArrayRef<Value> pixels,
                const VectorPlace &vector, const KernelBuilder::FusedCache &cache) {
    auto store = [&](int64_t count) {
      SmallVector<StoredVector> elements;
      for (int64_t j = 0; j < count; ++j) {
        elements.push_back({emitDivide(pixels[j]),
                            {tile.image, b.add(tile.y, i), b.add(tile.x, j), vector.channel},
                            0,
                            vector.valid});
        elements.back().value = b.emitElement(elements.back(), cache);
      }
      b.storeElements(elements);
    };
    int64_t rest = s.width % winogradOutputs;
    if (rest == 0)
      return store(winogradOutputs);
    b.buildIf(
        isLess(tile.column, s.tileColumns - 1), [&] { store(winogradOutputs); },
        [&] { store(rest); });
  }

  Value isLess(Value index, int64_t bound) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index, b.index(bound));
  }

  KernelBuilder &b;
  const WinogradShape &s;
  WinogradTransforms &transforms;
  int64_t lanes;
  Value workspace;
  WorkspaceParts parts;
  /// `[position][tile][lane]` of the current block.
  Value sums;
  /// What the chunk computes, and where its transformed levels and codes are.
  IndexRange panelChunk, groupChunk;
  Value levels, codes;
};

} // namespace

void mlir::gpfq::buildWinogradKernel(KernelBuilder &builder, const WinogradShape &shape,
                                     WinogradTransforms &transforms, Value workspace, Value state) {
  WinogradKernel(builder, shape, transforms, workspace, state).build();
}
