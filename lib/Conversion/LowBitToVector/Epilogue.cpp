// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Epilogue of a kernel: the region of the op on vectors, in registers. Where it ends in rounding to
// codes and the target has saturating packs, four vectors are rounded and packed at once.

#include "KernelBuilder.h"

#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

//===----------------------------------------------------------------------===//
// Fused operands
//===----------------------------------------------------------------------===//

static bool dependsOnChannelOnly(Value operand) {
  ArrayRef<int64_t> shape = cast<ShapedType>(operand.getType()).getShape();
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

SmallVector<Value> KernelBuilder::loadFusedPanel(int64_t operand, ArrayRef<Value> position,
                                                 int64_t vectors, int64_t valid) {
  SmallVector<Value> result;
  if (isInterleaved()) {
    Value wide = loadFused(operand, position, valid, vectors * getLanes());
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<int64_t> channels;
      for (int64_t lane = 0; lane < getLanes(); ++lane)
        channels.push_back(weights.geometry.getChannelInPanel(v, lane));
      result.push_back(vector::ShuffleOp::create(*this, wide, wide, channels));
    }
    return result;
  }
  for (int64_t v = 0; v < vectors; ++v) {
    SmallVector<Value> at(position);
    at.back() = add(at.back(), v * getLanes());
    result.push_back(
        loadFused(operand, at, std::min(getLanes(), valid - v * getLanes()), getLanes()));
  }
  return result;
}

KernelBuilder::FusedCache KernelBuilder::loadChannelOperands(Value channel, int64_t vectors,
                                                             int64_t valid) {
  FusedCache cache;
  SmallVector<Value> position(cast<MemRefType>(init.getType()).getRank(), channel);
  for (auto [i, operand] : llvm::enumerate(fused))
    if (dependsOnChannelOnly(operand))
      for (auto [v, value] : llvm::enumerate(loadFusedPanel(i, position, vectors, valid)))
        cache[{int64_t(i), int64_t(v)}] = value;
  return cache;
}

//===----------------------------------------------------------------------===//
// The bias
//===----------------------------------------------------------------------===//

std::optional<BiasAddition> mlir::gpfq::matchBiasAddition(LowBitComputeOpInterface op) {
  BiasAddition result{{}, 0, 0};
  Value acc = op.getEpilogue().getArgument(0);
  if (!acc.getType().isInteger(32) || !acc.hasOneUse())
    return std::nullopt;
  Operation *user = *acc.user_begin();
  APInt shift;
  if (isa<arith::ShLIOp>(user) && user->hasOneUse() && user->getOperand(0) == acc &&
      matchPattern(user->getOperand(1), m_ConstantInt(&shift)) && shift.ult(32)) {
    result.shift = shift.getZExtValue();
    result.ops.push_back(user);
    acc = user->getResult(0);
    user = *acc.user_begin();
  }
  Value operand = isa<arith::AddIOp>(user) && user->getOperand(0) == acc
                      ? getFusedOperand(op, user->getOperand(1))
                      : Value();
  if (!operand || !dependsOnChannelOnly(operand))
    return std::nullopt;
  result.ops.push_back(user);
  result.operand = cast<BlockArgument>(user->getOperand(1)).getArgNumber() - 1;
  return result;
}

std::optional<unsigned> KernelBuilder::getBiasShift() const {
  if (!biasAddition || weights.geometry.hasSigns())
    return std::nullopt;
  unsigned shift = biasAddition->shift;
  int64_t magnitude = LowBitComputeOpInterface(op).getAlphabet().getMaxMagnitude();
  return shift == 0 || magnitude << shift <= maxShiftedLevel ? std::optional(shift) : std::nullopt;
}

bool KernelBuilder::canStartFromBias() const {
  // Of fields in place only some are sums.
  return getBiasShift() == weights.geometry.getShift() && !weights.geometry.isInPlace();
}

