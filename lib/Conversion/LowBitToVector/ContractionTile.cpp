// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile of a contraction kernel: a block of output pixels times vectors of output channels in
// registers. Runs of the reduction are read at constant distances from one address.

#include "ContractionKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

Value ContractionKernel::getFactor(Value codes, Value levels) {
  int64_t bytes = cast<VectorType>(levels.getType()).getNumElements();
  if (bytes == 4 * g.lanes)
    return codes;
  return vector::ExtractStridedSliceOp::create(b, codes, int64_t(0), bytes, int64_t(1));
}

/// Adds the products of a quad of each pixel with `levels`, a register for each vector.
void ContractionKernel::addProducts(const QuadInput &input, ArrayRef<Value> levels,
                                    MutableArrayRef<Value> sums) {
  int64_t vectors = levels.size();
  if (!b.isInteger) {
    for (int64_t byte = input.skip; byte < input.end; ++byte) {
      SmallVector<Value> factors;
      for (Value level : levels)
        factors.push_back(b.getFloatLevels(level, byte));
      for (int64_t m = 0; m < input.pixels; ++m) {
        Value x =
            vector::BroadcastOp::create(b, b.getAccumulatorType(), input.loadElement(m, byte));
        for (int64_t v = 0; v < vectors; ++v)
          sums[m * vectors + v] = math::FmaOp::create(b, x, factors[v], sums[m * vectors + v]);
      }
    }
    return;
  }
  for (int64_t m = 0; m < input.pixels; ++m) {
    Value codes = emitCodes(input, m);
    if (sumsLevels)
      codes = b.emitSignedCodes(codes);
    for (int64_t v = 0; v < vectors; ++v) {
      Value &sum = sums[m * vectors + v];
      Value factor = getFactor(codes, levels[v]);
      sum =
          sumsLevels ? b.emitSignedDot(sum, factor, levels[v]) : b.emitDot(sum, factor, levels[v]);
    }
  }
  if (!sumsLevels)
    return;
  for (int64_t v = 0; v < vectors; ++v) {
    Value &sum = sums[input.pixels * vectors + v];
    sum = b.emitSignedDot(sum, b.splat(b.getBytesType(), 1), levels[v]);
  }
}

/// The same with the words of the step at byte `stepStart`. Each pixel loads them anew: there are
/// no registers for them, and products take operands in memory.
void ContractionKernel::addWordProducts(const QuadInput &input, Value stepStart,
                                        MutableArrayRef<Value> sums) {
  int64_t vectors = int64_t(sums.size()) / input.pixels;
  for (int64_t m = 0; m < input.pixels; ++m) {
    std::array<Value, 2> codes = emitCodeWords(b, b.getLoc(), emitCodes(input, m));
    for (int64_t v = 0; v < vectors; ++v) {
      Value &sum = sums[m * vectors + v];
      Value at = b.add(stepStart, v * g.getRegistersPerStep() * g.getRegisterBytes());
      sum = b.emitWordDot(sum, codes, b.loadLevelWords(b.weights.memref, at));
      stepStart = b.makeOpaque(stepStart, sum);
    }
  }
}

int64_t ContractionKernel::getLastLanes(int64_t channels) const {
  bool canHalve = b.isInteger && !g.hasSigns() && !sumsLevels && b.getNarrowQuads() == 0 &&
                  b.target.hasHalfVectors();
  int64_t inLast = (channels - 1) % g.lanes + 1;
  return canHalve && inLast <= g.lanes / 2 ? g.lanes / 2 : g.lanes;
}

/// The levels of a quad for each vector.
SmallVector<Value> ContractionKernel::loadLevels(const TilePlace &place, Value stepStart,
                                                 int64_t quadInStep,
                                                 KernelBuilder::RegisterCache &cache) {
  SmallVector<Value> levels;
  for (int64_t v = 0; v < place.vectors; ++v) {
    b.useLanes(v + 1 < place.vectors ? g.lanes : place.lastLanes);
    levels.push_back(b.loadLevels(stepStart, v, quadInStep, cache));
  }
  b.useLanes(g.lanes);
  return levels;
}

