// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/ChannelsLast.h"

#include "../ChannelBias.h"
#include "ImageLayout.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Copies the attributes of `from` that are not its own, except for the indexing maps that linalg
/// keeps there.
static void copyDiscardableAttributes(Operation *from, Operation *to) {
  for (NamedAttribute attribute : from->getDiscardableAttrs())
    if (attribute.getName() != linalg::LinalgDialect::kMemoizedIndexingMapsAttrName)
      to->setDiscardableAttr(attribute.getName(), attribute.getValue());
}

namespace {

/// A convolution with one dimension of channels. The filter is transposed by `filterPermutation`.
template <typename FromOp, typename ToOp> struct ConvertConv : OpRewritePattern<FromOp> {
  ConvertConv(MLIRContext *context, ArrayRef<int64_t> filterPermutation)
      : OpRewritePattern<FromOp>(context), filterPermutation(filterPermutation) {}

  LogicalResult matchAndRewrite(FromOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !isImage(op.getResult(0).getType()) ||
        !isImage(op.getInputs()[0].getType()))
      return rewriter.notifyMatchFailure(op, "not on tensors of static shape");
    Value input = createChannelsLast(rewriter, op.getInputs()[0]);
    Value filter = createTransposed(rewriter, op.getInputs()[1], filterPermutation);
    Value init = createChannelsLast(rewriter, op.getOutputs()[0]);
    auto conv = ToOp::create(rewriter, op.getLoc(), init.getType(), ValueRange{input, filter},
                             ValueRange{init}, op.getStrides(), op.getDilations());
    copyDiscardableAttributes(op, conv);
    rewriter.replaceOp(op, createChannelsFirst(rewriter, conv.getResult(0)));
    return success();
  }

  SmallVector<int64_t> filterPermutation;
};

/// Pooling has no weights, so it follows its neighbours.
template <typename FromOp, typename ToOp> struct ConvertPooling : OpRewritePattern<FromOp> {
  using OpRewritePattern<FromOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(FromOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !isImage(op.getResult(0).getType()) ||
        !isImage(op.getInputs()[0].getType()) || !isNextToChannelsLast(op))
      return failure();
    Value input = createChannelsLast(rewriter, op.getInputs()[0]);
    Value init = createChannelsLast(rewriter, op.getOutputs()[0]);
    auto pooling =
        ToOp::create(rewriter, op.getLoc(), init.getType(), ValueRange{input, op.getInputs()[1]},
                     ValueRange{init}, op.getStrides(), op.getDilations());
    copyDiscardableAttributes(op, pooling);
    rewriter.replaceOp(op, createChannelsFirst(rewriter, pooling.getResult(0)));
    return success();
  }
};

/// A grouped convolution, which has the groups as a dimension: N x G x C x H x W.
template <typename FromOp> struct ConvertGroupedConv : OpRewritePattern<FromOp> {
  ConvertGroupedConv(MLIRContext *context, ArrayRef<int64_t> filterPermutation)
      : OpRewritePattern<FromOp>(context), filterPermutation(filterPermutation) {}

  LogicalResult matchAndRewrite(FromOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !llvm::all_of(op->getOperandTypes(), [](Type type) {
          auto tensor = dyn_cast<RankedTensorType>(type);
          return tensor && tensor.hasStaticShape();
        }))
      return rewriter.notifyMatchFailure(op, "not on tensors of static shape");
    Location loc = op.getLoc();
    Value input = createChannelsLast(rewriter, mergeGroups(rewriter, op.getInputs()[0]));
    Value filter = createTransposed(rewriter, op.getInputs()[1], filterPermutation);
    auto conv = linalg::Conv2DNhwgcGfhwcOp::create(
        rewriter, loc, getTransposedType(op.getResult(0).getType(), groupsLast),
        ValueRange{splitGroups(rewriter, input, getType(op.getInputs()[0], groupsLast)), filter},
        ValueRange{convertInit(rewriter, op.getOutputs()[0])}, op.getStrides(), op.getDilations());
    copyDiscardableAttributes(op, conv);
    Value merged =
        tensor::CollapseShapeOp::create(rewriter, loc, conv.getResult(0), getLastGroups());
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(
        op, op.getResult(0).getType(), createChannelsFirst(rewriter, merged), getFirstGroups());
    return success();
  }

private:
  /// NGCHW to NHWGC.
  static constexpr int64_t groupsLast[] = {0, 3, 4, 1, 2};

  static RankedTensorType getType(Value value, ArrayRef<int64_t> permutation) {
    return getTransposedType(value.getType(), permutation);
  }
  static SmallVector<ReassociationIndices> getFirstGroups() { return {{0}, {1, 2}, {3}, {4}}; }
  static SmallVector<ReassociationIndices> getLastGroups() { return {{0}, {1}, {2}, {3, 4}}; }

  static Value mergeGroups(OpBuilder &builder, Value value) {
    auto expand = value.getDefiningOp<tensor::ExpandShapeOp>();
    if (expand && expand.getReassociationIndices() == getFirstGroups())
      return expand.getSrc();
    return tensor::CollapseShapeOp::create(builder, value.getLoc(), value, getFirstGroups());
  }

  static Value splitGroups(OpBuilder &builder, Value value, RankedTensorType type) {
    return tensor::ExpandShapeOp::create(builder, value.getLoc(), type, value, getLastGroups());
  }

  static Value convertInit(OpBuilder &builder, Value init) {
    RankedTensorType type = getType(init, groupsLast);
    ChannelDims channels{{1, 2}, {type.getDimSize(3), type.getDimSize(4)}};
    std::optional<ChannelBias> bias = getChannelBias(init, channels);
    if (!bias)
      return createTransposed(builder, init, groupsLast);
    channels.dims = {3, 4};
    return createChannelBias(builder, init.getLoc(), type, channels, *bias);
  }

  SmallVector<int64_t> filterPermutation;
};

