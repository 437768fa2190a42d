// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ImageLayout.h"

#include "../ConstantView.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::gpfq;

bool mlir::gpfq::isImage(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 4 && tensor.hasStaticShape();
}

RankedTensorType mlir::gpfq::getTransposedType(Type type, ArrayRef<int64_t> permutation) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(applyPermutation(tensor.getShape(), permutation),
                               tensor.getElementType());
}

Value mlir::gpfq::getChannelsLastSource(Value image) {
  auto transposeOp = image.getDefiningOp<linalg::TransposeOp>();
  if (transposeOp && isImage(image.getType()) && transposeOp.hasPureTensorSemantics() &&
      transposeOp.getPermutation() == ArrayRef<int64_t>(toChannelsFirst))
    return transposeOp.getInput();
  return nullptr;
}

/// `op`, constant weights, transposed: its levels in another order. Null if they are not constant.
static Value foldTranspose(OpBuilder &builder, lowbit::DequantizeOp op,
                           ArrayRef<int64_t> permutation) {
  std::optional<ConstantTensor<int8_t>> levels = getConstantBytes(op.getInput());
  if (!levels || !op.getAlphabet())
    return nullptr;
  ConstantTensor<int8_t> transposed = transpose(*levels, permutation);
  SmallVector<int64_t> inverse = invertPermutationVector(permutation);
  auto move = [&](std::optional<int64_t> dim) {
    return dim ? builder.getI64IntegerAttr(inverse[*dim]) : IntegerAttr();
  };
  Value codes = createByteConstant(builder, op.getLoc(), transposed.shape, transposed.values,
                                   transposed.name);
  return lowbit::DequantizeOp::create(
      builder, op.getLoc(), getTransposedType(op.getType(), permutation), codes, op.getScale(),
      op.getZeroPoint(), move(op.getAxis()), move(op.getBlockAxis()), op.getAlphabetAttr(),
      op.getLayerAttr());
}

Value mlir::gpfq::foldTranspose(OpBuilder &builder, Value value, ArrayRef<int64_t> permutation) {
  RankedTensorType type = getTransposedType(value.getType(), permutation);
  if (auto weights = value.getDefiningOp<lowbit::DequantizeOp>())
    return ::foldTranspose(builder, weights, permutation);
  SplatElementsAttr splat;
  if (matchPattern(value, m_Constant(&splat)))
    return arith::ConstantOp::create(builder, value.getLoc(), splat.resizeSplat(type));
  std::optional<ConstantView> view = getConstantView(value);
  if (!view || int64_t(view->values.size()) < type.getNumElements())
    return nullptr;
  std::optional<ConstantTensor<float>> constant = getConstantFloats(value);
  if (!constant)
    return nullptr;
  ConstantTensor<float> transposed = transpose(*constant, permutation);
  return createFloatConstant(builder, value.getLoc(), transposed.shape, transposed.values,
                             transposed.name);
}

Value mlir::gpfq::createTransposed(OpBuilder &builder, Value value, ArrayRef<int64_t> permutation) {
  if (Value constant = foldTranspose(builder, value, permutation))
    return constant;
  RankedTensorType type = getTransposedType(value.getType(), permutation);
  Value empty =
      tensor::EmptyOp::create(builder, value.getLoc(), type.getShape(), type.getElementType());
  return linalg::TransposeOp::create(builder, value.getLoc(), value, empty, permutation)
      ->getResult(0);
}

Value mlir::gpfq::createChannelsLast(OpBuilder &builder, Value image) {
  if (Value source = getChannelsLastSource(image))
    return source;
  return createTransposed(builder, image, toChannelsLast);
}

Value mlir::gpfq::createChannelsFirst(OpBuilder &builder, Value image) {
  return createTransposed(builder, image, toChannelsFirst);
}

bool mlir::gpfq::isNextToChannelsLast(Operation *op) {
  for (Value operand : op->getOperands())
    if (getChannelsLastSource(operand))
      return true;
  for (OpResult result : op->getResults())
    if (isImage(result.getType()))
      for (Operation *user : result.getUsers()) {
        auto transposeOp = dyn_cast<linalg::TransposeOp>(user);
        if (transposeOp && transposeOp.getInput() == result &&
            transposeOp.getPermutation() == ArrayRef<int64_t>(toChannelsLast))
          return true;
      }
  return false;
}
