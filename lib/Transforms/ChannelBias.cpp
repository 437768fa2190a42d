// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ChannelBias.h"

#include "ConstantView.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::gpfq;

std::optional<ChannelBias> mlir::gpfq::getChannelBias(Value init, const ChannelDims &channels) {
  std::optional<ConstantView> view = getConstantView(init);
  if (!view)
    return std::nullopt;
  for (int64_t dim = 0, rank = view->shape.size(); dim < rank; ++dim)
    if (view->variesAlong(dim) && !llvm::is_contained(channels.dims, dim))
      return std::nullopt;
  ChannelBias bias;
  bias.name = view->name;
  forEachIndex(channels.sizes, [&](ArrayRef<int64_t> index) {
    int64_t offset = 0;
    for (auto [dim, position] : llvm::zip_equal(channels.dims, index))
      offset += position * view->strides[dim];
    bias.values.push_back(view->values[offset]);
  });
  return bias;
}

Value mlir::gpfq::createChannelBias(OpBuilder &builder, Location loc, RankedTensorType type,
                                    const ChannelDims &channels, const ChannelBias &bias) {
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  if (llvm::all_of(bias.values, [](float value) { return value == 0; })) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
    return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  }
  SmallVector<int64_t> others;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!llvm::is_contained(channels.dims, dim))
      others.push_back(dim);
  Value constant = createFloatConstant(builder, loc, channels.sizes, bias.values, bias.name);
  return linalg::BroadcastOp::create(builder, loc, constant, empty, others)->getResult(0);
}
