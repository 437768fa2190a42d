// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include <algorithm>
#include <cmath>
#include <limits>

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

int32_t mlir::lowbit::quantizeFloat(float x, float scale, int32_t zeroPoint, uint32_t max) {
  if (std::isnan(x))
    return zeroPoint;
  float code = std::nearbyint(x / scale);
  return int32_t(std::clamp(code + float(zeroPoint), 0.0f, float(max)));
}

Value mlir::lowbit::buildQuantize(OpBuilder &builder, Location loc, Value x, Value scale,
                                  int32_t zeroPoint, uint32_t max) {
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
  Value high = buildFloat(builder, loc, max);
  Value isBelow = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, code, high);
  code = arith::SelectOp::create(builder, loc, isBelow, code, high);
  if (zeroPoint != 0) {
    Value isNaN = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, rounded, rounded);
    code = arith::SelectOp::create(builder, loc, isNaN, offset, code);
  }
  return arith::FPToUIOp::create(builder, loc, builder.getI8Type(), code);
}

/// `value` as a constant of `type`, f32 or a vector of it.
static Value buildConstant(OpBuilder &builder, Location loc, Type type, float value) {
  TypedAttr attribute = builder.getF32FloatAttr(value);
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, value);
  return arith::ConstantOp::create(builder, loc, attribute);
}

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

Value mlir::lowbit::buildSignBit(OpBuilder &builder, Location loc, Value x) {
  // Unordered: the sign of NaN is that of 0.
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UGE, x,
                               buildConstant(builder, loc, x.getType(), 0.0f));
}

Value mlir::lowbit::buildQuantizeSign(OpBuilder &builder, Location loc, Value x) {
  auto code = [&](int8_t value) -> Value {
    return arith::ConstantOp::create(builder, loc, builder.getI8IntegerAttr(value));
  };
  Value bit = buildSignBit(builder, loc, x);
  return arith::SelectOp::create(builder, loc, bit, code(2), code(0));
}

Value mlir::lowbit::matchSignBit(Value code) {
  auto select = code.getDefiningOp<arith::SelectOp>();
  APInt positive, negative;
  if (!select || !code.getType().isInteger(8) ||
      !matchPattern(select.getTrueValue(), m_ConstantInt(&positive)) ||
      !matchPattern(select.getFalseValue(), m_ConstantInt(&negative)) || positive != 2 ||
      negative != 0)
    return {};
  return select.getCondition();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// An ordered comparison and a selection: one `minps` or `maxps` on x86.
static Value buildBound(OpBuilder &builder, Location loc, arith::CmpFPredicate predicate, Value x,
                        Value bound) {
  Value isInside = arith::CmpFOp::create(builder, loc, predicate, x, bound);
  return arith::SelectOp::create(builder, loc, isInside, x, bound);
}

Value mlir::lowbit::buildMin(OpBuilder &builder, Location loc, Value x, Value bound) {
  return buildBound(builder, loc, arith::CmpFPredicate::OLT, x, bound);
}

Value mlir::lowbit::buildMax(OpBuilder &builder, Location loc, Value x, Value bound) {
  return buildBound(builder, loc, arith::CmpFPredicate::OGT, x, bound);
}

RowCode mlir::lowbit::buildRowCode(OpBuilder &builder, Location loc, Value low, Value high,
                                   bool isSymmetric, uint32_t max) {
  constexpr float largest = std::numeric_limits<float>::max();
  auto constant = [&](float value) { return buildFloat(builder, loc, value); };
  auto divide = [&](Value a, Value b) -> Value {
    return arith::DivFOp::create(builder, loc, a, b);
  };
  // Infinities saturate.
  low = buildMax(builder, loc, low, constant(-largest));
  high = buildMin(builder, loc, high, constant(largest));
  RowCode code;
  if (isSymmetric) {
    Value magnitude = buildMax(builder, loc, arith::NegFOp::create(builder, loc, low), high);
    code.scale = divide(magnitude, constant(127.0f));
  } else {
    // Each is divided first: the width of the range can overflow.
    code.scale = arith::SubFOp::create(builder, loc, divide(high, constant(max)),
                                       divide(low, constant(max)));
  }
  // A row of zeros; and the inverse of a smaller scale can overflow.
  code.scale = buildMax(builder, loc, code.scale, constant(std::numeric_limits<float>::min()));
  code.inverse = divide(constant(1.0f), code.scale);
  if (isSymmetric) {
    code.zeroPoint = constant(symmetricZeroPoint);
  } else {
    Value distance = arith::MulFOp::create(builder, loc, low, code.inverse);
    code.zeroPoint =
        math::RoundEvenOp::create(builder, loc, arith::NegFOp::create(builder, loc, distance));
  }
  return code;
}

Value mlir::lowbit::buildQuantizeInRow(OpBuilder &builder, Location loc, Value x, Value inverse,
                                       Value zeroPoint, uint32_t max) {
  Type type = x.getType();
  Value code = arith::MulFOp::create(builder, loc, x, inverse);
  Value isNaN = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, code, code);
  code =
      arith::SelectOp::create(builder, loc, isNaN, buildConstant(builder, loc, type, 0.0f), code);
  code = math::RoundEvenOp::create(builder, loc, code);
  code = arith::AddFOp::create(builder, loc, code, zeroPoint);
  code = buildMax(builder, loc, code, buildConstant(builder, loc, type, 0.0f));
  code = buildMin(builder, loc, code, buildConstant(builder, loc, type, max));
  auto convert = [&](Type element) -> Type {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? Type(vector.clone(element)) : element;
  };
  // Through i32: vectors are narrowed by one instruction.
  Value integer = arith::FPToSIOp::create(builder, loc, convert(builder.getI32Type()), code);
  return arith::TruncIOp::create(builder, loc, convert(builder.getI8Type()), integer);
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
