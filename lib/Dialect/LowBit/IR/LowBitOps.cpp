// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "OpChecks.h"
#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lowbit;

#define GET_OP_CLASSES
#include "gpfq/Dialect/LowBit/IR/LowBitOps.cpp.inc"

int64_t mlir::lowbit::getMaxReductionLength(int32_t maxMagnitude) {
  return std::numeric_limits<int32_t>::max() / (maxCode * std::max(maxMagnitude, 1));
}

//===----------------------------------------------------------------------===//
// QuantizeOp, DequantizeOp
//===----------------------------------------------------------------------===//

/// Checks that a constant scale holds positive finite numbers.
static LogicalResult verifyScaleValues(Operation *op, Value scale) {
  DenseFPElementsAttr values;
  if (!matchPattern(scale, m_Constant(&values)))
    return success();
  for (APFloat value : values)
    if (!value.isFinite() || value.isNegative() || value.isZero())
      return op->emitOpError("scale must be positive and finite, got ") << value.convertToDouble();
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (getInput().getType().getShape() != getResult().getType().getShape())
    return emitOpError("input and result shapes differ");
  if (getScale().getType().getNumElements() != 1)
    return emitOpError("takes one scale for the whole tensor, got ") << getScale().getType();
  if (getMax() < 1 || getMax() > maxCode)
    return emitOpError("the largest code is 1 to 255, got ") << int32_t(getMax());
  if (getZeroPoint() > getMax())
    return emitOpError("zero point ")
           << int32_t(getZeroPoint()) << " is not a code from 0 to " << getMax();
  if (getSign() && (getZeroPoint() != 1 || getMax() != maxCode))
    return emitOpError("of signs has zero point 1 and no largest code of its own");
  return verifyScaleValues(*this, getScale());
}

/// True if two scales are the same value or equal constants.
static bool isSameScale(Value a, Value b) {
  if (a == b)
    return true;
  DenseFPElementsAttr x, y;
  return matchPattern(a, m_Constant(&x)) && matchPattern(b, m_Constant(&y)) && x == y;
}

/// quantize(dequantize(q)) is q: ((q - z) * s) / s is within an ulp of the integer q - z. Not of
/// signs, where q may be 1, nor where it may be more than the largest code.
OpFoldResult QuantizeOp::fold(FoldAdaptor) {
  auto dequantize = getInput().getDefiningOp<DequantizeOp>();
  if (!dequantize || dequantize.getAlphabet() || getSign() ||
      !isSameScale(dequantize.getScale(), getScale()) ||
      dequantize.getZeroPoint() != getZeroPoint())
    return {};
  auto source = dequantize.getInput().getDefiningOp<QuantizeOp>();
  bool isInRange = getMax() == maxCode || (source && source.getMax() <= getMax());
  return isInRange ? dequantize.getInput() : OpFoldResult();
}

LogicalResult mlir::lowbit::verifySizes(function_ref<InFlightDiagnostic()> emitError,
                                        StringRef what, ArrayRef<int64_t> sizes) {
  int64_t elements = 1;
  for (int64_t size : sizes) {
    if (ShapedType::isDynamic(size))
      return emitError() << what << " must have static sizes";
    if (size > maxSize || (size > 0 && elements > maxElements / size))
      return emitError() << what << " of sizes [" << sizes << "] must have at most " << maxSize
                         << " in a dimension and " << maxElements << " elements";
    elements *= size;
  }
  return success();
}

LogicalResult mlir::lowbit::verifyLevels(Operation *op, Value weights, AlphabetAttr alphabet) {
  Attribute attribute;
  if (!matchPattern(weights, m_Constant(&attribute)))
    return success();
  auto check = [&](int8_t level) -> LogicalResult {
    if (alphabet.containsLevel(level))
      return success();
    return op->emitOpError("weight level ") << int(level) << " is not in the alphabet " << alphabet;
  };
  if (auto dense = dyn_cast<DenseIntElementsAttr>(attribute)) {
    for (int8_t level : dense.getValues<int8_t>())
      if (failed(check(level)))
        return failure();
  } else if (auto resource = dyn_cast<DenseI8ResourceElementsAttr>(attribute)) {
    std::optional<ArrayRef<int8_t>> levels = resource.tryGetAsArrayRef();
    for (int8_t level : levels.value_or(ArrayRef<int8_t>()))
      if (failed(check(level)))
        return failure();
  }
  return success();
}

std::optional<int64_t> DequantizeOp::getBlockSize() {
  if (!getBlockAxis())
    return std::nullopt;
  return getInput().getType().getDimSize(*getBlockAxis()) / getScale().getType().getDimSize(1);
}

