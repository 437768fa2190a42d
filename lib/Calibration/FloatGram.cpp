// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Accumulation of Gram matrices. Rows are repacked in blocks, so that both operands of a tile are
// read contiguously whatever the leading dimension; a task owns a panel of columns of the result.

#include "FloatKernelTable.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>

using namespace gpfq;

/// Rows that are summed in f32 before they are added in f64.
static constexpr int64_t depthBlock = 256;
/// Floats of one packed operand; bounds the memory for long inputs.
static constexpr int64_t packedFloats = 1024 * 1024;
/// Rows and channels of small interleaved problems whose operands stay in the L2 cache; the rows
/// are summed in f32. Several cache lines of a pixel in a row are what the prefetcher wants.
static constexpr int64_t interleavedBlock = 64, interleavedChannels = 64;

using PackFn = void (*)(int64_t, const float *, int64_t, int64_t, float *);

/// Packs rows [0, rows) of x into strips of `width` columns by blocks of depthBlock rows:
/// packed[block][strip][row][column], columns beyond the last are 0.
static void packStrips(int64_t rows, int64_t columns, const float *x, int64_t ld, int64_t width,
                       PackFn pack, float *packed, const ParallelFor &parallelFor) {
  int64_t strips = (columns + width - 1) / width;
  // A few rows at a time, so that the lines of x that strips share are read once.
  constexpr int64_t chunk = 16;
  static_assert(depthBlock % chunk == 0, "a chunk is in one block");
  int64_t chunks = (rows + chunk - 1) / chunk;
  runParallel(parallelFor, chunks, [&](int64_t c) {
    int64_t first = c * chunk, count = std::min(chunk, rows - first);
    int64_t block = first / depthBlock * depthBlock;
    int64_t blockRows = std::min(depthBlock, rows - block);
    for (int64_t s = 0; s < strips; ++s)
      pack(count, x + first * ld + s * width, ld, std::min(width, columns - s * width),
           packed + (block * strips + s * blockRows + first - block) * width);
  });
}

static void accumulate(int64_t rows, int64_t columns, const float *a, int64_t lda, const float *b,
                       int64_t ldb, bool isLowerOnly, double *out, const ParallelFor &parallelFor) {
  const FloatKernelTable &kernels = floatKernels();
  int64_t tileRows = kernels.gramRows, width = kernels.panelFloats;
  int64_t stripsA = (columns + tileRows - 1) / tileRows, panelsB = (columns + width - 1) / width;
  int64_t passRows = std::max<int64_t>(1, packedFloats / columns / depthBlock) * depthBlock;
  passRows = std::min(passRows, rows);
  static thread_local AlignedBuffer<float> bufferA, bufferB;
  bufferA.resize(std::max<size_t>(bufferA.size(), passRows * stripsA * tileRows));
  bufferB.resize(std::max<size_t>(bufferB.size(), passRows * panelsB * width));
  float *packedA = bufferA.data(), *packedB = bufferB.data();

  for (int64_t begin = 0; begin < rows; begin += passRows) {
    int64_t count = std::min(passRows, rows - begin);
    packStrips(count, columns, a + begin * lda, lda, tileRows, kernels.packGramRows, packedA,
               parallelFor);
    packStrips(count, columns, b + begin * ldb, ldb, width, kernels.packPanel, packedB,
               parallelFor);
    runParallel(parallelFor, panelsB, [&](int64_t panel) {
      int64_t j = panel * width;
      int64_t firstStrip = isLowerOnly ? j / tileRows : 0;
      for (int64_t k = 0; k < count; k += depthBlock) {
        int64_t depth = std::min(depthBlock, count - k);
        const float *blockA = packedA + k * stripsA * tileRows;
        const float *panelB = packedB + k * panelsB * width + panel * depth * width;
        for (int64_t strip = firstStrip; strip < stripsA; ++strip) {
          int64_t i = strip * tileRows;
          kernels.gramTile(depth, blockA + strip * depth * tileRows, panelB, out + i * columns + j,
                           columns, std::min(tileRows, columns - i), std::min(width, columns - j));
        }
      }
    });
  }
}

void gpfq::accumulateCrossGram(int64_t rows, int64_t columns, const float *a, int64_t lda,
                               const float *b, int64_t ldb, double *g,
                               const ParallelFor &parallelFor) {
  accumulate(rows, columns, a, lda, b, ldb, /*isLowerOnly=*/false, g, parallelFor);
}

void gpfq::accumulateGram(int64_t rows, int64_t columns, const float *a, int64_t lda, double *h,
                          const ParallelFor &parallelFor) {
  accumulate(rows, columns, a, lda, a, lda, /*isLowerOnly=*/true, h, parallelFor);
}

void gpfq::symmetrize(int64_t columns, double *h) {
  constexpr int64_t block = 32;
  for (int64_t i0 = 0; i0 < columns; i0 += block)
    for (int64_t j0 = 0; j0 <= i0; j0 += block)
      for (int64_t i = i0; i < std::min(columns, i0 + block); ++i)
        for (int64_t j = j0; j < std::min(i, j0 + block); ++j)
          h[j * columns + i] = h[i * columns + j];
}

/// Packs channels [channel, channel + blocks * lanes) of rows x taps into blocks:
/// packed[block][row][tap][lane].
static void packBlocks(int64_t rows, int64_t taps, int64_t channels, int64_t channel,
                       int64_t blocks, const float *x, float *packed) {
  const FloatKernelTable &kernels = floatKernels();
  // The blocks share cache lines of x.
  constexpr int64_t chunk = 32;
  for (int64_t i = 0; i < rows * taps; i += chunk)
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t first = channel + block * kernels.lanes;
      kernels.packLanes(std::min(chunk, rows * taps - i), x + i * channels + first, channels,
                        std::min(kernels.lanes, channels - first),
                        packed + (block * rows * taps + i) * kernels.lanes);
    }
}

void gpfq::accumulateInterleavedGram(int64_t rows, int64_t taps, int64_t channels, const float *a,
                                     const float *b, double *g, const ParallelFor &parallelFor) {
  const FloatKernelTable &kernels = floatKernels();
  int64_t lanes = kernels.lanes, width = interleavedChannels;
  runParallel(parallelFor, (channels + width - 1) / width, [&](int64_t task) {
    static thread_local AlignedBuffer<float> packedA, packedB, sums;
    packedA.resize(interleavedBlock * taps * width);
    packedB.resize(interleavedBlock * taps * width);
    sums.resize(taps * taps * lanes);
    int64_t first = task * width;
    int64_t blocks = (std::min(width, channels - first) + lanes - 1) / lanes;
    for (int64_t r = 0; r < rows; r += interleavedBlock) {
      int64_t count = std::min(interleavedBlock, rows - r);
      packBlocks(count, taps, channels, first, blocks, a + r * taps * channels, packedA.data());
      if (a != b)
        packBlocks(count, taps, channels, first, blocks, b + r * taps * channels, packedB.data());
      for (int64_t block = 0; block < blocks; ++block) {
        int64_t channel = first + block * lanes, offset = block * count * taps * lanes;
        kernels.interleavedGram(count, taps, packedA.data() + offset,
                                (a == b ? packedA : packedB).data() + offset, sums.data());
        for (int64_t lane = 0; lane < std::min(lanes, channels - channel); ++lane) {
          double *target = g + (channel + lane) * taps * taps;
          for (int64_t i = 0; i < taps * taps; ++i)
            target[i] += sums[i * lanes + lane];
        }
      }
    }
  });
}
