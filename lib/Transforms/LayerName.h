// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_TRANSFORMS_LAYERNAME_H
#define GPFQ_LIB_TRANSFORMS_LAYERNAME_H

#include "mlir/IR/Operation.h"
#include <string>

namespace mlir::gpfq {

/// Whether a reader of the network would call `op` a convolution or a matmul.
bool isLayer(Operation *op);

/// Name of a layer after the resource that holds its weights, or the location of `op`; empty if
/// neither says anything.
std::string getGivenLayerName(Operation *op, StringRef resource);

/// Name of a layer that has no other: after what it is and its number among the layers.
std::string getPositionalLayerName(Operation *op, unsigned position);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_LAYERNAME_H
