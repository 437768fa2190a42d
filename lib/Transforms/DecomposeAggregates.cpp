// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/DecomposeAggregates.h"

#include "gpfq/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQDECOMPOSEAGGREGATES
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

namespace {

struct DecomposeAggregate : OpInterfaceRewritePattern<linalg::AggregatedOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::AggregatedOpInterface op,
                                PatternRewriter &rewriter) const override {
    FailureOr<SmallVector<Value>> results = op.decomposeOperation(rewriter);
    if (failed(results))
      return rewriter.notifyMatchFailure(op, "upstream cannot decompose it");
    rewriter.replaceOp(op, *results);
    return success();
  }
};

struct DecomposeAggregates : mlir::gpfq::impl::GPFQDecomposeAggregatesBase<DecomposeAggregates> {
  using GPFQDecomposeAggregatesBase::GPFQDecomposeAggregatesBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    mlir::gpfq::populateDecomposeAggregatesPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace

void mlir::gpfq::populateDecomposeAggregatesPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeAggregate>(patterns.getContext());
}
