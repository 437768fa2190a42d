// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/QdqToLowBit.h"

#include "Dequantization.h"
#include "LayerName.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Support/Constants.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQQDQTOLOWBIT
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

//===----------------------------------------------------------------------===//
// One op for each dequantisation
//===----------------------------------------------------------------------===//

/// Constants, their views, and what generics compute of them.
static bool isComputedFromConstants(Value value) {
  if (matchPattern(value, m_Constant()))
    return true;
  if (Value source = getViewSource(value))
    return isComputedFromConstants(source);
  auto generic = value.getDefiningOp<linalg::GenericOp>();
  return generic && llvm::all_of(generic.getDpsInputs(), isComputedFromConstants);
}

static bool canFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || consumer.getNumParallelLoops() != consumer.getNumLoops())
    return false;
  return getElementTypeOrSelf(operand->get()).isInteger(8) ||
         llvm::all_of(consumer.getDpsInputs(), isComputedFromConstants);
}

namespace {

/// Upstream's patterns also put constants that are equal at all indices into bodies, codes among
/// them.
struct FuseProducer : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    for (OpOperand &operand : op->getOpOperands()) {
      if (!linalg::areElementwiseOpsFusable(&operand) || !canFuse(&operand))
        continue;
      FailureOr<linalg::ElementwiseOpFusionResult> fused =
          linalg::fuseElementwiseOps(rewriter, &operand);
      if (failed(fused))
        continue;
      rewriter.replaceOp(op, fused->fusedOp->getResults().take_back(op.getNumResults()));
      return success();
    }
    return failure();
  }
};

} // namespace

void mlir::gpfq::populateFuseQdqPatterns(RewritePatternSet &patterns) {
  patterns.add<FuseProducer>(patterns.getContext());
  linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The layer of which `value`, perhaps seen through views, is the weight.
static linalg::LinalgOp findLayer(Value value) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isLayer(user) && !isa<linalg::GenericOp>(user) && use.getOperandNumber() == 1)
      return cast<linalg::LinalgOp>(user);
    if (user->getNumResults() == 1 && getViewSource(user->getResult(0)) == value)
      if (linalg::LinalgOp layer = findLayer(user->getResult(0)))
        return layer;
  }
  return nullptr;
}

/// The alphabet of the fewest bits that has all levels from `low` to `high`; of one bit if
/// `isBinary`: each is -1 or 1.
static AlphabetAttr getAlphabet(MLIRContext *context, int32_t low, int32_t high, bool isBinary) {
  if (isBinary)
    return AlphabetAttr::get(context, AlphabetKind::MidRise, {1});
  for (int32_t half = 1;; half *= 2) {
    if (half > 1 && -half < low && high < half)
      return AlphabetAttr::get(context, AlphabetKind::MidTread, {half - 1});
    if (-half <= low && high < half)
      return AlphabetAttr::get(context, AlphabetKind::Range, {-half, half - 1});
  }
}

/// Why there are no lowbit weights of `constant`; empty if there are.
static std::string explainWeights(const DequantizedConstant &constant,
                                  const std::optional<ScaleLayout> &layout) {
  if (!layout)
    return "scales are not one for each output channel, or each block of its inputs";
  auto [low, high] = std::minmax_element(constant.levels.begin(), constant.levels.end());
  if (*low < -128 || *high > 127)
    return "levels less the zero point, " + std::to_string(*low) + " to " + std::to_string(*high) +
           ", do not fit 8 bits; quantise the weights symmetrically";
  for (float scale : layout->values)
    if (!(scale > 0) || !std::isfinite(scale))
      return "a scale is not positive and finite";
  return "";
}

namespace {

struct WeightsToLowBit : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    std::optional<DequantizedConstant> constant = matchDequantizedConstant(op);
    if (!constant || constant->levels.empty())
      return failure();
    linalg::LinalgOp layer = findLayer(op.getResult(0));
    Location loc = op.getLoc();
    std::string name = layer ? getGivenLayerName(layer, constant->name) : constant->name;
    std::optional<ScaleLayout> layout = layer ? getScaleLayout(*constant) : std::nullopt;
    std::string reason = layer ? explainWeights(*constant, layout) : "";
    if (!layer || !reason.empty()) {
      if (layer)
        op.emitRemark("weights ") << (name.empty() ? "" : "of layer '" + name + "' ")
                                  << "stay in float: " << reason;
      rewriter.replaceOp(op, createFloatConstant(rewriter, loc, constant->shape,
                                                 constant->evaluate(), constant->name));
      return success();
    }

