// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_SUPPORT_CONSTANTS_H
#define GPFQ_SUPPORT_CONSTANTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>
#include <string>

namespace mlir::gpfq {

/// A constant tensor, row-major.
template <typename T> struct ConstantTensor {
  SmallVector<int64_t> shape;
  std::vector<T> values;
  /// Name of the resource that holds it; empty for inline constants.
  std::string name;
};

/// The value of a constant f32 tensor. Looks through `linalg.transpose`, `linalg.broadcast`,
/// `tensor.expand_shape`, `tensor.collapse_shape`, `tensor.cast` and generics that only permute or
/// broadcast their input. Reads inline, splat and resource constants. Nothing if `value` is
/// anything else.
std::optional<ConstantTensor<float>> getConstantFloats(Value value);

/// As above for i8.
std::optional<ConstantTensor<int8_t>> getConstantBytes(Value value);

/// As above for i32.
std::optional<ConstantTensor<int32_t>> getConstantIntegers(Value value);

/// The value that `value` shows permuted, broadcast or reshaped (by one of the ops above); null if
/// it is no such view.
Value getViewSource(Value value);

/// The elements that `value`, a view of `source` or that itself, has if `source` holds `tensor`.
/// Nothing if it is no view of it.
template <typename T>
std::optional<ConstantTensor<T>> applyViews(Value value, Value source,
                                            const ConstantTensor<T> &tensor);

/// An `arith.constant` of f32. More than 64 elements go to a resource named `name`, fewer if a
/// resource of that name exists, whose new value this then is: `name`, with a number behind it.
Value createFloatConstant(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
                          ArrayRef<float> values, StringRef name = "");

/// As above for i8.
Value createByteConstant(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
                         ArrayRef<int8_t> values, StringRef name = "");

/// As above for i32.
Value createIntegerConstant(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
                            ArrayRef<int32_t> values, StringRef name = "");

/// `tensor` with dimension i of the result being dimension `permutation[i]` of the input.
template <typename T>
ConstantTensor<T> transpose(const ConstantTensor<T> &tensor, ArrayRef<int64_t> permutation);

} // namespace mlir::gpfq

#endif // GPFQ_SUPPORT_CONSTANTS_H
