// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Micro-kernels over the vector extensions of GCC and Clang. The including file defines
//   GPFQ_VECTOR_BYTES  width of a vector register,
//   GPFQ_TILE_ROWS     rows of a tile that is two vectors wide; with its accumulators, two vectors
//   of the
//                      panel and a broadcast it has to fit the register file,
// and instantiates makeTable(). Everything is in an unnamed namespace, see FloatKernelTable.h.

#ifndef GPFQ_LIB_CALIBRATION_FLOATMICROKERNELS_H
#define GPFQ_LIB_CALIBRATION_FLOATMICROKERNELS_H

#include "FloatKernelTable.h"
#include <cstring>

namespace gpfq {
namespace {

typedef float FloatVector __attribute__((vector_size(GPFQ_VECTOR_BYTES), aligned(4), may_alias));
typedef double DoubleVector __attribute__((vector_size(GPFQ_VECTOR_BYTES), aligned(8), may_alias));

template <typename T> struct VectorOf;
template <> struct VectorOf<float> {
  using type = FloatVector;
};
template <> struct VectorOf<double> {
  using type = DoubleVector;
};

constexpr int lanes = GPFQ_VECTOR_BYTES / 4;
constexpr int panelFloats = 2 * lanes;
constexpr int tileRows = GPFQ_TILE_ROWS;
/// A tile one vector wide has half the accumulators per row.
constexpr int narrowTileRows = 2 * GPFQ_TILE_ROWS;

/// acc[m][n] += a[m * stride + k] * panel[k][n] for k ascending.
template <typename T, int Rows, int Vectors>
inline __attribute__((always_inline)) void
accumulate(const T *a, int64_t stride, int64_t depth, const T *panel,
           typename VectorOf<T>::type (&acc)[Rows][Vectors]) {
  using Vector = typename VectorOf<T>::type;
  constexpr int width = GPFQ_VECTOR_BYTES / sizeof(T);
  for (int64_t k = 0; k < depth; ++k) {
    Vector w[Vectors];
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n)
      w[n] = *reinterpret_cast<const Vector *>(panel + k * 2 * width + n * width);
#pragma GCC unroll 32
    for (int m = 0; m < Rows; ++m) {
      T scalar = a[m * stride + k];
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n)
        acc[m][n] += scalar * w[n];
    }
  }
}

template <int Rows, int Vectors>
__attribute__((noinline)) void panelTile(const PanelRows &p, const float *input, float *output) {
  FloatVector acc[Rows][Vectors];
  bool isWhole = p.columns == Vectors * lanes;
  if (p.bias || isWhole) {
    const float *start = p.bias ? p.bias : output;
    int64_t stride = p.bias ? 0 : p.outputStride;
#pragma GCC unroll 32
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n)
        acc[m][n] = *reinterpret_cast<const FloatVector *>(start + m * stride + n * lanes);
  } else {
    float start[Rows][Vectors * lanes] = {};
    for (int m = 0; m < Rows; ++m)
      for (int64_t n = 0; n < p.columns; ++n)
        start[m][n] = output[m * p.outputStride + n];
    for (int m = 0; m < Rows; ++m)
      for (int n = 0; n < Vectors; ++n)
        acc[m][n] = *reinterpret_cast<const FloatVector *>(&start[m][n * lanes]);
  }

  const float *panel = p.panel;
  for (int64_t outer = 0; outer < p.outer; ++outer)
    for (int64_t inner = 0; inner < p.inner; ++inner) {
      accumulate<float, Rows, Vectors>(input + outer * p.outerStride + inner * p.innerStride,
                                       p.rowStride, p.run, panel, acc);
      panel += p.run * panelFloats;
    }

  if (isWhole) {
#pragma GCC unroll 32
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n)
        *reinterpret_cast<FloatVector *>(output + m * p.outputStride + n * lanes) = acc[m][n];
    return;
  }
  float result[Rows][Vectors * lanes];
  for (int m = 0; m < Rows; ++m) {
    for (int n = 0; n < Vectors; ++n)
      *reinterpret_cast<FloatVector *>(&result[m][n * lanes]) = acc[m][n];
    for (int64_t n = 0; n < p.columns; ++n)
      output[m * p.outputStride + n] = result[m][n];
  }
}

using PanelTileFn = void (*)(const PanelRows &, const float *, float *);
template <int Rows, int Vectors> struct PanelTiles {
  static constexpr void fill(PanelTileFn *table) {
    table[Rows] = panelTile<Rows, Vectors>;
    if constexpr (Rows > 1)
      PanelTiles<Rows - 1, Vectors>::fill(table);
  }
};
struct PanelTileTable {
  PanelTileFn wide[tileRows + 1] = {}, narrow[narrowTileRows + 1] = {};
  constexpr PanelTileTable() {
    PanelTiles<tileRows, 2>::fill(wide);
    PanelTiles<narrowTileRows, 1>::fill(narrow);
  }
};
constexpr PanelTileTable panelTiles;

