// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/FoldConstants.h"

#include "AffineEvaluator.h"
#include "ConstantView.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::gpfq;

/// The type of the result if `op` computes each element of a static f32 tensor on its own; null if
/// not.
static RankedTensorType getElementwiseType(linalg::GenericOp op) {
  auto type =
      op.getNumResults() == 1 ? dyn_cast<RankedTensorType>(op.getResultTypes()[0]) : nullptr;
  if (!type || !type.getElementType().isF32() || !type.hasStaticShape() ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return nullptr;
  return type;
}

/// The value of `op` as a new constant before it; null if it has none.
static Value evaluateGeneric(linalg::GenericOp op) {
  RankedTensorType type = getElementwiseType(op);
  if (!type || op.getNumDpsInputs() == 0 || op.getBlock()->without_terminator().empty())
    return nullptr;

  SmallVector<ConstantView> inputs;
  SmallVector<SmallVector<int64_t>> strides;
  size_t inputElements = 0;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    std::optional<ConstantView> view = getConstantView(operand->get());
    if (!view)
      return nullptr;
    auto loopStrides = getLoopStrides(*view, op.getMatchingIndexingMap(operand));
    if (!loopStrides)
      return nullptr;
    inputElements = std::max(inputElements, view->values.size());
    inputs.push_back(std::move(*view));
    strides.push_back(std::move(*loopStrides));
  }
  if (size_t(type.getNumElements()) > inputElements)
    return nullptr;

  std::vector<float> values;
  values.reserve(type.getNumElements());
  bool isKnown = true;
  SmallVector<std::optional<AffineScalar>> arguments(op.getBlock()->getNumArguments());
  forEachIndex(type.getShape(), [&](ArrayRef<int64_t> index) {
    if (!isKnown)
      return;
    for (auto [i, input] : llvm::enumerate(inputs)) {
      int64_t offset = 0;
      for (auto [position, stride] : llvm::zip_equal(index, strides[i]))
        offset += position * stride;
      arguments[i] = AffineScalar::constant(input.values[offset]);
    }
    std::optional<AffineScalar> result = evaluateAffine(*op.getBlock(), arguments);
    isKnown = result.has_value();
    if (isKnown)
      values.push_back(float(result->offset));
  });
  if (!isKnown)
    return nullptr;
  OpBuilder builder(op);
  return createFloatConstant(builder, op.getLoc(), type.getShape(), values);
}

/// An index as a sum of multiples of the loops of a linalg op, and a constant; nothing if it is
/// none.
static AffineExpr getIndexExpr(Value value) {
  MLIRContext *context = value.getContext();
  IntegerAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return getAffineConstantExpr(constant.getInt(), context);
  Operation *op = value.getDefiningOp();
  if (auto index = dyn_cast_or_null<linalg::IndexOp>(op))
    return getAffineDimExpr(index.getDim(), context);
  if (isa_and_nonnull<arith::IndexCastOp>(op))
    return getIndexExpr(op->getOperand(0));
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
    return {};
  AffineExpr first = getIndexExpr(op->getOperand(0)), second = getIndexExpr(op->getOperand(1));
  if (!first || !second)
    return {};
  if (isa<arith::AddIOp>(op))
    return first + second;
  if (isa<arith::SubIOp>(op))
    return first - second;
  // Other products are not sums.
  return first.isSymbolicOrConstant() || second.isSymbolicOrConstant() ? first * second
                                                                       : AffineExpr();
}

/// The same of a generic that reads one element of a constant for each of its own, as the flipped
/// weights of a transposed convolution do.
static Value evaluateGather(linalg::GenericOp op) {
  RankedTensorType type = getElementwiseType(op);
  auto extract =
      type ? op.getBlock()->getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>()
           : tensor::ExtractOp();
  std::optional<ConstantView> view = extract ? getConstantView(extract.getTensor()) : std::nullopt;
  // An assertion stays.
  if (!view || size_t(type.getNumElements()) > view->values.size() ||
      !llvm::all_of(op.getBlock()->without_terminator(),
                    [](Operation &nested) { return isMemoryEffectFree(&nested); }))
    return nullptr;
  SmallVector<AffineExpr> indices;
  for (Value index : extract.getIndices()) {
    indices.push_back(getIndexExpr(index));
    if (!indices.back())
      return nullptr;
  }
  std::vector<float> values;
  values.reserve(type.getNumElements());
  AffineMap map = AffineMap::get(type.getRank(), 0, indices, op.getContext());
  forEachIndex(type.getShape(), [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> source = map.compose(index);
    bool isInside = llvm::all_of(llvm::zip_equal(source, view->shape), [](auto pair) {
      return std::get<0>(pair) >= 0 && std::get<0>(pair) < std::get<1>(pair);
    });
    if (isInside)
      values.push_back(view->at(source));
  });
  if (int64_t(values.size()) != type.getNumElements())
    return nullptr;
  OpBuilder builder(op);
  return createFloatConstant(builder, op.getLoc(), type.getShape(), values, view->name);
}

int64_t mlir::gpfq::foldConstantGenerics(func::FuncOp func) {
  int64_t folded = 0;
  for (Block &block : func.getBody())
    for (auto op : llvm::make_early_inc_range(block.getOps<linalg::GenericOp>())) {
      Value constant = evaluateGeneric(op);
      if (!constant)
        constant = evaluateGather(op);
      if (constant) {
        op.getResult(0).replaceAllUsesWith(constant);
        op.erase();
        ++folded;
      }
    }
  return folded;
}

void mlir::gpfq::eraseDeadOps(func::FuncOp func) {
  for (Block &block : func.getBody())
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        op.erase();
}
