// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/Passes.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWBITDEQUANTIZE
#include "gpfq/Dialect/LowBit/Transforms/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

/// The float weights of `op`; null, after an error, when they are not constant.
static Value createWeights(DequantizeOp op) {
  auto levels = gpfq::getConstantBytes(op.getInput());
  auto scales = gpfq::getConstantFloats(op.getScale());
  if (!levels || !scales) {
    op.emitError("has levels or scales that are not constant, so it has no constant float weights");
    return nullptr;
  }
  std::vector<float> weights;
  weights.reserve(levels->values.size());
  for (auto [i, level] : llvm::enumerate(levels->values))
    weights.push_back(float(level) * scales->values[op.getScaleIndex(int64_t(i))]);
  OpBuilder builder(op);
  StringRef layer = op.getLayer().value_or("");
  return gpfq::createFloatConstant(builder, op.getLoc(), levels->shape, weights,
                                   layer.empty() ? "" : (layer + ".weight").str());
}

namespace {
struct DequantizePass : lowbit::impl::LowBitDequantizeBase<DequantizePass> {
  using LowBitDequantizeBase::LowBitDequantizeBase;

  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](DequantizeOp op) {
      auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
      Value value = quantize ? quantize.getInput() : createWeights(op);
      if (!value)
        return WalkResult::interrupt();
      ++(quantize ? numActivations : numWeights);
      op.replaceAllUsesWith(value);
      SmallVector<Value> operands(op->getOperands());
      op.erase();
      for (Value operand : operands)
        if (Operation *producer = operand.getDefiningOp(); producer && isOpTriviallyDead(producer))
          producer->erase();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    getOperation().walk([&](DequantizeRowsOp op) {
      auto quantize = op.getCodes().getDefiningOp<QuantizeRowsOp>();
      if (!quantize)
        return;
      ++numActivations;
      op.replaceAllUsesWith(quantize.getInput());
      op.erase();
      if (isOpTriviallyDead(quantize))
        quantize.erase();
    });
  }
};
} // namespace