Value ContractionKernel::getStepStart(const RunPlace &run, Value step) {
  Value runIndex = b.add(b.scale(run.tapRow, tapColumns), run.tapColumn);
  Value stepIndex = b.add(b.scale(runIndex, g.getSteps()), step);
  return b.add(run.tile.panelStart, b.scale(stepIndex, g.getStepBytes(run.tile.vectors)));
}

/// Products of `quads` quads of step `step` from the quad `firstQuad` in it. `firstStep` is the
/// least value of `step`, which may be a loop's variable.
SmallVector<Value> ContractionKernel::buildQuads(const RunPlace &run, Value step, int64_t firstStep,
                                                 int64_t firstQuad, int64_t quads,
                                                 ValueRange accumulators) {
  SmallVector<Value> acc(accumulators);
  if (quads == 0)
    return acc;
  Value stepStart = getStepStart(run, step);
  Value firstElement = b.scale(step, 4 * g.quadsPerStep);
  SmallVector<SmallVector<Value>> places;
  for (TileRow row : run.rows)
    places.push_back(getInputIndices(run.tile, row, run.tapRow, run.tapColumn, firstElement));

  if (run.zero)
    stepStart = b.add(stepStart, run.zero);

  KernelBuilder::RegisterCache cache;
  for (int64_t q = firstQuad; q < firstQuad + quads; ++q) {
    int64_t quad = firstStep * g.quadsPerStep + q, skip = g.getQuadSkip(quad);
    // Distance from `firstElement`, where the step starts.
    int64_t offset = g.getQuadStart(quad) - 4 * firstStep * g.quadsPerStep;
    auto element = [&](int64_t pixel, int64_t byte) {
      return loadElement(places[pixel], offset + byte);
    };
    auto word = [&](int64_t pixel) { return loadWord(places[pixel], offset, skip); };
    QuadInput input = {int64_t(places.size()), skip, g.getQuadEnd(quad), element, {}};
    if (!byElement)
      input.loadWord = word;
    // Fields in place have sums for each place in a byte.
    int64_t sums = acc.size() / g.getPlaces().size();
    if (panelForm == PanelForm::Words)
      addWordProducts(input, stepStart, acc);
    else
      addProducts(input, loadLevels(run.tile, stepStart, q, cache),
                  MutableArrayRef(acc).slice(g.getPlaceIndex(q) * sums, sums));
  }
  return acc;
}

/// Products of the elements from `first` to before `end` of the shared quad `quad`.
void ContractionKernel::addSharedQuad(const TilePlace &place, ArrayRef<TileRow> rows, int64_t quad,
                                      int64_t first, int64_t end,
                                      KernelBuilder::RegisterCache &cache,
                                      MutableArrayRef<Value> sums) {
  int64_t step = g.runs * g.getSteps() + quad / g.quadsPerStep, inStep = quad % g.quadsPerStep;
  Value stepStart = b.add(place.panelStart, step * g.getStepBytes(place.vectors));
  auto element = [&](int64_t pixel, int64_t byte) {
    auto [run, inRun] = g.getSharedElement(4 * quad + byte);
    Value tapRow = b.index(run / tapColumns), tapColumn = b.index(run % tapColumns);
    return loadElement(getInputIndices(place, rows[pixel], tapRow, tapColumn, b.index(0)), inRun);
  };
  QuadInput input = {int64_t(rows.size()), first, end, element, {}};
  if (inStep == 0)
    cache.clear();
  if (panelForm == PanelForm::Words)
    addWordProducts(input, stepStart, sums);
  else
    addProducts(input, loadLevels(place, stepStart, inStep, cache), sums);
}

