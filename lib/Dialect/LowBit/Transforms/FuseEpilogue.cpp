// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::lowbit;

/// The compute op on tensors that defines `value`, if `user` alone uses it; else null.
static LowBitComputeOpInterface getFusableProducer(Value value, Operation *user) {
  auto producer = value.getDefiningOp<LowBitComputeOpInterface>();
  if (!producer || producer->getBlock() != user->getBlock() ||
      llvm::any_of(value.getUsers(), [&](Operation *other) { return other != user; }))
    return {};
  return producer;
}

/// Lets `op` produce `element`, of the epilogue, in place of the result of `consumer`.
static void replaceConsumer(PatternRewriter &rewriter, LowBitComputeOpInterface op, Value element,
                            Operation *consumer) {
  auto type = cast<RankedTensorType>(consumer->getResult(0).getType());
  rewriter.setInsertionPoint(op);
  Value init =
      tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(), type.getElementType());
  rewriter.modifyOpInPlace(op, [&] {
    op->setOperand(op->getNumOperands() - 1, init);
    op->getResult(0).setType(type);
  });
  rewriter.modifyOpInPlace(getYield(op), [&] { getYield(op)->setOperand(0, element); });
  rewriter.replaceOp(consumer, op->getResult(0));
}

namespace {

//===----------------------------------------------------------------------===//
// quantize
//===----------------------------------------------------------------------===//

struct FuseQuantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    LowBitComputeOpInterface producer = getFusableProducer(op.getInput(), op);
    std::optional<float> scale = getSplatFloat(op.getScale());
    if (!producer || (!scale && !op.getSign()))
      return failure();
    YieldOp yield = getYield(producer);
    rewriter.moveOpBefore(producer, op);
    rewriter.setInsertionPoint(yield);
    Location loc = op.getLoc();
    Value code = op.getSign() ? buildQuantizeSign(rewriter, loc, yield.getValue())
                              : buildQuantize(rewriter, loc, yield.getValue(),
                                              buildFloat(rewriter, loc, *scale), op.getZeroPoint(),
                                              op.getMax());
    replaceConsumer(rewriter, producer, code, op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Elementwise generics
//===----------------------------------------------------------------------===//

/// A generic whose body can be the end of an epilogue: elementwise, one result, arith and math ops
/// only, and nothing from outside of the body but constants.
bool isFusableGeneric(linalg::GenericOp op) {
  if (op.getNumResults() != 1 || op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() ||
      !cast<RankedTensorType>(op.getResult(0).getType()).hasStaticShape())
    return false;
  Type element = getElementTypeOrSelf(op.getResult(0).getType());
  Block &body = op.getRegion().front();
  if (!(element.isF32() || element.isInteger(8) || element.isInteger(32)) ||
      !body.getArguments().back().use_empty())
    return false;
  for (Operation &nested : body.without_terminator())
    if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(nested.getDialect()))
      return false;
  for (Operation &nested : body)
    for (Value operand : nested.getOperands())
      if (operand.getParentBlock() != &body && !operand.getDefiningOp<arith::ConstantOp>())
        return false;
  return true;
}

/// How a block argument of a generic is computed in the epilogue.
struct FusedInput {
  /// The tensor to fuse; null if `scalar` is set or if this is the result of the compute op.
  Value tensor;
  /// The dimension of the result that each dimension of the tensor follows.
  SmallVector<int64_t> positions;
  /// A constant to be cloned into the epilogue.
  Operation *scalar = nullptr;
  /// The fused tensor holds codes that this op dequantizes.
  DequantizeOp dequantize;
};

/// The dimension of the result that each dimension of an operand follows, if the generic reads the
/// operand of `type` by (d_i, d_j, ...) with i < j < ... and perhaps constants 0.
std::optional<SmallVector<int64_t>> getPositions(RankedTensorType type, AffineMap map) {
  if (!type.hasStaticShape())
    return std::nullopt;
  SmallVector<int64_t> positions;
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      positions.push_back(dim.getPosition());
    else if (isa<AffineConstantExpr>(expr) && type.getDimSize(i) == 1)
      positions.push_back(map.getNumDims() - type.getRank() + int64_t(i));
    else
      return std::nullopt;
  }
  for (size_t i = 1; i < positions.size(); ++i)
    if (positions[i - 1] >= positions[i])
      return std::nullopt;
  if (!positions.empty() && positions.front() < 0)
    return std::nullopt;
  return positions;
}

/// `operand` in a shape that broadcasts to a result of `rank` as in numpy.
Value alignOperand(PatternRewriter &rewriter, Value operand, ArrayRef<int64_t> positions,
                   int64_t rank) {
  auto type = cast<RankedTensorType>(operand.getType());
  int64_t operandRank = type.getRank();
  if (positions.empty() || positions.front() == rank - operandRank)
    return operand;
  int64_t first = positions.front();
  SmallVector<int64_t> shape(rank - first, 1);
  SmallVector<ReassociationIndices> reassociation(operandRank);
  for (int64_t i = 0; i < operandRank; ++i) {
    shape[positions[i] - first] = type.getDimSize(i);
    int64_t end = i + 1 < operandRank ? positions[i + 1] : rank;
    for (int64_t d = positions[i]; d < end; ++d)
      reassociation[i].push_back(d - first);
  }
  return tensor::ExpandShapeOp::create(rewriter, operand.getLoc(),
                                       RankedTensorType::get(shape, type.getElementType()), operand,
                                       reassociation);
}

