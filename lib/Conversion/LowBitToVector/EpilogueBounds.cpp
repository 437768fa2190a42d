// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounds on the values of an epilogue, from the range of the accumulator and constant operands.

#include "KernelBuilder.h"

#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

static constexpr double unknown = std::numeric_limits<double>::infinity();

template <typename T> static double getLargest(ArrayRef<T> values) {
  double largest = 0.0;
  for (T value : values)
    largest = std::isfinite(double(value)) ? std::max(largest, std::abs(double(value))) : unknown;
  return largest;
}

Attribute mlir::gpfq::getConstantBuffer(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  auto get = memref.getDefiningOp<memref::GetGlobalOp>();
  auto global = get ? SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(get, get.getNameAttr())
                    : memref::GlobalOp();
  return global ? global.getInitialValue().value_or(Attribute()) : Attribute();
}

/// The largest magnitude in a buffer of f32 or i32 that is a constant, or a view of one.
static double getLargestElement(Value memref) {
  Attribute value = getConstantBuffer(memref);
  if (auto elements = dyn_cast_or_null<DenseElementsAttr>(value)) {
    if (elements.getElementType().isF32())
      return getLargest<float>(llvm::to_vector(elements.getValues<float>()));
    if (elements.getElementType().isInteger(32))
      return getLargest<int32_t>(llvm::to_vector(elements.getValues<int32_t>()));
  }
  auto getLargestOf = [](auto resource) {
    auto elements = resource.tryGetAsArrayRef();
    return elements ? getLargest(*elements) : unknown;
  };
  if (auto resource = dyn_cast_or_null<DenseF32ResourceElementsAttr>(value))
    return getLargestOf(resource);
  if (auto resource = dyn_cast_or_null<DenseI32ResourceElementsAttr>(value))
    return getLargestOf(resource);
  return unknown;
}

double mlir::gpfq::getEpilogueBound(LowBitComputeOpInterface op, Value value) {
  APFloat constant(0.0f);
  if (matchPattern(value, m_ConstantFloat(&constant)))
    return constant.isFinite() ? std::abs(constant.convertToDouble()) : unknown;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getArgNumber() > 0)
      return getLargestElement(op->getOperand(argument.getArgNumber() + 1));
    return op.hasIntegerAccumulator() ? double(getMaxSum(op)) : unknown;
  }
  Operation *definition = value.getDefiningOp();
  auto operand = [&](unsigned i) { return getEpilogueBound(op, definition->getOperand(i)); };
  double bound = unknown;
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(definition))
    bound = std::min(operand(0),
                     std::ldexp(1.0, definition->getOperand(0).getType().getIntOrFloatBitWidth()));
  else if (isa<arith::AddFOp, arith::SubFOp, arith::AddIOp>(definition))
    bound = operand(0) + operand(1);
  else if (isa<arith::MulFOp>(definition))
    bound = operand(0) * operand(1);
  else if (isa<arith::NegFOp>(definition))
    bound = operand(0);
  else if (isa<arith::SelectOp>(definition))
    bound = std::max(operand(1), operand(2));
  // Room for roundings. A bound beyond f32, or 0 times infinity, proves nothing.
  return bound < double(std::numeric_limits<float>::max()) ? bound * (1 + 1e-6) : unknown;
}
