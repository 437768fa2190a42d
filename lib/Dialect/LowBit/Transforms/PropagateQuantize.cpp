// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::lowbit;

namespace {

/// The parameters of a `dequantize` or `quantize` of an activation whose scale is constant.
struct CodeParams {
  Value scaleOperand;
  float scale;
  int32_t zeroPoint;
  uint32_t max;
  bool isSign;

  int32_t quantize(float x) const {
    return isSign ? quantizeSign(x) : quantizeFloat(x, scale, zeroPoint, max);
  }
  float dequantize(int32_t code) const { return (float(code) - float(zeroPoint)) * scale; }
  bool operator==(const CodeParams &other) const {
    return scale == other.scale && zeroPoint == other.zeroPoint;
  }
};

} // namespace

static std::optional<CodeParams> getParams(QuantizeOp op) {
  std::optional<float> scale = getSplatFloat(op.getScale());
  if (!scale)
    return std::nullopt;
  return CodeParams{op.getScale(), *scale, int32_t(op.getZeroPoint()), op.getMax(), op.getSign()};
}

static std::optional<CodeParams> getParams(DequantizeOp op) {
  std::optional<float> scale = getSplatFloat(op.getScale());
  if (!scale || op.getAlphabet())
    return std::nullopt;
  return CodeParams{op.getScale(), *scale, int32_t(op.getZeroPoint()), maxCode,
                    /*isSign=*/false};
}

/// The `dequantize` of an activation with a constant scale that defines `value`; null if there is
/// none.
static DequantizeOp getDequantize(Value value) {
  auto op = value.getDefiningOp<DequantizeOp>();
  return op && getParams(op) ? op : DequantizeOp();
}

static RankedTensorType getCodeType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.clone(IntegerType::get(type.getContext(), 8));
}

static Value createQuantize(OpBuilder &builder, Value value, QuantizeOp like) {
  return QuantizeOp::create(builder, like.getLoc(), getCodeType(value), value, like.getScale(),
                            like.getZeroPoint(), like.getMax(), like.getSign());
}

static Value createDequantize(OpBuilder &builder, Value codes, DequantizeOp like) {
  auto type = cast<RankedTensorType>(codes.getType()).clone(builder.getF32Type());
  return DequantizeOp::create(builder, like.getLoc(), type, codes, like.getScale(),
                              like.getZeroPoint(), IntegerAttr(), IntegerAttr(), AlphabetAttr(),
                              StringAttr());
}

static Value createCode(OpBuilder &builder, Location loc, int32_t code) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getIntegerAttr(builder.getI8Type(), APInt(8, code)));
}

/// The f32 constant that a `tensor.pad` fills in.
static std::optional<float> getPaddingFloat(tensor::PadOp op) {
  APFloat value(0.0f);
  Value constant = op.getConstantPaddingValue();
  if (!constant || !constant.getType().isF32() || !matchPattern(constant, m_ConstantFloat(&value)))
    return std::nullopt;
  return value.convertToFloat();
}

/// The same pad of codes.
static Value createPad(OpBuilder &builder, tensor::PadOp op, Value codes, int32_t code) {
  return tensor::PadOp::create(builder, op.getLoc(), getCodeType(op.getResult()), codes,
                               op.getMixedLowPad(), op.getMixedHighPad(),
                               createCode(builder, op.getLoc(), code), op.getNofold());
}

/// The constant that fills the init of a max pool.
static std::optional<float> getInitFloat(linalg::PoolingNhwcMaxOp op) {
  auto fill = op.getOutputs()[0].getDefiningOp<linalg::FillOp>();
  APFloat value(0.0f);
  if (!fill || !matchPattern(fill.getInputs()[0], m_ConstantFloat(&value)) ||
      !fill.getInputs()[0].getType().isF32())
    return std::nullopt;
  return value.convertToFloat();
}

/// The same max pool of codes, starting from `init`.
static Value createMaxPool(OpBuilder &builder, linalg::PoolingNhwcMaxOp op, Value codes,
                           int32_t init) {
  Location loc = op.getLoc();
  auto windowType = cast<RankedTensorType>(op.getInputs()[1].getType());
  RankedTensorType type = getCodeType(op.getResult(0));
  Value window = tensor::EmptyOp::create(builder, loc, windowType.getShape(), builder.getI8Type());
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), builder.getI8Type());
  Value filled =
      linalg::FillOp::create(builder, loc, createCode(builder, loc, init), empty).getResult(0);
  return linalg::PoolingNhwcMaxUnsignedOp::create(builder, loc, TypeRange(type),
                                                  ValueRange{codes, window}, ValueRange(filled),
                                                  op.getStrides(), op.getDilations())
      .getResult(0);
}

