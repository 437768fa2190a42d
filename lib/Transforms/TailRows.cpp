// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TailRows.h"

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::MomentCollector;

/// Bytes that the rows of one layer may take, for clip-rounds, or its images, for pool-rounds. Not
/// a part of the memory budget, on which levels do not depend.
static constexpr int64_t keptRowBytes = int64_t(256) << 20, keptImageBytes = int64_t(512) << 20;

/// Positions of an image of which all are read: more would take long and tell little.
static constexpr int64_t mostPooledPositions = 256;

bool mlir::gpfq::readsShortcut(const QuantizationRecipe &recipe) {
  return recipe.residualTargets != ResidualTargets::None || recipe.spec.usesRows();
}

void mlir::gpfq::readTail(const QuantizableOp &layer, const LayerTail &tail, bool hasShortcut,
                          const QuantizationRecipe &recipe, MomentCollector::Options &options) {
  options.hasShortcut = hasShortcut;
  options.targetsShortcut =
      hasShortcut && (recipe.residualTargets == ResidualTargets::All ||
                      (recipe.residualTargets == ResidualTargets::Clipped && tail.isClipped()));
  if (tail.shortcut && !hasShortcut)
    return;
  options.low = tail.low;
  options.high = tail.high;
  options.bias = layer.bias.data();
  options.isPooled = tail.isPooled && recipe.spec.fitsMeans() && !layer.isDepthwise &&
                     layer.shape.outputHeight() * layer.shape.outputWidth() <= mostPooledPositions;
  if (options.isPooled)
    options.keptBytes = keptImageBytes;
  else if (tail.isClipped() && recipe.spec.clipRounds > 0)
    options.keptBytes = keptRowBytes;
}