/// Products of the elements whose quads runs share.
SmallVector<Value> ContractionKernel::buildSharedQuads(const TilePlace &place,
                                                       ArrayRef<TileRow> rows,
                                                       ValueRange accumulators) {
  int64_t quads = g.getSharedQuads(), atOnce = b.getNarrowQuads();
  KernelBuilder::RegisterCache cache;
  auto addQuad = [&](int64_t quad, MutableArrayRef<Value> sums) {
    addSharedQuad(place, rows, quad, 0, g.getSharedQuadSize(quad), cache, sums);
  };
  SmallVector<Value> acc(accumulators);
  if (atOnce == 0)
    for (int64_t quad = 0; quad < quads; ++quad)
      addQuad(quad, acc);
  else
    for (int64_t first = 0; first < quads; first += atOnce) {
      SmallVector<Value> sums(acc.size(), b.zeros(b.getNarrowType()));
      for (int64_t quad = first; quad < std::min(first + atOnce, quads); ++quad)
        addQuad(quad, sums);
      acc = b.emitWiden(acc, sums);
    }
  return acc;
}

/// All runs one after the other, each with its shared elements at the end: the order of f32 sums.
SmallVector<Value> ContractionKernel::buildRunsInOrder(const TilePlace &place,
                                                       ArrayRef<TileRow> rows,
                                                       ValueRange accumulators) {
  SmallVector<Value> acc(accumulators);
  for (int64_t run = 0; run < g.runs; ++run) {
    acc = buildRun({place, rows, b.index(run / tapColumns), b.index(run % tapColumns)}, acc);
    int64_t first = run * g.sharedElements;
    for (int64_t shared = first; shared < first + g.sharedElements; ++shared) {
      KernelBuilder::RegisterCache cache;
      addSharedQuad(place, rows, shared / 4, shared % 4, shared % 4 + 1, cache, acc);
    }
  }
  return acc;
}

/// Steps of whole quads are a loop; what is left of a run is one more step.
SmallVector<Value> ContractionKernel::buildRun(const RunPlace &run, ValueRange accumulators) {
  if (b.getNarrowQuads() > 0)
    return buildNarrowRun(run, accumulators);
  if (panelForm == PanelForm::Pairs)
    return buildPairedRun(run, accumulators);
  int64_t fullSteps = g.run / 4 / g.quadsPerStep;
  SmallVector<Value> acc =
      b.buildLoop(fullSteps, accumulators, [&](Value step, ValueRange stepAcc) {
        return buildQuads(run, step, 0, 0, g.quadsPerStep, stepAcc);
      });
  return buildQuads(run, b.index(fullSteps), fullSteps, 0,
                    g.getQuads() - fullSteps * g.quadsPerStep, acc);
}

/// All products of a tile.
SmallVector<Value> ContractionKernel::buildRuns(const TilePlace &place, ArrayRef<TileRow> rows,
                                                ValueRange accumulators) {
  if (hasShortRuns())
    return buildShortRuns(place, rows, accumulators);
  SmallVector<Value> acc(accumulators);
  if (g.getQuads() > 0)
    acc = b.buildLoop(tapRows, acc, [&](Value tapRow, ValueRange rowAcc) {
      return b.buildLoop(tapColumns, rowAcc, [&](Value tapColumn, ValueRange columnAcc) {
        return buildRun({place, rows, tapRow, tapColumn}, columnAcc);
      });
    });
  return buildSharedQuads(place, rows, acc);
}

SmallVector<Value> ContractionKernel::getResultPosition(const TilePlace &place, TileRow row,
                                                        int64_t channel) {
  Value x = b.add(place.x, row.x), c = b.add(place.channel, channel);
  switch (cast<MemRefType>(b.init.getType()).getRank()) {
  case 2:
    return {x, c};
  case 3:
    return {place.batch, x, c};
  default:
    return {place.batch, b.add(place.y, row.y), x, c};
  }
}

/// min(pixel, first) + max(pixel - (size - 1 - last), 0)
Value ContractionKernel::getTableIndex(Value pixel, int64_t size, int64_t first, int64_t last) {
  Value index = b.index(0);
  if (first > 0)
    index = b.createOrFold<arith::MinSIOp>(pixel, b.index(first));
  if (last > 0) {
    Value beyond = b.add(pixel, last + 1 - size);
    index = b.add(index, b.createOrFold<arith::MaxSIOp>(beyond, b.index(0)));
  }
  return index;
}

