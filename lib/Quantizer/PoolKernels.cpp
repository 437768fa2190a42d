// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "PoolKernels.h"
#include "InstructionSets.h"

using namespace gpfq;

template <int lanes>
GPFQ_KERNEL void clipBody(int64_t positions, float low, float high, float *__restrict z,
                          float *__restrict sums, float *__restrict active) {
  for (int64_t p = 0; p < positions; ++p)
    for (int lane = 0; lane < lanes; ++lane) {
      float value = z[p * lanes + lane];
      // A NaN stays one.
      float atLeast = value < low ? low : value;
      sums[lane] += atLeast > high ? high : atLeast;
      float isActive = value > low && value < high ? 1.0f : 0.0f;
      active[lane] += isActive;
      z[p * lanes + lane] = isActive;
    }
}

/// `columns` of them at a time, so that a row of `active` is read once for all.
template <int lanes, int columns>
GPFQ_KERNEL void accumulateColumns(int64_t positions, const float *__restrict x, int64_t ld,
                                   const float *__restrict active, float factor,
                                   float *__restrict slopes, int64_t stride) {
  float sums[columns][lanes] = {};
  for (int64_t p = 0; p < positions; ++p)
    for (int n = 0; n < columns; ++n)
      for (int lane = 0; lane < lanes; ++lane)
        sums[n][lane] += x[p * ld + n] * active[p * lanes + lane];
  for (int n = 0; n < columns; ++n)
    for (int lane = 0; lane < lanes; ++lane)
      slopes[n * stride + lane] = factor * sums[n][lane];
}

template <int lanes>
GPFQ_KERNEL void accumulateBody(int64_t positions, int64_t columns, const float *x, int64_t ld,
                                const float *active, float factor, float *slopes, int64_t stride) {
  constexpr int together = 4;
  int64_t n = 0;
  for (; n + together <= columns; n += together)
    accumulateColumns<lanes, together>(positions, x + n, ld, active, factor, slopes + n * stride,
                                       stride);
  for (; n < columns; ++n)
    accumulateColumns<lanes, 1>(positions, x + n, ld, active, factor, slopes + n * stride, stride);
}

template <int lanes>
GPFQ_KERNEL void dotBody(int64_t samples, const float *__restrict a, const float *__restrict b,
                         float *__restrict result) {
  float sums[lanes] = {};
  for (int64_t i = 0; i < samples; ++i)
    for (int lane = 0; lane < lanes; ++lane)
      sums[lane] += a[i * lanes + lane] * b[i * lanes + lane];
  for (int lane = 0; lane < lanes; ++lane)
    result[lane] = sums[lane];
}

template <int lanes>
GPFQ_KERNEL void addBody(int64_t samples, const float *__restrict a, const float *__restrict b,
                         const float *__restrict factors, const float *__restrict shares,
                         float *__restrict y) {
  for (int64_t i = 0; i < samples; ++i)
    for (int lane = 0; lane < lanes; ++lane)
      y[i * lanes + lane] +=
          factors[lane] * (a[i * lanes + lane] - shares[lane] * b[i * lanes + lane]);
}

// Two vectors, as the panels of FloatKernels.h.
static constexpr int lanesBaseline = 8;
#ifdef __x86_64__
static constexpr int lanesV3 = 16, lanesV4 = 32;
#endif

#define GPFQ_KERNELS(NAME, TARGET)                                                                 \
  TARGET static void clip##NAME(int64_t positions, float low, float high, float *z, float *sums,   \
                                float *active) {                                                   \
    clipBody<lanes##NAME>(positions, low, high, z, sums, active);                                  \
  }                                                                                                \
  TARGET static void accumulate##NAME(int64_t positions, int64_t columns, const float *x,          \
                                      int64_t ld, const float *active, float factor,               \
                                      float *slopes, int64_t stride) {                             \
    accumulateBody<lanes##NAME>(positions, columns, x, ld, active, factor, slopes, stride);        \
  }                                                                                                \
  TARGET static void dot##NAME(int64_t samples, const float *a, const float *b, float *sums) {     \
    dotBody<lanes##NAME>(samples, a, b, sums);                                                     \
  }                                                                                                \
  TARGET static void add##NAME(int64_t samples, const float *a, const float *b,                    \
                               const float *factors, const float *shares, float *y) {              \
    addBody<lanes##NAME>(samples, a, b, factors, shares, y);                                       \
  }                                                                                                \
  static constexpr PoolKernels kernels##NAME{lanes##NAME, clip##NAME, accumulate##NAME, dot##NAME, \
                                             add##NAME};

GPFQ_FOR_EACH_SET(GPFQ_KERNELS)

const PoolKernels &gpfq::poolKernels() { return GPFQ_SELECT_SET(kernels); }
