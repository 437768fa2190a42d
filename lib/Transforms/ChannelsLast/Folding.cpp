// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/ChannelsLast.h"

#include "ImageLayout.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Whether `op` changes the layout of an image, to NHWC or to NCHW.
static bool isLayoutChange(linalg::TransposeOp op) {
  return op.hasPureTensorSemantics() && isImage(op.getInput().getType()) &&
         (op.getPermutation() == ArrayRef<int64_t>(toChannelsLast) ||
          op.getPermutation() == ArrayRef<int64_t>(toChannelsFirst));
}

/// Whether a transpose of `type` moves dimensions of size 1 only, past which no other changes
/// place.
static bool movesUnitDimsOnly(RankedTensorType type, ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> others =
      llvm::filter_to_vector(permutation, [&](int64_t dim) { return type.getDimSize(dim) != 1; });
  return llvm::is_sorted(others);
}

/// The NHWC image that `value` is the flattening of, sample by sample, in the order of NCHW; null
/// if it is anything else, or if both orders are the same.
static Value getFlattenedImage(Value value) {
  auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse ||
      collapse.getReassociationIndices() != SmallVector<ReassociationIndices>{{0}, {1, 2, 3}})
    return nullptr;
  Value image = getChannelsLastSource(collapse.getSrc());
  if (!image || movesUnitDimsOnly(cast<RankedTensorType>(image.getType()), toChannelsFirst))
    return nullptr;
  return image;
}

/// The rows of a weight, which are the pixels of an image in the order of NCHW, in that of NHWC;
/// `shape` is that of the image in NHWC.
template <typename T> static void permuteRows(ConstantTensor<T> &weights, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> matrix = weights.shape;
  weights.shape = {shape[3], shape[1], shape[2], matrix[1]};
  weights = transpose(weights, {1, 2, 0, 3});
  weights.shape = matrix;
}

/// `weights`, rows by columns, with its rows permuted as above. Null if it is not constant, or has
/// scales that are not one for each column.
static Value createPermutedRows(OpBuilder &builder, Value weights, ArrayRef<int64_t> shape) {
  Location loc = weights.getLoc();
  if (std::optional<ConstantTensor<float>> floats = getConstantFloats(weights)) {
    permuteRows(*floats, shape);
    return createFloatConstant(builder, loc, floats->shape, floats->values, floats->name);
  }
  Value source = weights;
  while (Value viewed = getViewSource(source))
    source = viewed;
  auto dequantize = source.getDefiningOp<lowbit::DequantizeOp>();
  if (!dequantize || !dequantize.getAlphabet() || dequantize.getBlockAxis())
    return nullptr;
  std::optional<ConstantTensor<int8_t>> levels = getConstantBytes(dequantize.getInput());
  if (levels)
    levels = applyViews(weights, source, *levels);
  // Where each scale is used: by one column, unless there is but one scale.
  ConstantTensor<float> indices;
  indices.shape = llvm::to_vector(dequantize.getType().getShape());
  for (int64_t i = 0, count = ShapedType::getNumElements(indices.shape); i < count; ++i)
    indices.values.push_back(float(dequantize.getScaleIndex(i)));
  std::optional<ConstantTensor<float>> columns = applyViews(weights, source, indices);
  if (!levels || !columns)
    return nullptr;
  int64_t numColumns = columns->shape[1];
  for (size_t i = 0; i < columns->values.size(); ++i)
    if (dequantize.getAxis() && columns->values[i] != float(i % numColumns))
      return nullptr;
  permuteRows(*levels, shape);
  Value codes = createByteConstant(builder, loc, levels->shape, levels->values, levels->name);
  return lowbit::DequantizeOp::create(
      builder, loc, cast<RankedTensorType>(weights.getType()), codes, dequantize.getScale(),
      dequantize.getZeroPoint(),
      dequantize.getAxis() ? builder.getI64IntegerAttr(1) : IntegerAttr(), IntegerAttr(),
      dequantize.getAlphabetAttr(), dequantize.getLayerAttr());
}

namespace {

/// transpose(transpose(x)) -> x
struct CancelTransposes : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op, PatternRewriter &rewriter) const override {
    auto source = op.getInput().getDefiningOp<linalg::TransposeOp>();
    if (!source || !isLayoutChange(op) || !isLayoutChange(source) ||
        op.getPermutation() == source.getPermutation())
      return failure();
    rewriter.replaceOp(op, source.getInput());
    return success();
  }
};

/// Transposes of values that have no layout yet.
struct FoldTransposeOfInit : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op, PatternRewriter &rewriter) const override {
    if (!isLayoutChange(op))
      return failure();
    Value input = op.getInput();
    if (input.getDefiningOp<tensor::EmptyOp>()) {
      rewriter.replaceOp(op, op.getInit());
      return success();
    }
    if (auto fill = input.getDefiningOp<linalg::FillOp>()) {
      rewriter.replaceOpWithNewOp<linalg::FillOp>(op, fill.getInputs(), op.getInit());
      return success();
    }
    if (auto broadcast = input.getDefiningOp<linalg::BroadcastOp>())
      return foldBroadcast(op, broadcast, rewriter);
    Value constant = foldTranspose(rewriter, input, op.getPermutation());
    if (!constant)
      return failure();
    rewriter.replaceOp(op, constant);
    return success();
  }