/// Cuts the rows into tiles whose sizes differ by at most one.
void panelRows(const PanelRows &p) {
  bool isNarrow = p.columns <= lanes;
  int64_t limit = isNarrow ? narrowTileRows : tileRows;
  int64_t tiles = (p.rows + limit - 1) / limit;
  for (int64_t t = 0; t < tiles; ++t) {
    int64_t begin = p.rows * t / tiles, end = p.rows * (t + 1) / tiles;
    PanelTileFn tile = isNarrow ? panelTiles.narrow[end - begin] : panelTiles.wide[end - begin];
    tile(p, p.input + begin * p.rowStride, p.output + begin * p.outputStride);
  }
}

template <int Positions, int Vectors>
inline __attribute__((always_inline)) void depthwiseTile(const DepthwiseRow &p, int64_t position,
                                                         int64_t channel) {
  FloatVector acc[Positions][Vectors] = {};
  if (p.bias)
#pragma GCC unroll 8
    for (int m = 0; m < Positions; ++m)
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n)
        acc[m][n] = *reinterpret_cast<const FloatVector *>(p.bias + channel + n * lanes);
  const float *input = p.input + position * p.positionStride + channel;
  const float *filter = p.filter + channel;
  for (int64_t y = 0; y < p.kernelHeight; ++y)
    for (int64_t x = 0; x < p.kernelWidth; ++x) {
      const float *tap = input + y * p.rowStride + x * p.tapStride;
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n) {
        FloatVector w = *reinterpret_cast<const FloatVector *>(filter + n * lanes);
#pragma GCC unroll 8
        for (int m = 0; m < Positions; ++m)
          acc[m][n] +=
              *reinterpret_cast<const FloatVector *>(tap + m * p.positionStride + n * lanes) * w;
      }
      filter += p.channels;
    }
#pragma GCC unroll 8
  for (int m = 0; m < Positions; ++m)
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n)
      *reinterpret_cast<FloatVector *>(p.output + (position + m) * p.channels + channel +
                                       n * lanes) = acc[m][n];
}

template <int Vectors> void depthwiseChannels(const DepthwiseRow &p, int64_t channel) {
  constexpr int step = 4;
  int64_t position = 0;
  for (; position + step <= p.positions; position += step)
    depthwiseTile<step, Vectors>(p, position, channel);
  for (; position < p.positions; ++position)
    depthwiseTile<1, Vectors>(p, position, channel);
}

void depthwiseScalar(const DepthwiseRow &p) {
  for (int64_t position = 0; position < p.positions; ++position)
    for (int64_t channel = 0; channel < p.channels; ++channel) {
      const float *input = p.input + position * p.positionStride + channel;
      const float *filter = p.filter + channel;
      float acc = p.bias ? p.bias[channel] : 0.0f;
      for (int64_t y = 0; y < p.kernelHeight; ++y)
        for (int64_t x = 0; x < p.kernelWidth; ++x, filter += p.channels)
          acc += input[y * p.rowStride + x * p.tapStride] * *filter;
      p.output[position * p.channels + channel] = acc;
    }
}

/// The last block of channels overlaps the one before it: the same values are stored twice.
void depthwiseRow(const DepthwiseRow &p) {
  if (p.channels < lanes) {
    depthwiseScalar(p);
  } else if (p.channels < 2 * lanes) {
    depthwiseChannels<1>(p, 0);
    if (p.channels > lanes)
      depthwiseChannels<1>(p, p.channels - lanes);
  } else {
    int64_t channel = 0;
    for (; channel + 2 * lanes <= p.channels; channel += 2 * lanes)
      depthwiseChannels<2>(p, channel);
    if (channel < p.channels)
      depthwiseChannels<2>(p, p.channels - 2 * lanes);
  }
}

/// Copies of a constant size are a few moves instead of a call.
template <int Width>
void packColumns(int64_t count, const float *x, int64_t ld, int64_t used, float *packed) {
  for (int64_t k = 0; k < count && used == Width; ++k)
    std::memcpy(packed + k * Width, x + k * ld, Width * sizeof(float));
  for (int64_t k = 0; k < count && used < Width; ++k)
    for (int64_t i = 0; i < Width; ++i)
      packed[k * Width + i] = i < used ? x[k * ld + i] : 0.0f;
}