struct FuseGeneric : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    LowBitComputeOpInterface producer;
    for (OpOperand *operand : op.getDpsInputOperands())
      if (op.getMatchingIndexingMap(operand).isIdentity())
        if (LowBitComputeOpInterface found = getFusableProducer(operand->get(), op))
          producer = found;
    if (!producer || !isFusableGeneric(op))
      return failure();
    Value result = producer->getResult(0);
    if (cast<ShapedType>(result.getType()).getShape() !=
        cast<ShapedType>(op.getResult(0).getType()).getShape())
      return failure();
    SmallVector<FusedInput> inputs;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      std::optional<FusedInput> input = getFusedInput(op, operand, result);
      if (!input)
        return rewriter.notifyMatchFailure(op, "an operand does not broadcast as in numpy");
      inputs.push_back(*input);
    }
    rewriter.moveOpBefore(producer, op);
    rewriter.setInsertionPoint(producer);
    for (FusedInput &input : inputs)
      if (input.tensor)
        input.tensor = alignOperand(rewriter, input.tensor, input.positions, op.getNumLoops());
    rewriter.setInsertionPoint(getYield(producer));
    IRMapping mapping;
    Block &body = op.getRegion().front();
    rewriter.modifyOpInPlace(producer, [&] {
      for (auto [input, argument] : llvm::zip(inputs, body.getArguments()))
        mapping.map(argument, getElement(rewriter, producer, input));
    });
    for (Operation &nested : body.without_terminator())
      cloneInto(rewriter, nested, body, mapping);
    Value element = lookUp(rewriter, body.getTerminator()->getOperand(0), body, mapping);
    replaceConsumer(rewriter, producer, element, op);
    return success();
  }

private:
  static std::optional<FusedInput> getFusedInput(linalg::GenericOp op, OpOperand *operand,
                                                 Value result) {
    FusedInput input;
    Value value = operand->get();
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (value == result)
      return map.isIdentity() ? std::optional(input) : std::nullopt;
    if (!isa<RankedTensorType>(value.getType())) {
      input.scalar = value.getDefiningOp<arith::ConstantOp>();
      return input.scalar ? std::optional(input) : std::nullopt;
    }
    auto dequantize = value.getDefiningOp<DequantizeOp>();
    if (dequantize && !dequantize.getAlphabet() && getSplatFloat(dequantize.getScale())) {
      input.dequantize = dequantize;
      value = dequantize.getInput();
    }
    auto positions = getPositions(cast<RankedTensorType>(value.getType()), map);
    if (!positions)
      return std::nullopt;
    input.tensor = value;
    input.positions = *positions;
    return input;
  }

  /// The scalar of `input` in the epilogue of `op`.
  static Value getElement(PatternRewriter &rewriter, LowBitComputeOpInterface op,
                          const FusedInput &input) {
    if (input.scalar)
      return rewriter.clone(*input.scalar)->getResult(0);
    if (!input.tensor)
      return getYield(op).getValue();
    Value element = addFusedOperand(op, input.tensor);
    if (!input.dequantize)
      return element;
    Location loc = input.dequantize->getLoc();
    DequantizeOp dequantize = input.dequantize;
    float scale = *getSplatFloat(dequantize.getScale());
    return buildDequantize(rewriter, loc, element, buildFloat(rewriter, loc, scale),
                           dequantize.getZeroPoint());
  }

  /// The value in the epilogue of `value`, which is in `body` or a constant outside of it.
  static Value lookUp(PatternRewriter &rewriter, Value value, Block &body, IRMapping &mapping) {
    if (value.getParentBlock() != &body && !mapping.contains(value))
      mapping.map(value, rewriter.clone(*value.getDefiningOp())->getResult(0));
    return mapping.lookup(value);
  }

  static void cloneInto(PatternRewriter &rewriter, Operation &nested, Block &body,
                        IRMapping &mapping) {
    for (Value operand : nested.getOperands())
      lookUp(rewriter, operand, body, mapping);
    rewriter.clone(nested, mapping);
  }
};

/// Rounds constants that a front end wrote in f64; the upstream folder keeps what is not exact.
struct TruncateConstant : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    APFloat value(0.0);
    if (!op.getType().isF32() || !matchPattern(op.getIn(), m_ConstantFloat(&value)))
      return failure();
    bool losesInfo;
    value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, rewriter.getFloatAttr(op.getType(), value));
    return success();
  }
};

} // namespace

void mlir::lowbit::populateFuseEpiloguePatterns(RewritePatternSet &patterns) {
  patterns.add<FuseQuantize, FuseGeneric, TruncateConstant>(patterns.getContext());
}