/// Where `element` of a tensor of `shape` is in dimension `dim`.
static int64_t getIndex(ArrayRef<int64_t> shape, int64_t dim, int64_t element) {
  return element / ShapedType::getNumElements(shape.drop_front(dim + 1)) % shape[dim];
}

int64_t DequantizeOp::getScaleIndex(int64_t element) {
  ArrayRef<int64_t> shape = getInput().getType().getShape();
  int64_t index = getAxis() ? getIndex(shape, *getAxis(), element) : 0;
  if (!getBlockAxis())
    return index;
  return index * getScale().getType().getDimSize(1) +
         getIndex(shape, *getBlockAxis(), element) / *getBlockSize();
}

/// A scale for each index of `axis` and each block of `blockAxis`.
static LogicalResult verifyBlocks(DequantizeOp op, int64_t blockAxis) {
  RankedTensorType type = op.getInput().getType(), scale = op.getScale().getType();
  std::optional<int64_t> axis = op.getAxis();
  if (!axis || !op.getAlphabet())
    return op.emitOpError("block_axis needs an axis and an alphabet");
  if (blockAxis < 0 || blockAxis >= type.getRank() || blockAxis == *axis)
    return op.emitOpError("block_axis ") << blockAxis << " is not another dimension of " << type;
  if (scale.getRank() != 2 || scale.getDimSize(0) != type.getDimSize(*axis) ||
      scale.getDimSize(1) < 1 || type.getDimSize(blockAxis) % scale.getDimSize(1) != 0)
    return op.emitOpError("needs a scale of ")
           << type.getDimSize(*axis) << " x (a number of blocks that divides "
           << type.getDimSize(blockAxis) << "), got " << scale;
  return success();
}

LogicalResult DequantizeOp::verify() {
  RankedTensorType type = getInput().getType();
  if (type.getShape() != getResult().getType().getShape())
    return emitOpError("input and result shapes differ");
  int64_t scales = getScale().getType().getNumElements();
  if (std::optional<int64_t> axis = getAxis()) {
    if (*axis < 0 || *axis >= type.getRank())
      return emitOpError("axis ") << *axis << " is not a dimension of " << type;
    if (!getBlockAxis() &&
        (getScale().getType().getRank() != 1 || scales != type.getDimSize(*axis)))
      return emitOpError("axis ") << *axis << " needs one scale for each of its "
                                  << type.getDimSize(*axis) << " indices, got "
                                  << getScale().getType();
  } else if (scales != 1 && !getBlockAxis()) {
    return emitOpError("takes one scale without an axis, got ") << getScale().getType();
  }
  if (std::optional<int64_t> blockAxis = getBlockAxis())
    if (failed(verifyBlocks(*this, *blockAxis)))
      return failure();
  if (AlphabetAttr alphabet = getAlphabetAttr()) {
    if (getZeroPoint() != 0)
      return emitOpError("levels of an alphabet have no zero point");
    if (failed(verifyLevels(*this, getInput(), alphabet)))
      return failure();
  } else if (getAxis()) {
    return emitOpError("codes without an alphabet have one scale, not one an axis");
  } else if (int32_t(getZeroPoint()) < 0 || getZeroPoint() > maxCode) {
    return emitOpError("zero point ") << int32_t(getZeroPoint()) << " is not an 8-bit code";
  }
  return verifyScaleValues(*this, getScale());
}

//===----------------------------------------------------------------------===//
// QuantizeRowsOp, DequantizeRowsOp
//===----------------------------------------------------------------------===//

/// Checks that codes have the shape of the floats, and that there is a scale and a zero point for
/// each of their rows.
static LogicalResult verifyRows(Operation *op, ShapedType floats, ShapedType codes,
                                ShapedType scales, ShapedType zeroPoints, ShapedType sums = {}) {
  if (!floats.getElementType().isF32() || !codes.getElementType().isInteger(8) ||
      !scales.getElementType().isF32() || !zeroPoints.getElementType().isInteger(32))
    return op->emitOpError("takes f32 elements, i8 codes, f32 scales and i32 zero points, got ")
           << floats << ", " << codes << ", " << scales << " and " << zeroPoints;
  if (floats.getRank() < 1 || !floats.hasStaticShape())
    return op->emitOpError("needs rows of static shape, got ") << floats;
  if (codes.getShape() != floats.getShape())
    return op->emitOpError("codes of ") << codes << " do not have the shape of " << floats;
  SmallVector<int64_t> rows(floats.getShape());
  rows.back() = 1;
  for (ShapedType type : {scales, zeroPoints})
    if (type.getShape() != ArrayRef<int64_t>(rows))
      return op->emitOpError("needs one scale and zero point a row, of shape [")
             << rows << "], got " << type;
  if (sums && (!sums.getElementType().isInteger(32) || sums.getShape() != ArrayRef<int64_t>(rows)))
    return op->emitOpError("needs one i32 sum a row, of shape [") << rows << "], got " << sums;
  return success();
}

