// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/LowBitToQuant.h"

#include "gpfq/Conversion/Passes.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_LOWBITTOQUANTPASS
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// The quantised element type of the input of `op`; null, with the reason, if there is none.
static Type getQuantType(DequantizeOp op, StringRef &reason) {
  MLIRContext *context = op.getContext();
  Type storage = IntegerType::get(context, 8), expressed = Float32Type::get(context);
  std::optional<ConstantTensor<float>> scales = getConstantFloats(op.getScale());
  if (!scales) {
    reason = "its scale is not constant";
    return {};
  }
  AlphabetAttr alphabet = op.getAlphabetAttr();
  if (!alphabet)
    return quant::UniformQuantizedType::get(/*flags=*/0, storage, expressed, scales->values[0],
                                            int32_t(op.getZeroPoint()), 0, 255);
  int32_t low = alphabet.getMinLevel(), high = alphabet.getMaxLevel();
  if (alphabet.getNumLevels() != high - low + 1) {
    reason = "the levels of its alphabet are not consecutive";
    return {};
  }
  if (op.getBlockAxis()) {
    reason = "it has a scale for each block of input channels";
    return {};
  }
  unsigned flags = quant::QuantizationFlags::Signed;
  if (!op.getAxis())
    return quant::UniformQuantizedType::get(flags, storage, expressed, scales->values[0], 0, low,
                                            high);
  SmallVector<double> perChannel(scales->values.begin(), scales->values.end());
  SmallVector<int64_t> zeros(perChannel.size(), 0);
  return quant::UniformQuantizedPerAxisType::get(flags, storage, expressed, perChannel, zeros,
                                                 *op.getAxis(), low, high);
}

namespace {

struct DequantizeToDcast : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    StringRef reason;
    Type element = getQuantType(op, reason);
    if (!element)
      return rewriter.notifyMatchFailure(op, reason);
    Location loc = op.getLoc();
    if (op.getLayer())
      loc = NameLoc::get(op.getLayerAttr(), loc);
    RankedTensorType type = op.getInput().getType().clone(element);
    Value stored = quant::StorageCastOp::create(rewriter, loc, type, op.getInput());
    rewriter.replaceOp(op, quant::DequantizeCastOp::create(rewriter, loc, op.getType(), stored));
    return success();
  }
};

struct LowBitToQuantPass : gpfq::impl::LowBitToQuantPassBase<LowBitToQuantPass> {
  using LowBitToQuantPassBase::LowBitToQuantPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateLowBitToQuantPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    getOperation()->walk([&](Operation *op) {
      StringRef reason;
      if (auto dequantize = dyn_cast<DequantizeOp>(op))
        getQuantType(dequantize, reason);
      else if (isa<DequantizeRowsOp>(op))
        reason = "its scales are computed when it runs";
      else
        return;
      op->emitRemark("has no quant form: ") << reason;
      ++numLeft;
    });
  }
};

} // namespace

void mlir::gpfq::populateLowBitToQuantPatterns(RewritePatternSet &patterns) {
  patterns.add<DequantizeToDcast>(patterns.getContext());
}
