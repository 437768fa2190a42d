// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions with half the multiplications, by Winograd's inner product (see the encoding
// `paired` of LayoutAttr). Quads e and o of a pair have the codes x and levels w. Offsets make the
// factors a u8 and an i8: with the least -m of the levels and 0,
//
//   S = sum of (x(e) + (w(o) + m)) (x(o) + (w(e) + m - 128))
//   sum of x(e) w(e) + x(o) w(o) = S - C - L + Z
//
// where C is S for levels of 0, L is S for codes of 0, and Z is S for both. C is computed once for
// each pixel and L once for each channel; accumulators begin with Z - C - L. All of it is exact
// modulo 2^32.

#include "ContractionKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

int64_t KernelBuilder::getPairOffset(int64_t quadInPair) const {
  int64_t least = std::min(LowBitComputeOpInterface(op).getAlphabet().getMinLevel(), 0);
  return quadInPair == 0 ? INT8_MIN - least : -least;
}

int64_t KernelBuilder::getPairedZero() const { return 4 * getPairOffset(0) * getPairOffset(1); }

Value KernelBuilder::addToBytes(Value bytes, int64_t offset) {
  return arith::AddIOp::create(*this, bytes, splat(cast<VectorType>(bytes.getType()), offset));
}

Value KernelBuilder::emitPairedDot(Value acc, std::array<Value, 2> codes,
                                   std::array<Value, 2> levels) {
  return emitDot(acc, arith::AddIOp::create(*this, codes[0], levels[1]),
                 arith::AddIOp::create(*this, codes[1], levels[0]));
}

Value KernelBuilder::emitPairedCodes(Value acc, std::array<Value, 2> codes) {
  return emitDot(acc, addToBytes(codes[0], getPairOffset(1)),
                 addToBytes(codes[1], getPairOffset(0)));
}

SmallVector<Value> ContractionKernel::buildPairedRun(const RunPlace &run, ValueRange accumulators) {
  int64_t pairs = g.getPairs(), vectors = run.tile.vectors;
  SmallVector<Value> acc = b.buildLoop(pairs, accumulators, [&](Value pair, ValueRange before) {
    SmallVector<Value> sums(before);
    Value start = getStepStart(run, pair);
    KernelBuilder::RegisterCache cache;
    SmallVector<Value> first = loadLevels(run.tile, start, 0, cache);
    SmallVector<Value> second = loadLevels(run.tile, start, 1, cache);
    for (auto [m, row] : llvm::enumerate(run.rows)) {
      SmallVector<Value> at =
          getInputIndices(run.tile, row, run.tapRow, run.tapColumn, b.scale(pair, 8));
      std::array<Value, 2> codes;
      for (auto [i, word] : llvm::enumerate(codes))
        word = broadcastWord(loadWord(at, 4 * i, /*skip=*/0));
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[m * vectors + v];
        sum = b.emitPairedDot(sum, {getFactor(codes[0], first[v]), getFactor(codes[1], first[v])},
                              {first[v], second[v]});
      }
    }
    return sums;
  });
  return buildQuads(run, b.index(pairs), pairs, 0, g.getQuads() - 2 * pairs, acc);
}

Value ContractionKernel::getCodeSumPlace(const TilePlace &place, TileRow row) {
  Value pixel = b.add(b.scale(b.add(place.y, row.y), width), b.add(place.x, row.x));
  return b.add(codeSumsStart, b.scale(pixel, 4));
}

/// The words of each pair exchanged.
static Value swapPairs(KernelBuilder &b, Value codes) {
  VectorType lanes = b.getVectorType(b.getI32Type());
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < lanes.getNumElements(); ++lane)
    order.push_back(lane ^ 1);
  Value words = vector::BitCastOp::create(b, lanes, codes);
  Value swapped = vector::ShuffleOp::create(b, words, words, order);
  return vector::BitCastOp::create(b, codes.getType(), swapped);
}

