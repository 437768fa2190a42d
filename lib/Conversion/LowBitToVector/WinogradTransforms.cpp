// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Winograd's algorithm: B^T d B of the codes, G w G^T of the levels.

#include "Winograd.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

//===----------------------------------------------------------------------===//
// Arithmetic of i16 vectors, modulo 2^16
//===----------------------------------------------------------------------===//

static Value plus(LoopBuilder &b, Value x, Value y) { return arith::AddIOp::create(b, x, y); }

static Value minus(LoopBuilder &b, Value x, Value y) { return arith::SubIOp::create(b, x, y); }

static Value times(LoopBuilder &b, Value x, int64_t factor) {
  return arith::MulIOp::create(b, x, b.splat(cast<VectorType>(x.getType()), factor));
}

/// The even or odd bytes of `bytes` as words.
static Value extractBytes(LoopBuilder &b, Value bytes, bool odd, bool isSigned) {
  int64_t size = cast<VectorType>(bytes.getType()).getNumElements();
  auto type = VectorType::get(size / 2, b.getI16Type());
  Value words = vector::BitCastOp::create(b, type, bytes), eight = b.splat(type, 8);
  if (!isSigned)
    return odd ? Value(arith::ShRUIOp::create(b, words, eight))
               : Value(arith::AndIOp::create(b, words, b.splat(type, 0xff)));
  if (!odd)
    words = arith::ShLIOp::create(b, words, eight);
  return arith::ShRSIOp::create(b, words, eight);
}

/// Rows of B^T, in pairs that share terms where there are two.
static constexpr int64_t inputRowGroups[][2] = {{0, 1}, {1, 3}, {3, 5}, {5, 6}};

/// The rows of B^T of the group that begins with row `first`, times the values that `get` gives.
static SmallVector<Value, 2> emitInputRows(LoopBuilder &b, int64_t first,
                                           function_ref<Value(int64_t)> get) {
  switch (first) {
  case 0: {
    Value d2 = get(2);
    return {plus(b, times(b, minus(b, get(0), d2), 4), minus(b, get(4), d2))};
  }
  case 1: {
    Value even = minus(b, get(4), times(b, get(2), 4)), odd = minus(b, get(3), times(b, get(1), 4));
    return {plus(b, even, odd), minus(b, even, odd)};
  }
  case 3: {
    Value even = minus(b, get(4), get(2)), odd = times(b, minus(b, get(3), get(1)), 2);
    return {plus(b, even, odd), minus(b, even, odd)};
  }
  default: {
    Value d3 = get(3);
    return {plus(b, times(b, minus(b, get(1), d3), 4), minus(b, get(5), d3))};
  }
  }
}

/// G times three values.
static SmallVector<Value, 6> emitLevelRows(LoopBuilder &b, ArrayRef<Value> w) {
  Value ends = plus(b, w[0], w[2]);
  Value four = times(b, w[2], 4), two = times(b, w[1], 2), sum = plus(b, w[0], four);
  return {times(b, w[0], 6),
          times(b, plus(b, ends, w[1]), -4),
          times(b, minus(b, ends, w[1]), -4),
          plus(b, sum, two),
          minus(b, sum, two),
          times(b, w[2], 12)};
}

/// Input channels `start` to `start + size` are stored as pairs (0, 2), (4, 6), .. and then (1, 3),
/// (5, 7), ..: the even and the odd bytes of their words. There are `count` such pieces in a row.
struct ChannelPiece {
  int64_t start, size, count;
};

