// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Support/Constants.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

using namespace mlir;
using namespace mlir::gpfq;

/// Constants of more elements than this are resources: printed once, at the end, and never uniqued.
static constexpr int64_t maxInlineElements = 64;

/// Reads `attribute`, whose elements are `T`s.
template <typename T, typename ResourceAttr>
static std::optional<ConstantTensor<T>> readAttribute(Attribute attribute) {
  auto elements = dyn_cast<ElementsAttr>(attribute);
  if (!elements || !elements.getShapedType().hasStaticShape())
    return std::nullopt;
  ConstantTensor<T> result;
  result.shape = llvm::to_vector(elements.getShapedType().getShape());
  if (auto resource = dyn_cast<ResourceAttr>(attribute)) {
    std::optional<ArrayRef<T>> data = resource.tryGetAsArrayRef();
    if (!data)
      return std::nullopt;
    result.values.assign(data->begin(), data->end());
    result.name = resource.getRawHandle().getKey().str();
  } else if (auto dense = dyn_cast<DenseElementsAttr>(attribute)) {
    auto values = dense.tryGetValues<T>();
    if (failed(values))
      return std::nullopt;
    result.values.assign(values->begin(), values->end());
  } else {
    return std::nullopt;
  }
  return result;
}

static SmallVector<int64_t> getRowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = int64_t(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

/// The tensor of `shape` whose element at an index is the element of `tensor` at the dot product of
/// the index and `strides`.
template <typename T>
static ConstantTensor<T> gather(const ConstantTensor<T> &tensor, ArrayRef<int64_t> shape,
                                ArrayRef<int64_t> strides) {
  ConstantTensor<T> result;
  result.shape = llvm::to_vector(shape);
  result.name = tensor.name;
  int64_t count = ShapedType::getNumElements(shape);
  result.values.resize(count);
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t source = 0;
  for (int64_t i = 0; i < count; ++i) {
    result.values[i] = tensor.values[source];
    for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d) {
      source += strides[d];
      if (++index[d] < shape[d])
        break;
      source -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return result;
}

template <typename T>
ConstantTensor<T> mlir::gpfq::transpose(const ConstantTensor<T> &tensor,
                                        ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> sourceStrides = getRowMajorStrides(tensor.shape), shape, strides;
  for (int64_t p : permutation) {
    shape.push_back(tensor.shape[p]);
    strides.push_back(sourceStrides[p]);
  }
  return gather(tensor, shape, strides);
}

template ConstantTensor<float> mlir::gpfq::transpose(const ConstantTensor<float> &,
                                                     ArrayRef<int64_t>);
template ConstantTensor<int8_t> mlir::gpfq::transpose(const ConstantTensor<int8_t> &,
                                                      ArrayRef<int64_t>);

/// The input map of a generic that copies its one input to its result, permuted or broadcast.
static std::optional<AffineMap> getCopyMap(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return std::nullopt;
  Block &body = op.getRegion().front();
  auto yield = cast<linalg::YieldOp>(body.getTerminator());
  if (yield.getOperand(0) != body.getArgument(0))
    return std::nullopt;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  for (AffineExpr expr : map.getResults()) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    if (!isa<AffineDimExpr>(expr) && !(constant && constant.getValue() == 0))
      return std::nullopt;
  }
  return map;
}

Value mlir::gpfq::getViewSource(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return {};
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, linalg::TransposeOp,
          linalg::BroadcastOp>(op))
    return op->getOperand(0);
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (generic && getCopyMap(generic))
    return op->getOperand(0);
  return {};
}

/// Reads `value`, a view of a tensor that `readLeaf` knows.
template <typename T>
static std::optional<ConstantTensor<T>>
readView(Value value, function_ref<std::optional<ConstantTensor<T>>(Value)> readLeaf) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape())
    return std::nullopt;
  if (std::optional<ConstantTensor<T>> leaf = readLeaf(value))
    return leaf;
  Value viewed = getViewSource(value);
  if (!viewed)
    return std::nullopt;
  std::optional<ConstantTensor<T>> source = readView<T>(viewed, readLeaf);
  if (!source)
    return std::nullopt;
  Operation *op = value.getDefiningOp();
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op)) {
    source->shape = llvm::to_vector(type.getShape());
    return source;
  }
  if (auto transposeOp = dyn_cast<linalg::TransposeOp>(op))
    return transpose(*source, transposeOp.getPermutation());
  AffineMap map = cast<linalg::LinalgOp>(op).getIndexingMapsArray()[0];
  SmallVector<int64_t> sourceStrides = getRowMajorStrides(source->shape);
  SmallVector<int64_t> strides(type.getRank(), 0);
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      strides[dim.getPosition()] += sourceStrides[i];
  return gather(*source, type.getShape(), strides);
}

