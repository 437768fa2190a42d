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
                    uint32_t max = 255);

/// The code of one element with `sign`, 0 or 2.
Value buildQuantizeSign(OpBuilder &builder, Location loc, Value x);

/// True if the element, f32 or a vector, has the bit 1 in `lowbit.pack_signs`.
Value buildSignBit(OpBuilder &builder, Location loc, Value x);

/// The bit that `code` selects if it is what `buildQuantizeSign` builds; else null.
Value matchSignBit(Value code);

/// The same as `buildQuantize` on the host, in the default rounding mode.
int32_t quantizeFloat(float x, float scale, int32_t zeroPoint, uint32_t max = 255);

/// The same as `buildQuantizeSign` on the host.
inline int32_t quantizeSign(float x) { return x < 0.0f ? 0 : 2; }

/// The zero point of rows that `lowbit.quantize_rows` quantises symmetrically.
inline constexpr int32_t symmetricZeroPoint = 128;

/// How a row is quantised by `lowbit.quantize_rows`.
struct RowCode {
  /// f32 scalars; the zero point is an integer.
  Value scale, inverse, zeroPoint;
};

/// The code of a row whose elements, without NaN and with 0, have the least `low` and the largest
/// `high`: f32 scalars.
RowCode buildRowCode(OpBuilder &builder, Location loc, Value low, Value high, bool isSymmetric,
                     uint32_t max);

/// The smaller of two f32, scalars or vectors, or the larger; `bound` where `x` is NaN.
Value buildMin(OpBuilder &builder, Location loc, Value x, Value bound);
Value buildMax(OpBuilder &builder, Location loc, Value x, Value bound);

/// The codes in i8 of elements of a row; f32 scalars, or vectors of one type.
Value buildQuantizeInRow(OpBuilder &builder, Location loc, Value x, Value inverse, Value zeroPoint,
                         uint32_t max);

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
