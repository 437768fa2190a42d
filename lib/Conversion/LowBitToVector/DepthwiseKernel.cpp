// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of lowbit.depthwise_conv_2d: lanes hold channels. In integers, registers of codes of
// several taps are interleaved byte by byte, so that a dot product sums over taps; in f32 each tap
// is a fused multiply-add.

#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

namespace {

/// Where a panel is: its first channel and their number, the weights of its only run if they are
/// loaded already, and its fused operands.
struct PanelPlace {
  Value panelStart, channel;
  int64_t channels;
  SmallVector<Value> levels = {};
  KernelBuilder::FusedCache operands = KernelBuilder::FusedCache();
};

class DepthwiseKernel {
public:
  DepthwiseKernel(KernelBuilder &builder, DepthwiseConv2DOp op)
      : b(builder), g(builder.weights.geometry), op(op), kernelWidth(op.getKernelShape()[1]),
        sumsPairs(builder.getNarrowQuads() > 1) {}

  void build();

private:
  using TapLoader = function_ref<Value(int64_t)>;

  void buildRows(Value batch, Value firstRow, int64_t rows);
  void buildPanel(Value batch, Value firstRow, int64_t rows, PanelPlace panel);
  void buildTile(Value batch, Value y, Value x, int64_t columns, const PanelPlace &panel);

  SmallVector<Value> loadRun(Value panelStart, Value run);
  SmallVector<Value> getPairLevels(ArrayRef<Value> quadLevels);
  SmallVector<Value> addTaps(ValueRange acc, ArrayRef<Value> levels, TapLoader loadTap);
  SmallVector<Value> addQuads(ValueRange acc, ArrayRef<Value> levels, TapLoader loadTap);
  SmallVector<Value> addPairs(ValueRange acc, ArrayRef<Value> levels, TapLoader loadTap);

  int64_t getNumPairs() const { return llvm::divideCeil(g.run, 2); }

  KernelBuilder &b;
  const PackedGeometry &g;
  DepthwiseConv2DOp op;
  int64_t kernelWidth;
  /// Products of two taps are summed in i16 before they are widened.
  bool sumsPairs;
};

} // namespace

//===----------------------------------------------------------------------===//
// Interleaving
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

/// Bytes of two taps side by side: channels 0..7 of each 128-bit lane, and channels 8..15.
static std::array<Value, 2> interleavePair(KernelBuilder &b, Value first, Value second) {
  return {interleaveHalves(b, first, second, false), interleaveHalves(b, first, second, true)};
}

/// Bytes of four taps side by side, in the four vectors of an interleaved panel.
static std::array<Value, 4> interleaveQuad(KernelBuilder &b, ArrayRef<Value> taps) {
  int64_t bytes = cast<VectorType>(taps[0].getType()).getNumElements();
  auto words = VectorType::get(bytes / 2, b.getI16Type());
  auto type = VectorType::get(bytes, b.getI8Type());
  std::array<Value, 2> low = interleavePair(b, taps[0], taps[1]);
  std::array<Value, 2> high = interleavePair(b, taps[2], taps[3]);
  std::array<Value, 4> quads;
  for (int64_t i = 0; i < 4; ++i) {
    Value first = vector::BitCastOp::create(b, words, low[i / 2]);
    Value second = vector::BitCastOp::create(b, words, high[i / 2]);
    quads[i] = vector::BitCastOp::create(b, type, interleaveHalves(b, first, second, i % 2));
  }
  return quads;
}

