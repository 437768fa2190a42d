// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernel of lowbit.pack_signs: comparisons of vectors, whose results are bits in memory.

#include "KernelBuilder.h"
#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// Elements of a vector: two words.
static constexpr int64_t width = 64;

namespace {

class PackSignsKernel {
public:
  PackSignsKernel(LoopBuilder &builder, ValueRange buffers)
      : b(builder), input(buffers[0]), bits(buffers[1]),
        shape(cast<MemRefType>(input.getType()).getShape()) {}

  /// Builds the loops of dimension `indices.size()` and those in it.
  void build(SmallVector<Value> indices);

private:
  void buildRow(ArrayRef<Value> row);
  /// Packs `valid` elements from `column` on as whole words.
  void packElements(ArrayRef<Value> row, Value column, int64_t valid);

  LoopBuilder &b;
  Value input, bits;
  ArrayRef<int64_t> shape;
};

} // namespace

static SmallVector<Value> append(ArrayRef<Value> row, Value index) {
  SmallVector<Value> indices(row);
  indices.push_back(index);
  return indices;
}

void PackSignsKernel::packElements(ArrayRef<Value> row, Value column, int64_t valid) {
  Location loc = b.getLoc();
  int64_t bytes = getSignBytes(valid), size = 8 * bytes;
  Value x = b.loadVector(input, append(row, column), valid, size);
  auto type = cast<VectorType>(x.getType());
  auto bitType = VectorType::get(size, b.getI1Type());
  Value ones;
  if (type.getElementType().isF32())
    ones = buildSignBit(b, loc, x);
  else
    ones = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, x, b.zeros(type));
  if (valid < size) {
    SmallVector<bool> isValid(size, false);
    std::fill_n(isValid.begin(), valid, true);
    ones = arith::AndIOp::create(b, ones, b.getConstant(DenseElementsAttr::get(bitType, isValid)));
  }
  Value packed = vector::BitCastOp::create(b, VectorType::get(bytes, b.getI8Type()), ones);
  Value at = b.createOrFold<arith::DivUIOp>(column, b.index(8));
  b.storeVector(packed, bits, append(row, at), bytes);
}

void PackSignsKernel::buildRow(ArrayRef<Value> row) {
  int64_t whole = shape.back() / width, rest = shape.back() % width;
  b.buildLoop(whole, [&](Value i) { packElements(row, b.scale(i, width), width); });
  if (rest > 0)
    packElements(row, b.index(whole * width), rest);
}

void PackSignsKernel::build(SmallVector<Value> indices) {
  size_t dim = indices.size();
  if (dim + 1 == shape.size())
    return buildRow(indices);
  auto inner = [&](Value index) { build(append(indices, index)); };
  // Parts are made of the rows of a matrix or image.
  size_t split = shape.size() == 4 ? 1 : shape.size() - 2;
  if (dim == split && b.isSplit())
    b.buildTileLoops({{1, shape[dim], 0}}, b.takeChunk(shape[dim], shape[dim]),
                     [&](Value index, int64_t) { inner(index); });
  else
    b.buildLoop(shape[dim], inner);
}

void mlir::gpfq::buildPackSignsKernel(LoopBuilder &builder, PackSignsOp, ValueRange buffers) {
  PackSignsKernel(builder, buffers).build({});
}
