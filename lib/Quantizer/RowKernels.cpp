// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "RowKernels.h"
#include "InstructionSets.h"

using namespace gpfq;

GPFQ_KERNEL void accumulateTapsBody(int64_t taps, int64_t width, const float *__restrict x,
                                    const float *__restrict y, float *__restrict sums) {
  for (int64_t t = 0; t < taps; ++t)
    for (int64_t c = 0; c < width; ++c)
      sums[t * width + c] += x[t * width + c] * y[c];
}

GPFQ_KERNEL void multiplyTapsBody(int64_t taps, int64_t width, const float *__restrict x,
                                  const float *__restrict weights, float *__restrict sums) {
  for (int64_t t = 0; t < taps; ++t)
    for (int64_t c = 0; c < width; ++c)
      sums[c] += x[t * width + c] * weights[t * width + c];
}

GPFQ_KERNEL void clipBody(int64_t channels, float low, float high, const float *__restrict targets,
                          const float *__restrict offsets, float *__restrict outputs,
                          float *__restrict error, float *__restrict energy,
                          float *__restrict move) {
  for (int64_t o = 0; o < channels; ++o) {
    float z = targets[o] + offsets[o], zq = outputs[o] + offsets[o];
    // A NaN stays one.
    float atLeast = zq < low ? low : zq;
    float clipped = z < low ? low : z > high ? high : z;
    float difference = clipped - (atLeast > high ? high : atLeast);
    error[o] += difference * difference;
    energy[o] += clipped * clipped;
    float below = zq < low ? zq : low, above = zq > high ? zq : high;
    outputs[o] = (z <= low ? below : z >= high ? above : z) - z;
    move[o] += outputs[o];
  }
}

#define GPFQ_KERNELS(NAME, TARGET)                                                                 \
  TARGET static void accumulateTaps##NAME(int64_t taps, int64_t width, const float *x,             \
                                          const float *y, float *sums) {                           \
    accumulateTapsBody(taps, width, x, y, sums);                                                   \
  }                                                                                                \
  TARGET static void multiplyTaps##NAME(int64_t taps, int64_t width, const float *x,               \
                                        const float *weights, float *sums) {                       \
    multiplyTapsBody(taps, width, x, weights, sums);                                               \
  }                                                                                                \
  TARGET static void clip##NAME(int64_t channels, float low, float high, const float *targets,     \
                                const float *offsets, float *outputs, const ClippedSums &sums) {   \
    clipBody(channels, low, high, targets, offsets, outputs, sums.error, sums.energy, sums.move);  \
  }                                                                                                \
  static constexpr RowKernels kernels##NAME{accumulateTaps##NAME, multiplyTaps##NAME, clip##NAME};

GPFQ_FOR_EACH_SET(GPFQ_KERNELS)

const RowKernels &gpfq::rowKernels() { return GPFQ_SELECT_SET(kernels); }
