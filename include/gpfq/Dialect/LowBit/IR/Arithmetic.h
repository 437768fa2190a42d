// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_IR_ARITHMETIC_H
#define GPFQ_DIALECT_LOWBIT_IR_ARITHMETIC_H

#include "mlir/IR/Builders.h"
#include <optional>

namespace mlir::lowbit {

/// The code of one element, as documented in `lowbit.quantize`: `x` and `scale` are f32, the result
/// is an unsigned code in i8. NaN gives the zero point; infinities saturate.
Value buildQuantize(OpBuilder &builder, Location loc, Value x, Value scale, int32_t zeroPoint,
                    unsigned bits = 8);

/// The same on the host, in the default rounding mode.
int32_t quantizeFloat(float x, float scale, int32_t zeroPoint, unsigned bits = 8);

/// The float of an unsigned code in i8: (code - zeroPoint) * scale.
Value buildDequantize(OpBuilder &builder, Location loc, Value code, Value scale, int32_t zeroPoint);

/// The float of a signed level in i8: level * scale.
Value buildDequantizeLevel(OpBuilder &builder, Location loc, Value level, Value scale);

/// An f32 constant.
Value buildFloat(OpBuilder &builder, Location loc, float value);

/// The element of a constant f32 tensor whose elements are all equal, or nothing.
std::optional<float> getSplatFloat(Value tensor);

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_IR_ARITHMETIC_H
