// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integer tiles of depthwise kernels. Registers of codes of four columns are interleaved byte by
// byte, so that a dot product sums over four taps of a kernel row. Two outputs side by side share
// the codes, with the weights of the second shifted by a column; two outputs one below the other
// share those of all but one kernel row.

#include "DepthwiseKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

//===----------------------------------------------------------------------===//
// Codes and sums
//===----------------------------------------------------------------------===//

/// The low or high halves of each 128-bit lane of two vectors, element by element (punpckl..,
/// punpckh.., zip1, zip2).
static Value interleaveHalves(KernelBuilder &b, Value first, Value second, bool high) {
  auto type = cast<VectorType>(first.getType());
  int64_t size = type.getNumElements(), perLane = 128 / type.getElementTypeBitWidth();
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < size; lane += perLane)
    for (int64_t i = 0; i < perLane / 2; ++i) {
      int64_t at = lane + (high ? perLane / 2 : 0) + i;
      order.append({at, size + at});
    }
  return vector::ShuffleOp::create(b, first, second, order);
}

Value InterleavedRow::getQuad(Columns columns, int64_t v) {
  Value &quad = quads[{columns, v}];
  if (quad)
    return quad;
  Value low = getPair(columns[0], columns[1], v / 2), high = getPair(columns[2], columns[3], v / 2);
  auto words = VectorType::get(2 * b.getLanes(), b.getI16Type());
  low = vector::BitCastOp::create(b, words, low);
  high = vector::BitCastOp::create(b, words, high);
  quad = vector::BitCastOp::create(b, b.getBytesType(), interleaveHalves(b, low, high, v % 2));
  return quad;
}

Value InterleavedRow::getPair(int64_t first, int64_t second, int64_t half) {
  Value &pair = pairs[{first, second, half}];
  if (!pair)
    pair = interleaveHalves(b, getColumn(first), getColumn(second), half);
  return pair;
}

Value InterleavedRow::getColumn(int64_t column) {
  Value &loaded = columns[column];
  if (!loaded)
    loaded = load(column);
  return loaded;
}

/// Before narrow sums could overflow they are added to the accumulators.
void QuadSums::startQuad() {
  if (limit == 0 || quads++ % limit != 0)
    return;
  if (!narrow.empty())
    acc = b.emitWiden(acc, narrow);
  narrow.assign(acc.size(), b.zeros(b.getNarrowType()));
}

void QuadSums::add(int64_t index, Value codes, ArrayRef<Value> levels) {
  Value &sum = limit == 0 ? acc[index] : narrow[index];
  sum = levels.size() == 1 ? b.emitDot(sum, codes, levels[0])
                           : b.emitWordDot(sum, emitCodeWords(b, b.getLoc(), codes), levels);
}

SmallVector<Value> QuadSums::finish() { return narrow.empty() ? acc : b.emitWiden(acc, narrow); }

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The bytes of `taps` in each lane, zero where a tap is negative. `quadLevels` has four taps a
/// lane.
Value DepthwiseKernel::gatherTaps(ArrayRef<Value> quadLevels, ArrayRef<int64_t> taps) {
  VectorType lanes = b.getVectorType(b.getI32Type());
  Value result = b.zeros(lanes);
  for (size_t first = 0, next; first < taps.size(); first = next) {
    next = first + 1;
    if (taps[first] < 0)
      continue;
    int64_t quad = taps[first] / 4;
    while (next < taps.size() && taps[next] >= 0 && taps[next] / 4 == quad)
      ++next;
    Value bytes = vector::BitCastOp::create(b, lanes, quadLevels[quad]);
    int64_t shift = 8 * (int64_t(first) - taps[first] % 4);
    if (shift > 0)
      bytes = arith::ShLIOp::create(b, bytes, b.splat(lanes, shift));
    else if (shift < 0)
      bytes = arith::ShRUIOp::create(b, bytes, b.splat(lanes, -shift));
    uint64_t mask =
        llvm::maskTrailingOnes<uint64_t>(8 * next) & ~llvm::maskTrailingOnes<uint64_t>(8 * first);
    bytes = arith::AndIOp::create(b, bytes, b.splat(lanes, mask));
    result = b.createOrFold<arith::OrIOp>(result, bytes);
  }
  return vector::BitCastOp::create(b, b.getBytesType(), result);
}

/// Unpacks the weights of a panel, one kernel row after the other.
void DepthwiseKernel::arrangeWeights(const DepthwisePanel &panel) {
  int64_t rowsPerRun = kernelHeight / g.runs;
  if (!arranged)
    arranged = b.allocate(slots * getSlotBytes(), b.getI8Type());
  Value slotStart = b.scale(panel.slot, getSlotBytes());
  b.buildLoop(g.runs, [&](Value run) {
    for (int64_t v = 0; v < g.vectors; ++v) {
      SmallVector<Value> levels;
      for (int64_t quad = 0; quad < g.getQuads(); ++quad) {
        Value step = b.add(b.scale(run, g.getSteps()), quad / g.quadsPerStep);
        Value stepStart = b.add(panel.start, b.scale(step, g.getStepBytes(g.vectors)));
        KernelBuilder::RegisterCache cache;
        levels.push_back(b.emitPlainLevels(b.loadLevels(stepStart, v, quad % g.quadsPerStep, cache),
                                           b.getBiasShift().value_or(0)));
        if (panel.pixels > 1)
          levels.back() = repeatChannels(levels.back());
      }
      for (int64_t row = 0; row < rowsPerRun; ++row)
        for (int64_t shift = 0; shift < getNumShifts(); ++shift)
          for (int64_t quad = 0; quad < getQuads(shift); ++quad) {
            SmallVector<int64_t> taps;
            for (int64_t tap = 4 * quad - shift; tap < 4 * quad - shift + 4; ++tap)
              taps.push_back(tap >= 0 && tap < kernelWidth ? row * kernelWidth + tap : -1);
            Value kernelRow = b.add(b.scale(run, rowsPerRun), row);
            Value rowStart = b.add(slotStart, b.scale(kernelRow, getRowBytes()));
            storeLevels(gatherTaps(levels, taps), getArranged(rowStart, shift, quad, v));
          }
    }
  });
}

