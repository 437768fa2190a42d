// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/Epilogue.h"

#include "OpChecks.h"
#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace mlir::lowbit;

Value mlir::lowbit::addFusedOperand(LowBitComputeOpInterface op, Value operand) {
  Block &body = op.getEpilogue().front();
  for (auto [existing, argument] : llvm::zip(op.getFused(), body.getArguments().drop_front()))
    if (existing == operand)
      return argument;
  op->insertOperands(op->getNumOperands() - 1, operand);
  return body.addArgument(cast<ShapedType>(operand.getType()).getElementType(), op.getLoc());
}

Value mlir::lowbit::getFusedOperand(LowBitComputeOpInterface op, Value argument) {
  auto blockArgument = dyn_cast<BlockArgument>(argument);
  if (!blockArgument || blockArgument.getOwner() != &op.getEpilogue().front() ||
      blockArgument.getArgNumber() == 0)
    return {};
  return op.getFused()[blockArgument.getArgNumber() - 1];
}

int64_t mlir::lowbit::getMaxSum(LowBitComputeOpInterface op) {
  int64_t largest = std::max(op.getAlphabet().getMaxMagnitude(), 1);
  return op.getInputMax() * largest * op.getReductionLength();
}

YieldOp mlir::lowbit::getYield(LowBitComputeOpInterface op) {
  return cast<YieldOp>(op.getEpilogue().front().getTerminator());
}

//===----------------------------------------------------------------------===//
// Canonicalisation of compute ops
//===----------------------------------------------------------------------===//

namespace {

/// Drops fused operands that the epilogue does not use, merges equal ones and turns splat constants
/// into constants of the epilogue.
template <typename ComputeOp> struct SimplifyFusedOperands : OpRewritePattern<ComputeOp> {
  using OpRewritePattern<ComputeOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(ComputeOp op, PatternRewriter &rewriter) const override {
    Block &body = op.getEpilogue().front();
    BitVector unused(body.getNumArguments());
    for (unsigned i = 1; i < body.getNumArguments(); ++i) {
      Value operand = op.getFused()[i - 1];
      BlockArgument argument = body.getArgument(i);
      if (std::optional<float> splat = getSplatFloat(operand)) {
        OpBuilder::InsertionGuard guard(rewriter);
        rewriter.setInsertionPointToStart(&body);
        if (!argument.use_empty())
          rewriter.replaceAllUsesWith(argument, buildFloat(rewriter, op.getLoc(), *splat));
      }
      unsigned first = llvm::find(op.getFused(), operand) - op.getFused().begin();
      if (first + 1 != i)
        rewriter.replaceAllUsesWith(argument, body.getArgument(first + 1));
    }
    // Only now: an operand without uses may have got those of an equal one behind it.
    for (unsigned i = 1; i < body.getNumArguments(); ++i)
      if (body.getArgument(i).use_empty())
        unused.set(i);
    if (unused.none())
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      for (int i = unused.find_last(); i != -1; i = unused.find_prev(i))
        op->eraseOperand(i - 1 + 2);
      body.eraseArguments(unused);
    });
    return success();
  }
};

} // namespace

void Conv2DOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifyFusedOperands<Conv2DOp>>(context);
}

void DepthwiseConv2DOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                    MLIRContext *context) {
  patterns.add<SimplifyFusedOperands<DepthwiseConv2DOp>>(context);
}

void MatmulOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifyFusedOperands<MatmulOp>>(context);
}

void BatchMatmulOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifyFusedOperands<BatchMatmulOp>>(context);
}
