// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

SmallVector<TileRange, 2> mlir::gpfq::getBalancedTiles(int64_t total, int64_t limit) {
  int64_t tiles = llvm::divideCeil(total, limit);
  int64_t large = llvm::divideCeil(total, tiles);
  int64_t largeCount = total - tiles * (large - 1);
  SmallVector<TileRange, 2> ranges = {{large, largeCount, 0}};
  if (tiles > largeCount)
    ranges.push_back({large - 1, tiles - largeCount, large * largeCount});
  return ranges;
}

bool mlir::gpfq::hasUnitInnerStride(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         (strides.empty() || strides.back() == 1);
}

KernelBuilder::KernelBuilder(LowBitComputeOpInterface op, OpBuilder &builder, ValueRange buffers,
                             const KernelTarget &target, bool emulateDot)
    : ImplicitLocOpBuilder(op->getLoc(), builder), target(target), geometry(op),
      isInteger(op.hasIntegerAccumulator()), input(buffers.front()), init(buffers.back()), op(op),
      weights(buffers[1]), fused(buffers.drop_front(2).drop_back()), emulateDot(emulateDot),
      entry(getInsertionBlock()) {}

VectorType KernelBuilder::getAccumulatorType() {
  return getVectorType(isInteger ? Type(getI32Type()) : Type(getF32Type()));
}

//===----------------------------------------------------------------------===//
// Scalars, constants, loops
//===----------------------------------------------------------------------===//

Value KernelBuilder::getConstant(TypedAttr value) {
  Value &constant = constants[value];
  if (!constant) {
    InsertionGuard guard(*this);
    setInsertionPointToStart(entry);
    constant = arith::ConstantOp::create(*this, value);
  }
  return constant;
}

Value KernelBuilder::index(int64_t value) { return getConstant(getIndexAttr(value)); }

Value KernelBuilder::add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }

Value KernelBuilder::add(Value a, int64_t b) { return b == 0 ? a : add(a, index(b)); }

Value KernelBuilder::scale(Value a, int64_t factor) {
  return factor == 1 ? a : createOrFold<arith::MulIOp>(a, index(factor));
}

Value KernelBuilder::splat(VectorType type, int64_t value) {
  unsigned width = type.getElementTypeBitWidth();
  APInt bits(width, uint64_t(value), /*isSigned=*/true, /*implicitTrunc=*/true);
  return getConstant(DenseElementsAttr::get(type, bits));
}

Value KernelBuilder::zeros(VectorType type) {
  return getConstant(cast<TypedAttr>(getZeroAttr(type)));
}

