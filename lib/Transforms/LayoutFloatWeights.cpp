// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/Passes.h"

#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQLAYOUTFLOATWEIGHTS
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;

namespace {

/// `permutation` such that dimension i of the new filter is dimension permutation[i] of the old
/// one; empty if the output channel is last already.
static SmallVector<int64_t> getFilterPermutation(linalg::LinalgOp op) {
  if (isa<linalg::Conv2DNhwcFhwcOp>(op))
    return {1, 2, 3, 0};
  if (isa<linalg::Conv2DNhwgcGfhwcOp>(op))
    return {0, 2, 3, 4, 1};
  return {};
}

/// Reorders the constant filter of `op` and makes the op a generic that reads it in the new order.
static LogicalResult permuteFilter(IRRewriter &rewriter, linalg::LinalgOp op) {
  SmallVector<int64_t> permutation = getFilterPermutation(op);
  std::optional<ConstantTensor<float>> filter = getConstantFloats(op->getOperand(1));
  if (permutation.empty() || !filter)
    return failure();
  ConstantTensor<float> permuted = transpose(*filter, permutation);
  rewriter.setInsertionPoint(op);
  Value constant =
      createFloatConstant(rewriter, op.getLoc(), permuted.shape, permuted.values, permuted.name);
  if (auto conv = dyn_cast<linalg::Conv2DNhwcFhwcOp>(op.getOperation())) {
    rewriter.replaceOpWithNewOp<linalg::Conv2DNhwcHwcfOp>(
        conv, conv->getResultTypes(), ValueRange{conv.getInputs()[0], constant}, conv.getOutputs(),
        conv.getStrides(), conv.getDilations());
    return success();
  }
  FailureOr<linalg::GenericOp> generic = linalg::generalizeNamedOp(rewriter, op);
  if (failed(generic))
    return failure();
  SmallVector<AffineMap> maps = generic->getIndexingMapsArray();
  SmallVector<AffineExpr> results;
  for (int64_t p : permutation)
    results.push_back(maps[1].getResult(p));
  maps[1] = AffineMap::get(maps[1].getNumDims(), 0, results, op.getContext());
  rewriter.modifyOpInPlace(*generic, [&] {
    generic->getInputsMutable()[1].set(constant);
    generic->setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
  });
  return success();
}

struct LayoutFloatWeights : mlir::gpfq::impl::GPFQLayoutFloatWeightsBase<LayoutFloatWeights> {
  using GPFQLayoutFloatWeightsBase::GPFQLayoutFloatWeightsBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> convolutions;
    SmallVector<Operation *> copies;
    getOperation().walk([&](Operation *op) {
      if (isa<linalg::Conv2DNhwcFhwcOp, linalg::Conv2DNhwgcGfhwcOp>(op))
        convolutions.push_back(cast<linalg::LinalgOp>(op));
      else if (isa<linalg::TransposeOp, linalg::GenericOp, tensor::ExpandShapeOp,
                   tensor::CollapseShapeOp>(op))
        copies.push_back(op);
    });
    for (linalg::LinalgOp op : convolutions)
      if (succeeded(permuteFilter(rewriter, op)))
        ++numFilters;
    for (Operation *op : copies)
      if (succeeded(foldCopy(rewriter, op)))
        ++numFolded;
  }

private:
  /// Makes a reordered constant a constant. A broadcast, which would grow, is left.
  LogicalResult foldCopy(IRRewriter &rewriter, Operation *op) {
    if (op->getNumResults() != 1 || op->use_empty())
      return failure();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    auto sourceType = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
    if (!type || !sourceType || !type.getElementType().isF32() || !type.hasStaticShape() ||
        !sourceType.hasStaticShape() || type.getNumElements() > sourceType.getNumElements())
      return failure();
    std::optional<ConstantTensor<float>> values = getConstantFloats(op->getResult(0));
    if (!values)
      return failure();
    rewriter.setInsertionPoint(op);
    rewriter.replaceOp(op, createFloatConstant(rewriter, op->getLoc(), values->shape,
                                               values->values, values->name));
    return success();
  }
};

} // namespace