/// The weights of pairs of taps, in the order of `interleavePair`, from those of quads.
SmallVector<Value> DepthwiseKernel::getPairLevels(ArrayRef<Value> quadLevels) {
  auto bytes = cast<VectorType>(quadLevels[0].getType());
  int64_t words = bytes.getNumElements() / 2;
  auto wordsType = VectorType::get(words, b.getI16Type());
  SmallVector<Value> result;
  for (int64_t pair = 0; pair < getNumPairs(); ++pair)
    for (int64_t half = 0; half < 2; ++half) {
      SmallVector<int64_t> order;
      for (int64_t lane = 0; lane < words; lane += 8)
        for (int64_t i = 0; i < 8; ++i)
          order.push_back(i / 4 * words + lane + 2 * (i % 4) + pair % 2);
      ArrayRef<Value> quad = quadLevels.slice(pair / 2 * 4 + 2 * half, 2);
      Value first = vector::BitCastOp::create(b, wordsType, quad[0]);
      Value second = vector::BitCastOp::create(b, wordsType, quad[1]);
      Value levels = vector::ShuffleOp::create(b, first, second, order);
      result.push_back(vector::BitCastOp::create(b, bytes, levels));
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The weights of a run: four vectors for each quad or two for each pair of taps, or for f32 one
/// for each tap.
SmallVector<Value> DepthwiseKernel::loadRun(Value panelStart, Value run) {
  SmallVector<Value> levels;
  for (int64_t step = 0; step < g.getSteps(); ++step) {
    Value stepIndex = b.add(b.scale(run, g.getSteps()), step);
    Value stepStart = b.add(panelStart, b.scale(stepIndex, g.getStepBytes(g.vectors)));
    KernelBuilder::RegisterCache cache;
    for (int64_t q = 0; q < g.quadsPerStep; ++q) {
      int64_t quad = step * g.quadsPerStep + q;
      if (quad >= g.getQuads())
        break;
      for (int64_t vector = 0; vector < g.vectors; ++vector) {
        Value bytes = b.loadLevels(stepStart, vector, q, cache);
        if (b.isInteger) {
          levels.push_back(bytes);
          continue;
        }
        for (int64_t byte = 0; byte < g.getQuadEnd(quad); ++byte)
          levels.push_back(b.getFloatLevels(bytes, byte));
      }
    }
  }
  return sumsPairs ? getPairLevels(levels) : levels;
}

SmallVector<Value> DepthwiseKernel::addQuads(ValueRange acc, ArrayRef<Value> levels,
                                             TapLoader loadTap) {
  SmallVector<Value> sums(acc);
  for (int64_t quad = 0; quad < g.getQuads(); ++quad) {
    SmallVector<Value, 4> taps;
    for (int64_t byte = 0; byte < g.getQuadEnd(quad); ++byte)
      taps.push_back(loadTap(4 * quad + byte));
    taps.resize(4, b.zeros(cast<VectorType>(taps[0].getType())));
    for (auto [v, codes] : llvm::enumerate(interleaveQuad(b, taps)))
      sums[v] = b.emitDot(sums[v], codes, levels[4 * quad + v]);
  }
  return sums;
}

SmallVector<Value> DepthwiseKernel::addPairs(ValueRange acc, ArrayRef<Value> levels,
                                             TapLoader loadTap) {
  SmallVector<Value> sums(acc);
  int64_t limit = b.getNarrowQuads();
  for (int64_t first = 0; first < getNumPairs(); first += limit) {
    std::array<Value, 2> narrow;
    narrow.fill(b.zeros(b.getNarrowType()));
    for (int64_t pair = first; pair < std::min(first + limit, getNumPairs()); ++pair) {
      Value low = loadTap(2 * pair);
      Value high =
          2 * pair + 1 < g.run ? loadTap(2 * pair + 1) : b.zeros(cast<VectorType>(low.getType()));
      for (auto [half, codes] : llvm::enumerate(interleavePair(b, low, high)))
        narrow[half] = b.emitDot(narrow[half], codes, levels[2 * pair + half]);
    }
    // Sign extension by interleaving keeps channels in the order of the accumulators.
    for (int64_t v = 0; v < 4; ++v) {
      Value doubled = interleaveHalves(b, narrow[v / 2], narrow[v / 2], v % 2);
      Value lanes = vector::BitCastOp::create(b, b.getAccumulatorType(), doubled);
      Value wide = arith::ShRSIOp::create(b, lanes, b.splat(b.getAccumulatorType(), 16));
      sums[v] = arith::AddIOp::create(b, sums[v], wide);
    }
  }
  return sums;
}

/// Adds the products of one run for one pixel.
SmallVector<Value> DepthwiseKernel::addTaps(ValueRange acc, ArrayRef<Value> levels,
                                            TapLoader loadTap) {
  if (b.isInteger)
    return sumsPairs ? addPairs(acc, levels, loadTap) : addQuads(acc, levels, loadTap);
  Value sum = acc.front();
  for (int64_t tap = 0; tap < g.run; ++tap)
    sum = math::FmaOp::create(b, loadTap(tap), levels[tap], sum);
  return {sum};
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void DepthwiseKernel::buildTile(Value batch, Value y, Value x, int64_t columns,
                                const PanelPlace &panel) {
  ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
  SmallVector<Value> acc(columns * g.vectors, b.zeros(b.getAccumulatorType()));
  acc = b.buildLoop(g.runs, acc, [&](Value run, ValueRange runAcc) {
    SmallVector<Value> levels = panel.levels;
    if (levels.empty())
      levels = loadRun(panel.panelStart, run);
    Value inputY = b.add(b.scale(y, strides[0]), b.scale(run, dilations[0]));
    Value inputX = b.scale(x, strides[1]);
    SmallVector<Value> next;
    for (int64_t m = 0; m < columns; ++m)
      llvm::append_range(
          next, addTaps(runAcc.slice(m * g.vectors, g.vectors), levels, [&](int64_t tap) {
            int64_t tapRow = tap / kernelWidth, tapColumn = tap % kernelWidth;
            return b.loadVector(b.input,
                                {batch, b.add(inputY, tapRow * dilations[0]),
                                 b.add(inputX, m * strides[1] + tapColumn * dilations[1]),
                                 panel.channel},
                                panel.channels, g.getPanelChannels());
          }));
    return next;
  });
  SmallVector<StoredVector> stored;
  for (int64_t m = 0; m < columns; ++m)
    for (int64_t v = 0; v < g.vectors; ++v)
      stored.push_back(
          {acc[m * g.vectors + v], {batch, y, b.add(x, m), panel.channel}, v, panel.channels});
  b.emitEpilogue(stored, panel.operands);
}

void DepthwiseKernel::buildPanel(Value batch, Value firstRow, int64_t rows, PanelPlace panel) {
  if (g.runs == 1)
    panel.levels = loadRun(panel.panelStart, b.index(0));
  panel.operands = b.loadChannelOperands(panel.channel, g.vectors, panel.channels);
  int64_t width = cast<MemRefType>(op.getInit().getType()).getDimSize(2);
  b.buildLoop(rows, [&](Value row) {
    b.buildTileLoops(getBalancedTiles(width, b.target.getDepthwiseRows()),
                     [&](Value x, int64_t columns) {
                       buildTile(batch, b.add(firstRow, row), x, columns, panel);
                     });
  });
}

void DepthwiseKernel::buildRows(Value batch, Value firstRow, int64_t rows) {
  int64_t full = g.getFullPanels(), size = g.getPanelChannels();
  // The last interleaved panel does not start where the pattern of the others puts it.
  bool overlaps = g.isInterleaved() && g.channels % size != 0;
  int64_t regular = overlaps ? full - 1 : full;
  b.buildLoop(regular, [&](Value panel) {
    buildPanel(batch, firstRow, rows,
               {b.scale(panel, g.getPanelBytes(g.vectors)), b.scale(panel, size), size});
  });
  int64_t left = g.channels - regular * size;
  if (left > 0)
    buildPanel(batch, firstRow, rows,
               {b.index(regular * g.getPanelBytes(g.vectors)),
                b.index(overlaps ? g.getPanelStart(regular) : regular * size),
                overlaps ? std::min(size, g.channels) : left});
}

void DepthwiseKernel::build() {
  ArrayRef<int64_t> shape = cast<MemRefType>(op.getInit().getType()).getShape();
  auto inputType = cast<MemRefType>(op.getInput().getType());
  int64_t bytesPerRow = inputType.getDimSize(2) * inputType.getDimSize(3) * op.getStrides()[0] *
                        inputType.getElementTypeBitWidth() / 8;
  int64_t rowsAtOnce = std::max<int64_t>(1, blockBytes / bytesPerRow);
  b.buildLoop(shape[0], [&](Value batch) {
    b.buildTileLoops(getBalancedTiles(shape[1], rowsAtOnce),
                     [&](Value y, int64_t rows) { buildRows(batch, y, rows); });
  });
}

void mlir::gpfq::buildDepthwiseKernel(KernelBuilder &builder, DepthwiseConv2DOp op) {
  DepthwiseKernel(builder, op).build();
}