SmallVector<Value> KernelBuilder::buildLoop(int64_t count, ValueRange carried, LoopBody body) {
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

void KernelBuilder::buildLoop(int64_t count, function_ref<void(Value)> body) {
  buildLoop(count, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

void KernelBuilder::buildTileLoops(ArrayRef<TileRange> ranges,
                                   function_ref<void(Value, int64_t)> body) {
  for (const TileRange &range : ranges)
    buildLoop(range.count,
              [&](Value tile) { body(add(scale(tile, range.size), range.start), range.size); });
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
static SmallVector<Value> shiftLast(KernelBuilder &builder, ArrayRef<Value> indices,
                                    int64_t offset) {
  SmallVector<Value> shifted(indices);
  shifted.back() = builder.add(shifted.back(), offset);
  return shifted;
}

Value KernelBuilder::loadVector(Value memref, ArrayRef<Value> indices, int64_t valid,
                                int64_t size) {
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

void KernelBuilder::storeVector(Value vector, Value memref, ArrayRef<Value> indices,
                                int64_t valid) {
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

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

Value KernelBuilder::loadLevels(Value stepStart, int64_t vector, int64_t quadInStep,
                                RegisterCache &cache) {
  const PackedGeometry &g = geometry;
  auto bytesType = VectorType::get(4 * getLanes(), getI8Type());
  VectorType lanesType = getVectorType(getI32Type());
  auto loadRegister = [&](int64_t registerIndex) -> Value {
    int64_t offset = (vector * g.getRegistersPerStep() + registerIndex) * g.getRegisterBytes();
    Value &loaded = cache[offset];
    if (!loaded)
      loaded =
          vector::LoadOp::create(*this, bytesType, weights, ValueRange(add(stepStart, offset)));
    return loaded;
  };
  if (g.bits == 8)
    return loadRegister(quadInStep);

  bool topAligned = g.encoding == FieldEncoding::TopAligned;
  int64_t top = topAligned ? 8 : g.bits + (g.odd ? 1 : 0);
  int64_t planeRegister = 0;
  Value field;
  for (unsigned width : g.planes) {
    int64_t perByte = 8 / width;
    Value raw = loadRegister(planeRegister + quadInStep / perByte);
    planeRegister += g.quadsPerStep / perByte;
    Value piece = vector::BitCastOp::create(*this, lanesType, raw);
    top -= width;
    int64_t shift = top - (quadInStep % perByte) * width;
    if (shift > 0)
      piece = arith::ShLIOp::create(*this, piece, splat(lanesType, shift));
    else if (shift < 0)
      piece = arith::ShRUIOp::create(*this, piece, splat(lanesType, -shift));
    int64_t mask = (((1 << width) - 1) << top) * 0x01010101LL;
    piece = arith::AndIOp::create(*this, piece, splat(lanesType, mask));
    field = field ? Value(arith::OrIOp::create(*this, field, piece)) : piece;
  }
  if (topAligned && g.odd)
    field =
        arith::OrIOp::create(*this, field, splat(lanesType, (1 << (7 - g.bits)) * 0x01010101LL));
  Value bytes = vector::BitCastOp::create(*this, bytesType, field);
  if (!topAligned) {
    int64_t offset = g.odd ? (1 << g.bits) - 1 : 1 << (g.bits - 1);
    bytes = arith::SubIOp::create(*this, bytes, splat(bytesType, offset));
  }
  return bytes;
}

Value KernelBuilder::getFloatLevels(Value levels, int64_t byte) {
  VectorType lanesType = getVectorType(getI32Type());
  Value level = vector::BitCastOp::create(*this, lanesType, levels);
  if (byte < 3)
    level = arith::ShLIOp::create(*this, level, splat(lanesType, 24 - 8 * byte));
  level = arith::ShRSIOp::create(*this, level, splat(lanesType, 24 + geometry.getShift()));
  return arith::SIToFPOp::create(*this, getVectorType(getF32Type()), level);
}

int32_t KernelBuilder::getMaxMagnitude() const {
  return LowBitComputeOpInterface(op).getAlphabet().getMaxMagnitude() << geometry.getShift();
}

Value KernelBuilder::emitDot(Value acc, Value codes, Value levels) {
  if (emulateDot)
    return emitPortableDot(*this, getLoc(), acc, codes, levels);
  if (acc.getType() == getNarrowType())
    return target.emitNarrowDot(*this, getLoc(), acc, codes, levels);
  return target.emitDot(*this, getLoc(), acc, codes, levels, getMaxMagnitude());
}

int64_t KernelBuilder::getNarrowQuads() const {
  return isInteger && !emulateDot ? target.getNarrowQuads(getMaxMagnitude()) : 0;
}

SmallVector<Value> KernelBuilder::emitWiden(ValueRange acc, ValueRange sums) {
  SmallVector<Value> result;
  for (auto [wide, narrow] : llvm::zip_equal(acc, sums))
    result.push_back(target.emitWiden(*this, getLoc(), wide, narrow));
  return result;
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

bool KernelBuilder::dependsOnChannelOnly(Value operand) const {
  ArrayRef<int64_t> shape = cast<MemRefType>(operand.getType()).getShape();
  return shape.empty() || llvm::all_of(shape.drop_back(), [](int64_t size) { return size == 1; });
}

Value KernelBuilder::loadFused(int64_t operand, ArrayRef<Value> position, int64_t valid,
                               int64_t size) {
  Value memref = fused[operand];
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<Value> indices;
  for (auto [size, at] : llvm::zip(type.getShape(), position.take_back(type.getRank())))
    indices.push_back(size == 1 ? index(0) : at);
  if (!type.getShape().empty() && type.getShape().back() != 1)
    return loadVector(memref, indices, valid, size);
  Value element = memref::LoadOp::create(*this, memref, indices);
  return vector::BroadcastOp::create(*this, VectorType::get(size, type.getElementType()), element);
}

void KernelBuilder::loadChannelOperands(Value channel, int64_t vector, int64_t valid,
                                        FusedCache &cache) {
  int64_t rank = cast<MemRefType>(init.getType()).getRank();
  SmallVector<Value> position(rank, channel);
  for (auto [i, operand] : llvm::enumerate(fused))
    if (dependsOnChannelOnly(operand))
      cache[{int64_t(i), vector}] = loadFused(i, position, valid, getLanes());
}

Value KernelBuilder::applyEpilogue(Value acc, ValueRange operands) {
  if (unsigned shift = geometry.getShift(); shift && isInteger)
    acc = arith::ShRSIOp::create(*this, acc, splat(getVectorType(getI32Type()), shift));
  Block &body = op.getEpilogue().front();
  IRMapping mapping;
  mapping.map(body.getArgument(0), acc);
  mapping.map(body.getArguments().drop_front(), operands);
  for (Operation &scalar : body.without_terminator()) {
    SmallVector<Type> types;
    for (Type type : scalar.getResultTypes())
      types.push_back(getVectorType(type));
    if (auto constant = dyn_cast<arith::ConstantOp>(scalar)) {
      auto value =
          DenseElementsAttr::get(cast<ShapedType>(types[0]), Attribute(constant.getValue()));
      mapping.map(constant.getResult(), getConstant(value));
      continue;
    }
    SmallVector<Value> vectors;
    for (Value operand : scalar.getOperands())
      vectors.push_back(mapping.lookup(operand));
    OperationState state(getLoc(), scalar.getName(), vectors, types, scalar.getAttrs());
    Operation *vectorised = create(state);
    mapping.map(scalar.getResults(), vectorised->getResults());
  }
  return mapping.lookup(cast<lowbit::YieldOp>(body.getTerminator()).getValue());
}

void KernelBuilder::emitEpilogue(Value acc, ArrayRef<Value> position, int64_t vector, int64_t valid,
                                 const FusedCache &cache) {
  SmallVector<Value> operands;
  for (int64_t i = 0, e = fused.size(); i < e; ++i) {
    Value cached = cache.lookup({i, vector});
    operands.push_back(cached ? cached : loadFused(i, position, valid, getLanes()));
  }
  storeVector(applyEpilogue(acc, operands), init, position, valid);
}

//===----------------------------------------------------------------------===//
// Epilogue of interleaved panels
//===----------------------------------------------------------------------===//

SmallVector<Value> KernelBuilder::loadInterleaved(int64_t operand, ArrayRef<Value> position,
                                                  int64_t valid) {
  Value wide = loadFused(operand, position, valid, geometry.getPanelChannels());
  SmallVector<Value> vectors;
  for (int64_t v = 0; v < geometry.vectors; ++v) {
    SmallVector<int64_t> channels;
    for (int64_t lane = 0; lane < getLanes(); ++lane)
      channels.push_back(geometry.getChannelInPanel(v, lane));
    vectors.push_back(vector::ShuffleOp::create(*this, wide, wide, channels));
  }
  return vectors;
}

void KernelBuilder::loadInterleavedOperands(Value channel, int64_t valid, FusedCache &cache) {
  SmallVector<Value> position(cast<MemRefType>(init.getType()).getRank(), channel);
  for (auto [i, operand] : llvm::enumerate(fused))
    if (dependsOnChannelOnly(operand))
      for (auto [v, vector] : llvm::enumerate(loadInterleaved(i, position, valid)))
        cache[{int64_t(i), int64_t(v)}] = vector;
}

void KernelBuilder::emitInterleavedEpilogue(ArrayRef<Value> acc, ArrayRef<Value> position,
                                            int64_t valid, const FusedCache &cache) {
  SmallVector<SmallVector<Value>> operands(acc.size());
  for (int64_t i = 0, e = fused.size(); i < e; ++i) {
    SmallVector<Value> vectors;
    if (!cache.contains({i, 0}))
      vectors = loadInterleaved(i, position, valid);
    for (auto [v, list] : llvm::enumerate(operands))
      list.push_back(vectors.empty() ? cache.lookup({i, int64_t(v)}) : vectors[v]);
  }
  SmallVector<Value> elements;
  for (auto [accumulator, list] : llvm::zip_equal(acc, operands))
    elements.push_back(applyEpilogue(accumulator, list));
  storeVector(deinterleave(elements), init, position, valid);
}

Value KernelBuilder::deinterleave(ArrayRef<Value> elements) {
  // Codes that come from floats in their range are packed from i32.
  bool areCodes = llvm::all_of(elements, [](Value element) {
    return getElementTypeOrSelf(element).isInteger(8) && element.getDefiningOp<arith::FPToUIOp>();
  });
  if (!areCodes || emulateDot)
    return emitDeinterleave(*this, getLoc(), elements);
  SmallVector<Value> wide;
  for (Value element : elements) {
    auto convert = element.getDefiningOp<arith::FPToUIOp>();
    wide.push_back(arith::FPToSIOp::create(*this, getVectorType(getI32Type()), convert.getIn()));
    convert.erase();
  }
  return target.emitPackBytes(*this, getLoc(), wide);
}