/// An op that only moves elements of its one float operand, applied to `codes`; null for other ops.
static Value createMove(OpBuilder &builder, Operation *op, Value codes) {
  if (auto transpose = dyn_cast<linalg::TransposeOp>(op)) {
    RankedTensorType type = getCodeType(op->getResult(0));
    if (!type.hasStaticShape())
      return {};
    Value empty =
        tensor::EmptyOp::create(builder, op->getLoc(), type.getShape(), builder.getI8Type());
    return linalg::TransposeOp::create(builder, op->getLoc(), codes, empty,
                                       transpose.getPermutation())
        ->getResult(0);
  }
  if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp>(op))
    return {};
  SmallVector<Value> operands = llvm::to_vector(op->getOperands());
  operands[0] = codes;
  OperationState state(op->getLoc(), op->getName(), operands, getCodeType(op->getResult(0)),
                       op->getAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  return builder.create(state)->getResult(0);
}

/// True if each window of the pool along one dimension has a tap in `low .. low + size - 1`.
static bool everyWindowIsReal(int64_t results, int64_t stride, int64_t dilation, int64_t window,
                              int64_t low, int64_t size) {
  for (int64_t i = 0; i < results; ++i) {
    bool real = false;
    for (int64_t tap = 0; tap < window && !real; ++tap) {
      int64_t position = i * stride + tap * dilation - low;
      real = position >= 0 && position < size;
    }
    if (!real)
      return false;
  }
  return true;
}

/// True if each window of `pool` has an element that is no padding of `pad`.
static bool everyWindowIsReal(linalg::PoolingNhwcMaxOp pool, tensor::PadOp pad) {
  auto result = cast<RankedTensorType>(pool.getResult(0).getType());
  auto window = cast<RankedTensorType>(pool.getInputs()[1].getType());
  RankedTensorType source = pad.getSourceType();
  ArrayRef<int64_t> low = pad.getStaticLow(), high = pad.getStaticHigh();
  if (!result.hasStaticShape() || !source.hasStaticShape() || !pad.getLow().empty() ||
      !pad.getHigh().empty() || low[0] || high[0] || low[3] || high[3])
    return false;
  auto strides = pool.getStrides().getValues<int64_t>();
  auto dilations = pool.getDilations().getValues<int64_t>();
  for (int64_t d : {0, 1})
    if (!everyWindowIsReal(result.getDimSize(d + 1), strides[d], dilations[d], window.getDimSize(d),
                           low[d + 1], source.getDimSize(d + 1)))
      return false;
  return true;
}

