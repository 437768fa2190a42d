// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sequences, N x C x W or N x W x C, as images of one row or of one column.

#ifndef GPFQ_LIB_TRANSFORMS_SEQUENCESTOIMAGES_ROWSHAPE_H
#define GPFQ_LIB_TRANSFORMS_SEQUENCESTOIMAGES_ROWSHAPE_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <optional>

namespace mlir::gpfq {

bool haveStaticShapes(TypeRange types);

/// `value` with a dimension of size 1 before dimension `dim`.
Value insertDim(OpBuilder &builder, Value value, int64_t dim);

/// `value` without dimension `dim`, whose size is 1; the inverse.
Value eraseDim(OpBuilder &builder, Value value, int64_t dim);

/// The groups of dimensions of a change of shape between a sequence and an image of one row or
/// column; nothing if `op` is none, or null.
std::optional<SmallVector<ReassociationIndices>> getImageDims(Operation *op);

/// Of the dimensions `group` of an image that are one of a sequence the one that is not 1; the
/// last, if both are.
int64_t getLength(ArrayRef<int64_t> group, RankedTensorType image);

/// Whether `op` changes between a sequence and an image of one row.
bool changesRow(Operation *op);

/// A pad of `source` with the constant of `op`.
Value createPad(OpBuilder &builder, tensor::PadOp op, RankedTensorType type, Value source,
                ArrayRef<OpFoldResult> low, ArrayRef<OpFoldResult> high);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_SEQUENCESTOIMAGES_ROWSHAPE_H
