// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Support/Gathers.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::gpfq;

/// Whether `index` comes from the place of an element and not from its value, or is clamped.
static bool isSafe(Value index) {
  Operation *definition = index.getDefiningOp();
  if (!definition)
    return false;
  if (auto clamp = dyn_cast<arith::MinSIOp>(definition))
    return matchPattern(clamp.getRhs(), m_Constant());
  return isa<linalg::IndexOp, affine::AffineApplyOp, arith::ConstantOp>(definition);
}

int64_t mlir::gpfq::clampGathers(Operation *root) {
  int64_t count = 0;
  root->walk([&](tensor::ExtractOp op) {
    if (!op->getParentOfType<linalg::LinalgOp>())
      return;
    OpBuilder builder(op);
    for (auto [i, operand] : llvm::enumerate(op.getIndicesMutable())) {
      int64_t size = op.getTensor().getType().getDimSize(int64_t(i));
      Value index = operand.get();
      if (isSafe(index) || ShapedType::isDynamic(size) || size == 0)
        continue;
      Location loc = op.getLoc();
      Value first = arith::ConstantIndexOp::create(builder, loc, 0);
      Value last = arith::ConstantIndexOp::create(builder, loc, size - 1);
      index = arith::MaxSIOp::create(builder, loc, index, first);
      operand.set(arith::MinSIOp::create(builder, loc, index, last));
      ++count;
    }
  });
  return count;
}

/// The element that `index` is; `wraps` becomes true if `index` is the element plus a constant
/// where that is negative.
static Value getElement(Value index, bool &wraps) {
  while (Operation *definition = index.getDefiningOp()) {
    if (isa<arith::IndexCastOp, arith::ExtSIOp>(definition)) {
      index = definition->getOperand(0);
      continue;
    }
    auto select = dyn_cast<arith::SelectOp>(definition);
    auto sum = select ? select.getTrueValue().getDefiningOp<arith::AddIOp>() : arith::AddIOp();
    if (!sum || sum.getLhs() != select.getFalseValue())
      break;
    wraps = true;
    index = select.getFalseValue();
  }
  return index;
}

/// The tensor whose elements `element`, of the body of a linalg op, are; null if there is none.
static Value getSource(Value element) {
  auto argument = dyn_cast<BlockArgument>(element);
  auto op = argument ? dyn_cast<linalg::LinalgOp>(argument.getOwner()->getParentOp())
                     : linalg::LinalgOp();
  if (!op)
    return {};
  Value source = op->getOperand(argument.getArgNumber());
  while (Operation *definition = source.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(definition))
      break;
    source = definition->getOperand(0);
  }
  return source;
}

std::optional<IndexBounds> mlir::gpfq::getIndexBounds(func::FuncOp function, unsigned argument) {
  std::optional<IndexBounds> bounds;
  function.walk([&](tensor::ExtractOp op) {
    for (auto [i, index] : llvm::enumerate(op.getIndices())) {
      int64_t size = op.getTensor().getType().getDimSize(int64_t(i));
      bool wraps = false;
      if (ShapedType::isDynamic(size) ||
          getSource(getElement(index, wraps)) != function.getArgument(argument))
        continue;
      IndexBounds here{wraps ? -size : 0, size - 1};
      if (bounds)
        here = {std::max(bounds->low, here.low), std::min(bounds->high, here.high)};
      bounds = here;
    }
  });
  return bounds;
}
