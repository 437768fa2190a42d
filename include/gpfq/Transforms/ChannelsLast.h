// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TRANSFORMS_CHANNELSLAST_H
#define GPFQ_TRANSFORMS_CHANNELSLAST_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::gpfq {

/// A discardable attribute of a matmul whose rows the folding patterns below have permuted: rows,
/// columns and channels of the image that it reads.
inline constexpr StringLiteral flattenedImageAttrName = "gpfq.flattened_image";

/// Convolutions of NCHW images become convolutions of NHWC images between transposes, with their
/// constant filters and biases transposed. Pooling follows if its input or a user is NHWC already.
void populateChannelsLastLayerPatterns(RewritePatternSet &patterns);

/// An op that is next to a transpose of an image (elementwise ops, reductions, pad, concat, slices)
/// computes in NHWC, so the transpose to NHWC moves up and the one to NCHW down until they meet.
/// Each op changes its layout at most once for each pair of transposes, so the rewrites come to an
/// end.
void populateChannelsLastPropagationPatterns(RewritePatternSet &patterns);

/// Transposes that need no copy go: pairs that cancel, those of constants, fills and broadcasts,
/// and those before a flattening whose matmul has a constant weight, the rows of which are
/// permuted.
void populateChannelsLastFoldingPatterns(RewritePatternSet &patterns);

/// Transposes that only move dimensions of size 1 become changes of shape. Apply this last: the
/// other patterns look for transposes.
void populateUnitTransposePatterns(RewritePatternSet &patterns);

} // namespace mlir::gpfq

#endif // GPFQ_TRANSFORMS_CHANNELSLAST_H
