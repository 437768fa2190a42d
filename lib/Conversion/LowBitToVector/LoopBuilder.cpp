// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LoopBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;

SmallVector<TileRange, 2> mlir::gpfq::getBalancedTiles(int64_t total, int64_t limit) {
  return cutInTiles(total, llvm::divideCeil(total, limit));
}

SmallVector<TileRange, 2> mlir::gpfq::cutInTiles(int64_t total, int64_t tiles) {
  int64_t large = llvm::divideCeil(total, tiles);
  int64_t largeCount = total - tiles * (large - 1);
  SmallVector<TileRange, 2> ranges = {{large, largeCount, 0}};
  if (tiles > largeCount)
    ranges.push_back({large - 1, tiles - largeCount, large * largeCount});
  return ranges;
}

int64_t mlir::gpfq::countTiles(ArrayRef<TileRange> ranges) {
  int64_t tiles = 0;
  for (const TileRange &range : ranges)
    tiles += range.count;
  return tiles;
}

bool mlir::gpfq::hasUnitInnerStride(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         (strides.empty() || strides.back() == 1);
}

//===----------------------------------------------------------------------===//
// Scalars, constants, loops
//===----------------------------------------------------------------------===//

Value LoopBuilder::getConstant(TypedAttr value) {
  Value &constant = constants[value];
  if (!constant) {
    InsertionGuard guard(*this);
    setInsertionPointToStart(entry);
    constant = arith::ConstantOp::create(*this, value);
  }
  return constant;
}

Value LoopBuilder::index(int64_t value) { return getConstant(getIndexAttr(value)); }

Value LoopBuilder::add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }

Value LoopBuilder::add(Value a, int64_t b) { return b == 0 ? a : add(a, index(b)); }

Value LoopBuilder::scale(Value a, int64_t factor) {
  return factor == 1 ? a : createOrFold<arith::MulIOp>(a, index(factor));
}

Value LoopBuilder::splat(VectorType type, int64_t value) {
  unsigned width = type.getElementTypeBitWidth();
  APInt bits(width, uint64_t(value), /*isSigned=*/true, /*implicitTrunc=*/true);
  return getConstant(DenseElementsAttr::get(type, bits));
}

Value LoopBuilder::zeros(VectorType type) {
  return getConstant(cast<TypedAttr>(getZeroAttr(type)));
}

SmallVector<Value> LoopBuilder::buildLoop(int64_t count, ValueRange carried, LoopBody body) {
  if (count == 0)
    return carried;
  if (count == 1)
    return body(index(0), carried);
  auto loop = scf::ForOp::create(*this, index(0), index(count), index(1), carried);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> results = body(loop.getInductionVar(), loop.getRegionIterArgs());
  // Without carried values the builder has made the terminator.
  if (!carried.empty())
    scf::YieldOp::create(*this, results);
  return loop.getResults();
}

