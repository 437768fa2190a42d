// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TRANSFORMS_SEQUENCESTOIMAGES_H
#define GPFQ_TRANSFORMS_SEQUENCESTOIMAGES_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::gpfq {

/// 1-D convolutions and poolings become 2-D ones of images of one row, between changes of shape;
/// those of NCHW images of one column too.
void populateSequenceLayerPatterns(RewritePatternSet &patterns);

/// Changes of shape between a sequence and an image of one row move through elementwise ops,
/// reductions and padding until they meet.
void populateSequencePropagationPatterns(RewritePatternSet &patterns);

} // namespace mlir::gpfq

#endif // GPFQ_TRANSFORMS_SEQUENCESTOIMAGES_H