private:
  /// The dimensions that the broadcast adds move; those of its input have to keep their order.
  static LogicalResult foldBroadcast(linalg::TransposeOp op, linalg::BroadcastOp broadcast,
                                     PatternRewriter &rewriter) {
    ArrayRef<int64_t> added = broadcast.getDimensions();
    SmallVector<int64_t> newAdded, kept;
    for (auto [dim, old] : llvm::enumerate(op.getPermutation()))
      if (llvm::is_contained(added, old))
        newAdded.push_back(dim);
      else
        kept.push_back(old);
    if (!llvm::is_sorted(kept))
      return failure();
    rewriter.replaceOpWithNewOp<linalg::BroadcastOp>(op, broadcast.getInput(), op.getInit(),
                                                     newAdded);
    return success();
  }
};

/// relu(flatten(x)) -> flatten(relu(x)), so that the transpose is next to the matmul.
struct SinkFlatten : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (op.getNumDpsInputs() != 1 || op.getNumResults() != 1 || !linalg::isElementwise(op) ||
        op.hasIndexSemantics() ||
        !llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }) ||
        !op.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>())
      return failure();
    Value image = getFlattenedImage(op.getDpsInputs()[0]);
    if (!image)
      return failure();
    auto collapse = op.getDpsInputs()[0].getDefiningOp<tensor::CollapseShapeOp>();
    auto type = cast<RankedTensorType>(collapse.getSrcType());
    Type elementType = getElementTypeOrSelf(op.getResult(0));
    Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(), elementType);
    SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(rewriter, op.getLoc(), empty.getType(),
                                             collapse.getSrc(), empty, maps, iterators);
    rewriter.inlineRegionBefore(op.getRegion(), generic.getRegion(), generic.getRegion().begin());
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(
        op, op.getResult(0).getType(), generic.getResult(0), collapse.getReassociationIndices());
    return success();
  }
};

/// quantize(flatten(x)) -> flatten(quantize(x)), and dequantize.
template <typename QuantizationOp> struct SinkFlattenOfCodes : OpRewritePattern<QuantizationOp> {
  using OpRewritePattern<QuantizationOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizationOp op, PatternRewriter &rewriter) const override {
    if (isOfWeights(op) || !getFlattenedImage(op.getInput()))
      return failure();
    auto collapse = op.getInput().template getDefiningOp<tensor::CollapseShapeOp>();
    Value image = cloneWithInput(rewriter, op, collapse.getSrc());
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(op, op.getType(), image,
                                                         collapse.getReassociationIndices());
    return success();
  }
};

/// matmul(flatten(x), w) -> matmul(flatten(x in NHWC), w with its rows in the order of NHWC)
struct PermuteMatmulRows : OpRewritePattern<linalg::MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::MatmulOp op, PatternRewriter &rewriter) const override {
    if (op.hasUserDefinedMaps() || !op.hasPureTensorSemantics())
      return failure();
    Value image = getFlattenedImage(op.getInputs()[0]);
    if (!image)
      return failure();
    ArrayRef<int64_t> shape = cast<RankedTensorType>(image.getType()).getShape();
    Value constant = createPermutedRows(rewriter, op.getInputs()[1], shape);
    if (!constant)
      return rewriter.notifyMatchFailure(op, "the weight is not constant");
    Value flat = tensor::CollapseShapeOp::create(rewriter, op.getInputs()[0].getLoc(),
                                                 op.getInputs()[0].getType(), image,
                                                 SmallVector<ReassociationIndices>{{0}, {1, 2, 3}});
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputsMutable()[0].set(flat);
      op.getInputsMutable()[1].set(constant);
      op->setAttr(flattenedImageAttrName, rewriter.getDenseI64ArrayAttr(shape.drop_front()));
    });
    return success();
  }
};

/// A transpose that only moves dimensions of size 1 copies nothing.
struct ReshapeUnitTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op, PatternRewriter &rewriter) const override {
    auto from = dyn_cast<RankedTensorType>(op.getInput().getType());
    if (!from || !from.hasStaticShape() || from.getRank() == 0 || op->getNumResults() != 1 ||
        !movesUnitDimsOnly(from, op.getPermutation()))
      return failure();
    auto to = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<int64_t> sizes;
    for (int64_t size : from.getShape())
      if (size != 1)
        sizes.push_back(size);
    if (sizes.empty())
      sizes.push_back(1);
    Value value = op.getInput();
    if (from.getRank() != int64_t(sizes.size()))
      value = tensor::CollapseShapeOp::create(rewriter, op.getLoc(),
                                              RankedTensorType::get(sizes, from.getElementType()),
                                              value, groupUnitDims(from.getShape()));
    if (to.getRank() != int64_t(sizes.size()))
      value = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), to, value,
                                            groupUnitDims(to.getShape()));
    rewriter.replaceOp(op, value);
    return success();
  }

private:
  /// Groups of dimensions, of which each has one that is not 1, if any has.
  static SmallVector<ReassociationIndices> groupUnitDims(ArrayRef<int64_t> shape) {
    SmallVector<ReassociationIndices> groups(1);
    bool isFull = false;
    for (auto [dim, size] : llvm::enumerate(shape)) {
      if (size != 1 && isFull)
        groups.emplace_back();
      isFull |= size != 1;
      groups.back().push_back(dim);
    }
    return groups;
  }
};

} // namespace

void mlir::gpfq::populateChannelsLastFoldingPatterns(RewritePatternSet &patterns) {
  patterns.add<CancelTransposes, FoldTransposeOfInit, SinkFlatten,
               SinkFlattenOfCodes<lowbit::QuantizeOp>, SinkFlattenOfCodes<lowbit::DequantizeOp>,
               PermuteMatmulRows>(patterns.getContext());
}

void mlir::gpfq::populateUnitTransposePatterns(RewritePatternSet &patterns) {
  patterns.add<ReshapeUnitTranspose>(patterns.getContext());
}
