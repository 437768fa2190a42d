// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/FloatKernels.h"
#include "FloatKernelTable.h"
#include <algorithm>
#include <cstring>

using namespace gpfq;

//===----------------------------------------------------------------------===//
// Choice of the instruction set
//===----------------------------------------------------------------------===//

bool gpfq::isFloatIsaSupported(FloatIsa isa) {
#ifdef GPFQ_X86_64_KERNELS
  // The compiler's run-time check includes that the operating system saves the wide registers.
  __builtin_cpu_init();
  bool isV3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == FloatIsa::X86_64_V3)
    return isV3;
  if (isa == FloatIsa::X86_64_V4)
    return isV3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512cd");
#endif
  return isa == FloatIsa::Baseline;
}

const char *gpfq::floatIsaName(FloatIsa isa) {
  switch (isa) {
  case FloatIsa::Baseline:
    return "baseline";
  case FloatIsa::X86_64_V3:
    return "x86-64-v3";
  case FloatIsa::X86_64_V4:
    return "x86-64-v4";
  }
  return "";
}

static FloatIsa bestIsa() {
  for (FloatIsa isa : {FloatIsa::X86_64_V4, FloatIsa::X86_64_V3})
    if (isFloatIsaSupported(isa))
      return isa;
  return FloatIsa::Baseline;
}

static const FloatKernelTable &tableOf(FloatIsa isa) {
#ifdef GPFQ_X86_64_KERNELS
  if (isa == FloatIsa::X86_64_V3)
    return floatKernelsV3;
  if (isa == FloatIsa::X86_64_V4)
    return floatKernelsV4;
#endif
  return floatKernelsBaseline;
}

namespace {
struct Selection {
  FloatIsa isa = bestIsa();
  const FloatKernelTable *table = &tableOf(isa);
};
} // namespace

static Selection &selection() {
  static Selection instance;
  return instance;
}

FloatIsa gpfq::floatIsa() { return selection().isa; }

bool gpfq::selectFloatIsa(FloatIsa isa) {
  if (!isFloatIsaSupported(isa))
    return false;
  selection().isa = isa;
  selection().table = &tableOf(isa);
  return true;
}

const FloatKernelTable &gpfq::floatKernels() { return *selection().table; }

//===----------------------------------------------------------------------===//
// Packing and gathering
//===----------------------------------------------------------------------===//

void PackedWeights::pack(int64_t groups, int64_t depth, int64_t columns, const float *source,
                         int64_t ld, bool rowMajorColumns) {
  const FloatKernelTable &kernels = floatKernels();
  int64_t width = kernels.panelFloats;
  int64_t panels = (columns + width - 1) / width;
  numGroups = groups;
  numDepth = depth;
  numColumns = columns;
  groupSize = panels * depth * width;
  data.resize(groups * groupSize);
  for (int64_t g = 0; g < groups; ++g) {
    const float *matrix = source + g * ld * (rowMajorColumns ? columns : depth);
    for (int64_t first = 0; first < columns; first += width) {
      float *panel = data.data() + g * groupSize + first * depth;
      int64_t count = std::min(width, columns - first);
      if (!rowMajorColumns) {
        kernels.packPanel(depth, matrix + first, ld, count, panel);
        continue;
      }
      for (int64_t n = 0; n < width; ++n)
        for (int64_t k = 0; k < depth; ++k)
          panel[k * width + n] = n < count ? matrix[(first + n) * ld + k] : 0.0f;
    }
  }
}

PackedWeights gpfq::packConvWeights(const ConvShape &shape, const float *filter) {
  PackedWeights packed;
  packed.pack(shape.groups, shape.patchSize(), shape.outputChannelsPerGroup(), filter,
              shape.patchSize(), /*rowMajorColumns=*/true);
  return packed;
}

void gpfq::gatherPatches(const ConvShape &shape, const float *image, const int64_t *positions,
                         int64_t count, float *rows, bool interleaveGroups) {
  // Interleaved groups are what one group over all channels gives.
  int64_t groups = interleaveGroups ? 1 : shape.groups;
  int64_t channels = shape.inputChannels / groups;
  int64_t taps = shape.kernelHeight * shape.kernelWidth;
  int64_t outputWidth = shape.outputWidth();
  for (int64_t i = 0; i < count; ++i, rows += shape.inputChannels * taps) {
    int64_t top = positions[i] / outputWidth * shape.strideHeight - shape.padTop;
    int64_t left = positions[i] % outputWidth * shape.strideWidth - shape.padLeft;
    for (int64_t ky = 0; ky < shape.kernelHeight; ++ky)
      for (int64_t kx = 0; kx < shape.kernelWidth; ++kx) {
        int64_t y = top + ky * shape.dilationHeight, x = left + kx * shape.dilationWidth;
        bool isInside = y >= 0 && y < shape.inputHeight && x >= 0 && x < shape.inputWidth;
        const float *pixel = image + (y * shape.inputWidth + x) * shape.inputChannels;
        float *patch = rows + (ky * shape.kernelWidth + kx) * channels;
        for (int64_t g = 0; g < groups; ++g, patch += taps * channels) {
          if (isInside)
            std::memcpy(patch, pixel + g * channels, channels * sizeof(float));
          else
            std::memset(patch, 0, channels * sizeof(float));
        }
      }
  }
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

template <> int64_t gpfq::panelWidth<float>() { return floatKernels().panelFloats; }
template <> int64_t gpfq::panelWidth<double>() { return floatKernels().panelDoubles; }

template <>
void gpfq::multiplyAccumulatePanel<float>(int64_t rows, int64_t depth, const float *a, int64_t lda,
                                          const float *b, float *c) {
  floatKernels().panelFloat(rows, depth, a, lda, b, c);
}
template <>
void gpfq::multiplyAccumulatePanel<double>(int64_t rows, int64_t depth, const double *a,
                                           int64_t lda, const double *b, double *c) {
  floatKernels().panelDouble(rows, depth, a, lda, b, c);
}
