// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_TRANSFORMS_PATTERNS_H
#define GPFQ_DIALECT_LOWBIT_TRANSFORMS_PATTERNS_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::lowbit {

/// Patterns that keep codes, not floats, live between layers: `quantize` moves up to the producer
/// and `dequantize` down to the consumers of max pools, pads, concatenations, slices, reshapes and
/// transposes. Exact for inputs that are not NaN: rounding and clamping are monotonic.
void populatePropagateQuantizePatterns(RewritePatternSet &patterns);

/// Patterns that move an elementwise consumer, a linalg.generic or a `quantize`, of a compute op on
/// tensors into its epilogue, if it is the only consumer.
void populateFuseEpiloguePatterns(RewritePatternSet &patterns);

/// Patterns that collect multiplications, divisions and additions of constants in an epilogue into
/// one scale and one offset a channel, computed in double precision and rounded once. They round
/// differently from what they replace: by a few ulp, so that a code can differ by one.
void populateCollectLinearFormsPatterns(RewritePatternSet &patterns);

/// Patterns that round the bias of an epilogue that ends in codes of 8 bits to an integer, which is
/// added to the accumulator, so that kernels can start from it: float(acc) * scale + bias becomes
/// float((acc << k) + round(bias / unit)) * unit with unit = scale / 2^k and the least k for which
/// that is well below the rounding to codes of the input or the result.
void populateIntegerBiasPatterns(RewritePatternSet &patterns);

/// Patterns that compare the accumulator with an integer where an epilogue ends in the sign of
/// float(acc) * scale + bias: exactly, with the least sum whose sign is positive, or the largest
/// where the scale is negative.
void populateSignThresholdPatterns(RewritePatternSet &patterns);

/// Patterns that move a positive factor, such as the division by the scale of a result, in front of
/// ReLU and clips, and drop clips and tests for NaN that the clamp of `quantize` or the range of
/// integers makes idle.
void populateSimplifyClipsPatterns(RewritePatternSet &patterns);

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_TRANSFORMS_PATTERNS_H
