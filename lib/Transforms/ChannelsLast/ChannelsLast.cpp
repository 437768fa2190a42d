// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/Passes.h"

#include "ImageLayout.h"
#include "gpfq/Transforms/ChannelsLast.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQCHANNELSLAST
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;

namespace {

struct ChannelsLastPass : gpfq::impl::GPFQChannelsLastBase<ChannelsLastPass> {
  using GPFQChannelsLastBase::GPFQChannelsLastBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    RewritePatternSet conversions(&getContext()), shapes(&getContext());
    populateChannelsLastLayerPatterns(conversions);
    populateChannelsLastPropagationPatterns(conversions);
    populateChannelsLastFoldingPatterns(conversions);
    addShapePatterns(conversions);
    populateUnitTransposePatterns(shapes);
    addShapePatterns(shapes);
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal().setMaxIterations(GreedyRewriteConfig::kNoLimit);
    if (failed(applyPatternsGreedily(func, std::move(conversions), config)) ||
        failed(applyPatternsGreedily(func, std::move(shapes), config)))
      return signalPassFailure();
    func.walk([&](linalg::TransposeOp op) { report(op); });
  }

private:
  /// Changes of shape that undo each other, which grouped convolutions and unit dimensions leave.
  void addShapePatterns(RewritePatternSet &patterns) {
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
  }

  /// Counts a transpose of an image that stays, and says why if it is not the signature of the
  /// function.
  void report(linalg::TransposeOp op) {
    if (!isImage(op.getInput().getType()))
      return;
    ArrayRef<int64_t> permutation = op.getPermutation();
    bool isToLast = permutation == ArrayRef<int64_t>(toChannelsLast);
    bool isToFirst = permutation == ArrayRef<int64_t>(toChannelsFirst);
    if (!isToLast && !isToFirst)
      return;
    Operation *other = isToLast ? op.getInput().getDefiningOp() : nullptr;
    if (isToFirst)
      for (Operation *user : op->getUsers())
        if (!isa<func::ReturnOp>(user))
          other = user;
    if (!other) {
      ++numBoundary;
      return;
    }
    ++numInside;
    op.emitRemark() << "an image is transposed at run time: '" << other->getName()
                    << "' has no channels-last form here";
  }
};

} // namespace