SmallVector<Value> ContractionKernel::loadTables(const TilePlace &place, ArrayRef<TileRow> rows,
                                                 int64_t vectors) {
  SmallVector<Value> acc;
  Value tables = b.add(place.panelStart, g.getFieldBytes(vectors));
  for (TileRow row : rows) {
    Value at = tables;
    if (!border.empty()) {
      Value y = getTableIndex(b.add(place.y, row.y), height, border[0], border[1]);
      Value x = getTableIndex(b.add(place.x, row.x), width, border[2], border[3]);
      Value table = b.add(b.scale(y, g.tableColumns), x);
      at = b.add(at, b.scale(table, g.getTableBytes(vectors)));
    }
    for (int64_t v = 0; v < vectors; ++v)
      acc.push_back(border.empty() && int64_t(acc.size()) >= vectors ? acc[v] : b.loadTable(at, v));
  }
  return acc;
}

void ContractionKernel::buildTile(TilePlace place, ArrayRef<TileRow> rows, int64_t channels) {
  place.panelStart = b.makeOpaque(place.panelStart);
  place.channel = b.makeOpaque(place.channel);
  int64_t vectors = llvm::divideCeil(channels, g.lanes);
  place.vectors = vectors;
  place.lastLanes = getLastLanes(channels);
  bool hasBias = b.canStartFromBias();
  // Where codes are signed, a last row has the sums of the levels.
  int64_t sums = rows.size() * vectors;
  SmallVector<Value> acc((sums + (sumsLevels ? vectors : 0)) * g.getPlaces().size(),
                         b.zeros(b.getAccumulatorType()));
  SmallVector<Value> starts;
  if (hasBias)
    starts = b.loadBias(place.channel, vectors, channels);
  if (panelForm == PanelForm::Pairs)
    acc = startPairs(place, rows, starts);
  else if (hasBias)
    for (int64_t i = 0; i < sums; ++i)
      acc[i] = starts[i % vectors];
  VectorType fullType = b.getAccumulatorType();
  bool isHalved = place.lastLanes < g.lanes;
  if (isHalved) {
    for (int64_t i = vectors - 1; i < int64_t(acc.size()); i += vectors)
      acc[i] =
          vector::ExtractStridedSliceOp::create(b, acc[i], int64_t(0), place.lastLanes, int64_t(1));
  }
  if (g.hasSigns())
    acc = loadTables(place, rows, vectors);
  acc = !b.isInteger && g.sharedElements > 0 ? buildRunsInOrder(place, rows, acc)
                                             : buildRuns(place, rows, acc);
  if (g.isInPlace())
    mergeFields(place, rows, acc);
  if (isHalved)
    for (int64_t i = vectors - 1; i < sums; i += vectors)
      acc[i] = vector::InsertStridedSliceOp::create(b, acc[i], b.zeros(fullType), int64_t(0),
                                                    int64_t(1));

  if (g.hasSigns())
    for (Value &sum : acc)
      sum = arith::AddIOp::create(b, sum, sum);
  if (sumsLevels)
    for (int64_t v = 0; v < vectors; ++v) {
      Value seven = b.splat(b.getAccumulatorType(), 7);
      Value missing = arith::ShLIOp::create(b, acc[sums + v], seven);
      for (int64_t i = v; i < sums; i += vectors)
        acc[i] = arith::AddIOp::create(b, acc[i], missing);
    }

  place.channel = b.makeOpaque(place.channel);
  KernelBuilder::FusedCache cache = b.loadChannelOperands(place.channel, vectors, channels);
  SmallVector<StoredVector> elements;
  for (auto [m, row] : llvm::enumerate(rows))
    for (int64_t v = 0; v < vectors; ++v) {
      elements.push_back({acc[m * vectors + v], getResultPosition(place, row, v * g.lanes), v,
                          std::min(g.lanes, channels - v * g.lanes), hasBias});
      elements.back().followsPixel =
          mergesPixels && m > 0 && v == 0 && rows[m - 1].y == row.y && rows[m - 1].x + 1 == row.x;
      elements.back().value = b.emitElement(elements.back(), cache);
    }
  b.storeElements(elements);
}