SmallVector<Value> KernelBuilder::loadBias(Value channel, int64_t vectors, int64_t valid) {
  SmallVector<Value> position(cast<MemRefType>(init.getType()).getRank(), channel);
  return loadFusedPanel(biasAddition->operand, position, vectors, valid);
}

//===----------------------------------------------------------------------===//
// The region
//===----------------------------------------------------------------------===//

static std::optional<int64_t> getCodeConstant(Value value) {
  APFloat constant(0.0f);
  if (!matchPattern(value, m_ConstantFloat(&constant)) || !constant.isInteger())
    return std::nullopt;
  float code = constant.convertToFloat();
  return code >= 0.0f && code <= 255.0f ? std::optional<int64_t>(code) : std::nullopt;
}

/// The x of `x > bound ? x : bound`, or with < of a minimum, which is the bound where x is NaN.
static Value matchClip(Value value, arith::CmpFPredicate predicate, std::optional<int64_t> &bound) {
  auto select = value.getDefiningOp<arith::SelectOp>();
  auto compare = select ? select.getCondition().getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
  if (!compare || compare.getPredicate() != predicate ||
      select.getTrueValue() != compare.getLhs() || select.getFalseValue() != compare.getRhs())
    return {};
  bound = getCodeConstant(compare.getRhs());
  return bound ? compare.getLhs() : Value();
}

std::optional<CodeRounding> mlir::gpfq::matchCodeRounding(LowBitComputeOpInterface op) {
  Block &epilogue = op.getEpilogue().front();
  Value yielded = cast<lowbit::YieldOp>(epilogue.getTerminator()).getValue();
  auto convert = yielded.getDefiningOp<arith::FPToUIOp>();
  if (!convert || !convert.getType().isInteger(8) || !convert.getIn().getType().isF32())
    return std::nullopt;
  std::optional<int64_t> low, top, zeroPoint = 0;
  Value value = matchClip(convert.getIn(), arith::CmpFPredicate::OLT, top);
  if (value)
    value = matchClip(value, arith::CmpFPredicate::OGT, low);
  if (!value || low != 0)
    return std::nullopt;
  if (auto add = value.getDefiningOp<arith::AddFOp>()) {
    zeroPoint = getCodeConstant(add.getRhs());
    value = add.getLhs();
  }
  auto round = value.getDefiningOp<math::RoundEvenOp>();
  if (!round || !zeroPoint)
    return std::nullopt;
  bool isBounded = getEpilogueBound(op, round.getOperand()) < double(INT32_MAX - 255);
  return CodeRounding{round.getOperand(), *zeroPoint, *top, isBounded};
}

/// Ops of `block` that `wanted` depends on, in order.
static SmallVector<Operation *> getSlice(Block &block, Value wanted) {
  DenseSet<Value> needed = {wanted};
  SmallVector<Operation *> slice;
  for (Operation &nested : llvm::reverse(block.without_terminator()))
    if (llvm::any_of(nested.getResults(), [&](Value result) { return needed.contains(result); })) {
      needed.insert_range(nested.getOperands());
      slice.push_back(&nested);
    }
  return {slice.rbegin(), slice.rend()};
}

Value KernelBuilder::applyEpilogue(Value acc, ValueRange operands, bool hasBias) {
  if (unsigned shift = weights.geometry.getShift(); shift && isInteger && !hasBias)
    acc = arith::ShRSIOp::create(*this, acc, splat(getVectorType(getI32Type()), shift));
  Block &body = op.getEpilogue().front();
  Value wanted =
      codeRounding ? codeRounding->value : cast<lowbit::YieldOp>(body.getTerminator()).getValue();
  IRMapping mapping;
  mapping.map(body.getArgument(0), acc);
  mapping.map(body.getArguments().drop_front(), operands);
  for (Operation *scalar : getSlice(body, wanted)) {
    if (hasBias && llvm::is_contained(biasAddition->ops, scalar)) {
      mapping.map(scalar->getResult(0), acc);
      continue;
    }
    SmallVector<Type> types;
    for (Type type : scalar->getResultTypes())
      types.push_back(getVectorType(type));
    if (auto constant = dyn_cast<arith::ConstantOp>(scalar)) {
      auto value =
          DenseElementsAttr::get(cast<ShapedType>(types[0]), Attribute(constant.getValue()));
      mapping.map(constant.getResult(), getConstant(value));
      continue;
    }
    SmallVector<Value> vectors;
    for (Value operand : scalar->getOperands())
      vectors.push_back(mapping.lookup(operand));
    OperationState state(getLoc(), scalar->getName(), vectors, types, scalar->getAttrs());
    mapping.map(scalar->getResults(), create(state)->getResults());
  }
  return mapping.lookup(wanted);
}

