// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "CodeRange.h"

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Support/Clip.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

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

/// True if the elements of the result of `op` are those of its first operand, or some of them.
static bool movesElements(Operation *op) {
  return isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp,
                         linalg::TransposeOp>(op);
}

static std::optional<float> getUpperBound(Value floats);

/// An upper bound of a scalar of the body of an elementwise `op`, other than NaN.
static std::optional<float> getUpperBound(Value scalar, linalg::GenericOp op) {
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    bool isInput =
        argument.getOwner() == op.getBody() && argument.getArgNumber() < op.getNumDpsInputs();
    return isInput ? getUpperBound(op.getInputs()[argument.getArgNumber()]) : std::nullopt;
  }
  std::optional<Clip> clip = matchClip(scalar.getDefiningOp());
  if (!clip)
    return std::nullopt;
  std::optional<float> bound = getUpperBound(clip->value, op);
  if (clip->isMax)
    return bound ? std::optional(std::max(*bound, clip->bound)) : std::nullopt;
  return std::min(bound.value_or(clip->bound), clip->bound);
}

/// An upper bound of the elements of a tensor of floats, other than NaN, from clips with constants.
static std::optional<float> getUpperBound(Value floats) {
  Operation *op = floats.getDefiningOp();
  if (movesElements(op))
    return getUpperBound(op->getOperand(0));
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  if (!generic || generic.getNumLoops() != generic.getNumParallelLoops())
    return std::nullopt;
  unsigned index = cast<OpResult>(floats).getResultNumber();
  return getUpperBound(generic.getBody()->getTerminator()->getOperand(index), generic);
}

/// The largest code of an input with a clip, as another tool's activations of few bits have it.
static uint32_t getMaxCodeOf(QuantizeOp quantize) {
  uint32_t largest = quantize.getLargestCode();
  std::optional<float> bound = getUpperBound(quantize.getInput());
  auto scale = getConstantFloats(quantize.getScale());
  if (quantize.getSign() || !bound || !scale)
    return largest;
  // Kernels may multiply by what is nearly 1 / scale, so a bound in the middle of two codes is
  // the upper one.
  double code = std::floor(double(*bound) / scale->values[0] * (1.0 + 1e-5) + 0.5 + 1e-3);
  code = std::max(code, 0.0) + quantize.getZeroPoint();
  // False for a bound that is NaN.
  return code < largest ? uint32_t(code) : largest;
}

uint32_t mlir::gpfq::getMaxCode(Value codes) {
  Operation *op = codes.getDefiningOp();
  if (!op)
    return maxCode;
  if (auto quantize = dyn_cast<QuantizeOp>(op))
    return getMaxCodeOf(quantize);
  if (auto rows = dyn_cast<QuantizeRowsOp>(op))
    return rows.getMax();
  if (movesElements(op))
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
