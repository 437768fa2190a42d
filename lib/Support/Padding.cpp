// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Support/Padding.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

Value mlir::gpfq::padSpatial(OpBuilder &builder, Location loc, Value input,
                             ArrayRef<int64_t> padding, int32_t value) {
  if (llvm::all_of(padding, [](int64_t p) { return p == 0; }))
    return input;
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
  shape[1] += padding[0] + padding[1];
  shape[2] += padding[2] + padding[3];
  auto paddedType = RankedTensorType::get(shape, type.getElementType());
  TypedAttr attribute;
  if (type.getElementType().isF32())
    attribute = builder.getF32FloatAttr(0.0f);
  else
    attribute = builder.getIntegerAttr(builder.getI8Type(), APInt(8, value));
  Value constant = arith::ConstantOp::create(builder, loc, attribute);
  SmallVector<OpFoldResult> low, high;
  for (int64_t p : {int64_t(0), padding[0], padding[2], int64_t(0)})
    low.push_back(builder.getIndexAttr(p));
  for (int64_t p : {int64_t(0), padding[1], padding[3], int64_t(0)})
    high.push_back(builder.getIndexAttr(p));
  return tensor::PadOp::create(builder, loc, paddedType, input, low, high, constant);
}
