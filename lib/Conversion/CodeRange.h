// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_CODERANGE_H
#define GPFQ_LIB_CONVERSION_CODERANGE_H

#include "mlir/IR/Value.h"

namespace mlir::gpfq {

/// A bound on the elements of `codes`, a tensor of unsigned bytes: what `lowbit.quantize`,
/// `lowbit.quantize_rows` and constants give, through the ops that only move or compare codes; 255
/// if nothing is known. A clip of the floats that `lowbit.quantize` reads bounds its codes.
uint32_t getMaxCode(Value codes);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_CODERANGE_H
