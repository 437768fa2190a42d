// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/SequencesToImages.h"

#include "RowShape.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"

using namespace mlir;
using namespace mlir::gpfq;

namespace {

/// Padding of a sequence that is an image of one row pads the image.
struct PadRow : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    auto collapse = op.getSource().getDefiningOp<tensor::CollapseShapeOp>();
    Value padding = op.getConstantPaddingValue();
    if (!collapse || !changesRow(collapse) || !padding)
      return failure();
    RankedTensorType type = collapse.getSrcType();
    SmallVector<OpFoldResult> low(type.getRank(), rewriter.getIndexAttr(0)), high(low);
    SmallVector<int64_t> shape(type.getShape());
    for (auto [dim, group] : llvm::enumerate(collapse.getReassociationIndices())) {
      int64_t to = getLength(group, type);
      low[to] = op.getMixedLowPad()[dim];
      high[to] = op.getMixedHighPad()[dim];
      shape[to] = op.getType().getDimSize(dim);
    }
    Value padded = createPad(rewriter, op, type.clone(shape), collapse.getSrc(), low, high);
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(op, op.getType(), padded,
                                                         collapse.getReassociationIndices());
    return success();
  }
};

/// Named elementwise ops next to a change of shape become generics, which can take it up.
struct GeneralizeElementwise : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    bool isNextToReshape =
        llvm::any_of(op->getOperands(),
                     [](Value operand) { return changesRow(operand.getDefiningOp()); }) ||
        llvm::any_of(op->getUsers(), changesRow);
    if (isa<linalg::GenericOp, linalg::FillOp, linalg::BroadcastOp, linalg::TransposeOp>(op) ||
        !op.hasPureTensorSemantics() || !linalg::isElementwise(op) || !isNextToReshape)
      return failure();
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

} // namespace

void mlir::gpfq::populateSequencePropagationPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, [](OpOperand *operand) {
    return changesRow(operand->get().getDefiningOp()) || changesRow(operand->getOwner());
  });
  tensor::populateFoldTensorEmptyPatterns(patterns);
  linalg::FillOp::getCanonicalizationPatterns(patterns, context);
  patterns.add<PadRow, GeneralizeElementwise>(context);
}
