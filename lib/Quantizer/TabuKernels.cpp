// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TabuKernels.h"
#include "InstructionSets.h"
#include <climits>
#include <cstring>

using namespace gpfq;

/// Integers in the order of the floats: minima of integers are vectorised, those of floats, whose
/// NaNs and zeros depend on the order, are not.
[[gnu::always_inline]] static inline int32_t orderedKey(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits ^ ((bits >> 31) & INT_MAX);
}

GPFQ_KERNEL int32_t scoreBody(int64_t count, const float *__restrict diagonal,
                              const float *__restrict up, const float *__restrict down,
                              const int32_t *__restrict restsUntil, float *__restrict residuals,
                              int32_t *__restrict keys, const float *__restrict row, float change,
                              int32_t move, float aspiration) {
#pragma clang fp contract(off)
  int32_t least = INT_MAX;
  for (int64_t t = 0; t < count; ++t) {
    float residual = residuals[t] - row[t] * change;
    residuals[t] = residual;
    float upward = addedError(up[t], diagonal[t], residual),
          downward = addedError(down[t], diagonal[t], -residual),
          better = upward < downward ? upward : downward;
    int32_t key = orderedKey(better);
    key = restsUntil[t] > move && !(better < aspiration) ? INT_MAX : key;
    keys[t] = key;
    least = key < least ? key : least;
  }
  return least;
}

GPFQ_KERNEL int32_t findBody(int32_t count, const int32_t *keys, int32_t key) {
  int32_t first = INT_MAX;
  for (int32_t t = 0; t < count; ++t) {
    int32_t candidate = keys[t] == key ? t : INT_MAX;
    first = candidate < first ? candidate : first;
  }
  return first;
}

GPFQ_KERNEL int64_t moveBody(const TabuColumns &columns, const float *row, float change,
                             int32_t move, float aspiration) {
  int32_t least =
      scoreBody(columns.count, columns.diagonal, columns.up, columns.down, columns.restsUntil,
                columns.residuals, columns.keys, row, change, move, aspiration);
  if (least >= orderedKey(__builtin_inff()))
    return -1;
  return findBody(static_cast<int32_t>(columns.count), columns.keys, least);
}

#define GPFQ_KERNELS(NAME, TARGET)                                                                 \
  TARGET static int64_t move##NAME(const TabuColumns &columns, const float *row, float change,     \
                                   int32_t move, float aspiration) {                               \
    return moveBody(columns, row, change, move, aspiration);                                       \
  }                                                                                                \
  static constexpr TabuKernels kernels##NAME{move##NAME};

GPFQ_FOR_EACH_SET(GPFQ_KERNELS)

const TabuKernels &gpfq::tabuKernels() { return GPFQ_SELECT_SET(kernels); }
