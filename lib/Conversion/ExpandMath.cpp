// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/Passes.h"

#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
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

/// fma(a, b, c) in f64, where a * b is exact. The sum, rounded to odd, has bits enough that another
/// rounding, to f32, gives what one would have given (Boldo and Melquiond, "Emulation of a FMA and
/// correctly rounded sums: proved algorithms using rounding to odd", IEEE Trans. Computers 57(4),
/// 2008).
struct ExpandFma : OpRewritePattern<math::FmaOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FmaOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto withElement = [&](Type element) -> Type {
      auto shaped = dyn_cast<ShapedType>(op.getType());
      return shaped ? Type(shaped.clone(element)) : element;
    };
    Type doubles = withElement(b.getF64Type()), integers = withElement(b.getI64Type());
    auto constant = [&](TypedAttr element) -> Value {
      auto shaped = dyn_cast<ShapedType>(withElement(element.getType()));
      return arith::ConstantOp::create(
          b, shaped ? TypedAttr(DenseElementsAttr::get(shaped, Attribute(element))) : element);
    };
    auto widen = [&](Value x) -> Value { return arith::ExtFOp::create(b, doubles, x); };
    auto add = [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); };
    auto subtract = [&](Value x, Value y) -> Value { return arith::SubFOp::create(b, x, y); };

    Value product = arith::MulFOp::create(b, widen(op.getA()), widen(op.getB()));
    Value addend = widen(op.getC()), sum = add(product, addend);
    // What rounding has taken from the sum, without an error (Knuth's TwoSum).
    Value part = subtract(sum, product);
    Value error = add(subtract(product, subtract(sum, part)), subtract(addend, part));
    Value sumBits = arith::BitcastOp::create(b, integers, sum);
    Value errorBits = arith::BitcastOp::create(b, integers, error);
    Value none = constant(b.getI64IntegerAttr(0)), one = constant(b.getI64IntegerAttr(1));
    auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
      return arith::CmpIOp::create(b, predicate, x, y);
    };
    // Of an inexact sum the neighbour on the side of the error, if that is the odd one. The error
    // of an infinite sum is NaN.
    Value isInexact = arith::CmpFOp::create(b, arith::CmpFPredicate::ONE, error,
                                            constant(b.getF64FloatAttr(0.0)));
    Value isEven = compare(arith::CmpIPredicate::eq, arith::AndIOp::create(b, sumBits, one), none);
    Value isBeyond =
        compare(arith::CmpIPredicate::sge, arith::XOrIOp::create(b, sumBits, errorBits), none);
    Value step = arith::SelectOp::create(b, isBeyond, one, constant(b.getI64IntegerAttr(-1)));
    Value odd = arith::SelectOp::create(b, arith::AndIOp::create(b, isInexact, isEven),
                                        arith::AddIOp::create(b, sumBits, step), sumBits);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(),
                                                 arith::BitcastOp::create(b, doubles, odd));
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
    if (fma)
      patterns.add<ExpandFma>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
