// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What QuantizeLinear and DequantizeLinear of ONNX become in linalg, recognised by the arithmetic
// in the bodies.

#ifndef GPFQ_LIB_TRANSFORMS_DEQUANTIZATION_H
#define GPFQ_LIB_TRANSFORMS_DEQUANTIZATION_H

#include "ConstantView.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::gpfq {

/// A constant (level * scale), where level is a stored code less its zero point.
struct DequantizedConstant {
  SmallVector<int64_t> shape;
  /// Row-major.
  std::vector<int64_t> levels;
  /// `strides` are those of the dimensions of `shape`.
  ConstantView scale;
  /// Name of the resource that holds the codes; may be empty.
  std::string name;

  /// Each product in f32, row-major.
  std::vector<float> evaluate() const;
};

/// How the scales of a constant lie: one, one for each index of `axis`, or one for each of these
/// and each block of equal size of `blockAxis`.
struct ScaleLayout {
  std::optional<int64_t> axis, blockAxis;
  /// A matrix, blocks last, with a `blockAxis`.
  SmallVector<int64_t> shape;
  std::vector<float> values;
};

/// (code - zeroPoint) * scale of codes of an activation, which come of
/// clamp(roundeven(x / inputScale) + inputZeroPoint, low, high).
struct FakeQuantization {
  Value input;
  float inputScale, scale;
  int32_t inputZeroPoint, zeroPoint;
  int32_t low, high;
};

/// Nothing unless `op` is elementwise and computes a constant of i8, u8 or i32 codes.
std::optional<DequantizedConstant> matchDequantizedConstant(linalg::GenericOp op);

/// Nothing if scales lie in another way.
std::optional<ScaleLayout> getScaleLayout(const DequantizedConstant &constant);

/// Nothing unless `op` is elementwise, of one tensor that is not constant, and quantises and
/// dequantises it with one constant scale.
std::optional<FakeQuantization> matchFakeQuantization(linalg::GenericOp op);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_DEQUANTIZATION_H
