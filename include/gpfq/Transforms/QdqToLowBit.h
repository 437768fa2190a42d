// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TRANSFORMS_QDQTOLOWBIT_H
#define GPFQ_TRANSFORMS_QDQTOLOWBIT_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::gpfq {

/// Fuses the generics in between which there are only codes, and those that compute constants of
/// them, so that each dequantisation is one op.
void populateFuseQdqPatterns(RewritePatternSet &patterns);

/// Dequantised weights of layers, and activations that are quantised and dequantised, become lowbit
/// ops; other dequantised constants, and weights that have no lowbit form, constants of f32. Needs
/// what the patterns above make.
void populateQdqToLowBitPatterns(RewritePatternSet &patterns);

} // namespace mlir::gpfq

#endif // GPFQ_TRANSFORMS_QDQTOLOWBIT_H
