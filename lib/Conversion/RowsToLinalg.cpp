// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lowbit.quantize_rows and lowbit.dequantize_rows to linalg.

#include "RowsToLinalg.h"

#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

using utils::IteratorType;

/// The map that reads the one element for the row of an element of `rank` dimensions.
static AffineMap getRowMap(MLIRContext *context, int64_t rank) {
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d + 1 < rank; ++d)
    exprs.push_back(getAffineDimExpr(d, context));
  exprs.push_back(getAffineConstantExpr(0, context));
  return AffineMap::get(rank, 0, exprs, context);
}

namespace {

struct LowerQuantizeRows : OpRewritePattern<QuantizeRowsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeRowsOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "works on memrefs");
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op.getInput().getType());
    auto rowType = cast<RankedTensorType>(op.getScales().getType());
    int64_t rank = type.getRank();
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    AffineMap row = getRowMap(getContext(), rank);
    SmallVector<IteratorType> parallel(rank, IteratorType::parallel), reduction(parallel);
    reduction.back() = IteratorType::reduction;

    Value zero = buildFloat(rewriter, loc, 0.0f);
    Value empty = tensor::EmptyOp::create(rewriter, loc, rowType.getShape(), rewriter.getF32Type());
    Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
    auto range = linalg::GenericOp::create(
        rewriter, loc, TypeRange{rowType, rowType}, op.getInput(), ValueRange{zeros, zeros},
        {identity, row, row}, reduction, [&](OpBuilder &nested, Location, ValueRange args) {
          Value low = buildMin(nested, loc, args[0], args[1]);
          Value high = buildMax(nested, loc, args[0], args[2]);
          linalg::YieldOp::create(nested, loc, ValueRange{low, high});
        });
    auto codes = linalg::GenericOp::create(
        rewriter, loc, TypeRange{rowType, rowType, op.getZeroPoints().getType()},
        range.getResults(), ValueRange{op.getScales(), empty, op.getZeroPoints()},
        SmallVector<AffineMap>(5, identity), parallel,
        [&](OpBuilder &nested, Location, ValueRange args) {
          RowCode code =
              buildRowCode(nested, loc, args[0], args[1], op.getSymmetric(), op.getMax());
          Value integer = arith::FPToSIOp::create(nested, loc, nested.getI32Type(), code.zeroPoint);
          linalg::YieldOp::create(nested, loc, ValueRange{code.scale, code.inverse, integer});
        });
    Value inverse = codes.getResult(1), zeroPoints = codes.getResult(2);
    auto elements = linalg::GenericOp::create(
        rewriter, loc, op.getCodes().getType(), ValueRange{op.getInput(), inverse, zeroPoints},
        op.getCodes(), {identity, row, row, identity}, parallel,
        [&](OpBuilder &nested, Location, ValueRange args) {
          Value zeroPoint = arith::SIToFPOp::create(nested, loc, nested.getF32Type(), args[2]);
          linalg::YieldOp::create(
              nested, loc,
              buildQuantizeInRow(nested, loc, args[0], args[1], zeroPoint, op.getMax()));
        });
    SmallVector<Value> results = {elements.getResult(0), codes.getResult(0), zeroPoints};
    if (op.getSums())
      results.push_back(createSums(rewriter, op, elements.getResult(0), zeroPoints, reduction));
    rewriter.replaceOp(op, results);
    return success();
  }

private:
  /// Sums of codes less by the zero point of their row.
  static Value createSums(PatternRewriter &rewriter, QuantizeRowsOp op, Value codes,
                          Value zeroPoints, ArrayRef<IteratorType> iterators) {
    Location loc = op.getLoc();
    int64_t rank = iterators.size();
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    AffineMap row = getRowMap(op.getContext(), rank);
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(0));
    Value zeros = linalg::FillOp::create(rewriter, loc, zero, op.getSums()).getResult(0);
    auto sums = linalg::GenericOp::create(
        rewriter, loc, zeros.getType(), ValueRange{codes, zeroPoints}, zeros, {identity, row, row},
        iterators, [&](OpBuilder &nested, Location, ValueRange args) {
          Value code = arith::ExtUIOp::create(nested, loc, nested.getI32Type(), args[0]);
          Value level = arith::SubIOp::create(nested, loc, code, args[1]);
          linalg::YieldOp::create(nested, loc,
                                  arith::AddIOp::create(nested, loc, args[2], level).getResult());
        });
    return sums.getResult(0);
  }
};

struct LowerDequantizeRows : OpRewritePattern<DequantizeRowsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DequantizeRowsOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    RankedTensorType type = op.getType();
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    AffineMap row = getRowMap(getContext(), type.getRank());
    SmallVector<IteratorType> iterators(type.getRank(), IteratorType::parallel);
    Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType());
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, type, op.getOperands(), empty, SmallVector<AffineMap>{identity, row, row, identity},
        iterators, [&](OpBuilder &nested, Location, ValueRange args) {
          Value code = arith::ExtUIOp::create(nested, loc, nested.getI32Type(), args[0]);
          Value distance = arith::SubIOp::create(nested, loc, code, args[2]);
          Value value = arith::SIToFPOp::create(nested, loc, nested.getF32Type(), distance);
          linalg::YieldOp::create(nested, loc,
                                  arith::MulFOp::create(nested, loc, value, args[1]).getResult());
        });
    return success();
  }
};

} // namespace

void mlir::gpfq::populateQuantizeRowsToLinalgPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerQuantizeRows>(patterns.getContext());
}

void mlir::gpfq::populateDequantizeRowsToLinalgPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerDequantizeRows>(patterns.getContext());
}
