// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernel of lowbit.pack: rows of codes to the panels of PackedWeights.h. A quad of four codes is an
// i32, and a panel the transposed matrix of the quads of its rows: blocks of `lanes` rows and as
// many quads are transposed in registers.

#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

namespace {

/// A vector of channels of one matrix: its first row of codes, how many rows there are, and its
/// first byte and the bytes from one quad to the next in the packed matrix.
struct PackedVector {
  Value batch, row;
  int64_t rows;
  Value start;
  int64_t stepBytes;
};

class PackKernel {
public:
  PackKernel(LoopBuilder &builder, PackOp op, ValueRange buffers)
      : b(builder), input(buffers[0]), packed(buffers[1]), g(op),
        isBatched(cast<MemRefType>(input.getType()).getRank() == 3) {}

  void build();

private:
  void buildMatrix(Value batch);
  void buildVector(const PackedVector &place);
  void buildBlock(const PackedVector &place, Value firstQuad, int64_t wholeQuads, bool hasRest);
  Value loadQuads(const PackedVector &place, int64_t row, Value firstQuad, int64_t wholeQuads,
                  bool hasRest);
  SmallVector<Value> transpose(SmallVector<Value> rows);

  SmallVector<Value> getIndices(const PackedVector &place, int64_t row, Value element) {
    SmallVector<Value> indices = {b.add(place.row, row), element};
    if (isBatched)
      indices.insert(indices.begin(), place.batch);
    return indices;
  }
  VectorType getQuadsType() { return VectorType::get(g.lanes, b.getI32Type()); }
  VectorType getBytesType() { return VectorType::get(4 * g.lanes, b.getI8Type()); }

  LoopBuilder &b;
  Value input, packed;
  PackedGeometry g;
  bool isBatched;
};

} // namespace

/// `wholeQuads` quads of a row from `firstQuad` on, and behind them the last quad of a row whose
/// length is no multiple of four, as levels.
Value PackKernel::loadQuads(const PackedVector &place, int64_t row, Value firstQuad,
                            int64_t wholeQuads, bool hasRest) {
  Value quads = b.zeros(getQuadsType());
  if (wholeQuads > 0) {
    Value codes = b.loadVector(input, getIndices(place, row, b.scale(firstQuad, 4)), 4 * wholeQuads,
                               4 * g.lanes);
    quads = vector::BitCastOp::create(b, getQuadsType(), codes);
  }
  if (hasRest) {
    int64_t rest = g.getQuads() - 1, start = g.getQuadStart(rest);
    Value codes =
        b.loadVector(input, getIndices(place, row, b.index(start)), g.getQuadEnd(rest), 4);
    Value quad = vector::BitCastOp::create(b, VectorType::get(1, b.getI32Type()), codes);
    quads = vector::InsertOp::create(b, vector::ExtractOp::create(b, quad, int64_t(0)), quads,
                                     wholeQuads);
  }
  // Codes less by 128 are codes with another top bit.
  quads = arith::XOrIOp::create(b, quads, b.splat(getQuadsType(), 0x80808080));
  if (!hasRest)
    return quads;
  // Bytes that are no elements of their own are 0.
  int64_t rest = g.getQuads() - 1;
  SmallVector<int32_t> masks(g.lanes, -1);
  masks[wholeQuads] = int32_t(llvm::maskTrailingOnes<uint32_t>(8 * g.getQuadEnd(rest)) &
                              ~llvm::maskTrailingOnes<uint32_t>(8 * g.getQuadSkip(rest)));
  Value mask = b.getConstant(DenseElementsAttr::get(getQuadsType(), ArrayRef<int32_t>(masks)));
  return arith::AndIOp::create(b, quads, mask);
}

/// Transposes a square matrix, of a power of two of rows: elements are exchanged between rows of
/// distance 1, 2, 4, and so on.
SmallVector<Value> PackKernel::transpose(SmallVector<Value> rows) {
  int64_t size = rows.size();
  for (int64_t distance = 1; distance < size; distance *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < size; ++i) {
      bool isUpper = i & distance;
      low.push_back(isUpper ? size + i - distance : i);
      high.push_back(isUpper ? size + i : i + distance);
    }
    for (int64_t i = 0; i < size; ++i) {
      if (i & distance)
        continue;
      Value first = rows[i], second = rows[i + distance];
      rows[i] = vector::ShuffleOp::create(b, first, second, low);
      rows[i + distance] = vector::ShuffleOp::create(b, first, second, high);
    }
  }
  return rows;
}

void PackKernel::buildBlock(const PackedVector &place, Value firstQuad, int64_t wholeQuads,
                            bool hasRest) {
  SmallVector<Value> rows;
  for (int64_t row = 0; row < g.lanes; ++row)
    rows.push_back(row < place.rows ? loadQuads(place, row, firstQuad, wholeQuads, hasRest)
                                    : b.zeros(getQuadsType()));
  rows = transpose(rows);
  for (int64_t quad = 0; quad < wholeQuads + hasRest; ++quad) {
    Value bytes = vector::BitCastOp::create(b, getBytesType(), rows[quad]);
    Value offset = b.scale(b.add(firstQuad, quad), place.stepBytes);
    SmallVector<Value> at = {b.add(place.start, offset)};
    if (isBatched)
      at.insert(at.begin(), place.batch);
    vector::StoreOp::create(b, bytes, packed, at);
  }
}

void PackKernel::buildVector(const PackedVector &place) {
  int64_t whole = g.run / 4, blocks = whole / g.lanes;
  b.buildLoop(blocks, [&](Value block) {
    buildBlock(place, b.scale(block, g.lanes), g.lanes, /*hasRest=*/false);
  });
  int64_t left = whole - blocks * g.lanes;
  bool hasRest = g.run % 4 != 0;
  if (left > 0 || hasRest)
    buildBlock(place, b.index(blocks * g.lanes), left, hasRest);
}

void PackKernel::buildMatrix(Value batch) {
  int64_t full = g.getFullPanels();
  auto buildVectors = [&](Value panelStart, Value channel, int64_t vectors, int64_t channels) {
    auto build = [&](Value vector, int64_t rows) {
      Value start = b.add(panelStart, b.scale(vector, g.getRegisterBytes()));
      buildVector(
          {batch, b.add(channel, b.scale(vector, g.lanes)), rows, start, g.getStepBytes(vectors)});
    };
    int64_t wholeVectors = channels / g.lanes;
    b.buildLoop(wholeVectors, [&](Value vector) { build(vector, g.lanes); });
    if (int64_t rows = channels % g.lanes)
      build(b.index(wholeVectors), rows);
  };
  b.buildLoop(full, [&](Value panel) {
    buildVectors(b.scale(panel, g.getPanelBytes(g.vectors)), b.scale(panel, g.getPanelChannels()),
                 g.vectors, g.getPanelChannels());
  });
  if (int64_t channels = g.getTailChannels())
    buildVectors(b.index(full * g.getPanelBytes(g.vectors)), b.index(full * g.getPanelChannels()),
                 g.getTailVectors(), channels);
}

void PackKernel::build() {
  int64_t batch = isBatched ? cast<MemRefType>(input.getType()).getDimSize(0) : 1;
  IndexRange matrices = b.isSplit() ? b.takeChunk(batch, batch) : IndexRange();
  b.buildTileLoops({{1, batch, 0}}, matrices, [&](Value index, int64_t) { buildMatrix(index); });
}

void mlir::gpfq::buildPackKernel(LoopBuilder &builder, PackOp op, ValueRange buffers) {
  PackKernel(builder, op, buffers).build();
}
