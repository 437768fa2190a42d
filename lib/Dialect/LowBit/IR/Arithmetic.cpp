// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;

Value mlir::lowbit::buildFloat(OpBuilder &builder, Location loc, float value) {
  return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(value));
}

std::optional<float> mlir::lowbit::getSplatFloat(Value tensor) {
  DenseFPElementsAttr elements;
  if (!matchPattern(tensor, m_Constant(&elements)) || !elements.isSplat() ||
      !elements.getElementType().isF32())
    return std::nullopt;
  return elements.getSplatValue<float>();
}

int32_t mlir::lowbit::quantizeFloat(float x, float scale, int32_t zeroPoint, unsigned bits) {
  if (std::isnan(x))
    return zeroPoint;
  float code = std::nearbyint(x / scale);
  return int32_t(std::clamp(code + float(zeroPoint), 0.0f, float((1 << bits) - 1)));
}

Value mlir::lowbit::buildQuantize(OpBuilder &builder, Location loc, Value x, Value scale,
                                  int32_t zeroPoint, unsigned bits) {
  Value code = arith::DivFOp::create(builder, loc, x, scale);
  code = math::RoundEvenOp::create(builder, loc, code);
  Value rounded = code, offset;
  if (zeroPoint != 0) {
    offset = buildFloat(builder, loc, zeroPoint);
    code = arith::AddFOp::create(builder, loc, code, offset);
  }
  // An ordered comparison and a selection are one `maxps` or `minps` on x86; NaN falls to 0.
  Value low = buildFloat(builder, loc, 0.0f);
  Value isAbove = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, code, low);
  code = arith::SelectOp::create(builder, loc, isAbove, code, low);
  Value high = buildFloat(builder, loc, (1 << bits) - 1);
  Value isBelow = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, code, high);
  code = arith::SelectOp::create(builder, loc, isBelow, code, high);
  if (zeroPoint != 0) {
    Value isNaN = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, rounded, rounded);
    code = arith::SelectOp::create(builder, loc, isNaN, offset, code);
  }
  return arith::FPToUIOp::create(builder, loc, builder.getI8Type(), code);
}

Value mlir::lowbit::buildDequantize(OpBuilder &builder, Location loc, Value code, Value scale,
                                    int32_t zeroPoint) {
  Value value = arith::UIToFPOp::create(builder, loc, builder.getF32Type(), code);
  if (zeroPoint != 0)
    value = arith::SubFOp::create(builder, loc, value, buildFloat(builder, loc, zeroPoint));
  return arith::MulFOp::create(builder, loc, value, scale);
}

Value mlir::lowbit::buildDequantizeLevel(OpBuilder &builder, Location loc, Value level,
                                         Value scale) {
  Value value = arith::SIToFPOp::create(builder, loc, builder.getF32Type(), level);
  return arith::MulFOp::create(builder, loc, value, scale);
}
