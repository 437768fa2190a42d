// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_CONVERSION_LINALGTOLOWBIT_H
#define GPFQ_CONVERSION_LINALGTOLOWBIT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <string>

namespace mlir::gpfq {

/// Patterns that turn linalg convolutions and matmuls of a dequantized constant weight into
/// `lowbit.conv_2d`, `lowbit.depthwise_conv_2d` and `lowbit.matmul` with an epilogue that scales
/// and adds the bias.
void populateLinalgToLowBitPatterns(RewritePatternSet &patterns);

/// True if `op` is a linalg op whose weight is quantised, or that `lowbit.layer` marks to be.
bool isQuantizedLayer(Operation *op);

/// Why the patterns leave `op`, a quantised layer, as it is; its name is put in `layer`.
std::string explainFloatLayer(Operation *op, std::string &layer);

/// Patterns that turn linalg matmuls of two activations, whose rows and columns are dequantized,
/// into `lowbit.batch_matmul`.
void populateProductToLowBitPatterns(RewritePatternSet &patterns);

/// Why the patterns leave `op`, a product of two activations, as it is.
std::string explainFloatProduct(linalg::LinalgOp op);

} // namespace mlir::gpfq

#endif // GPFQ_CONVERSION_LINALGTOLOWBIT_H
