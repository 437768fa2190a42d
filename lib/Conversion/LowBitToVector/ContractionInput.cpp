// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a tile of a contraction kernel reads its input: quads of codes at constant distances from
// the first element of a pixel's run.

#include "ContractionKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// Indices of an element of a run: those of its first column and the place in the run last.
SmallVector<Value> ContractionKernel::getInputIndices(const TilePlace &place, TileRow row,
                                                      Value tapRow, Value tapColumn,
                                                      Value element) {
  Value y = b.add(b.add(b.scale(place.y, strideY), b.scale(tapRow, dilationY)), row.y * strideY);
  Value x = b.add(b.add(b.scale(place.x, strideX), b.scale(tapColumn, dilationX)), row.x * strideX);
  switch (cast<MemRefType>(b.input.getType()).getRank()) {
  case 2:
    return {x, element};
  case 3:
    // A batched matrix, or an image whose columns and channels are one dimension.
    if (!crossesColumns)
      return {place.batch, x, element};
    return {place.batch, y, b.add(b.scale(x, groupChannels), element)};
  default:
    return {place.batch, y, x, b.add(b.scale(place.group, groupChannels), element)};
  }
}

Value ContractionKernel::loadElement(ArrayRef<Value> indices, int64_t offset) {
  SmallVector<Value> at(indices);
  at.back() = b.add(at.back(), offset);
  if (crossesColumns && at.size() == 4) {
    Value channels = b.index(groupChannels);
    Value column = b.createOrFold<arith::DivUIOp>(at.back(), channels);
    at.back() = b.createOrFold<arith::RemUIOp>(at.back(), channels);
    at[2] = b.add(at[2], column);
  }
  return memref::LoadOp::create(b, b.input, at);
}

/// Four codes that are side by side.
Value ContractionKernel::loadWord(ArrayRef<Value> indices, int64_t offset, int64_t skip) {
  SmallVector<Value> at(indices);
  at.back() = b.add(at.back(), offset);
  Type i32 = b.getI32Type();
  Value loaded = vector::LoadOp::create(b, VectorType::get(4, b.getI8Type()), b.input, at);
  Value word = vector::BitCastOp::create(b, VectorType::get(1, i32), loaded);
  Value codes = vector::ExtractOp::create(b, word, int64_t(0));
  if ((g.odd || g.isInPlace()) && skip > 0) {
    // The fields of an odd alphabet or of an offset cannot be zero where the quad repeats elements.
    auto mask = b.getIntegerAttr(i32, int32_t(~0u << (8 * skip)));
    codes = arith::AndIOp::create(b, codes, b.getConstant(mask));
  }
  return codes;
}

/// The codes of a quad, loaded one by one; its other bytes are 0.
static Value gatherWord(KernelBuilder &b, const QuadInput &input, int64_t pixel) {
  Type i32 = b.getI32Type();
  Value codes;
  for (int64_t byte = input.skip; byte < input.end; ++byte) {
    Value code = arith::ExtUIOp::create(b, i32, input.loadElement(pixel, byte));
    if (byte > 0)
      code = arith::ShLIOp::create(b, code, b.getConstant(b.getI32IntegerAttr(8 * byte)));
    codes = codes ? Value(arith::OrIOp::create(b, codes, code)) : code;
  }
  return codes;
}

Value ContractionKernel::broadcastWord(Value word) {
  Value lanes = vector::BroadcastOp::create(b, b.getVectorType(b.getI32Type()), word);
  return vector::BitCastOp::create(b, VectorType::get(4 * g.lanes, b.getI8Type()), lanes);
}

/// The codes of a quad in each lane.
Value ContractionKernel::emitCodes(const QuadInput &input, int64_t pixel) {
  return broadcastWord(input.loadWord ? input.loadWord(pixel) : gatherWord(b, input, pixel));
}
