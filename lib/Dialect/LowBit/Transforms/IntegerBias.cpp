// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "EpilogueUtils.h"
#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
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

/// What rounding a bias may change a result by at most, in codes.
static constexpr double maxCodes = 1.0 / 16.0;
/// The same as part of what the rounding of the input to codes can change it by.
static constexpr double maxPartOfInput = 1.0 / 32.0;
/// Codes must have 8 bits; a ReLU6 may leave some of them out. Of fewer bits as many move by one,
/// each of which is a larger part of the result: 5 % of the norm of the outputs of a network with
/// 3-bit weights and 4-bit codes.
static constexpr float leastLargestCode = 128.0f;

namespace {

/// `float(acc) * scale + bias` of an epilogue; scale and bias have one element, or one a channel.
struct ScaledSum {
  arith::AddFOp addition;
  arith::MulFOp product;
  std::vector<float> scale, bias;
};

/// `float((acc << shift) + bias) * scale`, by channel.
struct IntegerBias {
  unsigned shift;
  std::vector<int32_t> bias;
  std::vector<float> scale;
};

} // namespace

static std::optional<ScaledSum> matchScaledSum(LowBitComputeOpInterface op) {
  Value acc = op.getEpilogue().getArgument(0);
  auto conversion =
      acc.hasOneUse() ? dyn_cast<arith::SIToFPOp>(*acc.user_begin()) : arith::SIToFPOp();
  if (!conversion || !conversion->hasOneUse() || !conversion.getType().isF32())
    return std::nullopt;
  auto product = dyn_cast<arith::MulFOp>(*conversion->user_begin());
  if (!product || !product->hasOneUse() || product.getLhs() != conversion)
    return std::nullopt;
  auto addition = dyn_cast<arith::AddFOp>(*product->user_begin());
  if (!addition || addition.getLhs() != product)
    return std::nullopt;
  auto scale = getChannelConstants(op, product.getRhs());
  auto bias = getChannelConstants(op, addition.getRhs());
  if (!scale || !bias)
    return std::nullopt;
  size_t channels = cast<ShapedType>(op->getResult(0).getType()).getShape().back();
  scale->resize(channels, scale->front());
  bias->resize(channels, bias->front());
  return ScaledSum{addition, product, *scale, *bias};
}

/// The bound from above of the clamp that the epilogue ends with, to codes; infinity if it does
/// not.
static float getClampBound(LowBitComputeOpInterface op) {
  constexpr float none = std::numeric_limits<float>::infinity();
  auto convert = getYield(op).getValue().getDefiningOp<arith::FPToUIOp>();
  Operation *last = convert ? convert.getIn().getDefiningOp() : nullptr;
  if (!last)
    return none;
  std::optional<gpfq::Clip> clip = gpfq::matchClip(last);
  // Where there is a zero point a test for NaN is behind the clamp.
  if (auto test = dyn_cast<arith::SelectOp>(last); test && !clip)
    if (Operation *clamp = test.getFalseValue().getDefiningOp())
      clip = gpfq::matchClip(clamp);
  return clip && !clip->isMax ? clip->bound : none;
}

/// The largest code that `value` can become, by sums, clips and a rounding, so that its unit is
/// that of codes; 0 if it does not become one.
static float getLargestCode(LowBitComputeOpInterface op, Value value) {
  float largest = getClampBound(op);
  while (true) {
    Operation *user = value.hasOneUse() ? *value.user_begin() : nullptr;
    if (!isa_and_nonnull<arith::AddFOp>(user))
      user = getOnlyStep(value);
    if (!user)
      return 0.0f;
    if (isa<math::RoundEvenOp>(user))
      return largest;
    std::optional<gpfq::Clip> clip = gpfq::matchClip(user);
    if (clip && !clip->isMax)
      largest = std::min(largest, clip->bound);
    value = user->getResult(0);
  }
}

/// The sum of the magnitudes of the levels of each channel.
static std::optional<std::vector<double>> sumMagnitudes(LowBitComputeOpInterface op) {
  auto levels = gpfq::getConstantBytes(op->getOperand(1));
  if (!levels)
    return std::nullopt;
  bool channelsLast = isa<DepthwiseConv2DOp>(op);
  size_t channels = channelsLast ? levels->shape.back() : levels->shape.front();
  std::vector<double> sums(channels);
  for (auto [i, level] : llvm::enumerate(levels->values))
    sums[channelsLast ? i % channels : i / (levels->values.size() / channels)] +=
        std::abs(int32_t(level));
  return sums;
}

