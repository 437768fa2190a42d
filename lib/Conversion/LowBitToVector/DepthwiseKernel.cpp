// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of lowbit.depthwise_conv_2d: lanes hold channels; the codes of four taps are interleaved
// to the four bytes of a lane, so that the dot product of the target sums over taps.

#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

namespace {

class DepthwiseKernel {
public:
  DepthwiseKernel(KernelBuilder &builder, DepthwiseConv2DOp op)
      : b(builder), g(builder.geometry), op(op), kernelWidth(op.getKernelShape()[1]) {}

  void build();

private:
  void buildPanel(Value panelStart, Value channel, int64_t channels);
  void buildTile(Value batch, Value y, Value x, int64_t columns, Value panelStart, Value channel,
                 int64_t channels, ArrayRef<Value> hoisted);
  SmallVector<Value> loadRun(Value panelStart, Value run);
  Value accumulate(Value acc, ArrayRef<Value> levels, function_ref<Value(int64_t)> loadTap);

  KernelBuilder &b;
  const PackedGeometry &g;
  DepthwiseConv2DOp op;
  int64_t kernelWidth;
};

} // namespace

/// The weights of a run: bytes of each quad, or for f32 a vector for each tap.
SmallVector<Value> DepthwiseKernel::loadRun(Value panelStart, Value run) {
  SmallVector<Value> levels;
  for (int64_t step = 0; step < g.getSteps(); ++step) {
    Value stepIndex = b.add(b.scale(run, g.getSteps()), step);
    Value stepStart = b.add(panelStart, b.scale(stepIndex, g.getStepBytes(1)));
    KernelBuilder::RegisterCache cache;
    for (int64_t q = 0; q < g.quadsPerStep; ++q) {
      int64_t quad = step * g.quadsPerStep + q;
      if (quad >= g.getQuads())
        break;
      Value bytes = b.loadLevels(stepStart, 0, q, cache);
      if (b.isInteger) {
        levels.push_back(bytes);
        continue;
      }
      for (int64_t byte = 0; byte < g.getQuadEnd(quad); ++byte)
        levels.push_back(b.getFloatLevels(bytes, byte));
    }
  }
  return levels;
}

/// Bytes a, b, c, d of four taps next to each other in each lane; missing taps are zero.
static Value interleaveTaps(KernelBuilder &b, ArrayRef<Value> taps) {
  int64_t lanes = b.getLanes();
  auto bytesType = VectorType::get(4 * lanes, b.getI8Type());
  if (taps.size() == 1) {
    Value wide = arith::ExtUIOp::create(b, b.getVectorType(b.getI32Type()), taps[0]);
    return vector::BitCastOp::create(b, bytesType, wide);
  }
  auto pairsType = VectorType::get(lanes, b.getI16Type());
  auto interleave = [&](Value low, Value high) -> Value {
    Value bytes = vector::InterleaveOp::create(b, low, high);
    return vector::BitCastOp::create(b, pairsType, bytes);
  };
  Value zero = b.zeros(b.getVectorType(b.getI8Type()));
  Value low = interleave(taps[0], taps[1]);
  Value high = taps.size() == 2 ? b.zeros(pairsType)
                                : interleave(taps[2], taps.size() == 3 ? zero : taps[3]);
  Value quads = vector::InterleaveOp::create(b, low, high);
  return vector::BitCastOp::create(b, bytesType, quads);
}

/// Adds the products of one run for one pixel.
Value DepthwiseKernel::accumulate(Value acc, ArrayRef<Value> levels,
                                  function_ref<Value(int64_t)> loadTap) {
  if (!b.isInteger) {
    for (int64_t tap = 0; tap < g.run; ++tap)
      acc = math::FmaOp::create(b, loadTap(tap), levels[tap], acc);
    return acc;
  }
  for (int64_t quad = 0; quad < g.getQuads(); ++quad) {
    SmallVector<Value> taps;
    for (int64_t byte = 0; byte < g.getQuadEnd(quad); ++byte)
      taps.push_back(loadTap(4 * quad + byte));
    acc = b.emitDot(acc, interleaveTaps(b, taps), levels[quad]);
  }
  return acc;
}

void DepthwiseKernel::buildTile(Value batch, Value y, Value x, int64_t columns, Value panelStart,
                                Value channel, int64_t channels, ArrayRef<Value> hoisted) {
  ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
  SmallVector<Value> acc(columns, b.zeros(b.getAccumulatorType()));
  acc = b.buildLoop(g.runs, acc, [&](Value run, ValueRange runAcc) {
    SmallVector<Value> levels(hoisted);
    if (levels.empty())
      levels = loadRun(panelStart, run);
    SmallVector<Value> next(runAcc);
    for (int64_t m = 0; m < columns; ++m)
      next[m] = accumulate(next[m], levels, [&](int64_t tap) {
        int64_t tapRow = tap / kernelWidth, tapColumn = tap % kernelWidth;
        Value inputY = b.add(b.scale(y, strides[0]), b.scale(run, dilations[0]));
        Value inputX = b.scale(x, strides[1]);
        return b.loadVector(b.input,
                            {batch, b.add(inputY, tapRow * dilations[0]),
                             b.add(inputX, m * strides[1] + tapColumn * dilations[1]), channel},
                            channels);
      });
    return next;
  });
  KernelBuilder::FusedCache cache;
  b.loadChannelOperands(channel, 0, channels, cache);
  for (int64_t m = 0; m < columns; ++m)
    b.emitEpilogue(acc[m], {batch, y, b.add(x, m), channel}, 0, channels, cache);
}

void DepthwiseKernel::buildPanel(Value panelStart, Value channel, int64_t channels) {
  ArrayRef<int64_t> shape = cast<MemRefType>(op.getInit().getType()).getShape();
  SmallVector<Value> levels;
  if (g.runs == 1)
    levels = loadRun(panelStart, b.index(0));
  b.buildLoop(shape[0], [&](Value batch) {
    b.buildLoop(shape[1], [&](Value y) {
      b.buildTileLoops(getBalancedTiles(shape[2], b.target.getDepthwiseRows()),
                       [&](Value x, int64_t columns) {
                         buildTile(batch, y, x, columns, panelStart, channel, channels, levels);
                       });
    });
  });
}

void DepthwiseKernel::build() {
  b.buildLoop(g.getFullPanels(), [&](Value panel) {
    buildPanel(b.scale(panel, g.getPanelBytes(1)), b.scale(panel, g.lanes), g.lanes);
  });
  if (int64_t tail = g.getTailChannels()) {
    int64_t full = g.getFullPanels();
    buildPanel(b.index(full * g.getPanelBytes(1)), b.index(full * g.lanes), tail);
  }
}

void mlir::gpfq::buildDepthwiseKernel(KernelBuilder &builder, DepthwiseConv2DOp op) {
  DepthwiseKernel(builder, op).build();
}