    auto [low, high] = std::minmax_element(constant->levels.begin(), constant->levels.end());
    bool isBinary = llvm::all_of(constant->levels, [](int64_t l) { return l == -1 || l == 1; });
    std::vector<int8_t> bytes(constant->levels.begin(), constant->levels.end());
    std::string prefix = name.empty() ? "constant" : name;
    Value levels = createByteConstant(rewriter, loc, constant->shape, bytes, prefix + ".levels");
    Value scale =
        createFloatConstant(rewriter, loc, layout->shape, layout->values, prefix + ".scale");
    auto getAttr = [&](std::optional<int64_t> dim) {
      return dim ? rewriter.getI64IntegerAttr(*dim) : IntegerAttr();
    };
    rewriter.replaceOpWithNewOp<DequantizeOp>(
        op, op.getResult(0).getType(), levels, scale, /*zero_point=*/0, getAttr(layout->axis),
        getAttr(layout->blockAxis), getAlphabet(getContext(), *low, *high, isBinary),
        rewriter.getStringAttr(name));
    return success();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// Why there is no lowbit form of `codes`; empty if there is.
static std::string explainCodes(const FakeQuantization &codes) {
  for (int32_t zeroPoint : {codes.inputZeroPoint, codes.zeroPoint})
    if (zeroPoint < codes.low || zeroPoint > codes.high)
      return "its zero point " + std::to_string(zeroPoint) + " is not a code, " +
             std::to_string(codes.low) + " to " + std::to_string(codes.high);
  for (float scale : {codes.inputScale, codes.scale})
    if (!(scale > 0) || !std::isfinite(scale))
      return "its scale is not positive and finite";
  return "";
}

namespace {

struct FakeQuantizationToLowBit : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    std::optional<FakeQuantization> codes = matchFakeQuantization(op);
    if (!codes || !explainCodes(*codes).empty())
      return failure();
    Location loc = op.getLoc();
    // The least code becomes 0.
    Value input = codes->input;
    auto type = cast<RankedTensorType>(input.getType());
    Value quantized =
        QuantizeOp::create(rewriter, loc, type.clone(rewriter.getI8Type()), input,
                           createFloatConstant(rewriter, loc, {1}, codes->inputScale),
                           codes->inputZeroPoint - codes->low, codes->high - codes->low);
    rewriter.replaceOpWithNewOp<DequantizeOp>(
        op, type, quantized, createFloatConstant(rewriter, loc, {1}, codes->scale),
        codes->zeroPoint - codes->low, IntegerAttr(), IntegerAttr(), AlphabetAttr(), StringAttr());
    return success();
  }
};

struct QdqToLowBitPass : gpfq::impl::GPFQQdqToLowBitBase<QdqToLowBitPass> {
  using GPFQQdqToLowBitBase::GPFQQdqToLowBitBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    RewritePatternSet fusion(&getContext()), conversion(&getContext());
    populateFuseQdqPatterns(fusion);
    populateQdqToLowBitPatterns(conversion);
    if (failed(applyPatternsGreedily(func, std::move(fusion))) ||
        failed(applyPatternsGreedily(func, std::move(conversion)))) {
      func.emitError("patterns did not converge");
      return signalPassFailure();
    }
    nameLayers(func);
    func.walk([&](DequantizeOp op) { ++(op.getAlphabet() ? numWeights : numActivations); });
    func.walk([&](linalg::GenericOp op) { report(op); });
  }

private:
  /// Layers whose weights have no name are called by their position.
  void nameLayers(func::FuncOp func) {
    unsigned position = 0;
    func.walk([&](linalg::LinalgOp op) {
      if (isa<linalg::GenericOp>(op.getOperation()) || !isLayer(op) || op.getNumDpsInputs() != 2)
        return;
      Value weights = op.getDpsInputs()[1];
      while (Value source = getViewSource(weights))
        weights = source;
      auto dequantize = weights.getDefiningOp<DequantizeOp>();
      if (dequantize && dequantize.getAlphabet() && dequantize.getLayer() == "")
        dequantize.setLayer(getPositionalLayerName(op, position));
      ++position;
    });
  }

  /// Remarks on conversions between floats and codes that stay.
  void report(linalg::GenericOp op) {
    for (Operation &inner : *op.getBlock()) {
      if (!isa<arith::FPToSIOp, arith::FPToUIOp>(inner))
        continue;
      ++numLeft;
      std::optional<FakeQuantization> codes = matchFakeQuantization(op);
      op.emitRemark("codes are computed in float: ")
          << (codes ? explainCodes(*codes)
                    : "they are not of 8 bits with one constant scale, or are not dequantised "
                      "right behind");
      return;
    }
  }
};

} // namespace

void mlir::gpfq::populateQdqToLowBitPatterns(RewritePatternSet &patterns) {
  patterns.add<WeightsToLowBit, FakeQuantizationToLowBit>(patterns.getContext());
}
