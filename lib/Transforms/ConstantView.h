// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_TRANSFORMS_CONSTANTVIEW_H
#define GPFQ_LIB_TRANSFORMS_CONSTANTVIEW_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/STLExtras.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir::gpfq {

/// A constant f32 tensor as strides over stored values. A broadcast has stride 0, so the elements
/// that it repeats are stored once.
struct ConstantView {
  SmallVector<int64_t> shape, strides;
  std::vector<float> values;
  /// Name of the resource that holds the values; may be empty.
  std::string name;

  /// Whether elements at different indices of `dim` are stored apart.
  bool variesAlong(int64_t dim) const { return shape[dim] != 1 && strides[dim] != 0; }

  float at(ArrayRef<int64_t> index) const {
    int64_t offset = 0;
    for (auto [position, stride] : llvm::zip_equal(index, strides))
      offset += position * stride;
    return values[offset];
  }
};

/// The view that `value` is of a constant: through fill, broadcast, transpose, copying generics,
/// casts and changes of shape. Nothing if `value` is not constant.
std::optional<ConstantView> getConstantView(Value value);

/// How far apart in `view.values` consecutive indices of each loop of a linalg op are, if the op
/// reads `view` by `map`. Nothing unless each result of `map` is a loop or zero.
std::optional<SmallVector<int64_t>> getLoopStrides(const ConstantView &view, AffineMap map);

/// Calls `visit` for every index of `shape`, the last dimension fastest.
void forEachIndex(ArrayRef<int64_t> shape, function_ref<void(ArrayRef<int64_t>)> visit);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_CONSTANTVIEW_H
