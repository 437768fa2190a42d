// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "AffineEvaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::gpfq;

using Scalar = AffineScalar;
using Result = std::optional<AffineScalar>;

static Scalar add(Scalar a, Scalar b) {
  return {a.slope + b.slope, a.offset + b.offset, a.isConstant && b.isConstant};
}

static Scalar negate(Scalar a) { return {-a.slope, -a.offset, a.isConstant}; }

static Result multiply(Scalar a, Scalar b) {
  if (a.isConstant)
    std::swap(a, b);
  if (!b.isConstant)
    return std::nullopt;
  return Scalar{a.slope * b.offset, a.offset * b.offset, a.isConstant};
}

static Result divide(Scalar a, Scalar b) {
  if (!b.isConstant || (!a.isConstant && b.offset == 0))
    return std::nullopt;
  return Scalar{a.slope / b.offset, a.offset / b.offset, a.isConstant};
}

/// The value of an operation on known scalars other than those that are affine; nothing if it is
/// not known.
static std::optional<double> evaluateConstant(Operation *op, ArrayRef<double> x) {
  return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
      .Case([&](math::SqrtOp) { return std::sqrt(x[0]); })
      .Case([&](math::RsqrtOp) { return 1 / std::sqrt(x[0]); })
      .Case([&](math::AbsFOp) { return std::fabs(x[0]); })
      .Case([&](math::ExpOp) { return std::exp(x[0]); })
      .Case([&](math::PowFOp) { return std::pow(x[0], x[1]); })
      .Case([&](arith::MaximumFOp) { return std::isnan(x[0]) ? x[0]
                                            : x[0] > x[1]    ? x[0]
                                                             : x[1]; })
      .Case([&](arith::MinimumFOp) { return std::isnan(x[0]) ? x[0]
                                            : x[0] < x[1]    ? x[0]
                                                             : x[1]; })
      .Case([&](arith::SelectOp) { return x[0] != 0 ? x[1] : x[2]; })
      .Case([&](arith::CmpFOp cmp) {
        return double(arith::applyCmpPredicate(cmp.getPredicate(), APFloat(x[0]), APFloat(x[1])));
      })
      .Default([](Operation *) { return std::nullopt; });
}

static Result evaluate(Operation *op, ArrayRef<Scalar> operands) {
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](arith::AddFOp) { return add(operands[0], operands[1]); })
      .Case([&](arith::SubFOp) { return add(operands[0], negate(operands[1])); })
      .Case([&](arith::NegFOp) { return negate(operands[0]); })
      .Case([&](arith::MulFOp) { return multiply(operands[0], operands[1]); })
      .Case([&](arith::DivFOp) { return divide(operands[0], operands[1]); })
      .Case([&](math::FmaOp) -> Result {
        Result product = multiply(operands[0], operands[1]);
        return product ? Result(add(*product, operands[2])) : std::nullopt;
      })
      .Case<arith::TruncFOp, arith::ExtFOp>([&](auto) { return operands[0]; })
      .Default([&](Operation *) -> Result {
        SmallVector<double, 3> constants;
        for (Scalar operand : operands) {
          if (!operand.isConstant)
            return std::nullopt;
          constants.push_back(operand.offset);
        }
        std::optional<double> value = evaluateConstant(op, constants);
        return value ? Result(Scalar::constant(*value)) : std::nullopt;
      });
}

/// Whether every value of `type` is a double.
static bool isSupported(Type type) { return type.isF32() || type.isF64() || type.isInteger(1); }

static Result getConstant(Value value) {
  Attribute attribute;
  if (!isSupported(value.getType()) || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return Scalar::constant(number.getValueAsDouble());
  if (auto flag = dyn_cast<IntegerAttr>(attribute))
    return Scalar::constant(flag.getValue().isZero() ? 0.0 : 1.0);
  return std::nullopt;
}

std::optional<AffineScalar>
mlir::gpfq::evaluateAffine(Block &body, ArrayRef<std::optional<AffineScalar>> arguments) {
  llvm::SmallDenseMap<Value, Scalar, 16> known;
  for (auto [argument, value] : llvm::zip_equal(body.getArguments(), arguments))
    if (value)
      known[argument] = *value;
  auto lookup = [&](Value value) -> Result {
    auto it = known.find(value);
    return it == known.end() ? getConstant(value) : Result(it->second);
  };

  for (Operation &op : body.without_terminator()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue;
    SmallVector<Scalar, 3> operands;
    for (Value operand : op.getOperands()) {
      Result value = lookup(operand);
      if (!value)
        return std::nullopt;
      operands.push_back(*value);
    }
    if (isa<cf::AssertOp>(op)) {
      if (!operands[0].isConstant || operands[0].offset == 0)
        return std::nullopt;
      continue;
    }
    if (op.getNumResults() != 1 || !isSupported(op.getResult(0).getType()))
      return std::nullopt;
    Result value = evaluate(&op, operands);
    if (!value)
      return std::nullopt;
    if (value->isConstant && op.getResult(0).getType().isF32())
      value->offset = float(value->offset);
    known[op.getResult(0)] = *value;
  }
  return lookup(body.getTerminator()->getOperand(0));
}
