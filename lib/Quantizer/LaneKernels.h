// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Element-wise work of the panel solver on one column in all lanes, for uniform alphabets. Compiled
// for the instruction sets of FloatKernels.h; without fused multiply-adds, so that all of them give
// the same bits.

#ifndef GPFQ_LIB_QUANTIZER_LANEKERNELS_H
#define GPFQ_LIB_QUANTIZER_LANEKERNELS_H

#include "gpfq/Quantizer/Alphabet.h"

namespace gpfq {

/// One column of a panel: each pointer is to `lanes` elements.
struct LaneColumn {
  int64_t lanes;
  const float *steps, *weights, *products;
  /// On products.
  float factor;
  int8_t *levels;
  /// weights - levels * steps.
  float *differences;
};

struct LaneKernels {
  /// levels = nearest((weights + products * factor) / steps).
  void (*quantize)(const UniformLevels &levels, const LaneColumn &column);
  /// Moves levels by products * factor / steps to the nearest level where that brings them nearer
  /// by more than the margin. `changes` are those of level * step. False when there was none.
  bool (*improve)(const UniformLevels &levels, const LaneColumn &column, float margin,
                  float *changes);
  /// products[row] -= factors[row * stride] * changes, for rows of `lanes` elements.
  void (*update)(int64_t rows, const float *factors, int64_t stride, const float *changes,
                 int64_t lanes, float *products);
};

/// The kernels of floatIsa().
const LaneKernels &laneKernels();

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_LANEKERNELS_H
