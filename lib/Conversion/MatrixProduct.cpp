// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/MatrixProduct.h"

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Whether `map` gives the batch, if there is one, and the dimensions `row` and `column` behind it.
static bool isMatrixMap(AffineMap map, int64_t batch, int64_t row, int64_t column) {
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> exprs;
  if (batch)
    exprs.push_back(getAffineDimExpr(0, context));
  exprs.push_back(getAffineDimExpr(row + batch, context));
  exprs.push_back(getAffineDimExpr(column + batch, context));
  return map == AffineMap::get(batch + 3, 0, exprs, context);
}

FailureOr<MatrixProduct> mlir::gpfq::matchMatrixProduct(linalg::LinalgOp op, std::string &reason) {
  auto fail = [&](std::string why) {
    reason = std::move(why);
    return failure();
  };
  if (!isa<linalg::MatmulOp, linalg::BatchMatmulOp>(op.getOperation()) ||
      !op.hasPureTensorSemantics())
    return fail("it is a " + op->getName().getStringRef().str() +
                ", not a linalg.matmul or linalg.batch_matmul");
  for (Value operand : op->getOperands()) {
    auto type = cast<RankedTensorType>(operand.getType());
    if (!type.getElementType().isF32() || !type.hasStaticShape() || type.getNumElements() == 0)
      return fail("an operand is not an f32 tensor of static shape");
  }
  // The loops are [batch,] m, n, k.
  int64_t batch = isa<linalg::BatchMatmulOp>(op.getOperation()) ? 1 : 0;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  bool isRightTransposed = isMatrixMap(maps[1], batch, 1, 2);
  if (!isMatrixMap(maps[0], batch, 0, 2) || !isMatrixMap(maps[2], batch, 0, 1) ||
      !(isRightTransposed || isMatrixMap(maps[1], batch, 2, 1)))
    return fail("its first operand is transposed or broadcast, or the second one is broadcast");
  int64_t depth = cast<RankedTensorType>(op.getDpsInputs()[0].getType()).getShape().back();
  int64_t limit =
      lowbit::getMaxReductionLength(lowbit::getCodeAlphabet(op.getContext()).getMaxMagnitude());
  if (depth > limit)
    return fail("the sum of " + std::to_string(depth) +
                " products of codes can overflow i32; at most " + std::to_string(limit) +
                " are safe");
  return MatrixProduct{isRightTransposed};
}

/// `permutation` followed by an exchange of the last two dimensions.
static SmallVector<int64_t> exchangeLastTwo(ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> result(permutation);
  std::swap(result[result.size() - 2], result.back());
  return result;
}

static SmallVector<int64_t> getIdentity(int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(rank));
}

static Value createTranspose(OpBuilder &builder, Location loc, Value value,
                             ArrayRef<int64_t> permutation) {
  if (permutation == ArrayRef<int64_t>(getIdentity(permutation.size())))
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation)
    shape.push_back(type.getDimSize(dim));
  Value empty = tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  return linalg::TransposeOp::create(builder, loc, value, empty, permutation)->getResult(0);
}

Value mlir::gpfq::transposeMatrices(OpBuilder &builder, Location loc, Value value) {
  if (auto transpose = value.getDefiningOp<linalg::TransposeOp>())
    return createTranspose(builder, loc, transpose.getInput(),
                           exchangeLastTwo(transpose.getPermutation()));
  auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>();
  if (collapse && collapse.getSrc().getDefiningOp<linalg::TransposeOp>()) {
    SmallVector<ReassociationIndices> groups = collapse.getReassociationIndices();
    if (llvm::all_of(ArrayRef(groups).take_back(2),
                     [](const ReassociationIndices &group) { return group.size() == 1; }))
      return tensor::CollapseShapeOp::create(
          builder, loc, transposeMatrices(builder, loc, collapse.getSrc()), groups);
  }
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  return createTranspose(builder, loc, value, exchangeLastTwo(getIdentity(rank)));
}

Value mlir::gpfq::getTransposedMatrices(Value value) {
  auto transpose = value.getDefiningOp<linalg::TransposeOp>();
  if (!transpose)
    return {};
  ArrayRef<int64_t> permutation = transpose.getPermutation();
  return permutation.size() >= 2 &&
                 permutation == ArrayRef<int64_t>(exchangeLastTwo(getIdentity(permutation.size())))
             ? transpose.getInput()
             : Value();
}
