// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Weights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::gpfq;

std::optional<LevelPacking> mlir::gpfq::getLevelPacking(lowbit::AlphabetAttr alphabet) {
  SmallVector<int32_t> levels = alphabet.getLevels();
  int32_t stride = 0;
  for (int32_t level : levels)
    stride = std::gcd(stride, level - levels.front());
  int32_t codes = (levels.back() - levels.front()) / stride + 1;
  unsigned bits = llvm::PowerOf2Ceil(llvm::Log2_32_Ceil(codes));
  if (bits > 4)
    return std::nullopt;
  return LevelPacking{bits, levels.front(), stride};
}

/// The bytes of `levels`, whose first dimension has `packedRows` rows afterwards.
static std::vector<int8_t> packRows(const ConstantTensor<int8_t> &levels,
                                    const LevelPacking &packing, int64_t packedRows) {
  int64_t rows = levels.shape.front(), rowSize = levels.values.size() / std::max<int64_t>(rows, 1);
  std::vector<int8_t> bytes(packedRows * rowSize, 0);
  for (int64_t row = 0; row < rows; ++row) {
    unsigned shift = row / packedRows * packing.bits;
    for (int64_t i = 0; i < rowSize; ++i) {
      int32_t code = (levels.values[row * rowSize + i] - packing.offset) / packing.stride;
      bytes[row % packedRows * rowSize + i] |= int8_t(code << shift);
    }
  }
  return bytes;
}

/// offset + stride * ((byte >> (part * bits)) & mask)
static Value buildUnpack(OpBuilder &builder, Location loc, Value byte, Value part,
                         const LevelPacking &packing) {
  Type i8 = builder.getI8Type();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(i8, value));
  };
  Value number = arith::IndexCastOp::create(builder, loc, i8, part);
  Value shift = arith::MulIOp::create(builder, loc, number, constant(packing.bits));
  Value shifted = arith::ShRUIOp::create(builder, loc, byte, shift);
  Value code =
      arith::AndIOp::create(builder, loc, shifted, constant((int64_t(1) << packing.bits) - 1));
  Value scaled = arith::MulIOp::create(builder, loc, code, constant(packing.stride));
  return arith::AddIOp::create(builder, loc, scaled, constant(packing.offset));
}

Value mlir::gpfq::createLevels(OpBuilder &builder, Location loc,
                               const ConstantTensor<int8_t> &levels,
                               std::optional<LevelPacking> packing) {
  if (!packing)
    return createByteConstant(builder, loc, levels.shape, levels.values, levels.name);
  int64_t parts = packing->getCodesPerByte(), rows = levels.shape.front();
  int64_t packedRows = llvm::divideCeil(rows, parts);
  SmallVector<int64_t> packedShape = llvm::to_vector(levels.shape);
  packedShape.front() = packedRows;
  Value packed = createByteConstant(builder, loc, packedShape,
                                    packRows(levels, *packing, packedRows), levels.name);

  SmallVector<int64_t> partShape = packedShape;
  partShape.insert(partShape.begin(), parts);
  Value empty = tensor::EmptyOp::create(builder, loc, partShape, builder.getI8Type());
  AffineMap identity = builder.getMultiDimIdentityMap(partShape.size());
  SmallVector<utils::IteratorType> iterators(partShape.size(), utils::IteratorType::parallel);
  auto unpack = linalg::GenericOp::create(
      builder, loc, empty.getType(), packed, empty,
      {identity.getMinorSubMap(packedShape.size()), identity}, iterators,
      [&](OpBuilder &nested, Location, ValueRange args) {
        Value part = linalg::IndexOp::create(nested, loc, 0);
        linalg::YieldOp::create(nested, loc, buildUnpack(nested, loc, args[0], part, *packing));
      });

  SmallVector<ReassociationIndices> reassociation{{0, 1}};
  for (int64_t dim : llvm::seq<int64_t>(2, partShape.size()))
    reassociation.push_back({dim});
  Value merged = tensor::CollapseShapeOp::create(builder, loc, unpack.getResult(0), reassociation);
  if (packedRows * parts == rows)
    return merged;
  SmallVector<OpFoldResult> offsets(levels.shape.size(), builder.getIndexAttr(0)),
      strides(levels.shape.size(), builder.getIndexAttr(1)), sizes;
  for (int64_t size : levels.shape)
    sizes.push_back(builder.getIndexAttr(size));
  return tensor::ExtractSliceOp::create(builder, loc, merged, offsets, sizes, strides);
}
