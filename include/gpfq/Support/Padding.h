// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_SUPPORT_PADDING_H
#define GPFQ_SUPPORT_PADDING_H

#include "mlir/IR/Builders.h"

namespace mlir::gpfq {

/// Pads the two spatial dimensions of an N x H x W x C tensor of i8 by `value`, of f32 by 0.
/// `padding` is top, bottom, left, right.
Value padSpatial(OpBuilder &builder, Location loc, Value input, ArrayRef<int64_t> padding,
                 int32_t value);

} // namespace mlir::gpfq

#endif // GPFQ_SUPPORT_PADDING_H