Value KernelBuilder::roundCode(Value value) {
  VectorType integers = getVectorType(getI32Type());
  if (!codeRounding->isBounded) {
    // What is too small, and NaN, becomes a negative integer, which packing takes to 0.
    VectorType floats = getVectorType(getF32Type());
    int64_t largest = codeRounding->top - codeRounding->zeroPoint;
    Value top = getConstant(DenseElementsAttr::get(floats, float(largest)));
    Value isAbove = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, value, top);
    value = arith::SelectOp::create(*this, isAbove, top, value);
  }
  Value code = target.emitRound(*this, getLoc(), value);
  if (codeRounding->zeroPoint != 0)
    code = arith::AddIOp::create(*this, code, splat(integers, codeRounding->zeroPoint));
  return code;
}

bool KernelBuilder::readsPixels() const { return !llvm::all_of(fused, dependsOnChannelOnly); }

Value KernelBuilder::emitElement(const StoredVector &place, const FusedCache &cache) {
  SmallVector<Value> operands;
  for (int64_t i = 0, e = fused.size(); i < e; ++i) {
    Value operand = cache.lookup({i, place.vector});
    if (!operand && isInterleaved())
      operand = loadFusedPanel(i, place.position, 4, place.valid)[place.vector];
    else if (!operand)
      operand = loadFused(i, place.position, place.valid, getLanes());
    operands.push_back(operand);
  }
  Value value = applyEpilogue(place.value, operands, place.hasBias);
  return codeRounding ? roundCode(value) : value;
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

Value KernelBuilder::packWords(Value first, Value second) {
  Value &words = packedWords[{first, second}];
  if (!words)
    words = target.emitPackWords(*this, getLoc(), first, second);
  return words;
}

Value KernelBuilder::packCodes(SmallVector<Value> codes) {
  // Filled up by what costs least: a pair again, or the last.
  bool isPair = codes.size() == 2;
  while (codes.size() < 4)
    codes.push_back(isPair ? codes[codes.size() - 2] : codes.back());
  Value bytes = target.emitPackBytes(*this, getLoc(), packWords(codes[0], codes[1]),
                                     packWords(codes[2], codes[3]));
  if (codeRounding->isBounded && codeRounding->top < 255) {
    Value top = splat(cast<VectorType>(bytes.getType()), codeRounding->top);
    // LLVM 22 does not come to an end of selecting instructions for shuffles of this minimum.
    bytes = makeOpaqueVector(arith::MinUIOp::create(*this, bytes, top));
  }
  if (isInterleaved())
    return bytes;
  SmallVector<int64_t> order;
  for (int64_t word = 0; word < getLanes(); ++word) {
    int64_t perVector = getLanes() / 4;
    order.push_back(word % perVector * 4 + word / perVector);
  }
  Value words = vector::BitCastOp::create(*this, getVectorType(getI32Type()), bytes);
  words = vector::ShuffleOp::create(*this, words, words, order);
  return vector::BitCastOp::create(*this, getBytesType(), words);
}

void KernelBuilder::storeBits(ArrayRef<StoredVector> elements) {
  while (!elements.empty()) {
    // The vectors of one pixel.
    size_t count = 1;
    while (count < elements.size() && elements[count].vector == elements[count - 1].vector + 1)
      ++count;
    ArrayRef<StoredVector> pixel = elements.take_front(count);
    elements = elements.drop_front(count);
    Value bits = zeros(VectorType::get(int64_t(count) * getLanes(), getI1Type()));
    for (auto [v, element] : llvm::enumerate(pixel))
      bits = vector::InsertStridedSliceOp::create(*this, element.value, bits,
                                                  ArrayRef<int64_t>{int64_t(v) * getLanes()},
                                                  ArrayRef<int64_t>{1});
    Value bytes = vector::BitCastOp::create(
        *this, VectorType::get(int64_t(count) * getLanes() / 8, getI8Type()), bits);
    SmallVector<Value> position(pixel[0].position);
    position.back() = createOrFold<arith::DivUIOp>(position.back(), index(8));
    int64_t valid = int64_t(count - 1) * getLanes() + pixel.back().valid;
    storeVector(bytes, init, position, valid / 8);
  }
}

void KernelBuilder::storePixels(Value all, const StoredVector &place) {
  SmallVector<Value> position(place.position);
  Value &column = position[position.size() - 2];
  for (int64_t pixel = 0; pixel < place.pixels; ++pixel) {
    Value slice =
        vector::ExtractStridedSliceOp::create(*this, all, ArrayRef<int64_t>{pixel * place.valid},
                                              ArrayRef<int64_t>{place.valid}, ArrayRef<int64_t>{1});
    storeVector(slice, init, position, place.valid);
    column = add(column, place.columnsApart);
  }
}

bool KernelBuilder::mergePixels() {
  auto type = cast<MemRefType>(init.getType());
  int64_t rank = type.getRank();
  SmallVector<ReassociationIndices> merge;
  for (int64_t i = 0; i + 2 < rank; ++i)
    merge.push_back({i});
  merge.push_back({rank - 2, rank - 1});
  const PackedGeometry &g = weights.geometry;
  if (g.groups > 1 || g.channels != g.getPanelChannels() ||
      !memref::CollapseShapeOp::isGuaranteedCollapsible(type, merge))
    return false;
  mergedInit = memref::CollapseShapeOp::create(*this, init, merge);
  return true;
}

void KernelBuilder::storeElements(ArrayRef<StoredVector> elements) {
  if (op.yieldsBits())
    return storeBits(elements);
  bool isSingle = !isInterleaved() && !codeRounding;
  while (!elements.empty()) {
    ArrayRef<StoredVector> group = elements.take_front(isSingle ? 1 : 4);
    elements = elements.drop_front(group.size());
    SmallVector<Value> values;
    for (const StoredVector &element : group)
      values.push_back(element.value);
    Value all = isSingle       ? values[0]
                : codeRounding ? packCodes(values)
                               : emitDeinterleave(*this, getLoc(), values);
    if (group[0].pixels > 1) {
      storePixels(all, group[0]);
      continue;
    }
    if (isSingle || isInterleaved()) {
      storeVector(all, init, group[0].position, group[0].valid);
      continue;
    }
    // Vectors side by side are stored as one.
    for (size_t first = 0, next; first < group.size(); first = next) {
      for (next = first + 1; next < group.size(); ++next)
        if (group[next].vector != group[next - 1].vector + 1 && !group[next].followsPixel)
          break;
      int64_t size = (next - first) * getLanes();
      Value slice = vector::ExtractStridedSliceOp::create(
          *this, all, ArrayRef<int64_t>{int64_t(first) * getLanes()}, ArrayRef<int64_t>{size},
          ArrayRef<int64_t>{1});
      SmallVector<Value> position(group[first].position);
      if (mergedInit) {
        Value channel = position.pop_back_val();
        position.back() = add(scale(position.back(), weights.geometry.getPanelChannels()), channel);
      }
      storeVector(slice, mergedInit ? mergedInit : init, position,
                  size - getLanes() + group[next - 1].valid);
    }
  }
}
