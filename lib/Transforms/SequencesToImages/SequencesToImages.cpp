// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/SequencesToImages.h"

#include "gpfq/Transforms/FoldConstants.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQSEQUENCESTOIMAGES
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;

namespace {

struct SequencesToImages : gpfq::impl::GPFQSequencesToImagesBase<SequencesToImages> {
  using GPFQSequencesToImagesBase::GPFQSequencesToImagesBase;

  void runOnOperation() override {
    bool hasLayers = getOperation()
                         .walk([](linalg::ConvolutionOpInterface op) {
                           auto type = dyn_cast<RankedTensorType>(op.image().getType());
                           bool isSequence =
                               type && (type.getRank() == 3 || type.getShape().back() == 1);
                           return isSequence ? WalkResult::interrupt() : WalkResult::advance();
                         })
                         .wasInterrupted();
    if (!hasLayers)
      return;
    // Those that make weights, before these change their shape.
    foldConstantGenerics(getOperation());
    // All layers have their form before changes of shape move.
    RewritePatternSet layers(&getContext()), propagation(&getContext());
    populateSequenceLayerPatterns(layers);
    // A column and its groups are one change of shape, which the new one undoes.
    tensor::ExpandShapeOp::getCanonicalizationPatterns(layers, &getContext());
    populateSequencePropagationPatterns(propagation);
    if (failed(applyPatternsGreedily(getOperation(), std::move(layers))) ||
        failed(applyPatternsGreedily(getOperation(), std::move(propagation))))
      signalPassFailure();
  }
};

} // namespace
