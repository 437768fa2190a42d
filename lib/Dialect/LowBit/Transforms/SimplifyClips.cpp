// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "EpilogueUtils.h"
#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/Patterns.h"
#include "gpfq/Support/Clip.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::lowbit;
using ::mlir::gpfq::Clip;
using ::mlir::gpfq::getConstantFloat;
using ::mlir::gpfq::matchClip;

/// True if only `op`, and the comparison of a selection, use `value`.
static bool isUsedOnlyBy(Value value, Operation *op) {
  auto select = dyn_cast<arith::SelectOp>(op);
  Operation *compare = select ? select.getCondition().getDefiningOp() : nullptr;
  return llvm::all_of(value.getUsers(),
                      [&](Operation *user) { return user == op || user == compare; }) &&
         (!compare || compare->hasOneUse());
}

/// clip(x) * c -> clip'(x * c) and clip(x) / c -> clip'(x / c) for a constant c > 0 where the clip
/// has no other use and x is computed by a linear op, which then takes up the factor.
static bool pushScaleThroughClip(PatternRewriter &rewriter, LowBitComputeOpInterface op) {
  for (Operation &nested : op.getEpilogue().front()) {
    if (!isa<arith::MulFOp, arith::DivFOp>(nested))
      continue;
    std::optional<float> factor = getConstantFloat(nested.getOperand(1));
    Operation *definition = nested.getOperand(0).getDefiningOp();
    if (!factor || !(*factor > 0.0f) || !definition || !definition->hasOneUse())
      continue;
    std::optional<Clip> clip = matchClip(definition);
    if (!clip || !clip->value.getDefiningOp() || !isUsedOnlyBy(clip->value, definition))
      continue;
    bool isDivision = isa<arith::DivFOp>(nested);
    float bound = isDivision ? clip->bound / *factor : clip->bound * *factor;
    rewriter.setInsertionPoint(&nested);
    Location loc = nested.getLoc();
    Value constant = nested.getOperand(1), scaled;
    if (isDivision)
      scaled = arith::DivFOp::create(rewriter, loc, clip->value, constant);
    else
      scaled = arith::MulFOp::create(rewriter, loc, clip->value, constant);
    Value limit = buildFloat(rewriter, loc, bound);
    // Unordered: NaN is passed on, as by the common spellings of ReLU.
    auto predicate = clip->isMax ? arith::CmpFPredicate::UGT : arith::CmpFPredicate::ULT;
    Value inside = arith::CmpFOp::create(rewriter, loc, predicate, scaled, limit);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(&nested, inside, scaled, limit);
    return true;
  }
  return false;
}

/// A bound on the magnitude of `value` if that proves it to be finite; else infinity.
static double getMagnitude(LowBitComputeOpInterface op, Value value) {
  constexpr double unknown = std::numeric_limits<double>::infinity();
  if (std::optional<float> constant = getConstantFloat(value))
    return std::abs(*constant);
  if (Value operand = getFusedOperand(op, value)) {
    auto constant = gpfq::getConstantFloats(operand);
    double largest = constant ? 0.0 : unknown;
    if (constant)
      for (float element : constant->values)
        largest = std::isfinite(element) ? std::max(largest, double(std::abs(element))) : unknown;
    return largest;
  }
  Operation *definition = value.getDefiningOp();
  if (!definition)
    return unknown;
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(definition))
    return std::ldexp(1.0, definition->getOperand(0).getType().getIntOrFloatBitWidth());
  auto operand = [&](unsigned i) { return getMagnitude(op, definition->getOperand(i)); };
  double result = unknown;
  if (isa<arith::AddFOp, arith::SubFOp>(definition))
    result = operand(0) + operand(1);
  else if (isa<arith::MulFOp>(definition))
    result = operand(0) * operand(1);
  else if (isa<math::RoundEvenOp>(definition))
    result = operand(0) + 1.0;
  else if (isa<arith::NegFOp>(definition))
    result = operand(0);
  else if (isa<arith::SelectOp>(definition))
    result = std::max(operand(1), operand(2));
  return result < double(std::numeric_limits<float>::max()) ? result : unknown;
}

Operation *mlir::lowbit::getOnlyStep(Value value) {
  for (Operation *user : value.getUsers()) {
    if (isa<math::RoundEvenOp>(user))
      return value.hasOneUse() ? user : nullptr;
    std::optional<Clip> clip = matchClip(user);
    if (clip && clip->value == value && isUsedOnlyBy(value, user))
      return user;
  }
  return nullptr;
}

/// Drops a clip whose bound becomes that of a later clip, as all steps between are monotone: a ReLU
/// or ReLU6 before the rounding and clamp of `quantize`. A value that may be NaN is left alone
/// unless both bounds are 0.
static bool dropClipBeforeClamp(PatternRewriter &rewriter, LowBitComputeOpInterface op) {
  for (Operation &nested : op.getEpilogue().front()) {
    std::optional<Clip> clip = matchClip(&nested);
    if (!clip)
      continue;
    bool isFinite = std::isfinite(getMagnitude(op, clip->value));
    float bound = clip->bound;
    for (Operation *step = getOnlyStep(nested.getResult(0)); step;
         step = getOnlyStep(step->getResult(0))) {
      std::optional<Clip> later = matchClip(step);
      if (!later)
        bound = std::nearbyint(bound);
      else if (later->isMax)
        bound = std::max(bound, later->bound);
      else
        bound = std::min(bound, later->bound);
      bool isZero = clip->bound == 0.0f && later && later->bound == 0.0f;
      if (later && later->isMax == clip->isMax && bound == later->bound && (isFinite || isZero)) {
        rewriter.replaceOp(&nested, clip->value);
        return true;
      }
    }
  }
  return false;
}

/// A test of a value for NaN that the magnitudes of what it is computed from answer: without float
/// operands, codes and scales cannot give one.
static bool dropNaNTest(PatternRewriter &rewriter, LowBitComputeOpInterface op) {
  for (Operation &nested : op.getEpilogue().front()) {
    auto compare = dyn_cast<arith::CmpFOp>(nested);
    if (!compare || compare.getPredicate() != arith::CmpFPredicate::UNO ||
        compare.getLhs() != compare.getRhs() || !std::isfinite(getMagnitude(op, compare.getLhs())))
      continue;
    rewriter.setInsertionPoint(compare);
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(compare, rewriter.getBoolAttr(false));
    return true;
  }
  return false;
}

namespace {

struct SimplifyClips : OpInterfaceRewritePattern<LowBitComputeOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(LowBitComputeOpInterface op,
                                PatternRewriter &rewriter) const override {
    return success(op->getNumResults() != 0 &&
                   (pushScaleThroughClip(rewriter, op) || dropClipBeforeClamp(rewriter, op) ||
                    dropNaNTest(rewriter, op)));
  }
};

} // namespace

void mlir::lowbit::populateSimplifyClipsPatterns(RewritePatternSet &patterns) {
  // Before linear forms are collected, so that they take up the factors.
  patterns.add<SimplifyClips>(patterns.getContext(), /*benefit=*/2);
}