void QuantizeRowsOp::build(OpBuilder &builder, OperationState &state, Value input, bool symmetric,
                           uint32_t max, bool hasSums) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> rows(type.getShape());
  rows.back() = 1;
  SmallVector<Value> inits;
  SmallVector<Type> types;
  auto addInit = [&](ArrayRef<int64_t> shape, Type element) {
    inits.push_back(tensor::EmptyOp::create(builder, state.location, shape, element));
    types.push_back(inits.back().getType());
  };
  addInit(type.getShape(), builder.getI8Type());
  addInit(rows, builder.getF32Type());
  addInit(rows, builder.getI32Type());
  if (hasSums)
    addInit(rows, builder.getI32Type());
  build(builder, state, types, input, inits[0], inits[1], inits[2], hasSums ? inits[3] : Value(),
        symmetric, max);
}

LogicalResult QuantizeRowsOp::verify() {
  bool isTensor = isa<RankedTensorType>(getInput().getType());
  for (Value operand : getOperands())
    if (isa<RankedTensorType>(operand.getType()) != isTensor)
      return emitOpError("operands must be all tensors or all memrefs");
  if (getNumResults() != (isTensor ? getNumOperands() - 1 : 0))
    return emitOpError("has a result for each init on tensors and none on memrefs");
  if (isTensor)
    for (auto [result, init] : llvm::zip(getResults(), getOperands().drop_front()))
      if (result.getType() != init.getType())
        return emitOpError("result type ")
               << result.getType() << " differs from that of its init, " << init.getType();
  if (getMax() < 1 || getMax() > maxCode)
    return emitOpError("the largest code is 1 to 255, got ") << int32_t(getMax());
  if (getSymmetric() && getMax() != maxCode)
    return emitOpError("symmetric has codes from 1 to 255 and no largest code of its own");
  return verifyRows(*this, cast<ShapedType>(getInput().getType()),
                    cast<ShapedType>(getCodes().getType()), cast<ShapedType>(getScales().getType()),
                    cast<ShapedType>(getZeroPoints().getType()),
                    getSums() ? cast<ShapedType>(getSums().getType()) : ShapedType());
}

void mlir::lowbit::getFirstReadEffects(
    Operation *op, SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<BaseMemRefType>(operand.get().getType()))
      continue;
    if (operand.getOperandNumber() > 0)
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  }
}

void QuantizeRowsOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  getFirstReadEffects(*this, effects);
}

LogicalResult DequantizeRowsOp::verify() {
  return verifyRows(*this, getResult().getType(), getCodes().getType(), getScales().getType(),
                    getZeroPoints().getType());
}

//===----------------------------------------------------------------------===//
// PackSignsOp
//===----------------------------------------------------------------------===//

void PackSignsOp::build(OpBuilder &builder, OperationState &state, Value input) {
  SmallVector<int64_t> shape(cast<RankedTensorType>(input.getType()).getShape());
  shape.back() = getSignBytes(shape.back());
  Value init = tensor::EmptyOp::create(builder, state.location, shape, builder.getI8Type());
  build(builder, state, init.getType(), input, init);
}

LogicalResult PackSignsOp::verify() {
  auto input = cast<ShapedType>(getInput().getType()), init = cast<ShapedType>(getInit().getType());
  bool isTensor = isa<RankedTensorType>(init);
  if (isa<RankedTensorType>(input) != isTensor)
    return emitOpError("operands must be all tensors or all memrefs");
  if (getNumResults() != (isTensor ? 1 : 0))
    return emitOpError("has one result on tensors and none on memrefs");
  if (isTensor && getResult(0).getType() != init)
    return emitOpError("result type ")
           << getResult(0).getType() << " differs from that of the init, " << init;
  if (!input.getElementType().isF32() && !input.getElementType().isInteger(8))
    return emitOpError("input elements must be f32 or i8 codes, got ") << input;
  if (input.getRank() < 1 || !input.hasStaticShape())
    return emitOpError("needs an input of static shape, got ") << input;
  SmallVector<int64_t> expected(input.getShape());
  expected.back() = getSignBytes(expected.back());
  if (!init.getElementType().isInteger(8) || init.getShape() != ArrayRef<int64_t>(expected))
    return emitOpError("init must have i8 elements and shape [") << expected << "], got " << init;
  return success();
}

void PackSignsOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  getFirstReadEffects(*this, effects);
}
