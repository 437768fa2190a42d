// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Support/Clip.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::gpfq;

std::optional<float> mlir::gpfq::getConstantFloat(Value value) {
  APFloat constant(0.0f);
  if (!value.getType().isF32() || !matchPattern(value, m_ConstantFloat(&constant)))
    return std::nullopt;
  return constant.convertToFloat();
}

std::optional<Clip> mlir::gpfq::matchClip(Operation *op) {
  if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MinimumFOp, arith::MinNumFOp>(op)) {
    bool isMax = isa<arith::MaximumFOp, arith::MaxNumFOp>(op);
    for (auto [value, bound] : {std::pair(0, 1), std::pair(1, 0)})
      if (std::optional<float> constant = getConstantFloat(op->getOperand(bound)))
        return Clip{op->getOperand(value), *constant, isMax};
    return std::nullopt;
  }
  auto select = dyn_cast<arith::SelectOp>(op);
  auto compare = select ? select.getCondition().getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
  if (!compare)
    return std::nullopt;
  Value lhs = compare.getLhs(), rhs = compare.getRhs();
  bool straight = select.getTrueValue() == lhs && select.getFalseValue() == rhs;
  bool swapped = select.getTrueValue() == rhs && select.getFalseValue() == lhs;
  if (!straight && !swapped)
    return std::nullopt;
  bool greater;
  switch (compare.getPredicate()) {
  case arith::CmpFPredicate::OGT:
  case arith::CmpFPredicate::OGE:
  case arith::CmpFPredicate::UGT:
  case arith::CmpFPredicate::UGE:
    greater = true;
    break;
  case arith::CmpFPredicate::OLT:
  case arith::CmpFPredicate::OLE:
  case arith::CmpFPredicate::ULT:
  case arith::CmpFPredicate::ULE:
    greater = false;
    break;
  default:
    return std::nullopt;
  }
  if (std::optional<float> bound = getConstantFloat(rhs))
    return Clip{lhs, *bound, greater == straight};
  if (std::optional<float> bound = getConstantFloat(lhs))
    return Clip{rhs, *bound, greater != straight};
  return std::nullopt;
}
