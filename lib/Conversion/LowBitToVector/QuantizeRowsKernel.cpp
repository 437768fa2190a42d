// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernel of lowbit.quantize_rows: twice over each row, which is in the first-level cache the second
// time; first for its range, then for its codes.

#include "KernelBuilder.h"
#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// Elements of a vector. Several registers on every target, so that minima and maxima do not wait
/// for each other.
static constexpr int64_t width = 32;

namespace {

class RowKernel {
public:
  RowKernel(LoopBuilder &builder, QuantizeRowsOp op, ValueRange buffers)
      : b(builder), input(buffers[0]), codes(buffers[1]), scales(buffers[2]),
        zeroPoints(buffers[3]), sums(op.getSums() ? buffers[4] : Value()),
        shape(cast<MemRefType>(input.getType()).getShape()), isSymmetric(op.getSymmetric()),
        max(op.getMax()) {}

  void build();

private:
  void buildRow(ArrayRef<Value> row);
  RowCode buildCode(ArrayRef<Value> row);
  /// Calls `body` for the vectors of a row, whole ones in a loop and the rest behind it.
  SmallVector<Value>
  forVectors(ValueRange carried,
             function_ref<SmallVector<Value>(Value column, int64_t valid, ValueRange)> body);
  /// The vector at `column`, filled up with zeros, which do not change the range of a row.
  Value load(ArrayRef<Value> row, Value column, int64_t valid) {
    return b.loadVector(input, getIndices(row, column), valid, width);
  }
  static SmallVector<Value> getIndices(ArrayRef<Value> row, Value column) {
    SmallVector<Value> indices(row);
    indices.push_back(column);
    return indices;
  }

  LoopBuilder &b;
  Value input, codes, scales, zeroPoints, sums;
  ArrayRef<int64_t> shape;
  bool isSymmetric;
  uint32_t max;
};

} // namespace

SmallVector<Value> RowKernel::forVectors(
    ValueRange carried,
    function_ref<SmallVector<Value>(Value column, int64_t valid, ValueRange)> body) {
  int64_t whole = shape.back() / width, rest = shape.back() % width;
  SmallVector<Value> values = b.buildLoop(whole, carried, [&](Value i, ValueRange current) {
    return body(b.scale(i, width), width, current);
  });
  return rest ? body(b.index(whole * width), rest, values) : values;
}

RowCode RowKernel::buildCode(ArrayRef<Value> row) {
  Location loc = b.getLoc();
  Value zeros = b.zeros(VectorType::get(width, b.getF32Type()));
  SmallVector<Value> range =
      forVectors({zeros, zeros}, [&](Value column, int64_t valid, ValueRange current) {
        Value x = load(row, column, valid);
        return SmallVector<Value>{buildMin(b, loc, x, current[0]), buildMax(b, loc, x, current[1])};
      });
  // There is no NaN and no -0 left: without a special case of theirs it is a few shuffles.
  auto flags = arith::FastMathFlags::nnan | arith::FastMathFlags::nsz;
  Value low = vector::ReductionOp::create(b, vector::CombiningKind::MINNUMF, range[0], flags);
  Value high = vector::ReductionOp::create(b, vector::CombiningKind::MAXNUMF, range[1], flags);
  return buildRowCode(b, loc, low, high, isSymmetric, max);
}

void RowKernel::buildRow(ArrayRef<Value> row) {
  Location loc = b.getLoc();
  RowCode code = buildCode(row);
  SmallVector<Value> first = getIndices(row, b.index(0));
  memref::StoreOp::create(b, code.scale, scales, first);
  Value integer = arith::FPToSIOp::create(b, b.getI32Type(), code.zeroPoint);
  memref::StoreOp::create(b, integer, zeroPoints, first);
  auto type = VectorType::get(width, b.getF32Type());
  Value inverse = vector::BroadcastOp::create(b, type, code.inverse);
  Value zeroPoint = vector::BroadcastOp::create(b, type, code.zeroPoint);
  auto levelType = VectorType::get(width, b.getI32Type());
  SmallVector<Value> carried;
  if (sums)
    carried.push_back(b.zeros(levelType));
  carried = forVectors(carried, [&](Value column, int64_t valid, ValueRange current) {
    Value code = buildQuantizeInRow(b, loc, load(row, column, valid), inverse, zeroPoint, max);
    b.storeVector(code, codes, getIndices(row, column), valid);
    if (!sums)
      return SmallVector<Value>();
    // What fills up a vector has the code of 0, the zero point.
    Value wide = arith::ExtUIOp::create(b, levelType, code);
    Value level =
        arith::SubIOp::create(b, wide, vector::BroadcastOp::create(b, levelType, integer));
    return SmallVector<Value>{arith::AddIOp::create(b, current[0], level)};
  });
  if (sums) {
    Value sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD, carried[0]);
    memref::StoreOp::create(b, sum, sums, first);
  }
}

void RowKernel::build() {
  // All but the last two dimensions are loops.
  std::function<void(SmallVector<Value>)> buildLoops = [&](SmallVector<Value> indices) {
    size_t dim = indices.size();
    if (dim + 1 == shape.size())
      return buildRow(indices);
    auto inner = [&](Value index) {
      SmallVector<Value> next(indices);
      next.push_back(index);
      buildLoops(next);
    };
    // Parts are made of the rows of a matrix.
    if (dim + 2 == shape.size() && b.isSplit())
      b.buildTileLoops({{1, shape[dim], 0}}, b.takeChunk(shape[dim], shape[dim]),
                       [&](Value index, int64_t) { inner(index); });
    else
      b.buildLoop(shape[dim], inner);
  };
  buildLoops({});
}

void mlir::gpfq::buildQuantizeRowsKernel(LoopBuilder &builder, QuantizeRowsOp op,
                                         ValueRange buffers) {
  RowKernel(builder, op, buffers).build();
}
