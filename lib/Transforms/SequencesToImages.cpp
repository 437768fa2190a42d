// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/SequencesToImages.h"

#include "gpfq/Transforms/FoldConstants.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQSEQUENCESTOIMAGES
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;

/// `value` with a dimension of size 1 behind dimension `dim`.
static Value insertDim(OpBuilder &builder, Value value, int64_t dim) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + dim + 1, 1);
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    groups.push_back({i > dim ? i + 1 : i});
    if (i == dim)
      groups.back().push_back(dim + 1);
  }
  return tensor::ExpandShapeOp::create(builder, value.getLoc(), type.clone(shape), value, groups);
}

/// Whether `op` makes an image of a sequence, or the other way around.
static bool changesSequence(Operation *op) {
  if (!isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return false;
  auto from = cast<RankedTensorType>(op->getOperand(0).getType());
  auto to = cast<RankedTensorType>(op->getResult(0).getType());
  return std::min(from.getRank(), to.getRank()) == 3 &&
         std::max(from.getRank(), to.getRank()) == 4 && from.hasStaticShape();
}

namespace {

/// An op on sequences as one on images of one column. Dimension `length` of the sequences, and
/// `windowLength` of the filter or window, is their height.
template <typename FromOp, typename ToOp> struct ConvertLayer : OpRewritePattern<FromOp> {
  ConvertLayer(MLIRContext *context, int64_t length, int64_t windowLength)
      : OpRewritePattern<FromOp>(context), length(length), windowLength(windowLength) {}

  LogicalResult matchAndRewrite(FromOp op, PatternRewriter &rewriter) const override {
    auto type = op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op.getResult(0).getType())
                                         : RankedTensorType();
    if (!type || !llvm::all_of(op->getOperandTypes(), [](Type operand) {
          auto tensor = dyn_cast<RankedTensorType>(operand);
          return tensor && tensor.hasStaticShape();
        }))
      return rewriter.notifyMatchFailure(op, "not on tensors of static shape");
    Value input = insertDim(rewriter, op.getInputs()[0], length);
    Value window = insertDim(rewriter, op.getInputs()[1], windowLength);
    Value init = insertDim(rewriter, op.getOutputs()[0], length);
    auto withWidth = [&](DenseIntElementsAttr sizes) {
      return rewriter.getI64VectorAttr({*sizes.value_begin<int64_t>(), 1});
    };
    auto layer =
        ToOp::create(rewriter, op.getLoc(), init.getType(), ValueRange{input, window},
                     ValueRange{init}, withWidth(op.getStrides()), withWidth(op.getDilations()));
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(
        op, type, layer.getResult(0),
        init.getDefiningOp<tensor::ExpandShapeOp>().getReassociationIndices());
    return success();
  }

  int64_t length, windowLength;
};

/// Padding of a sequence that is an image pads the image.
struct MovePad : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    auto collapse = op.getSource().getDefiningOp<tensor::CollapseShapeOp>();
    Value padding = op.getConstantPaddingValue();
    if (!collapse || !changesSequence(collapse) || !padding)
      return failure();
    if (padding.getParentBlock() == op.getBody())
      padding = rewriter.clone(*padding.getDefiningOp())->getResult(0);
    RankedTensorType from = collapse.getSrcType();
    SmallVector<OpFoldResult> low(from.getRank(), rewriter.getIndexAttr(0)), high(low);
    SmallVector<int64_t> shape(from.getShape());
    for (auto [dim, group] : llvm::enumerate(collapse.getReassociationIndices())) {
      // Of two dimensions one has size 1.
      int64_t to = group.back() != group.front() && from.getDimSize(group.back()) != 1
                       ? group.back()
                       : group.front();
      low[to] = op.getMixedLowPad()[dim];
      high[to] = op.getMixedHighPad()[dim];
      shape[to] = op.getType().getDimSize(dim);
    }
    Value padded = tensor::PadOp::create(rewriter, op.getLoc(), from.clone(shape),
                                         collapse.getSrc(), low, high, padding, op.getNofold());
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(op, op.getType(), padded,
                                                         collapse.getReassociationIndices());
    return success();
  }
};

/// Named elementwise ops next to a change of shape become generics, which can take it up.
struct GeneralizeElementwise : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    bool isNextToReshape = llvm::any_of(op->getOperands(),
                                        [](Value operand) {
                                          return operand.getDefiningOp<tensor::CollapseShapeOp>();
                                        }) ||
                           llvm::any_of(op->getUsers(), llvm::IsaPred<tensor::ExpandShapeOp>);
    if (isa<linalg::GenericOp, linalg::FillOp, linalg::BroadcastOp, linalg::TransposeOp>(op) ||
        !op.hasPureTensorSemantics() || !linalg::isElementwise(op) || !isNextToReshape)
      return failure();
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

struct SequencesToImages : gpfq::impl::GPFQSequencesToImagesBase<SequencesToImages> {
  using GPFQSequencesToImagesBase::GPFQSequencesToImagesBase;

  void runOnOperation() override {
    bool hasLayers = getOperation()
                         .walk([](linalg::ConvolutionOpInterface op) {
                           auto type = dyn_cast<ShapedType>(op.image().getType());
                           return type && type.hasRank() && type.getRank() == 3
                                      ? WalkResult::interrupt()
                                      : WalkResult::advance();
                         })
                         .wasInterrupted();
    if (!hasLayers)
      return;
    // Those that make weights, before these change their shape.
    foldConstantGenerics(getOperation());
    RewritePatternSet patterns(&getContext());
    populateSequenceLayerPatterns(patterns);
    populateSequencePropagationPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

void mlir::gpfq::populateSequenceLayerPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ConvertLayer<linalg::Conv1DNcwFcwOp, linalg::Conv2DNchwFchwOp>>(context, 2, 2);
  patterns.add<ConvertLayer<linalg::Conv1DNwcWcfOp, linalg::Conv2DNhwcHwcfOp>>(context, 1, 0);
  patterns.add<ConvertLayer<linalg::DepthwiseConv1DNcwCwOp, linalg::DepthwiseConv2DNchwChwOp>>(
      context, 2, 1);
  patterns.add<ConvertLayer<linalg::DepthwiseConv1DNwcWcOp, linalg::DepthwiseConv2DNhwcHwcOp>>(
      context, 1, 0);
  patterns.add<ConvertLayer<linalg::PoolingNcwMaxOp, linalg::PoolingNchwMaxOp>,
               ConvertLayer<linalg::PoolingNcwSumOp, linalg::PoolingNchwSumOp>>(context, 2, 0);
  patterns.add<ConvertLayer<linalg::PoolingNwcMaxOp, linalg::PoolingNhwcMaxOp>,
               ConvertLayer<linalg::PoolingNwcSumOp, linalg::PoolingNhwcSumOp>>(context, 1, 0);
}

void mlir::gpfq::populateSequencePropagationPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, [](OpOperand *operand) {
    return changesSequence(operand->get().getDefiningOp()) || changesSequence(operand->getOwner());
  });
  tensor::populateFoldTensorEmptyPatterns(patterns);
  tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
  tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
  linalg::FillOp::getCanonicalizationPatterns(patterns, context);
  patterns.add<MovePad, GeneralizeElementwise>(context);
}
