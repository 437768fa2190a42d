// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/ChannelsLast.h"

#include "ImageLayout.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::gpfq;

/// The NHWC results of a converted op as NCHW where they are images, for the users of the old op.
static SmallVector<Value> getOldResults(OpBuilder &builder, Operation *op) {
  return llvm::map_to_vector(op->getResults(), [&](Value result) {
    return isImage(result.getType()) ? createChannelsFirst(builder, result) : result;
  });
}

namespace {

/// Elementwise ops, reductions, copies: the images among the operands are read in the other order.
struct ConvertGeneric : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || !isNextToChannelsLast(op))
      return failure();

    SmallVector<Value> operands;
    SmallVector<AffineMap> maps;
    bool loopsAreImage = false;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      Value value = operand.get();
      if (isImage(value.getType())) {
        loopsAreImage |= map.isIdentity();
        SmallVector<AffineExpr> results =
            applyPermutation(map.getResults(), ArrayRef<int64_t>(toChannelsLast));
        map = AffineMap::get(map.getNumDims(), 0, results, op.getContext());
        value = createChannelsLast(rewriter, value);
      }
      operands.push_back(value);
      maps.push_back(map);
    }
    ArrayRef<Value> inputs = ArrayRef(operands).take_front(op.getNumDpsInputs());
    ArrayRef<Value> inits = ArrayRef(operands).drop_front(op.getNumDpsInputs());
    auto generic = linalg::GenericOp::create(rewriter, op.getLoc(), ValueRange(inits).getTypes(),
                                             inputs, inits, maps, op.getIteratorTypesArray());
    generic->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.inlineRegionBefore(op.getRegion(), generic.getRegion(), generic.getRegion().begin());
    if (loopsAreImage) {
      SmallVector<unsigned> interchange(std::begin(toChannelsLast), std::end(toChannelsLast));
      FailureOr<linalg::GenericOp> interchanged =
          linalg::interchangeGenericOp(rewriter, generic, interchange);
      assert(succeeded(interchanged) && "a permutation of the loops is valid");
      generic = *interchanged;
    }
    rewriter.replaceOp(op, getOldResults(rewriter, generic));
    return success();
  }
};

/// Named ops become generics, which the pattern above converts.
struct GeneralizeNamedOp : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    if (isa<linalg::GenericOp, linalg::TransposeOp, linalg::BroadcastOp, linalg::FillOp>(op) ||
        !op.hasPureTensorSemantics() ||
        !(linalg::isElementwise(op) || isa<linalg::ReduceOp, linalg::MapOp>(op)) ||
        !isNextToChannelsLast(op))
      return failure();
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// Padding with one value.
struct ConvertPad : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    Value padding = op.getConstantPaddingValue();
    if (!padding || !isImage(op.getType()) || !isImage(op.getSource().getType()) ||
        !isNextToChannelsLast(op))
      return failure();
    if (padding.getParentBlock() == op.getBody())
      padding = rewriter.clone(*padding.getDefiningOp())->getResult(0);
    SmallVector<OpFoldResult> low = op.getMixedLowPad(), high = op.getMixedHighPad();
    applyPermutationToVector(low, toChannelsLast);
    applyPermutationToVector(high, toChannelsLast);
    Value source = createChannelsLast(rewriter, op.getSource());
    Value padded = tensor::PadOp::create(rewriter, op.getLoc(),
                                         getTransposedType(op.getType(), toChannelsLast), source,
                                         low, high, padding, op.getNofold());
    rewriter.replaceOp(op, createChannelsFirst(rewriter, padded));
    return success();
  }
};

/// Codes of an activation, and what they stand for.
template <typename QuantizationOp> struct ConvertQuantization : OpRewritePattern<QuantizationOp> {
  using OpRewritePattern<QuantizationOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizationOp op, PatternRewriter &rewriter) const override {
    if (!isImage(op.getType()) || isOfWeights(op) || !isNextToChannelsLast(op))
      return failure();
    Value input = createChannelsLast(rewriter, op.getInput());
    rewriter.replaceOp(op, createChannelsFirst(rewriter, cloneWithInput(rewriter, op, input)));
    return success();
  }
};

struct ConvertConcat : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp op, PatternRewriter &rewriter) const override {
    if (!isImage(op.getType()) || !llvm::all_of(op.getInputs().getTypes(), isImage) ||
        !isNextToChannelsLast(op))
      return failure();
    SmallVector<Value> inputs = llvm::map_to_vector(
        op.getInputs(), [&](Value input) { return createChannelsLast(rewriter, input); });
    Value concat =
        tensor::ConcatOp::create(rewriter, op.getLoc(), toChannelsFirst[op.getDim()], inputs);
    rewriter.replaceOp(op, createChannelsFirst(rewriter, concat));
    return success();
  }
};

/// Offsets, sizes and strides of a slice of an NCHW image for the NHWC image.
struct ImageSlice {
  explicit ImageSlice(OffsetSizeAndStrideOpInterface op)
      : offsets(op.getMixedOffsets()), sizes(op.getMixedSizes()), strides(op.getMixedStrides()) {
    applyPermutationToVector(offsets, toChannelsLast);
    applyPermutationToVector(sizes, toChannelsLast);
    applyPermutationToVector(strides, toChannelsLast);
  }

  SmallVector<OpFoldResult> offsets, sizes, strides;
};

struct ConvertExtractSlice : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    if (!isImage(op.getType()) || !isImage(op.getSourceType()) || !isNextToChannelsLast(op))
      return failure();
    ImageSlice slice(op);
    Value source = createChannelsLast(rewriter, op.getSource());
    Value extracted = tensor::ExtractSliceOp::create(
        rewriter, op.getLoc(), getTransposedType(op.getType(), toChannelsLast), source,
        slice.offsets, slice.sizes, slice.strides);
    rewriter.replaceOp(op, createChannelsFirst(rewriter, extracted));
    return success();
  }
};

struct ConvertInsertSlice : OpRewritePattern<tensor::InsertSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::InsertSliceOp op,
                                PatternRewriter &rewriter) const override {
    if (!isImage(op.getType()) || !isImage(op.getSourceType()) || !isNextToChannelsLast(op))
      return failure();
    ImageSlice slice(op);
    Value source = createChannelsLast(rewriter, op.getSource());
    Value dest = createChannelsLast(rewriter, op.getDest());
    Value inserted = tensor::InsertSliceOp::create(rewriter, op.getLoc(), source, dest,
                                                   slice.offsets, slice.sizes, slice.strides);
    rewriter.replaceOp(op, createChannelsFirst(rewriter, inserted));
    return success();
  }
};

} // namespace

void mlir::gpfq::populateChannelsLastPropagationPatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertGeneric, GeneralizeNamedOp, ConvertPad,
               ConvertQuantization<lowbit::QuantizeOp>, ConvertQuantization<lowbit::DequantizeOp>,
               ConvertConcat, ConvertExtractSlice, ConvertInsertSlice>(patterns.getContext());
}
