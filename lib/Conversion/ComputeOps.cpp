// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ComputeOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

using utils::IteratorType;

/// The map that reads a tensor of `shape` as if broadcast to `resultShape` as in numpy.
static AffineMap getBroadcastMap(MLIRContext *context, ArrayRef<int64_t> shape,
                                 ArrayRef<int64_t> resultShape) {
  SmallVector<AffineExpr> exprs;
  int64_t offset = resultShape.size() - shape.size();
  for (auto [i, size] : llvm::enumerate(shape))
    exprs.push_back(size == resultShape[offset + i] ? getAffineDimExpr(offset + i, context)
                                                    : getAffineConstantExpr(0, context));
  return AffineMap::get(resultShape.size(), 0, exprs, context);
}

Value mlir::gpfq::createEpilogue(OpBuilder &builder, LowBitComputeOpInterface op, Value accumulator,
                                 Value correction) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getInit().getType());
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<Value> inputs{accumulator};
  SmallVector<AffineMap> maps{identity};
  auto addOperand = [&](Value operand) {
    inputs.push_back(operand);
    maps.push_back(getBroadcastMap(op.getContext(), cast<ShapedType>(operand.getType()).getShape(),
                                   type.getShape()));
  };
  llvm::for_each(op.getFused(), addOperand);
  if (correction)
    addOperand(correction);
  maps.push_back(identity);
  SmallVector<IteratorType> iterators(type.getRank(), IteratorType::parallel);
  Block &body = op.getEpilogue().front();
  auto generic = linalg::GenericOp::create(
      builder, loc, type, inputs, op.getInit(), maps, iterators,
      [&](OpBuilder &nested, Location, ValueRange args) {
        IRMapping mapping;
        ValueRange values = args.take_front(body.getNumArguments());
        mapping.map(body.getArguments(), values);
        if (correction)
          mapping.map(body.getArgument(0),
                      arith::AddIOp::create(nested, loc, values.front(), args.drop_back().back()));
        for (Operation &nestedOp : body.without_terminator())
          nested.clone(nestedOp, mapping);
        Value element = cast<lowbit::YieldOp>(body.getTerminator()).getValue();
        linalg::YieldOp::create(nested, loc, mapping.lookup(element));
      });
  return generic.getResult(0);
}