/// The bias in units of the accumulator shifted by `shift`. A bias that is too large for an i32, as
/// where the weights of a channel are next to nothing, has a coarser unit. Nothing if a result
/// would change too much.
static std::optional<IntegerBias> roundBias(const ScaledSum &sum, ArrayRef<double> magnitudes,
                                            double maxSum, unsigned shift) {
  double factor = std::ldexp(1.0, shift), limit = double(INT32_MAX) - maxSum * factor;
  if (limit <= 0.0)
    return std::nullopt;
  IntegerBias result{shift, {}, {}};
  for (auto [scale, bias, magnitude] : llvm::zip_equal(sum.scale, sum.bias, magnitudes)) {
    if (!std::isfinite(scale) || !std::isfinite(bias))
      return std::nullopt;
    float unit = float(std::abs(scale) / factor);
    double least = std::abs(double(bias)) / limit;
    // Rounded up, or the bias might still be too large.
    if (unit < least)
      unit = std::nextafter(float(least), HUGE_VALF);
    unit = std::copysign(unit, scale);
    double rounded = unit == 0.0f ? 0.0 : std::nearbyint(double(bias) / unit);
    double error = std::abs(bias - rounded * unit), input = 0.5 * magnitude * std::abs(scale);
    double growth = std::abs(unit) * factor - std::abs(scale);
    if (error + growth * 255.0 * magnitude > std::max(maxCodes, maxPartOfInput * input))
      return std::nullopt;
    result.scale.push_back(unit);
    result.bias.push_back(int32_t(rounded));
  }
  return result;
}

/// The same with the least shift that will do.
static std::optional<IntegerBias> roundBias(LowBitComputeOpInterface op, const ScaledSum &sum) {
  auto magnitudes = sumMagnitudes(op);
  if (!magnitudes)
    return std::nullopt;
  int64_t largest = std::max<int64_t>(1, op.getAlphabet().getMaxMagnitude());
  double maxSum = double(getMaxSum(op));
  std::optional<IntegerBias> result;
  for (unsigned shift = 0; !result && (shift == 0 || largest << shift <= maxShiftedLevel); ++shift)
    result = roundBias(sum, *magnitudes, maxSum, shift);
  return result;
}

namespace {

struct MoveBiasToAccumulator : OpInterfaceRewritePattern<LowBitComputeOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(LowBitComputeOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasIntegerAccumulator() || isa<BatchMatmulOp>(op))
      return failure();
    std::optional<ScaledSum> sum = matchScaledSum(op);
    if (!sum || getLargestCode(op, sum->addition) < leastLargestCode)
      return rewriter.notifyMatchFailure(op, "does not end in codes of 8 bits");
    std::optional<IntegerBias> rounded = roundBias(op, *sum);
    if (!rounded)
      return rewriter.notifyMatchFailure(op, "rounding the bias would change codes");

    Location loc = op.getLoc();
    int64_t channels = rounded->bias.size();
    rewriter.setInsertionPoint(op);
    Value bias = gpfq::createIntegerConstant(rewriter, loc, {channels}, rounded->bias,
                                             getConstantName(op, "bias"));
    Value scale = gpfq::createFloatConstant(rewriter, loc, {channels}, rounded->scale,
                                            getConstantName(op, "scale"));
    rewriter.modifyOpInPlace(op, [&] {
      Value acc = op.getEpilogue().getArgument(0);
      Value added = addFusedOperand(op, bias), factor = addFusedOperand(op, scale);
      rewriter.setInsertionPoint(sum->addition);
      if (rounded->shift > 0)
        acc = arith::ShLIOp::create(
            rewriter, loc, acc,
            arith::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(rounded->shift)));
      Value total = arith::AddIOp::create(rewriter, loc, acc, added);
      Value converted = arith::SIToFPOp::create(rewriter, loc, rewriter.getF32Type(), total);
      rewriter.replaceOpWithNewOp<arith::MulFOp>(sum->addition, converted, factor);
    });
    return success();
  }
};

} // namespace

void mlir::lowbit::populateIntegerBiasPatterns(RewritePatternSet &patterns) {
  patterns.add<MoveBiasToAccumulator>(patterns.getContext());
}