/// A depthwise convolution with a multiplier M, already channels-last: N x H x W x C x M. It is a
/// grouped convolution with groups of one input channel, or without the last dimension if M is 1.
struct ConvertDepthwiseMultiplier : OpRewritePattern<linalg::DepthwiseConv2DNhwcHwcmOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::DepthwiseConv2DNhwcHwcmOp op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !isImage(op.getInputs()[0].getType()))
      return rewriter.notifyMatchFailure(op, "not on tensors of static shape");
    auto type = dyn_cast<RankedTensorType>(op.getResult(0).getType());
    auto filterType = dyn_cast<RankedTensorType>(op.getInputs()[1].getType());
    if (!type || !type.hasStaticShape() || !filterType || !filterType.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "not on tensors of static shape");
    return type.getShape().back() == 1 ? dropMultiplier(op, rewriter) : toGroups(op, rewriter);
  }

private:
  static LogicalResult dropMultiplier(linalg::DepthwiseConv2DNhwcHwcmOp op,
                                      PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    SmallVector<ReassociationIndices> image{{0}, {1}, {2}, {3, 4}}, kernel{{0}, {1}, {2, 3}};
    Value filter = tensor::CollapseShapeOp::create(rewriter, loc, op.getInputs()[1], kernel);
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    auto imageType = RankedTensorType::get(type.getShape().drop_back(), type.getElementType());
    ChannelDims channels{{3}, {type.getDimSize(3)}};
    std::optional<ChannelBias> bias = getChannelBias(op.getOutputs()[0], channels);
    Value init =
        bias ? createChannelBias(rewriter, loc, imageType, channels, *bias)
             : Value(tensor::CollapseShapeOp::create(rewriter, loc, op.getOutputs()[0], image));
    auto conv = linalg::DepthwiseConv2DNhwcHwcOp::create(
        rewriter, loc, init.getType(), ValueRange{op.getInputs()[0], filter}, ValueRange{init},
        op.getStrides(), op.getDilations());
    copyDiscardableAttributes(op, conv);
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, op.getResult(0).getType(),
                                                       conv.getResult(0), image);
    return success();
  }

  static LogicalResult toGroups(linalg::DepthwiseConv2DNhwcHwcmOp op, PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    auto inputType = cast<RankedTensorType>(op.getInputs()[0].getType());
    SmallVector<int64_t> inputShape = llvm::to_vector(inputType.getShape());
    inputShape.push_back(1);
    SmallVector<ReassociationIndices> image{{0}, {1}, {2}, {3, 4}}, kernel{{0}, {1}, {2}, {3, 4}};
    Value input = tensor::ExpandShapeOp::create(
        rewriter, loc, RankedTensorType::get(inputShape, inputType.getElementType()),
        op.getInputs()[0], image);
    Value filter = createTransposed(rewriter, op.getInputs()[1], {2, 3, 0, 1});
    auto filterType = cast<RankedTensorType>(filter.getType());
    SmallVector<int64_t> filterShape = llvm::to_vector(filterType.getShape());
    filterShape.push_back(1);
    filter = tensor::ExpandShapeOp::create(
        rewriter, loc, RankedTensorType::get(filterShape, filterType.getElementType()), filter,
        kernel);
    auto conv = linalg::Conv2DNhwgcGfhwcOp::create(rewriter, loc, op.getResult(0).getType(),
                                                   ValueRange{input, filter}, op.getOutputs(),
                                                   op.getStrides(), op.getDilations());
    copyDiscardableAttributes(op, conv);
    rewriter.replaceOp(op, conv);
    return success();
  }
};

} // namespace

void mlir::gpfq::populateChannelsLastLayerPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ConvertConv<linalg::Conv2DNchwFchwOp, linalg::Conv2DNhwcFhwcOp>>(
      context, ArrayRef<int64_t>{0, 2, 3, 1});
  patterns.add<ConvertConv<linalg::DepthwiseConv2DNchwChwOp, linalg::DepthwiseConv2DNhwcHwcOp>>(
      context, ArrayRef<int64_t>{1, 2, 0});
  patterns.add<ConvertGroupedConv<linalg::Conv2DNgchwGfchwOp>>(context,
                                                               ArrayRef<int64_t>{0, 1, 3, 4, 2});
  patterns.add<ConvertGroupedConv<linalg::Conv2DNgchwFgchwOp>>(context,
                                                               ArrayRef<int64_t>{1, 0, 3, 4, 2});
  patterns.add<ConvertPooling<linalg::PoolingNchwMaxOp, linalg::PoolingNhwcMaxOp>,
               ConvertPooling<linalg::PoolingNchwSumOp, linalg::PoolingNhwcSumOp>,
               ConvertDepthwiseMultiplier>(context);
}
