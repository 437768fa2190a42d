// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/Passes.h"

#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQEXPANDMATH
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

namespace {

/// Builds f32 arithmetic on scalars or vectors of one type.
struct FloatBuilder {
  OpBuilder &builder;
  Location loc;
  Type type;

  Value constant(float value) {
    TypedAttr attribute = builder.getF32FloatAttr(value);
    if (auto shaped = dyn_cast<ShapedType>(type))
      attribute = DenseElementsAttr::get(shaped, value);
    return arith::ConstantOp::create(builder, loc, attribute);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value subtract(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b); }
  Value copySign(Value a, Value sign) { return math::CopySignOp::create(builder, loc, a, sign); }

  /// The nearest integer, halves to even: from 2^23 on all floats are integers, so that adding 2^23
  /// rounds.
  Value roundEven(Value x) {
    Value magic = constant(8388608.0f);
    Value magnitude = math::AbsFOp::create(builder, loc, x);
    Value rounded = copySign(subtract(add(magnitude, magic), magic), x);
    return select(compare(arith::CmpFPredicate::OLT, magnitude, magic), rounded, x);
  }
  Value floor(Value x) {
    Value near = roundEven(x);
    Value above = compare(arith::CmpFPredicate::OGT, near, x);
    return select(above, subtract(near, constant(1.0f)), near);
  }
  Value ceil(Value x) {
    Value near = roundEven(x);
    Value below = compare(arith::CmpFPredicate::OLT, near, x);
    return copySign(select(below, add(near, constant(1.0f)), near), x);
  }
  Value trunc(Value x) { return copySign(floor(math::AbsFOp::create(builder, loc, x)), x); }
};

template <typename OpTy, Value (FloatBuilder::*expand)(Value)>
struct ExpandRounding : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    FloatBuilder builder{rewriter, op.getLoc(), op.getType()};
    rewriter.replaceOp(op, (builder.*expand)(op.getOperand()));
    return success();
  }
};

struct ExpandMath : mlir::gpfq::impl::GPFQExpandMathBase<ExpandMath> {
  using GPFQExpandMathBase::GPFQExpandMathBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    math::populateExpansionPatterns(patterns, {"acosh", "asinh", "atanh", "clampf", "cosh", "exp2",
                                               "fpowi", "powf", "round", "rsqrt", "sinh", "tan"});
    populateMathPolynomialApproximationPatterns(patterns, MathPolynomialApproximationOptions());
    if (round)
      patterns.add<ExpandRounding<math::RoundEvenOp, &FloatBuilder::roundEven>,
                   ExpandRounding<math::FloorOp, &FloatBuilder::floor>,
                   ExpandRounding<math::CeilOp, &FloatBuilder::ceil>,
                   ExpandRounding<math::TruncOp, &FloatBuilder::trunc>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
