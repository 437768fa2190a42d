// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/SequencesToImages.h"

#include "../ChannelBias.h"
#include "RowShape.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace mlir::gpfq;

/// `init`, an init operand, in the shape of `reshaped`, which is a change of its shape: that, or a
/// new bias if it is one, whose channels are at `dims` and will be at `newDims`.
static Value convertInit(OpBuilder &builder, Value init, Value reshaped, ArrayRef<int64_t> dims,
                         ArrayRef<int64_t> newDims) {
  auto type = cast<RankedTensorType>(reshaped.getType());
  ChannelDims channels{llvm::to_vector(dims), {}};
  for (int64_t dim : newDims)
    channels.sizes.push_back(type.getDimSize(dim));
  std::optional<ChannelBias> bias =
      init.getDefiningOp<linalg::FillOp>() ? std::nullopt : getChannelBias(init, channels);
  if (!bias)
    return reshaped;
  channels.dims = llvm::to_vector(newDims);
  return createChannelBias(builder, init.getLoc(), type, channels, *bias);
}

/// The sizes of a stride or dilation along a sequence as those of an image.
static DenseIntElementsAttr getRowSizes(OpBuilder &builder, DenseIntElementsAttr sizes) {
  return builder.getI64VectorAttr({1, *sizes.value_begin<int64_t>()});
}

namespace {

/// An op on sequences as one on images of one row, which is dimension `row` of the images and
/// `windowRow` of the filter or window.
template <typename FromOp, typename ToOp> struct ConvertLayer : OpRewritePattern<FromOp> {
  ConvertLayer(MLIRContext *context, int64_t row, int64_t windowRow)
      : OpRewritePattern<FromOp>(context), row(row), windowRow(windowRow) {}

  LogicalResult matchAndRewrite(FromOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !haveStaticShapes(op->getOperandTypes()))
      return rewriter.notifyMatchFailure(op, "not on tensors of static shape");
    Value input = insertDim(rewriter, op.getInputs()[0], row);
    Value window = insertDim(rewriter, op.getInputs()[1], windowRow);
    // N x C x W or N x W x C.
    int64_t channels = row == 2 ? 1 : 2, newChannels = row == 2 ? 1 : 3;
    Value init = op.getOutputs()[0];
    init = convertInit(rewriter, init, insertDim(rewriter, init, row), channels, newChannels);
    auto layer = ToOp::create(rewriter, op.getLoc(), init.getType(), ValueRange{input, window},
                              ValueRange{init}, getRowSizes(rewriter, op.getStrides()),
                              getRowSizes(rewriter, op.getDilations()));
    rewriter.replaceOp(op, eraseDim(rewriter, layer.getResult(0), row));
    return success();
  }

  int64_t row, windowRow;
};

/// A convolution of images of one column, which front ends make of sequences, on those of one row.
/// Groups are a dimension of their own, or are not.
template <typename ConvOp> struct ConvertColumn : OpRewritePattern<ConvOp> {
  using OpRewritePattern<ConvOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !haveStaticShapes(op->getOperandTypes()) ||
        llvm::any_of(op->getOperandTypes(),
                     [](Type type) { return cast<ShapedType>(type).getShape().back() != 1; }))
      return failure();
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    if (cast<ShapedType>(op.getInputs()[0].getType()).getShape().take_back(2)[0] == 1)
      return rewriter.notifyMatchFailure(op, "an image of one pixel is a row");
    Value filter = op.getInputs()[1];
    int64_t last = cast<ShapedType>(filter.getType()).getRank() - 1;
    filter = insertDim(rewriter, eraseDim(rewriter, filter, last), last - 1);
    Value input = toRow(rewriter, op.getInputs()[0]), init = op.getOutputs()[0];
    SmallVector<int64_t> channels =
        type.getRank() == 5 ? SmallVector<int64_t>{1, 2} : SmallVector<int64_t>{1};
    init = convertInit(rewriter, init, toRow(rewriter, init), channels, channels);
    auto conv = ConvOp::create(rewriter, op.getLoc(), init.getType(), ValueRange{input, filter},
                               ValueRange{init}, getRowSizes(rewriter, op.getStrides()),
                               getRowSizes(rewriter, op.getDilations()));
    Value result = conv.getResult(0);
    if (type.getRank() == 5)
      result = tensor::CollapseShapeOp::create(rewriter, op.getLoc(), result, getMergedGroups());
    result = eraseDim(rewriter, result, 2);
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, type, result, getSequenceDims(type));
    return success();
  }

private:
  /// The dimensions of an image of one column that make up those of a sequence.
  static SmallVector<ReassociationIndices> getSequenceDims(RankedTensorType type) {
    if (type.getRank() == 5)
      return {{0}, {1, 2}, {3, 4}};
    return {{0}, {1}, {2, 3}};
  }

  static Value toRow(OpBuilder &builder, Value column) {
    Location loc = column.getLoc();
    auto type = cast<RankedTensorType>(column.getType());
    Value sequence = tensor::CollapseShapeOp::create(builder, loc, column, getSequenceDims(type));
    Value row = insertDim(builder, sequence, 2);
    if (type.getRank() == 4)
      return row;
    SmallVector<int64_t> shape(type.getShape());
    std::swap(shape[3], shape[4]);
    return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), row, getMergedGroups());
  }

  static SmallVector<ReassociationIndices> getMergedGroups() { return {{0}, {1, 2}, {3}, {4}}; }
};

/// Padding of the height of an image of one column that is a sequence pads the sequence.
struct PadColumn : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    auto expand = op.getSource().getDefiningOp<tensor::ExpandShapeOp>();
    std::optional<SmallVector<ReassociationIndices>> groups = getImageDims(expand);
    if (!groups || changesRow(expand) || !op.getConstantPaddingValue() ||
        !haveStaticShapes(op->getResultTypes()))
      return failure();
    SmallVector<OpFoldResult> low, high;
    SmallVector<int64_t> shape;
    for (const ReassociationIndices &group : *groups) {
      int64_t from = getLength(group, expand.getResultType());
      for (int64_t dim : group)
        if (dim != from && op.getType().getDimSize(dim) != 1)
          return failure();
      low.push_back(op.getMixedLowPad()[from]);
      high.push_back(op.getMixedHighPad()[from]);
      shape.push_back(op.getType().getDimSize(from));
    }
    Value padded = createPad(rewriter, op, op.getType().clone(shape), expand.getSrc(), low, high);
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, op.getType(), padded, *groups);
    return success();
  }
};

} // namespace

void mlir::gpfq::populateSequenceLayerPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns
      .add<PadColumn, ConvertColumn<linalg::Conv2DNchwFchwOp>,
           ConvertColumn<linalg::DepthwiseConv2DNchwChwOp>,
           ConvertColumn<linalg::Conv2DNgchwGfchwOp>, ConvertColumn<linalg::Conv2DNgchwFgchwOp>>(
          context);
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
