// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "RowShape.h"

using namespace mlir;
using namespace mlir::gpfq;

Value mlir::gpfq::insertDim(OpBuilder &builder, Value value, int64_t dim) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + dim, 1);
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    if (i == dim)
      groups.push_back({dim, dim + 1});
    else
      groups.push_back({i < dim ? i : i + 1});
  }
  return tensor::ExpandShapeOp::create(builder, value.getLoc(), type.clone(shape), value, groups);
}

Value mlir::gpfq::eraseDim(OpBuilder &builder, Value value, int64_t dim) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  // It joins the one behind it, or before it if it is the last.
  int64_t first = std::min(dim, rank - 2);
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < rank; ++i) {
    if (i == first + 1)
      groups.back().push_back(i);
    else
      groups.push_back({i});
  }
  return tensor::CollapseShapeOp::create(builder, value.getLoc(), value, groups);
}

bool mlir::gpfq::haveStaticShapes(TypeRange types) {
  return llvm::all_of(types, [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  });
}

std::optional<SmallVector<ReassociationIndices>> mlir::gpfq::getImageDims(Operation *op) {
  if (!isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) ||
      !haveStaticShapes(op->getOperandTypes()))
    return std::nullopt;
  auto expand = dyn_cast<tensor::ExpandShapeOp>(op);
  RankedTensorType sequence =
      expand ? expand.getSrcType() : cast<tensor::CollapseShapeOp>(op).getResultType();
  RankedTensorType image =
      expand ? expand.getResultType() : cast<tensor::CollapseShapeOp>(op).getSrcType();
  if (sequence.getRank() != 3 || image.getRank() != 4)
    return std::nullopt;
  SmallVector<ReassociationIndices> groups =
      expand ? expand.getReassociationIndices()
             : cast<tensor::CollapseShapeOp>(op).getReassociationIndices();
  // Other changes of shape split channels.
  for (const ReassociationIndices &group : groups)
    if (group.size() > 1 && image.getDimSize(group.front()) != 1 &&
        image.getDimSize(group.back()) != 1)
      return std::nullopt;
  return groups;
}

int64_t mlir::gpfq::getLength(ArrayRef<int64_t> group, RankedTensorType image) {
  return image.getDimSize(group.back()) == 1 && image.getDimSize(group.front()) != 1 ? group.front()
                                                                                     : group.back();
}

bool mlir::gpfq::changesRow(Operation *op) {
  std::optional<SmallVector<ReassociationIndices>> groups = getImageDims(op);
  if (!groups)
    return false;
  Value image = isa<tensor::ExpandShapeOp>(op) ? op->getResult(0) : op->getOperand(0);
  return llvm::all_of(*groups, [&](const ReassociationIndices &group) {
    return getLength(group, cast<RankedTensorType>(image.getType())) == group.back();
  });
}

Value mlir::gpfq::createPad(OpBuilder &builder, tensor::PadOp op, RankedTensorType type,
                            Value source, ArrayRef<OpFoldResult> low, ArrayRef<OpFoldResult> high) {
  Value padding = op.getConstantPaddingValue();
  if (padding.getParentBlock() == op.getBody())
    padding = builder.clone(*padding.getDefiningOp())->getResult(0);
  return tensor::PadOp::create(builder, op.getLoc(), type, source, low, high, padding,
                               op.getNofold());
}
