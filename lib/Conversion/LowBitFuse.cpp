// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/LinalgToLowBit.h"
#include "gpfq/Conversion/Passes.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_LOWBITFUSEPASS
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// Elementwise producers are fused where nothing is computed twice: the consumer is the only one,
/// is elementwise too, and reads each element once.
static bool canFuseElementwise(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  return producer && consumer && producer->hasOneUse() &&
         consumer.getNumParallelLoops() == consumer.getNumLoops() &&
         consumer.getMatchingIndexingMap(operand).isPermutation();
}

namespace {

struct LowBitFusePass : gpfq::impl::LowBitFusePassBase<LowBitFusePass> {
  using LowBitFusePassBase::LowBitFusePassBase;

  void runOnOperation() override {
    generalizeElementwiseOps();
    auto apply = [&](function_ref<void(RewritePatternSet &)> populate) {
      RewritePatternSet patterns(&getContext());
      populate(patterns);
      return applyPatternsGreedily(getOperation(), std::move(patterns));
    };
    if (failed(apply([&](RewritePatternSet &patterns) {
          linalg::populateElementwiseOpsFusionPatterns(patterns, canFuseElementwise);
          populatePropagateQuantizePatterns(patterns);
          addCanonicalizationPatterns<tensor::TensorDialect>(patterns);
        })) ||
        failed(apply([&](RewritePatternSet &patterns) {
          populateLinalgToLowBitPatterns(patterns);
          populateProductToLowBitPatterns(patterns);
        })) ||
        failed(apply([&](RewritePatternSet &patterns) {
          populateFuseEpiloguePatterns(patterns);
          addCanonicalizationPatterns<tensor::TensorDialect>(patterns);
          addCanonicalizationPatterns<LowBitDialect>(patterns);
        })) ||
        failed(apply([&](RewritePatternSet &patterns) {
          populateSimplifyClipsPatterns(patterns);
          populateCollectLinearFormsPatterns(patterns);
          addCanonicalizationPatterns<LowBitDialect>(patterns);
        })) ||
        failed(apply([&](RewritePatternSet &patterns) {
          populateIntegerBiasPatterns(patterns);
          populateSignThresholdPatterns(patterns);
          addCanonicalizationPatterns<LowBitDialect>(patterns);
        }))) {
      getOperation()->emitError("patterns did not converge");
      return signalPassFailure();
    }
    report();
  }

private:
  /// Adds the canonicalisation patterns of a dialect and its ops.
  template <typename Dialect> void addCanonicalizationPatterns(RewritePatternSet &patterns) {
    MLIRContext *context = &getContext();
    context->getLoadedDialect<Dialect>()->getCanonicalizationPatterns(patterns);
    for (RegisteredOperationName name : context->getRegisteredOperations())
      if (name.getDialectNamespace() == Dialect::getDialectNamespace())
        name.getCanonicalizationPatterns(patterns, context);
  }

  /// Named elementwise ops (linalg.add, linalg.exp, ...) become generics, which are what fuses.
  void generalizeElementwiseOps() {
    SmallVector<linalg::LinalgOp> named;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::FillOp, linalg::BroadcastOp, linalg::TransposeOp,
               linalg::CopyOp>(op) &&
          op.hasPureTensorSemantics() && linalg::isElementwise(op))
        named.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      (void)linalg::generalizeNamedOp(rewriter, op);
    }
  }

  /// Counts, and remarks on the layers that stay in float.
  void report() {
    bool hasCodes = false;
    getOperation()->walk([&](Operation *op) {
      hasCodes |= isa<QuantizeOp, QuantizeRowsOp>(op);
      if (isa<BatchMatmulOp>(op)) {
        ++numProducts;
      } else if (auto compute = dyn_cast<LowBitComputeOpInterface>(op)) {
        ++(compute.hasIntegerAccumulator() ? numInteger : numFloatInput);
        hasCodes |= compute.hasIntegerAccumulator();
      }
    });
    getOperation()->walk([&](Operation *op) {
      auto compute = dyn_cast<LowBitComputeOpInterface>(op);
      if (compute && hasCodes && !compute.hasIntegerAccumulator())
        op->emitRemark() << "layer " << compute.getLayerAttr()
                         << " multiplies in float: its input is not quantised";
      if (auto product = op->getAttrOfType<StringAttr>(productAttrName)) {
        op->emitRemark() << "product " << product << " of two activations stays in float: "
                         << explainFloatProduct(cast<linalg::LinalgOp>(op));
        ++numFloatProducts;
        op->removeAttr(productAttrName);
      }
      if (!isQuantizedLayer(op))
        return;
      std::string layer, reason = explainFloatLayer(op, layer);
      op->emitRemark() << "layer \"" << layer << "\" stays in float: " << reason;
      ++numFloat;
    });
  }
};

} // namespace
