// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "CodeRange.h"

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// A constant byte, or that all elements of a tensor are filled with.
static uint32_t getConstantCode(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    value = fill.getInputs()[0];
  APInt code;
  return matchPattern(value, m_ConstantInt(&code)) ? uint32_t(code.getZExtValue()) : maxCode;
}

uint32_t mlir::gpfq::getMaxCode(Value codes) {
  Operation *op = codes.getDefiningOp();
  if (!op)
    return maxCode;
  if (auto quantize = dyn_cast<QuantizeOp>(op))
    return quantize.getLargestCode();
  if (auto rows = dyn_cast<QuantizeRowsOp>(op))
    return rows.getMax();
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp,
          linalg::TransposeOp>(op))
    return getMaxCode(op->getOperand(0));
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value constant = pad.getConstantPaddingValue();
    return constant ? std::max(getMaxCode(pad.getSource()), getConstantCode(constant)) : maxCode;
  }
  if (auto pool = dyn_cast<linalg::PoolingNhwcMaxUnsignedOp>(op))
    return std::max(getMaxCode(pool.getInputs()[0]), getConstantCode(pool.getOutputs()[0]));
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    uint32_t largest = 0;
    for (Value input : concat.getInputs())
      largest = std::max(largest, getMaxCode(input));
    return largest;
  }
  return maxCode;
}