template <typename T, typename ResourceAttr>
static std::optional<ConstantTensor<T>> readValue(Value value) {
  return readView<T>(value, [](Value leaf) -> std::optional<ConstantTensor<T>> {
    Attribute attribute;
    if (!matchPattern(leaf, m_Constant(&attribute)))
      return std::nullopt;
    return readAttribute<T, ResourceAttr>(attribute);
  });
}

template <typename T>
std::optional<ConstantTensor<T>> mlir::gpfq::applyViews(Value value, Value source,
                                                        const ConstantTensor<T> &tensor) {
  return readView<T>(value, [&](Value leaf) -> std::optional<ConstantTensor<T>> {
    if (leaf == source)
      return tensor;
    return std::nullopt;
  });
}

template std::optional<ConstantTensor<float>> mlir::gpfq::applyViews(Value, Value,
                                                                     const ConstantTensor<float> &);
template std::optional<ConstantTensor<int8_t>>
mlir::gpfq::applyViews(Value, Value, const ConstantTensor<int8_t> &);

std::optional<ConstantTensor<float>> mlir::gpfq::getConstantFloats(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isF32())
    return std::nullopt;
  return readValue<float, DenseF32ResourceElementsAttr>(value);
}

std::optional<ConstantTensor<int8_t>> mlir::gpfq::getConstantBytes(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isInteger(8))
    return std::nullopt;
  return readValue<int8_t, DenseI8ResourceElementsAttr>(value);
}

std::optional<ConstantTensor<int32_t>> mlir::gpfq::getConstantIntegers(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isInteger(32))
    return std::nullopt;
  return readValue<int32_t, DenseI32ResourceElementsAttr>(value);
}

static DialectResourceBlobManager &getBlobs(MLIRContext *context) {
  return DenseResourceElementsHandle::getManagerInterface(context).getBlobManager();
}

/// `name` without the number that a resource gets when its name is taken, so that rewriting a
/// constant again and again does not add one each time.
static StringRef stripCopyNumber(DialectResourceBlobManager &blobs, StringRef name) {
  while (true) {
    StringRef stem = name.rtrim("0123456789");
    if (stem.size() == name.size() || !stem.consume_back("_") || !blobs.lookup(stem))
      return name;
    name = stem;
  }
}

template <typename T, typename ResourceAttr>
static Value createConstant(OpBuilder &builder, Location loc, RankedTensorType type,
                            ArrayRef<T> values, StringRef name) {
  assert(type.getNumElements() == int64_t(values.size()) && "shape does not match the values");
  DialectResourceBlobManager &blobs = getBlobs(builder.getContext());
  name = stripCopyNumber(blobs, name);
  // A small constant that was a resource stays one: layers are named after it.
  bool isInline =
      type.getNumElements() <= maxInlineElements && (name.empty() || !blobs.lookup(name));
  Attribute attribute;
  if (isInline)
    attribute = DenseElementsAttr::get(type, values);
  else
    attribute = ResourceAttr::get(
        type, name.empty() ? "constant" : name,
        HeapAsmResourceBlob::allocateAndCopyInferAlign<T>(values, /*dataIsMutable=*/false));
  return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(attribute));
}

Value mlir::gpfq::createFloatConstant(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
                                      ArrayRef<float> values, StringRef name) {
  return createConstant<float, DenseF32ResourceElementsAttr>(
      builder, loc, RankedTensorType::get(shape, builder.getF32Type()), values, name);
}

Value mlir::gpfq::createByteConstant(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
                                     ArrayRef<int8_t> values, StringRef name) {
  return createConstant<int8_t, DenseI8ResourceElementsAttr>(
      builder, loc, RankedTensorType::get(shape, builder.getI8Type()), values, name);
}

Value mlir::gpfq::createIntegerConstant(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
                                        ArrayRef<int32_t> values, StringRef name) {
  return createConstant<int32_t, DenseI32ResourceElementsAttr>(
      builder, loc, RankedTensorType::get(shape, builder.getI32Type()), values, name);
}