void LoopBuilder::buildLoop(int64_t count, function_ref<void(Value)> body) {
  buildLoop(count, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

void LoopBuilder::buildLoop(Value begin, Value end, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(*this, begin, end, index(1));
  InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void LoopBuilder::buildTileLoops(ArrayRef<TileRange> ranges,
                                 function_ref<void(Value, int64_t)> body) {
  for (const TileRange &range : ranges)
    buildLoop(range.count,
              [&](Value tile) { body(add(scale(tile, range.size), range.start), range.size); });
}

void LoopBuilder::buildTileLoops(ArrayRef<TileRange> ranges, IndexRange tiles,
                                 function_ref<void(Value, int64_t)> body) {
  if (!tiles.begin)
    return buildTileLoops(ranges, body);
  int64_t first = 0;
  for (const TileRange &range : ranges) {
    int64_t last = first + range.count;
    Value from = createOrFold<arith::MaxUIOp>(tiles.begin, index(first));
    Value to = createOrFold<arith::MinUIOp>(tiles.end, index(last));
    auto loop = scf::ForOp::create(*this, from, to, index(1));
    InsertionGuard guard(*this);
    setInsertionPointToStart(loop.getBody());
    Value start = scale(loop.getInductionVar(), range.size);
    body(add(start, range.start - first * range.size), range.size);
    first = last;
  }
}

IndexRange LoopBuilder::getPart(Value part, int64_t size, int64_t count) {
  Value begin = scale(part, size);
  return {begin, createOrFold<arith::MinUIOp>(add(begin, size), index(count))};
}

void LoopBuilder::buildParts(int64_t size, int64_t count, function_ref<void(IndexRange)> body) {
  if (size >= count)
    return body({});
  buildLoop(llvm::divideCeil(count, size), [&](Value part) { body(getPart(part, size, count)); });
}

//===----------------------------------------------------------------------===//
// Chunks
//===----------------------------------------------------------------------===//

double LoopBuilder::getSpeedup(int64_t count) const {
  return double(count) / llvm::divideCeil(count, std::min<int64_t>(count, mostChunks));
}

IndexRange LoopBuilder::takeChunk(int64_t count, int64_t most) {
  int64_t even = llvm::divideCeil(count, std::min<int64_t>(count, mostChunks));
  int64_t size = std::min(most, even);
  numChunks = llvm::divideCeil(count, size);
  return getPart(chunkIndex, size, count);
}

std::pair<IndexRange, IndexRange> LoopBuilder::takeChunk(LoopParts outer, LoopParts inner) {
  int64_t outerNum = outer.getNum(), innerNum = inner.getNum();
  numChunks = outerNum * innerNum;
  IndexRange outerRange, innerRange;
  if (outerNum > 1) {
    Value part =
        innerNum == 1 ? chunkIndex : createOrFold<arith::DivUIOp>(chunkIndex, index(innerNum));
    outerRange = getPart(part, outer.size, outer.count);
  }
  if (innerNum > 1) {
    Value part =
        outerNum == 1 ? chunkIndex : createOrFold<arith::RemUIOp>(chunkIndex, index(innerNum));
    innerRange = getPart(part, inner.size, inner.count);
  }
  return {outerRange, innerRange};
}

void LoopBuilder::buildIf(Value condition, function_ref<void()> then,
                          function_ref<void()> otherwise) {
  if (!condition)
    return then();
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/bool(otherwise));
  InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

void LoopBuilder::buildInLastChunk(function_ref<void()> body) {
  if (numChunks == 1)
    return body();
  Value isLast =
      arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, chunkIndex, index(numChunks - 1));
  buildIf(isLast, body);
}

//===----------------------------------------------------------------------===//
// Partial vectors
//===----------------------------------------------------------------------===//

/// Calls `visit(offset, width)` for pieces of power-of-two width that make up `valid` elements.
static void visitPieces(int64_t valid, function_ref<void(int64_t, int64_t)> visit) {
  for (int64_t offset = 0; offset < valid;) {
    int64_t width = int64_t(llvm::bit_floor(uint64_t(valid - offset)));
    visit(offset, width);
    offset += width;
  }
}

/// `indices` with `offset` added to the last.
static SmallVector<Value> shiftLast(LoopBuilder &builder, ArrayRef<Value> indices, int64_t offset) {
  SmallVector<Value> shifted(indices);
  shifted.back() = builder.add(shifted.back(), offset);
  return shifted;
}

Value LoopBuilder::loadVector(Value memref, ArrayRef<Value> indices, int64_t valid, int64_t size) {
  auto type = cast<MemRefType>(memref.getType());
  VectorType vectorType = VectorType::get(size, type.getElementType());
  bool contiguous = hasUnitInnerStride(type);
  if (contiguous && valid == size)
    return vector::LoadOp::create(*this, vectorType, memref, indices);
  Value result = zeros(vectorType);
  if (!contiguous) {
    for (int64_t lane = 0; lane < valid; ++lane) {
      Value element = memref::LoadOp::create(*this, memref, shiftLast(*this, indices, lane));
      result = vector::InsertOp::create(*this, element, result, lane);
    }
    return result;
  }
  visitPieces(valid, [&](int64_t offset, int64_t width) {
    auto pieceType = VectorType::get(width, type.getElementType());
    Value piece =
        vector::LoadOp::create(*this, pieceType, memref, shiftLast(*this, indices, offset));
    result = vector::InsertStridedSliceOp::create(*this, piece, result, ArrayRef<int64_t>{offset},
                                                  ArrayRef<int64_t>{1});
  });
  return result;
}

void LoopBuilder::storeVector(Value vector, Value memref, ArrayRef<Value> indices, int64_t valid) {
  bool contiguous = hasUnitInnerStride(cast<MemRefType>(memref.getType()));
  if (contiguous && valid == cast<VectorType>(vector.getType()).getNumElements()) {
    vector::StoreOp::create(*this, vector, memref, indices);
    return;
  }
  if (!contiguous) {
    for (int64_t lane = 0; lane < valid; ++lane) {
      Value element = vector::ExtractOp::create(*this, vector, lane);
      memref::StoreOp::create(*this, element, memref, shiftLast(*this, indices, lane));
    }
    return;
  }
  visitPieces(valid, [&](int64_t offset, int64_t width) {
    Value piece = vector::ExtractStridedSliceOp::create(
        *this, vector, ArrayRef<int64_t>{offset}, ArrayRef<int64_t>{width}, ArrayRef<int64_t>{1});
    vector::StoreOp::create(*this, piece, memref, shiftLast(*this, indices, offset));
  });
}
