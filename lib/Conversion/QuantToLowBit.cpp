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
#define GEN_PASS_DEF_QUANTTOLOWBITPASS
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

namespace {

/// What `lowbit.dequantize` needs to know of a quantised type.
struct Parameters {
  SmallVector<float> scales;
  int32_t zeroPoint = 0;
  std::optional<int64_t> axis;
  AlphabetAttr alphabet;
};

} // namespace

/// The levels low..high.
static AlphabetAttr getAlphabet(MLIRContext *context, int32_t low, int32_t high) {
  if (low == -high)
    return AlphabetAttr::get(context, AlphabetKind::MidTread, {high});
  return AlphabetAttr::get(context, AlphabetKind::Range, {low, high});
}

/// The parameters of the elements of `op`'s operand; nothing, with the reason, if lowbit cannot
/// express them.
static std::optional<Parameters> getParameters(quant::DequantizeCastOp op, StringRef &reason) {
  auto fail = [&](StringRef why) {
    reason = why;
    return std::nullopt;
  };
  auto cast = op.getInput().getDefiningOp<quant::StorageCastOp>();
  if (!cast || !isa<RankedTensorType>(op.getType()))
    return fail("its operand is no quant.scast of a ranked tensor");
  auto type = dyn_cast<quant::QuantizedType>(getElementTypeOrSelf(op.getInput().getType()));
  if (!type || !type.getExpressedType().isF32() ||
      !getElementTypeOrSelf(cast.getInput()).isInteger(8))
    return fail("only f32 stored in i8 is supported");
  Parameters result;
  int64_t low = type.getStorageTypeMin(), high = type.getStorageTypeMax();
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(type)) {
    result.scales = {float(uniform.getScale())};
    result.zeroPoint = uniform.getZeroPoint();
  } else if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(type)) {
    result.scales.assign(perAxis.getScales().begin(), perAxis.getScales().end());
    result.axis = perAxis.getQuantizedDimension();
    if (!type.isSigned() || llvm::any_of(perAxis.getZeroPoints(), [](int64_t z) { return z != 0; }))
      return fail("scales per axis need signed levels and zero points of 0");
  } else {
    return fail("only uniform and per-axis types are supported");
  }
  if (!type.isSigned())
    return result;
  if (result.zeroPoint != 0 || low >= high)
    return fail("signed levels need a zero point of 0");
  result.alphabet = getAlphabet(op.getContext(), low, high);
  return result;
}

namespace {

struct DcastToDequantize : OpRewritePattern<quant::DequantizeCastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(quant::DequantizeCastOp op,
                                PatternRewriter &rewriter) const override {
    StringRef reason;
    std::optional<Parameters> parameters = getParameters(op, reason);
    if (!parameters)
      return rewriter.notifyMatchFailure(op, reason);
    Location loc = op.getLoc();
    StringAttr layer;
    if (auto name = dyn_cast<NameLoc>(loc); name && parameters->alphabet)
      layer = name.getName();
    Value scale =
        createFloatConstant(rewriter, loc, {int64_t(parameters->scales.size())}, parameters->scales,
                            layer ? (layer.getValue() + ".scale").str() : "");
    IntegerAttr axis;
    if (parameters->axis)
      axis = rewriter.getI64IntegerAttr(*parameters->axis);
    Value stored = op.getInput().getDefiningOp<quant::StorageCastOp>().getInput();
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op.getType(), stored, scale,
                                              parameters->zeroPoint, axis, IntegerAttr(),
                                              parameters->alphabet, layer);
    return success();
  }
};

struct QuantToLowBitPass : gpfq::impl::QuantToLowBitPassBase<QuantToLowBitPass> {
  using QuantToLowBitPassBase::QuantToLowBitPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateQuantToLowBitPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    getOperation()->walk([&](quant::DequantizeCastOp op) {
      StringRef reason;
      getParameters(op, reason);
      op.emitRemark("has no lowbit form: ") << reason;
      ++numLeft;
    });
    // The casts of the storage that are now unused.
    SmallVector<Operation *> unused;
    getOperation()->walk([&](quant::StorageCastOp op) {
      if (op->use_empty())
        unused.push_back(op);
    });
    for (Operation *op : unused)
      op->erase();
  }
};

} // namespace

void mlir::gpfq::populateQuantToLowBitPatterns(RewritePatternSet &patterns) {
  patterns.add<DcastToDequantize>(patterns.getContext());
}
