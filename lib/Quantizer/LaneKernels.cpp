// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LaneKernels.h"
#include "InstructionSets.h"

using namespace gpfq;

GPFQ_KERNEL void quantizeBody(const UniformLevels uniform, int64_t lanes,
                              const float *__restrict steps, const float *__restrict weights,
                              const float *__restrict products, float factor,
                              int8_t *__restrict levels, float *__restrict differences) {
#pragma clang fp contract(off)
  for (int64_t lane = 0; lane < lanes; ++lane) {
    float level = uniform.nearest((weights[lane] + products[lane] * factor) / steps[lane]);
    levels[lane] = static_cast<int8_t>(static_cast<int>(level));
    differences[lane] = weights[lane] - level * steps[lane];
  }
}

GPFQ_KERNEL bool improveBody(const UniformLevels uniform, int64_t lanes,
                             const float *__restrict steps, const float *__restrict weights,
                             const float *__restrict products, float factor,
                             int8_t *__restrict levels, float *__restrict differences, float margin,
                             float *__restrict changes) {
#pragma clang fp contract(off)
  int changed = 0;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    float level = levels[lane], move = products[lane] * factor / steps[lane];
    float better = uniform.nearest(level + move);
    bool isBetter = !(__builtin_fabsf(level + move - better) + margin >= __builtin_fabsf(move));
    better = isBetter ? better : level;
    changes[lane] = (better - level) * steps[lane];
    levels[lane] = static_cast<int8_t>(static_cast<int>(better));
    differences[lane] = weights[lane] - better * steps[lane];
    changed |= isBetter;
  }
  return changed != 0;
}

GPFQ_KERNEL void updateBody(int64_t rows, const float *factors, int64_t stride,
                            const float *__restrict changes, int64_t lanes,
                            float *__restrict products) {
#pragma clang fp contract(off)
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t lane = 0; lane < lanes; ++lane)
      products[row * lanes + lane] -= factors[row * stride] * changes[lane];
}

#define GPFQ_KERNELS(NAME, TARGET)                                                                 \
  TARGET static void quantize##NAME(const UniformLevels &levels, const LaneColumn &column) {       \
    quantizeBody(levels, column.lanes, column.steps, column.weights, column.products,              \
                 column.factor, column.levels, column.differences);                                \
  }                                                                                                \
  TARGET static bool improve##NAME(const UniformLevels &levels, const LaneColumn &column,          \
                                   float margin, float *changes) {                                 \
    return improveBody(levels, column.lanes, column.steps, column.weights, column.products,        \
                       column.factor, column.levels, column.differences, margin, changes);         \
  }                                                                                                \
  TARGET static void update##NAME(int64_t rows, const float *factors, int64_t stride,              \
                                  const float *changes, int64_t lanes, float *products) {          \
    updateBody(rows, factors, stride, changes, lanes, products);                                   \
  }                                                                                                \
  static constexpr LaneKernels kernels##NAME{quantize##NAME, improve##NAME, update##NAME};

GPFQ_FOR_EACH_SET(GPFQ_KERNELS)

const LaneKernels &gpfq::laneKernels() { return GPFQ_SELECT_SET(kernels); }