void ContractionKernel::buildCodeSums(TilePlace place, IndexRange tiles) {
  if (!codeSums) {
    codeSums = b.codeSums ? b.codeSums : b.allocate(4 * height * width, b.getI8Type());
    codeSumsStart = b.codeSums ? b.codeSumsStart : b.index(0);
  }
  // The products of a pair are in the even lanes of a vector.
  int64_t bytes = 4 * g.lanes, pairBytes = 8 * g.getPairs();
  int64_t whole = pairBytes / bytes, rest = pairBytes % bytes;
  auto addVector = [&](const RunPlace &run, Value vector, int64_t valid, ValueRange before) {
    SmallVector<Value> sums(before);
    for (auto [sum, row] : llvm::zip_equal(sums, run.rows)) {
      SmallVector<Value> at =
          getInputIndices(run.tile, row, run.tapRow, run.tapColumn, b.scale(vector, bytes));
      Value codes = b.loadVector(b.input, at, valid, bytes);
      sum = b.emitPairedCodes(sum, {codes, swapPairs(b, codes)});
    }
    return sums;
  };
  auto addRun = [&](const RunPlace &run, ValueRange before) {
    SmallVector<Value> sums = b.buildLoop(whole, before, [&](Value vector, ValueRange sums) {
      return addVector(run, vector, bytes, sums);
    });
    return rest > 0 ? addVector(run, b.index(whole), rest, sums) : sums;
  };
  VectorType type = b.getAccumulatorType();
  SmallVector<int32_t> evenLanes;
  for (int64_t lane = 0; lane < g.lanes; ++lane)
    evenLanes.push_back(lane % 2 == 0 ? -1 : 0);
  Value mask = b.getConstant(DenseElementsAttr::get(type, ArrayRef(evenLanes)));
  // Of all pairs, and of what the last vector of each run is filled up with.
  int64_t zeros = g.runs * (g.getPairs() + (rest > 0 ? (bytes - rest) / 8 : 0));
  Value base = b.getConstant(b.getI32IntegerAttr(int32_t(zeros * b.getPairedZero())));
  buildTiles(place, tiles, [&](const TilePlace &at, ArrayRef<TileRow> rows) {
    SmallVector<Value> sums(rows.size(), b.zeros(type));
    sums = b.buildLoop(tapRows, sums, [&](Value tapRow, ValueRange rowSums) {
      return b.buildLoop(tapColumns, rowSums, [&](Value tapColumn, ValueRange columnSums) {
        return addRun({at, rows, tapRow, tapColumn}, columnSums);
      });
    });
    for (auto [sum, row] : llvm::zip_equal(sums, rows)) {
      Value even = arith::AndIOp::create(b, sum, mask);
      Value total = vector::ReductionOp::create(b, vector::CombiningKind::ADD, even);
      Value start = arith::SubIOp::create(b, base, total);
      Value word = vector::BroadcastOp::create(b, VectorType::get(1, b.getI32Type()), start);
      Value stored = vector::BitCastOp::create(b, VectorType::get(4, b.getI8Type()), word);
      vector::StoreOp::create(b, stored, codeSums, ValueRange(getCodeSumPlace(at, row)));
    }
  });
}

SmallVector<Value> ContractionKernel::buildLevelSums(int64_t vectors) {
  VectorType type = b.getAccumulatorType();
  SmallVector<Value> sums(vectors, b.zeros(type));
  sums = b.buildLoop(g.runs, sums, [&](Value run, ValueRange runSums) {
    return b.buildLoop(g.getPairs(), runSums, [&](Value pair, ValueRange before) {
      Value step = b.add(b.scale(run, g.getSteps()), pair);
      Value start = b.add(b.getUnpackedStart(), b.scale(step, g.getStepBytes(vectors)));
      KernelBuilder::RegisterCache cache;
      SmallVector<Value> next;
      for (int64_t v = 0; v < vectors; ++v)
        next.push_back(b.emitDot(before[v], b.loadLevels(start, v, 1, cache),
                                 b.loadLevels(start, v, 0, cache)));
      return next;
    });
  });
  for (Value &sum : sums)
    sum = arith::SubIOp::create(b, b.zeros(type), sum);
  return sums;
}

SmallVector<Value> ContractionKernel::startPairs(const TilePlace &place, ArrayRef<TileRow> rows,
                                                 ArrayRef<Value> bias) {
  SmallVector<Value> starts, sums;
  for (int64_t v = 0; v < place.vectors; ++v)
    starts.push_back(bias.empty() ? levelSums[v]
                                  : arith::AddIOp::create(b, levelSums[v], bias[v]).getResult());
  for (TileRow row : rows) {
    Value bytes = vector::LoadOp::create(b, VectorType::get(4, b.getI8Type()), codeSums,
                                         ValueRange(getCodeSumPlace(place, row)));
    Value word = vector::BitCastOp::create(b, VectorType::get(1, b.getI32Type()), bytes);
    Value scalar = vector::ExtractOp::create(b, word, int64_t(0));
    Value start = vector::BroadcastOp::create(b, b.getAccumulatorType(), scalar);
    for (Value levels : starts)
      sums.push_back(arith::AddIOp::create(b, start, levels));
  }
  return sums;
}
