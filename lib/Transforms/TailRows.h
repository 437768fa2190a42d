// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which rows of a layer the quantiser is given for what follows the layer.

#ifndef GPFQ_LIB_TRANSFORMS_TAILROWS_H
#define GPFQ_LIB_TRANSFORMS_TAILROWS_H

#include "gpfq/Calibration/LayerTail.h"
#include "gpfq/Calibration/MomentCollector.h"
#include "gpfq/Calibration/QuantizableOp.h"
#include "gpfq/Transforms/QuantizationRecipe.h"

namespace mlir::gpfq {

/// Are shortcuts that are added to the outputs of layers read at all?
bool readsShortcut(const QuantizationRecipe &recipe);

/// Sets the options for the tail of `layer`; `hasShortcut` says whether the shortcut of the tail
/// has been computed when the layer is. Without it, what is behind the sum is left alone.
void readTail(const QuantizableOp &layer, const LayerTail &tail, bool hasShortcut,
              const QuantizationRecipe &recipe, ::gpfq::MomentCollector::Options &options);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_TAILROWS_H