namespace {

//===----------------------------------------------------------------------===//
// quantize moves up
//===----------------------------------------------------------------------===//

/// quantize(op(x)) -> op'(quantize(x)). Only where `op` has no other use: else both would be
/// computed. A source that is dequantized is left to the patterns below, which requantise the
/// smaller tensor.
struct QuantizeUp : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Operation *producer = op.getInput().getDefiningOp();
    std::optional<CodeParams> params = getParams(op);
    if (!producer || !params || !producer->hasOneUse())
      return failure();
    if (auto concat = dyn_cast<tensor::ConcatOp>(producer)) {
      if (llvm::all_of(concat.getInputs(), getDequantize))
        return failure();
      SmallVector<Value> inputs;
      for (Value input : concat.getInputs())
        inputs.push_back(createQuantize(rewriter, input, op));
      rewriter.replaceOpWithNewOp<tensor::ConcatOp>(op, op.getType(), concat.getDim(), inputs);
      return success();
    }
    if (!isa<linalg::TransposeOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::PadOp,
             linalg::PoolingNhwcMaxOp>(producer))
      return failure();
    Value source = producer->getOperand(0);
    if (getDequantize(source))
      return failure();
    std::optional<float> constant = 0.0f;
    if (auto pad = dyn_cast<tensor::PadOp>(producer))
      constant = getPaddingFloat(pad);
    else if (auto pool = dyn_cast<linalg::PoolingNhwcMaxOp>(producer))
      constant = getInitFloat(pool);
    if (!constant || !cast<RankedTensorType>(producer->getResult(0).getType()).hasStaticShape())
      return failure();
    Value codes = createQuantize(rewriter, source, op), result;
    if (auto pad = dyn_cast<tensor::PadOp>(producer))
      result = createPad(rewriter, pad, codes, params->quantize(*constant));
    else if (auto pool = dyn_cast<linalg::PoolingNhwcMaxOp>(producer))
      result = createMaxPool(rewriter, pool, codes, params->quantize(*constant));
    else
      result = createMove(rewriter, producer, codes);
    rewriter.replaceOp(op, result);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// dequantize moves down
//===----------------------------------------------------------------------===//

/// move(dequantize(q)) -> dequantize(move(q)).
template <typename MoveOp> struct DequantizeDownMove : OpRewritePattern<MoveOp> {
  using OpRewritePattern<MoveOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(MoveOp op, PatternRewriter &rewriter) const override {
    DequantizeOp dequantize = getDequantize(op->getOperand(0));
    if (!dequantize)
      return failure();
    Value moved = createMove(rewriter, op, dequantize.getInput());
    if (!moved)
      return failure();
    rewriter.replaceOp(op, createDequantize(rewriter, moved, dequantize));
    return success();
  }
};

/// pad(dequantize(q), c) -> dequantize(pad(q, code of c)) if the code is exactly c.
struct DequantizeDownPad : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    DequantizeOp dequantize = getDequantize(op.getSource());
    std::optional<float> value = getPaddingFloat(op);
    if (!dequantize || !value)
      return failure();
    CodeParams params = *getParams(dequantize);
    int32_t code = params.quantize(*value);
    if (params.dequantize(code) != *value)
      return rewriter.notifyMatchFailure(op, "the padding is not a code");
    Value padded = createPad(rewriter, op, dequantize.getInput(), code);
    rewriter.replaceOp(op, createDequantize(rewriter, padded, dequantize));
    return success();
  }
};

/// maxpool(dequantize(q)) -> dequantize(maxpool(q)), also with a pad in between that never wins.
struct DequantizeDownMaxPool : OpRewritePattern<linalg::PoolingNhwcMaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::PoolingNhwcMaxOp op,
                                PatternRewriter &rewriter) const override {
    Value input = op.getInputs()[0];
    auto pad = input.getDefiningOp<tensor::PadOp>();
    DequantizeOp dequantize = getDequantize(pad ? pad.getSource() : input);
    std::optional<float> init = getInitFloat(op);
    if (!dequantize || !init || !cast<RankedTensorType>(op.getResult(0).getType()).hasStaticShape())
      return failure();
    float least = getParams(dequantize)->dequantize(0);
    if (!(*init <= least))
      return rewriter.notifyMatchFailure(op, "the init can exceed the elements");
    Value codes = dequantize.getInput();
    if (pad) {
      std::optional<float> padding = getPaddingFloat(pad);
      if (!padding || !(*padding <= least) || !everyWindowIsReal(op, pad))
        return rewriter.notifyMatchFailure(op, "the padding can be the maximum");
      codes = createPad(rewriter, pad, codes, 0);
    }
    rewriter.replaceOp(
        op, createDequantize(rewriter, createMaxPool(rewriter, op, codes, 0), dequantize));
    return success();
  }
};

/// concat(dequantize(q), dequantize(r)) -> dequantize(concat(q, r)) if scales and zero points
/// agree.
struct DequantizeDownConcat : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp op, PatternRewriter &rewriter) const override {
    DequantizeOp first = getDequantize(op.getInputs()[0]);
    if (!first)
      return failure();
    SmallVector<Value> codes;
    for (Value input : op.getInputs()) {
      DequantizeOp dequantize = getDequantize(input);
      if (!dequantize || !(*getParams(dequantize) == *getParams(first)))
        return failure();
      codes.push_back(dequantize.getInput());
    }
    Value joined = tensor::ConcatOp::create(rewriter, op.getLoc(), getCodeType(op.getResult()),
                                            op.getDim(), codes);
    rewriter.replaceOp(op, createDequantize(rewriter, joined, first));
    return success();
  }
};

} // namespace

void mlir::lowbit::populatePropagateQuantizePatterns(RewritePatternSet &patterns) {
  patterns
      .add<QuantizeUp, DequantizeDownMove<linalg::TransposeOp>,
           DequantizeDownMove<tensor::ExpandShapeOp>, DequantizeDownMove<tensor::CollapseShapeOp>,
           DequantizeDownMove<tensor::ExtractSliceOp>, DequantizeDownPad, DequantizeDownMaxPool,
           DequantizeDownConcat>(patterns.getContext());
}
