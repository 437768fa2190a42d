// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of two activations with codes for each row: linalg.matmul and linalg.batch_matmul to
// lowbit.batch_matmul.

#include "gpfq/Conversion/LinalgToLowBit.h"
#include "gpfq/Conversion/MatrixProduct.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// The rows of the second operand, symmetric codes; null, with a reason, if it has none.
static QuantizeRowsOp getColumnCodes(linalg::LinalgOp op, const MatrixProduct &product) {
  Value value = op.getDpsInputs()[1];
  if (!product.isRightTransposed)
    value = getTransposedMatrices(value);
  auto dequantize = value ? value.getDefiningOp<DequantizeRowsOp>() : DequantizeRowsOp();
  auto quantize =
      dequantize ? dequantize.getCodes().getDefiningOp<QuantizeRowsOp>() : QuantizeRowsOp();
  return quantize && quantize.getSymmetric() ? quantize : QuantizeRowsOp();
}

std::string mlir::gpfq::explainFloatProduct(linalg::LinalgOp op) {
  std::string reason;
  FailureOr<MatrixProduct> product = matchMatrixProduct(op, reason);
  return failed(product) ? reason : "its operands are not quantised";
}

/// The same op with sums of the codes of each row.
static QuantizeRowsOp addSums(PatternRewriter &rewriter, QuantizeRowsOp op) {
  if (op.getSums())
    return op;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  auto withSums = QuantizeRowsOp::create(rewriter, op.getLoc(), op.getInput(), op.getSymmetric(),
                                         op.getMax(), /*hasSums=*/true);
  rewriter.replaceOp(op, withSums.getResults().take_front(3));
  return withSums;
}

/// Numbers of rows, `B x N x 1`, as numbers of columns, `B x 1 x N`; without batch `N`.
static Value toColumns(OpBuilder &builder, Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  int64_t count = type.getDimSize(type.getRank() - 2);
  SmallVector<ReassociationIndices> groups = {{0, 1}};
  if (type.getRank() == 3)
    groups = {{0}, {1, 2}};
  Value columns = tensor::CollapseShapeOp::create(builder, rows.getLoc(), rows, groups);
  if (type.getRank() == 2)
    return columns;
  auto columnsType = RankedTensorType::get({type.getDimSize(0), 1, count}, type.getElementType());
  return tensor::ExpandShapeOp::create(builder, rows.getLoc(), columnsType, columns, groups);
}

namespace {

/// Creates the compute op with the epilogue
///
///     (acc - z_m * sum(levels)_n) * s_m * s_n [+ init]
///
/// where m is a row of the first operand, n one of the second; the difference is taken in i32,
/// where it is exact.
struct ConvertProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    std::string reason;
    FailureOr<MatrixProduct> product = matchMatrixProduct(op, reason);
    if (failed(product))
      return rewriter.notifyMatchFailure(op, reason);
    auto rows = op.getDpsInputs()[0].getDefiningOp<DequantizeRowsOp>();
    QuantizeRowsOp columns = getColumnCodes(op, *product);
    if (!rows || !columns)
      return rewriter.notifyMatchFailure(op, "its operands are not quantised");
    columns = addSums(rewriter, columns);
    SmallVector<Value> fused = {toColumns(rewriter, columns.getResult(3)), rows.getZeroPoints(),
                                rows.getScales(), toColumns(rewriter, columns.getResult(1))};
    Value init = op.getDpsInits()[0];
    auto fill = init.getDefiningOp<linalg::FillOp>();
    if (!fill || !matchPattern(fill.getInputs()[0], m_PosZeroFloat()))
      fused.push_back(init);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    Value empty =
        tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(), type.getElementType());
    auto name = op->getAttrOfType<StringAttr>(productAttrName);
    auto compute = BatchMatmulOp::create(rewriter, op.getLoc(), TypeRange(type), rows.getCodes(),
                                         columns.getResult(0), fused, empty, name, LayoutAttr());
    buildEpilogue(rewriter, compute);
    rewriter.replaceOp(op, compute.getResults());
    return success();
  }

private:
  static void buildEpilogue(PatternRewriter &rewriter, BatchMatmulOp op) {
    OpBuilder::InsertionGuard guard(rewriter);
    Location loc = op.getLoc();
    SmallVector<Type> types{rewriter.getI32Type()};
    for (Value operand : op.getFused())
      types.push_back(getElementTypeOrSelf(operand.getType()));
    Block *body = rewriter.createBlock(&op.getEpilogue(), {}, types,
                                       SmallVector<Location>(types.size(), loc));
    auto argument = [&](unsigned i) { return body->getArgument(i); };
    Value correction = arith::MulIOp::create(rewriter, loc, argument(2), argument(1));
    Value difference = arith::SubIOp::create(rewriter, loc, argument(0), correction);
    Value value = arith::SIToFPOp::create(rewriter, loc, rewriter.getF32Type(), difference);
    value = arith::MulFOp::create(rewriter, loc, value, argument(3));
    value = arith::MulFOp::create(rewriter, loc, value, argument(4));
    if (body->getNumArguments() > 5)
      value = arith::AddFOp::create(rewriter, loc, value, argument(5));
    lowbit::YieldOp::create(rewriter, loc, value);
  }
};

} // namespace

void mlir::gpfq::populateProductToLowBitPatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertProduct>(patterns.getContext());
}
