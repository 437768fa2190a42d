// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A run of a contraction in blocks, whose sums are of half the width and are widened at their ends.

#include "ContractionKernel.h"

using namespace mlir;
using namespace mlir::gpfq;

SmallVector<Value> ContractionKernel::buildNarrowRun(const RunPlace &run, ValueRange accumulators) {
  int64_t fullSteps = g.run / 4 / g.quadsPerStep;
  int64_t restQuads = g.getQuads() - fullSteps * g.quadsPerStep;
  int64_t limit = b.getNarrowQuads();
  SmallVector<Value> zeros(accumulators.size(), b.zeros(b.getNarrowType()));
  auto addStep = [&](Value step, int64_t firstStep, int64_t quads, ValueRange before) {
    SmallVector<Value> acc(before);
    for (int64_t quad = 0; quad < quads; quad += limit)
      acc = b.emitWiden(
          acc, buildQuads(run, step, firstStep, quad, std::min(limit, quads - quad), zeros));
    return acc;
  };
  auto addBlock = [&](Value first, int64_t steps, ValueRange before) {
    return b.emitWiden(before, buildNarrowSteps(run, first, steps, zeros));
  };

  SmallVector<Value> acc(accumulators);
  if (limit < g.quadsPerStep)
    acc = b.buildLoop(fullSteps, acc, [&](Value step, ValueRange before) {
      return addStep(step, 0, g.quadsPerStep, before);
    });
  else if (fullSteps > 0)
    for (const TileRange &range : getBalancedTiles(fullSteps, limit / g.quadsPerStep)) {
      // A loop of two keeps the accumulators from registers for nothing.
      if (range.count == 2)
        for (int64_t block : {0, 1})
          acc = addBlock(b.index(range.start + block * range.size), range.size, acc);
      else
        acc = b.buildLoop(range.count, acc, [&](Value block, ValueRange before) {
          return addBlock(b.add(b.scale(block, range.size), range.start), range.size, before);
        });
    }
  return addStep(b.index(fullSteps), fullSteps, restQuads, acc);
}

SmallVector<Value> ContractionKernel::buildNarrowSteps(const RunPlace &run, Value first,
                                                       int64_t steps, ValueRange zeros) {
  // Steps of several quads are long enough for a loop; of others, short blocks need none. One step
  // comes after the other, in few registers.
  auto buildUnrolled = [&](Value start, int64_t count, ValueRange before) {
    SmallVector<Value> sums(before);
    RunPlace place = run;
    for (int64_t step = 0; step < count; ++step) {
      if (step > 0)
        place.zero = b.makeOpaque(place.zero ? place.zero : b.index(0), sums);
      sums = buildQuads(place, b.add(start, step), 0, 0, g.quadsPerStep, sums);
    }
    return sums;
  };
  constexpr int64_t most = 16;
  if (g.quadsPerStep == 1 && steps <= most)
    return buildUnrolled(first, steps, zeros);
  int64_t atOnce = g.quadsPerStep == 1 ? 8 : 1;
  int64_t looped = steps / atOnce, rest = steps % atOnce;
  SmallVector<Value> sums = b.buildLoop(looped, zeros, [&](Value index, ValueRange before) {
    return buildUnrolled(b.add(first, b.scale(index, atOnce)), atOnce, before);
  });
  return buildUnrolled(b.add(first, looped * atOnce), rest, sums);
}

bool ContractionKernel::hasShortRuns() const {
  // Without loops.
  constexpr int64_t mostQuads = 40;
  return g.quadsPerStep == 1 && g.getTotalQuads() <= mostQuads && g.getQuads() < b.getNarrowQuads();
}

SmallVector<Value> ContractionKernel::buildShortRuns(const TilePlace &place, ArrayRef<TileRow> rows,
                                                     ValueRange accumulators) {
  SmallVector<Value> acc(accumulators), sums;
  int64_t blocks = llvm::divideCeil(g.getTotalQuads(), b.getNarrowQuads());
  int64_t size = llvm::divideCeil(g.getTotalQuads(), blocks), inBlock = 0;
  Value zero = b.index(0);
  // Before each quad: one comes after the other, in few registers.
  auto startQuad = [&] {
    if (inBlock++ % size != 0) {
      zero = b.makeOpaque(zero, sums);
      return;
    }
    if (!sums.empty())
      acc = b.emitWiden(acc, sums);
    sums.assign(acc.size(), b.zeros(b.getNarrowType()));
  };
  for (int64_t run = 0; run < g.runs; ++run)
    for (int64_t quad = 0; quad < g.getQuads(); ++quad) {
      startQuad();
      RunPlace runPlace = {place, rows, b.index(run / tapColumns), b.index(run % tapColumns), zero};
      sums = buildQuads(runPlace, b.index(quad), quad, 0, 1, sums);
    }
  for (int64_t quad = 0; quad < g.getSharedQuads(); ++quad) {
    startQuad();
    KernelBuilder::RegisterCache cache;
    addSharedQuad(place, rows, quad, 0, g.getSharedQuadSize(quad), cache, sums);
  }
  return b.emitWiden(acc, sums);
}
