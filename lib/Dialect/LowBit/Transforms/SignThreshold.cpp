// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "EpilogueUtils.h"
#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/Patterns.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;

namespace {

/// `float(sum) * scale + bias` of an output channel. Rounding keeps it monotone in the sum.
struct ChannelSum {
  float scale, bias;

  bool isPositive(int64_t sum) const {
#pragma clang fp contract(off)
    float product = float(sum) * scale;
    return product + bias >= 0.0f;
  }
};

/// The sign of an output channel is positive where `(sum ^ flip) >= least`; flip is 0 or -1.
struct Threshold {
  int32_t flip, least;
};

} // namespace

/// For sums of a magnitude of at most `limit`.
static Threshold findThreshold(const ChannelSum &sum, int64_t limit) {
  // The complement, -1 - x, turns a falling function into a rising one.
  int32_t flip = sum.scale < 0.0f ? -1 : 0;
  int64_t low = -limit - 1, high = limit + 1;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (sum.isPositive(flip ? -1 - middle : middle))
      high = middle;
    else
      low = middle + 1;
  }
  return {flip, int32_t(std::clamp<int64_t>(low, INT32_MIN, INT32_MAX))};
}

/// The constants that `value` is a sum (AddFOp) or product (MulFOp) with, one or one a channel, and
/// the other operand in `value`; `neutral` if it is none.
template <typename BinaryOp>
static std::vector<float> takeConstants(LowBitComputeOpInterface op, Value &value, float neutral) {
  auto binary = value.getDefiningOp<BinaryOp>();
  if (!binary)
    return {neutral};
  Value operands[] = {binary.getRhs(), binary.getLhs()};
  for (auto [i, operand] : llvm::enumerate(operands))
    if (auto constants = getChannelConstants(op, operand)) {
      value = operands[1 - i];
      return *constants;
    }
  return {neutral};
}

/// The scaled sum of each channel that `value` is in the epilogue of `op`, if they are finite.
static std::optional<std::vector<ChannelSum>> matchChannelSums(LowBitComputeOpInterface op,
                                                               Value value) {
  std::vector<float> biases = takeConstants<arith::AddFOp>(op, value, 0.0f);
  std::vector<float> scales = takeConstants<arith::MulFOp>(op, value, 1.0f);
  auto conversion = value.getDefiningOp<arith::SIToFPOp>();
  if (!conversion || !conversion.getType().isF32() ||
      conversion.getIn() != op.getEpilogue().getArgument(0))
    return std::nullopt;
  size_t channels = cast<ShapedType>(op->getResult(0).getType()).getShape().back();
  scales.resize(channels, scales.front());
  biases.resize(channels, biases.front());
  std::vector<ChannelSum> sums;
  for (auto [scale, bias] : llvm::zip_equal(scales, biases)) {
    if (!std::isfinite(scale) || !std::isfinite(bias))
      return std::nullopt;
    sums.push_back({scale, bias});
  }
  return sums;
}

namespace {

struct CompareIntegerSums : OpInterfaceRewritePattern<LowBitComputeOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(LowBitComputeOpInterface op,
                                PatternRewriter &rewriter) const override {
    Value bit = op.hasIntegerAccumulator() ? matchSignBit(getYield(op).getValue()) : Value();
    auto comparison = bit ? bit.getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
    if (!comparison || comparison.getPredicate() != arith::CmpFPredicate::UGE ||
        !matchPattern(comparison.getRhs(), m_AnyZeroFloat()))
      return failure();
    std::optional<std::vector<ChannelSum>> sums = matchChannelSums(op, comparison.getLhs());
    if (!sums)
      return rewriter.notifyMatchFailure(op, "not a sign of a scaled sum");

    int64_t limit = getMaxSum(op);
    std::vector<int32_t> flips, thresholds;
    for (const ChannelSum &sum : *sums) {
      Threshold threshold = findThreshold(sum, limit);
      flips.push_back(threshold.flip);
      thresholds.push_back(threshold.least);
    }
    rewriter.modifyOpInPlace(op, [&] {
      auto addConstants = [&](ArrayRef<int32_t> values, StringRef role) {
        rewriter.setInsertionPoint(op);
        Value constants = gpfq::createIntegerConstant(
            rewriter, op.getLoc(), {int64_t(values.size())}, values, getConstantName(op, role));
        return addFusedOperand(op, constants);
      };
      Value sum = op.getEpilogue().getArgument(0), least = addConstants(thresholds, "threshold");
      if (llvm::is_contained(flips, -1)) {
        Value flip = addConstants(flips, "flip");
        rewriter.setInsertionPoint(comparison);
        sum = arith::XOrIOp::create(rewriter, op.getLoc(), sum, flip);
      }
      rewriter.setInsertionPoint(comparison);
      rewriter.replaceOpWithNewOp<arith::CmpIOp>(comparison, arith::CmpIPredicate::sge, sum, least);
    });
    return success();
  }
};

} // namespace

void mlir::lowbit::populateSignThresholdPatterns(RewritePatternSet &patterns) {
  patterns.add<CompareIntegerSums>(patterns.getContext());
}
