// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/Transforms/UnpackWeights.h"

#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "gpfq/Support/Constants.h"

using namespace mlir;
using namespace mlir::lowbit;

FailureOr<Value> mlir::lowbit::unpackWeights(OpBuilder &builder, LowBitComputeOpInterface op) {
  if (auto pack = op.getWeights().getDefiningOp<PackOp>();
      pack && pack.getLayout() == op.getLayoutAttr())
    return pack.getInput();
  std::optional<gpfq::ConstantTensor<int8_t>> bytes = gpfq::getConstantBytes(op.getWeights());
  if (!bytes || !op.getLayoutAttr())
    return failure();
  std::vector<int8_t> levels = unpackLevels(PackedGeometry(op), bytes->values);
  std::string name = bytes->name.empty() ? "" : bytes->name + ".levels";
  return gpfq::createByteConstant(builder, op->getLoc(), op.getKernelShape(), levels, name);
}
