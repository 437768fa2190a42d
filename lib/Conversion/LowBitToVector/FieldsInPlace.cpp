// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions with fields in place (see LayoutAttr): what unpacking would take is one subtraction
// for each row and a shift for each place in a byte.
//
// A field at place p of a byte is the level f plus an offset, but at the last place, where it is f,
// and its products are 2^p times too large. So with the sums s_p of the products
//
//   sum of x f = sum over p of (s_p >> p) - offset * (sum of the codes x at places before the last)
//
// and the levels of an odd alphabet are 2 f + 1.

#include "ContractionKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// What the codes of each quad of a step are multiplied by: the offset, or for an odd alphabet
/// twice the offset less one.
static SmallVector<int8_t> getOffsets(const PackedGeometry &g) {
  int64_t offset = int64_t(1) << (g.bits - 1);
  SmallVector<int8_t> offsets;
  for (int64_t quad = 0; quad < g.quadsPerStep; ++quad) {
    int64_t quadOffset = g.isSignedInPlace(quad) ? 0 : offset;
    offsets.push_back(g.odd ? 2 * quadOffset - 1 : quadOffset);
  }
  return offsets;
}

/// The sum of the codes, each multiplied by the offset of its quad, where they are not side by
/// side.
Value ContractionKernel::buildOffsetSumByElement(const TilePlace &place, TileRow row) {
  SmallVector<int8_t> offsets = getOffsets(g);
  auto addElements = [&](Value first, int64_t count, Value sum) {
    SmallVector<Value> at = getInputIndices(place, row, b.index(0), b.index(0), first);
    for (int64_t element = 0; element < count; ++element) {
      Value code = arith::ExtUIOp::create(b, b.getI32Type(), loadElement(at, element));
      Value offset = b.getConstant(b.getI32IntegerAttr(offsets[element / 4]));
      sum = arith::AddIOp::create(b, sum, arith::MulIOp::create(b, code, offset));
    }
    return sum;
  };
  int64_t atOnce = 4 * offsets.size(), whole = g.run / atOnce;
  SmallVector<Value> sum = {b.getConstant(b.getI32IntegerAttr(0))};
  sum = b.buildLoop(whole, sum, [&](Value group, ValueRange before) {
    return SmallVector<Value>{addElements(b.scale(group, atOnce), atOnce, before[0])};
  });
  return addElements(b.index(whole * atOnce), g.run % atOnce, sum[0]);
}

Value ContractionKernel::buildOffsetSum(const TilePlace &place, TileRow row) {
  if (byElement)
    return buildOffsetSumByElement(place, row);
  // A vector of codes begins where a step does.
  SmallVector<int8_t> offsets = getOffsets(g), pattern;
  for (int64_t byte = 0; byte < 4 * g.lanes; ++byte)
    pattern.push_back(offsets[byte / 4 % offsets.size()]);
  Value factors = b.getConstant(DenseElementsAttr::get(b.getBytesType(), ArrayRef(pattern)));
  int64_t bytes = 4 * g.lanes, whole = g.run / bytes;
  auto addVector = [&](Value vector, int64_t valid, Value sum) {
    SmallVector<Value> at =
        getInputIndices(place, row, b.index(0), b.index(0), b.scale(vector, bytes));
    return b.emitDot(sum, b.loadVector(b.input, at, valid, bytes), factors);
  };
  SmallVector<Value> sums = {b.zeros(b.getAccumulatorType())};
  sums = b.buildLoop(whole, sums, [&](Value vector, ValueRange before) {
    return SmallVector<Value>{addVector(vector, bytes, before[0])};
  });
  if (int64_t rest = g.run % bytes)
    sums[0] = addVector(b.index(whole), rest, sums[0]);
  return vector::ReductionOp::create(b, vector::CombiningKind::ADD, sums[0]);
}

void ContractionKernel::mergeFields(const TilePlace &place, ArrayRef<TileRow> rows,
                                    SmallVectorImpl<Value> &sums) {
  SmallVector<unsigned, 8> places = g.getPlaces();
  int64_t count = sums.size() / places.size();
  for (auto [m, row] : llvm::enumerate(rows)) {
    Value offset = offsetSum ? offsetSum : buildOffsetSum(place, row);
    for (int64_t v = 0; v < place.vectors; ++v) {
      Value &sum = sums[m * place.vectors + v];
      auto type = cast<VectorType>(sum.getType());
      for (size_t i = 1; i < places.size(); ++i) {
        Value scaled = sums[i * count + m * place.vectors + v];
        Value products = arith::ShRSIOp::create(b, scaled, b.splat(type, places[i]));
        sum = arith::AddIOp::create(b, sum, products);
      }
      if (g.odd)
        sum = arith::AddIOp::create(b, sum, sum);
      sum = arith::SubIOp::create(b, sum, vector::BroadcastOp::create(b, type, offset));
    }
  }
  sums.truncate(count);
}
