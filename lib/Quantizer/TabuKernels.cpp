// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TabuKernels.h"
#include "InstructionSets.h"
#include <cstring>

using namespace gpfq;

/// An element of each column of a block, in as many registers as that takes. Minima of floats,
/// which depend on their order where there are NaNs, are not vectorised unasked.
typedef float Floats __attribute__((vector_size(4 * TabuBlock::columns)));
typedef int32_t Bits __attribute__((vector_size(4 * TabuBlock::columns)));

GPFQ_KERNEL Floats &floatsAt(float *values) { return *reinterpret_cast<Floats *>(values); }

/// The lesser of `least` and of what the better moves add, with `column` in the lowest bits.
/// Infinite costs become NaNs by that, which no comparison prefers.
template <bool hasSlopes>
GPFQ_KERNEL void scoreBody(TabuBlock &block, const Floats &row, float change, const Bits &column,
                           int32_t columnBits, Floats &least) {
#pragma clang fp contract(off)
  Floats residual = floatsAt(block.residuals) - row * change;
  floatsAt(block.residuals) = residual;
  Floats upward = hasSlopes ? floatsAt(block.upSlopes) * residual : residual,
         downward = hasSlopes ? floatsAt(block.downSlopes) * residual : residual;
  upward = floatsAt(block.upCosts) - upward;
  downward = floatsAt(block.downCosts) + downward;
  Floats better = upward < downward ? upward : downward;
  better = (Floats)(((Bits)better & ~columnBits) | column);
  least = better < least ? better : least;
}

GPFQ_KERNEL float leastOf(const Floats &values) {
  Floats a = values;
  Floats b = __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  a = a < b ? a : b;
  b = __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15);
  a = a < b ? a : b;
  b = __builtin_shufflevector(a, a, 2, 3, 0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  a = a < b ? a : b;
  return a[1] < a[0] ? a[1] : a[0];
}

template <bool hasSlopes>
GPFQ_KERNEL int64_t moveBody(TabuBlock *blocks, int64_t count, const float *row,
                             const float *matrixEnd, float change) {
  Bits column;
  for (int32_t lane = 0; lane < TabuBlock::columns; ++lane)
    column[lane] = lane;
  int32_t columnBits = (1 << (32 - __builtin_clz(static_cast<uint32_t>(count)))) - 1;
  Floats least = Floats{} + __builtin_inff();
  for (int64_t t = 0; t < count; t += TabuBlock::columns) {
    // The next row takes the place of columns that do not exist; they do not move.
    Floats values{};
    if (matrixEnd - row >= t + TabuBlock::columns)
      std::memcpy(&values, row + t, sizeof(values));
    else
      std::memcpy(&values, row + t, (count - t) * sizeof(float));
    scoreBody<hasSlopes>(*blocks++, values, change, column, columnBits, least);
    column += static_cast<int32_t>(TabuBlock::columns);
  }
  float first = leastOf(least);
  int32_t bits;
  std::memcpy(&bits, &first, sizeof(bits));
  return first < __builtin_inff() ? bits & columnBits : -1;
}

#define GPFQ_KERNELS(NAME, TARGET)                                                                 \
  TARGET static int64_t moveEqualSlopes##NAME(TabuBlock *blocks, int64_t count, const float *row,  \
                                              const float *matrixEnd, float change) {              \
    return moveBody<false>(blocks, count, row, matrixEnd, change);                                 \
  }                                                                                                \
  TARGET static int64_t moveAnySlopes##NAME(TabuBlock *blocks, int64_t count, const float *row,    \
                                            const float *matrixEnd, float change) {                \
    return moveBody<true>(blocks, count, row, matrixEnd, change);                                  \
  }                                                                                                \
  static constexpr TabuKernels kernels##NAME{moveEqualSlopes##NAME, moveAnySlopes##NAME};

GPFQ_FOR_EACH_SET(GPFQ_KERNELS)

const TabuKernels &gpfq::tabuKernels() { return GPFQ_SELECT_SET(kernels); }
