// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/FoldConstants.h"

#include "AffineEvaluator.h"
#include "ConstantView.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::gpfq;

/// The value of `op` as a new constant before it; null if it has none.
static Value evaluateGeneric(linalg::GenericOp op) {
  auto type =
      op.getNumResults() == 1 ? dyn_cast<RankedTensorType>(op.getResultTypes()[0]) : nullptr;
  if (!type || !type.getElementType().isF32() || !type.hasStaticShape() ||
      op.getNumParallelLoops() != op.getNumLoops() || op.getNumDpsInputs() == 0 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() ||
      op.getBlock()->without_terminator().empty())
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

int64_t mlir::gpfq::foldConstantGenerics(func::FuncOp func) {
  int64_t folded = 0;
  for (Block &block : func.getBody())
    for (auto op : llvm::make_early_inc_range(block.getOps<linalg::GenericOp>()))
      if (Value constant = evaluateGeneric(op)) {
        op.getResult(0).replaceAllUsesWith(constant);
        op.erase();
        ++folded;
      }
  return folded;
}

void mlir::gpfq::eraseDeadOps(func::FuncOp func) {
  for (Block &block : func.getBody())
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        op.erase();
}