Value DepthwiseKernel::getArranged(Value rowStart, int64_t shift, int64_t quad, int64_t vector) {
  int64_t registers = 4 * ((shift > 0 ? getQuads(0) : 0) + quad) + vector;
  return b.add(rowStart, registers * getRegisters() * b.getBytesType().getNumElements());
}

/// Stores a register of levels, or of two of its words.
void DepthwiseKernel::storeLevels(Value levels, Value at) {
  if (widensLevels)
    b.storeLevelWords(levels, arranged, at);
  else
    vector::StoreOp::create(b, levels, arranged, at);
}

SmallVector<Value, 2> DepthwiseKernel::loadLevels(Value at) {
  if (widensLevels)
    return llvm::to_vector<2>(b.loadLevelWords(arranged, at));
  return {vector::LoadOp::create(b, b.getBytesType(), arranged, at)};
}

int64_t DepthwiseKernel::getRowBytes() const {
  int64_t quads = 0;
  for (int64_t shift = 0; shift < getNumShifts(); ++shift)
    quads += getQuads(shift);
  return 4 * quads * getRegisters() * 4 * slotLanes;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Columns of the input in quad `quad` of output column `column` of a tile of `columns`. Where the
/// weights are zero any column of the tile will do.
InterleavedRow::Columns DepthwiseKernel::getQuadColumns(int64_t column, int64_t columns,
                                                        int64_t quad) const {
  int64_t last = (columns - 1) * strides[1] + (kernelWidth - 1) * dilations[1];
  InterleavedRow::Columns result;
  for (int64_t byte = 0; byte < 4; ++byte) {
    int64_t at = column * strides[1] + (4 * quad + byte - getShift(column)) * dilations[1];
    result[byte] = at <= last ? at : result[byte == 2 ? 0 : byte - 1];
  }
  if (result[2] == result[0])
    result[3] = result[1];
  return result;
}

/// Adds the products of the kernel row whose weights are at byte `rowStart` to the sums of `part`.
/// `getRow(y)` is the row of the input for row y of the tile.
void DepthwiseKernel::addKernelRow(const DepthwiseTile &tile, Value rowStart, TilePart part,
                                   QuadSums &sums, function_ref<InterleavedRow &(int64_t)> getRow) {
  std::map<std::pair<int64_t, int64_t>, SmallVector<Value, 2>> weights;
  for (int64_t quad = 0; quad < getQuads(getNumShifts() - 1); ++quad) {
    sums.startQuad();
    for (int64_t row = part.firstRow; row < part.endRow; ++row)
      for (int64_t column = 0; column < tile.columns; ++column) {
        int64_t shift = getShift(column);
        if (quad >= getQuads(shift))
          continue;
        Value codes = getRow(row).getQuad(getQuadColumns(column, tile.columns, quad), part.vector);
        SmallVector<Value, 2> &levels = weights[{shift, quad}];
        if (levels.empty())
          levels = loadLevels(getArranged(rowStart, shift, quad, part.vector));
        sums.add((row - part.firstRow) * tile.columns + column, codes, levels);
      }
  }
}

SmallVector<Value> DepthwiseKernel::buildQuads(const DepthwisePanel &panel,
                                               const DepthwiseTile &tile, TilePart part,
                                               InputRows &rows, ValueRange before) {
  auto makeRow = [&](Value y) {
    return InterleavedRow(
        b, [this, &panel, &tile, y](int64_t x) { return loadInput(panel, tile, y, x); });
  };
  Value top = b.scale(tile.y, strides[0]);
  Value slotStart = b.makeOpaque(b.scale(panel.slot, getSlotBytes()), before);
  SmallVector<Value> acc((part.endRow - part.firstRow) * tile.columns,
                         loadStart(panel, part.vector, before));
  if (g.runs > 1)
    return b.buildLoop(g.runs, acc, [&](Value kernelRow, ValueRange rowAcc) {
      InterleavedRow row = makeRow(b.add(top, b.scale(kernelRow, dilations[0])));
      QuadSums sums(b, rowAcc);
      Value rowStart = b.add(slotStart, b.scale(kernelRow, getRowBytes()));
      addKernelRow(tile, rowStart, part, sums, [&](int64_t) -> InterleavedRow & { return row; });
      return sums.finish();
    });
  QuadSums sums(b, acc);
  for (int64_t kernelRow = 0; kernelRow < kernelHeight; ++kernelRow)
    addKernelRow(tile, b.add(slotStart, kernelRow * getRowBytes()), part, sums,
                 [&](int64_t row) -> InterleavedRow & {
                   int64_t y = row * strides[0] + kernelRow * dilations[0];
                   return rows.try_emplace(y, makeRow(b.add(top, y))).first->second;
                 });
  return sums.finish();
}
