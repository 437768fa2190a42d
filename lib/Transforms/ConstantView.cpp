// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ConstantView.h"

#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::gpfq;

/// `source` seen with the dimensions of each group of `reassociation` in place of the group.
static ConstantView expand(ConstantView source, ArrayRef<ReassociationIndices> reassociation,
                           ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 0);
  for (auto [group, stride] : llvm::zip_equal(reassociation, source.strides))
    for (int64_t dim : llvm::reverse(group)) {
      strides[dim] = stride;
      stride *= shape[dim];
    }
  source.shape = llvm::to_vector(shape);
  source.strides = std::move(strides);
  return source;
}

/// The inverse; nothing if the elements of a group are not evenly spaced.
static std::optional<ConstantView> collapse(ConstantView source,
                                            ArrayRef<ReassociationIndices> reassociation,
                                            ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 0);
  for (auto [group, stride] : llvm::zip_equal(reassociation, strides)) {
    std::optional<int64_t> next;
    for (int64_t dim : llvm::reverse(group)) {
      if (source.shape[dim] == 1)
        continue;
      if (!next)
        stride = source.strides[dim];
      else if (source.strides[dim] != *next)
        return std::nullopt;
      next = source.strides[dim] * source.shape[dim];
    }
  }
  source.shape = llvm::to_vector(shape);
  source.strides = std::move(strides);
  return source;
}

/// The input map of an op that copies its one input to its result, permuted or broadcast.
static std::optional<AffineMap> getCopyMap(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return std::nullopt;
  Block &body = *op.getBlock();
  if (body.getTerminator()->getOperand(0) != body.getArgument(0))
    return std::nullopt;
  return op.getMatchingIndexingMap(op.getDpsInputOperand(0));
}

std::optional<ConstantView> mlir::gpfq::getConstantView(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  Operation *op = value.getDefiningOp();
  if (!type || !op || !type.hasStaticShape() || !type.getElementType().isF32())
    return std::nullopt;
  ArrayRef<int64_t> shape = type.getShape();
  ConstantView view{llvm::to_vector(shape), SmallVector<int64_t>(shape.size(), 0), {}, {}};

  Attribute attribute;
  if (matchPattern(value, m_Constant(&attribute))) {
    if (auto splat = dyn_cast<SplatElementsAttr>(attribute)) {
      view.values = {splat.getSplatValue<float>()};
      return view;
    }
    std::optional<ConstantTensor<float>> tensor = getConstantFloats(value);
    if (!tensor)
      return std::nullopt;
    view.values = std::move(tensor->values);
    view.name = std::move(tensor->name);
    view.strides = computeStrides(shape);
    return view;
  }
  if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    FloatAttr scalar;
    if (!matchPattern(fill.getInputs()[0], m_Constant(&scalar)))
      return std::nullopt;
    view.values = {scalar.getValue().convertToFloat()};
    return view;
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    std::optional<AffineMap> map = getCopyMap(linalgOp);
    if (!map)
      return std::nullopt;
    std::optional<ConstantView> source = getConstantView(linalgOp.getDpsInputs()[0]);
    if (!source)
      return std::nullopt;
    std::optional<SmallVector<int64_t>> strides = getLoopStrides(*source, *map);
    if (!strides)
      return std::nullopt;
    view.strides = std::move(*strides);
    view.values = std::move(source->values);
    view.name = std::move(source->name);
    return view;
  }
  if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op))
    return std::nullopt;
  std::optional<ConstantView> source = getConstantView(op->getOperand(0));
  if (!source || isa<tensor::CastOp>(op))
    return source;
  if (auto expandOp = dyn_cast<tensor::ExpandShapeOp>(op))
    return expand(std::move(*source), expandOp.getReassociationIndices(), shape);
  return collapse(std::move(*source), cast<tensor::CollapseShapeOp>(op).getReassociationIndices(),
                  shape);
}

std::optional<SmallVector<int64_t>> mlir::gpfq::getLoopStrides(const ConstantView &view,
                                                               AffineMap map) {
  SmallVector<int64_t> strides(map.getNumDims(), 0);
  for (auto [expr, stride] : llvm::zip_equal(map.getResults(), view.strides)) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      strides[dim.getPosition()] += stride;
      continue;
    }
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    if (!constant || constant.getValue() != 0)
      return std::nullopt;
  }
  return strides;
}

void mlir::gpfq::forEachIndex(ArrayRef<int64_t> shape,
                              function_ref<void(ArrayRef<int64_t>)> visit) {
  SmallVector<int64_t> index(shape.size(), 0);
  for (int64_t i = 0, count = ShapedType::getNumElements(shape); i < count; ++i) {
    visit(index);
    for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d) {
      if (++index[d] < shape[d])
        break;
      index[d] = 0;
    }
  }
}