void gramTile(int64_t depth, const float *a, const float *b, double *out, int64_t ld, int64_t rows,
              int64_t columns) {
  FloatVector acc[tileRows][2] = {};
  for (int64_t k = 0; k < depth; ++k) {
    FloatVector w0 = *reinterpret_cast<const FloatVector *>(b + k * panelFloats);
    FloatVector w1 = *reinterpret_cast<const FloatVector *>(b + k * panelFloats + lanes);
#pragma GCC unroll 32
    for (int m = 0; m < tileRows; ++m) {
      float scalar = a[k * tileRows + m];
      acc[m][0] += scalar * w0;
      acc[m][1] += scalar * w1;
    }
  }
  float sums[tileRows][panelFloats];
#pragma GCC unroll 32
  for (int m = 0; m < tileRows; ++m) {
    *reinterpret_cast<FloatVector *>(&sums[m][0]) = acc[m][0];
    *reinterpret_cast<FloatVector *>(&sums[m][lanes]) = acc[m][1];
  }
  if (columns == panelFloats) {
    for (int64_t m = 0; m < rows; ++m)
      for (int n = 0; n < panelFloats; ++n)
        out[m * ld + n] += sums[m][n];
    return;
  }
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < columns; ++n)
      out[m * ld + n] += sums[m][n];
}

template <int Rows, int Columns>
void interleavedTile(int64_t rows, int64_t taps, const float *a, const float *b, float *out) {
  FloatVector acc[Rows][Columns] = {};
  for (int64_t r = 0; r < rows; ++r, a += taps * lanes, b += taps * lanes) {
    FloatVector x[Rows];
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i)
      x[i] = *reinterpret_cast<const FloatVector *>(a + i * lanes);
#pragma GCC unroll 4
    for (int j = 0; j < Columns; ++j) {
      FloatVector y = *reinterpret_cast<const FloatVector *>(b + j * lanes);
#pragma GCC unroll 4
      for (int i = 0; i < Rows; ++i)
        acc[i][j] += x[i] * y;
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Columns; ++j)
      *reinterpret_cast<FloatVector *>(out + (i * taps + j) * lanes) = acc[i][j];
}

template <int Rows>
void interleavedStrip(int64_t rows, int64_t taps, const float *a, const float *b, float *out) {
  int64_t j = 0;
  for (; j + 3 <= taps; j += 3)
    interleavedTile<Rows, 3>(rows, taps, a, b + j * lanes, out + j * lanes);
  for (; j < taps; ++j)
    interleavedTile<Rows, 1>(rows, taps, a, b + j * lanes, out + j * lanes);
}

void interleavedGram(int64_t rows, int64_t taps, const float *a, const float *b, float *out) {
  int64_t i = 0;
  for (; i + 3 <= taps; i += 3)
    interleavedStrip<3>(rows, taps, a + i * lanes, b, out + i * taps * lanes);
  for (; i < taps; ++i)
    interleavedStrip<1>(rows, taps, a + i * lanes, b, out + i * taps * lanes);
}

template <typename T, int Rows>
__attribute__((noinline)) void panelStrip(int64_t depth, const T *a, int64_t lda, const T *b,
                                          T *c) {
  using Vector = typename VectorOf<T>::type;
  constexpr int width = GPFQ_VECTOR_BYTES / sizeof(T);
  Vector acc[Rows][2];
#pragma GCC unroll 32
  for (int m = 0; m < Rows; ++m) {
    acc[m][0] = *reinterpret_cast<const Vector *>(c + m * 2 * width);
    acc[m][1] = *reinterpret_cast<const Vector *>(c + m * 2 * width + width);
  }
  accumulate<T, Rows, 2>(a, lda, depth, b, acc);
#pragma GCC unroll 32
  for (int m = 0; m < Rows; ++m) {
    *reinterpret_cast<Vector *>(c + m * 2 * width) = acc[m][0];
    *reinterpret_cast<Vector *>(c + m * 2 * width + width) = acc[m][1];
  }
}

template <typename T>
void panelProduct(int64_t rows, int64_t depth, const T *a, int64_t lda, const T *b, T *c) {
  constexpr int64_t width = 2 * GPFQ_VECTOR_BYTES / sizeof(T);
  int64_t m = 0;
  for (; m + tileRows <= rows; m += tileRows)
    panelStrip<T, tileRows>(depth, a + m * lda, lda, b, c + m * width);
  for (; m + 2 <= rows; m += 2)
    panelStrip<T, 2>(depth, a + m * lda, lda, b, c + m * width);
  for (; m < rows; ++m)
    panelStrip<T, 1>(depth, a + m * lda, lda, b, c + m * width);
}

constexpr FloatKernelTable makeTable() {
  return {panelFloats,
          panelFloats / 2,
          tileRows,
          lanes,
          panelRows,
          depthwiseRow,
          packColumns<tileRows>,
          packColumns<panelFloats>,
          packColumns<lanes>,
          gramTile,
          interleavedGram,
          panelProduct<float>,
          panelProduct<double>};
}

} // namespace
} // namespace gpfq

#endif // GPFQ_LIB_CALIBRATION_FLOATMICROKERNELS_H
