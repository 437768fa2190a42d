// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which weights of an output channel share a step.

#ifndef GPFQ_LIB_QUANTIZER_SCALEBLOCKS_H
#define GPFQ_LIB_QUANTIZER_SCALEBLOCKS_H

#include "gpfq/Quantizer/LayerQuantizer.h"

namespace gpfq {

/// Blocks of `size` consecutive input channels, over all taps of the kernel; or one for all.
struct ScaleBlocks {
  int64_t channels = 1, size = 1, count = 1;

  ScaleBlocks(const LayerProblem &problem, const LayerSpec &spec) {
    if (spec.granularity != Granularity::Block)
      return;
    channels = problem.inputChannels > 0 ? problem.inputChannels : problem.columns;
    size = spec.scaleBlock;
    count = channels / size;
  }

  /// The block of a column, in the order of the layer.
  int64_t of(int64_t column) const { return count == 1 ? 0 : column % channels / size; }
};

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_SCALEBLOCKS_H