static SmallVector<ChannelPiece, 3> getPieces(int64_t channels, int64_t lanes) {
  SmallVector<ChannelPiece, 3> pieces;
  int64_t start = 0;
  for (int64_t size = 4 * lanes; size >= 4; size /= 2)
    if (int64_t count = (channels - start) / size) {
      pieces.push_back({start, size, count});
      start += count * size;
    }
  return pieces;
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

namespace {

class InputTransform {
public:
  InputTransform(KernelBuilder &builder, const WinogradShape &shape, Value to)
      : b(builder), s(shape), to(to) {}

  void build(Value start, Value size, Value first) {
    b.buildLoop(b.index(0), size, [&](Value m) {
      buildTile(b.add(start, m), b.add(first, b.scale(m, s.inputChannels)));
    });
  }

private:
  /// Pixel `first + offset` of `size`; the last, where a tile reaches over the edge.
  Value getPixel(Value first, int64_t offset, int64_t size, bool reachesOver) {
    Value pixel = b.add(first, offset);
    return reachesOver ? b.createOrFold<arith::MinUIOp>(pixel, b.index(size - 1)) : pixel;
  }

  void buildTile(Value number, Value first) {
    WinogradTile tile = getWinogradTile(b, s, number);
    SmallVector<Value> y, x;
    for (int64_t i = 0; i < winogradInputs; ++i) {
      y.push_back(
          getPixel(tile.y, i, s.inputHeight, s.tileRows * winogradOutputs + 2 > s.inputHeight));
      x.push_back(
          getPixel(tile.x, i, s.inputWidth, s.tileColumns * winogradOutputs + 2 > s.inputWidth));
    }
    for (const ChannelPiece &piece : getPieces(s.inputChannels, s.lanes))
      b.buildLoop(piece.count, [&](Value number) {
        Value channel = b.add(b.scale(number, piece.size), piece.start);
        for (bool odd : {false, true})
          buildPiece({tile.image, y, x}, channel, piece.size, odd,
                     b.add(b.add(first, channel), odd ? piece.size / 2 : 0));
      });
  }

  struct Pixels {
    Value image;
    ArrayRef<Value> y, x;
  };

  /// The even or odd channels of a piece.
  void buildPiece(const Pixels &pixels, Value channel, int64_t size, bool odd, Value first) {
    int64_t stride = s.getGroupTiles() * s.inputChannels;
    auto bytes = VectorType::get(size, b.getI8Type());
    for (const int64_t (&rowGroup)[2] : inputRowGroups) {
      int64_t firstRow = rowGroup[0], lastRow = rowGroup[1];
      // Codes are read again for each group of rows: all of them do not fit the registers.
      Value at = b.makeOpaque(channel);
      SmallVector<SmallVector<Value, 2>> rows;
      for (int64_t j = 0; j < winogradInputs; ++j)
        rows.push_back(emitInputRows(b, firstRow, [&](int64_t i) {
          Value codes = vector::LoadOp::create(
              b, bytes, b.input, ValueRange{pixels.image, pixels.y[i], pixels.x[j], at});
          return extractBytes(b, codes, odd, /*isSigned=*/false);
        }));
      for (int64_t row = firstRow; row < lastRow; ++row)
        for (auto [column, end] : inputRowGroups)
          for (auto [i, value] : llvm::enumerate(
                   emitInputRows(b, column, [&](int64_t j) { return rows[j][row - firstRow]; }))) {
            int64_t position = row * winogradInputs + column + i;
            vector::StoreOp::create(b, value, to, ValueRange(b.add(first, position * stride)));
          }
    }
  }

  KernelBuilder &b;
  const WinogradShape &s;
  Value to;
};

//===----------------------------------------------------------------------===//
// Levels
//===----------------------------------------------------------------------===//

class LevelsTransform {
public:
  LevelsTransform(KernelBuilder &builder, const WinogradShape &shape, int64_t quadBytes,
                  Value vectorOffset, Value to)
      : b(builder), s(shape), lanes(shape.lanes), to(to), quadBytes(quadBytes),
        vectorOffset(vectorOffset) {}

  void build(Value start) {
    for (const ChannelPiece &piece : getPieces(s.inputChannels, lanes))
      b.buildLoop(piece.count, [&](Value number) {
        b.buildLoop(piece.size / 4, [&](Value quadInPiece) {
          Value firstQuad = b.add(b.scale(number, piece.size / 4), piece.start / 4);
          Value firstPair = b.scale(firstQuad, 2);
          for (bool odd : {false, true}) {
            Value pair = b.add(b.add(firstPair, quadInPiece), odd ? piece.size / 4 : 0);
            buildQuad(b.add(firstQuad, quadInPiece), odd, b.add(start, b.scale(pair, 2 * lanes)));
          }
        });
      });
  }

private:
  /// The even or odd channels of a quad; stored from `start` on.
  void buildQuad(Value quad, bool odd, Value start) {
    // The even and the odd bytes are loaded each: all do not fit the registers.
    quad = b.makeOpaque(quad);
    SmallVector<SmallVector<Value, 6>> columns;
    for (int64_t kx = 0; kx < 3; ++kx) {
      SmallVector<Value> taps;
      for (int64_t ky = 0; ky < 3; ++ky) {
        Value at = b.scale(b.add(quad, (3 * ky + kx) * s.inputChannels / 4), quadBytes);
        Value bytes = vector::LoadOp::create(b, b.getBytesType(), b.input,
                                             ValueRange(b.add(at, vectorOffset)));
        taps.push_back(extractBytes(b, bytes, odd, /*isSigned=*/true));
      }
      columns.push_back(emitLevelRows(b, taps));
    }
    for (int64_t i = 0; i < winogradInputs; ++i)
      for (auto [j, value] :
           llvm::enumerate(emitLevelRows(b, {columns[0][i], columns[1][i], columns[2][i]}))) {
        int64_t offset = (winogradInputs * i + j) * s.getPositionSize();
        vector::StoreOp::create(b, value, to, ValueRange(b.add(start, offset)));
      }
  }

  KernelBuilder &b;
  const WinogradShape &s;
  int64_t lanes;
  Value to;
  int64_t quadBytes;
  Value vectorOffset;
};

} // namespace

WinogradTile mlir::gpfq::getWinogradTile(LoopBuilder &b, const WinogradShape &shape, Value tile) {
  Value image = b.index(0);
  if (shape.batch > 1) {
    Value ofImage = b.index(shape.tileRows * shape.tileColumns);
    image = b.createOrFold<arith::DivUIOp>(tile, ofImage);
    tile = b.createOrFold<arith::RemUIOp>(tile, ofImage);
  }
  Value columns = b.index(shape.tileColumns);
  Value row = b.createOrFold<arith::DivUIOp>(tile, columns);
  Value column = b.createOrFold<arith::RemUIOp>(tile, columns);
  return {image, row, column, b.scale(row, winogradOutputs), b.scale(column, winogradOutputs)};
}

void WinogradTransforms::call(KernelBuilder &builder, StringRef name, const std::string &key,
                              ArrayRef<Value> arguments,
                              function_ref<void(KernelBuilder &, ValueRange)> build) {
  SmallVector<Value> operands;
  for (Value argument : arguments)
    operands.push_back(isa<MemRefType>(argument.getType())
                           ? castBuffer(builder, builder.getLoc(), argument)
                           : argument);
  kernels.call(builder, builder.getLoc(),
               {key, name.str(), /*work=*/0,
                [&](OpBuilder &bodyBuilder, ValueRange all, auto) {
                  KernelBuilder body(op, bodyBuilder, {all[0], all[0], all[1]}, target, emulateDot);
                  build(body, all);
                  return body.getNumChunks();
                }},
               operands);
}

void WinogradTransforms::callCodes(KernelBuilder &builder, Value start, Value size, Value to,
                                   Value first) {
  constexpr StringLiteral name = "lowbit_winograd_codes";
  std::string key;
  llvm::raw_string_ostream(key) << name << ' ' << builder.input.getType() << ' ' << to.getType()
                                << ' ' << shape.lanes << ' ' << shape.getGroupTiles();
  call(builder, name, key, {builder.input, to, start, size, first},
       [&](KernelBuilder &body, ValueRange all) {
         InputTransform(body, shape, all[1]).build(all[2], all[3], all[4]);
       });
}

void WinogradTransforms::callLevels(KernelBuilder &builder, const PackedBuffer &panel,
                                    int64_t vectors, Value vector, Value to, Value first) {
  constexpr StringLiteral name = "lowbit_winograd_levels";
  int64_t quadBytes = panel.geometry.getStepBytes(vectors);
  std::string key;
  llvm::raw_string_ostream(key) << name << ' ' << panel.memref.getType() << ' ' << to.getType()
                                << ' ' << shape.inputChannels << ' ' << quadBytes;
  Value offset = builder.scale(vector, panel.geometry.getRegisterBytes());
  call(builder, name, key, {panel.memref, to, offset, first},
       [&](KernelBuilder &body, ValueRange all) {
         LevelsTransform(body, shape, quadBytes, all[2], all[1]).build(all[3]);
       });
}
