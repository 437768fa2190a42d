// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/RowProducts.h"

#include "RowKernels.h"
#include "gpfq/Calibration/AlignedBuffer.h"
#include <algorithm>

using namespace gpfq;

/// Columns of a group of one iteration of a parallel loop.
static constexpr int64_t tileSize = 64;
/// From column to column of a transposed block; no power of two, so that columns do not compete for
/// the same lines of the cache.
static constexpr int64_t transposedStride = rowsPerSum + 16;

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

RowShape gpfq::getRowShape(const GramAccumulator::Shape &shape) {
  return {shape.groups, shape.columns, shape.neuronsPerGroup, shape.layout};
}

/// target[t][r] = source[r][t], in strips of rows that share the lines of the cache they write.
static void transpose(int64_t rows, int64_t columns, const float *source, int64_t ld,
                      float *target) {
  constexpr int64_t strip = 8;
  int64_t r = 0;
  for (; r + strip <= rows; r += strip)
    for (int64_t t = 0; t < columns; ++t)
      for (int64_t i = 0; i < strip; ++i)
        target[t * transposedStride + r + i] = source[(r + i) * ld + t];
  for (; r < rows; ++r)
    for (int64_t t = 0; t < columns; ++t)
      target[t * transposedStride + r] = source[r * ld + t];
}

/// Y'X of each block of rows as a matrix product, with the block of Y, which is the smaller one in
/// most layers, transposed.
static void accumulateGroupMajor(const RowShape &shape, int64_t rows, const float *x,
                                 const float *y, double *moments, const ParallelFor &parallelFor) {
  int64_t blocks = ceilDiv(rows, rowsPerSum), tiles = ceilDiv(shape.columns, tileSize);
  // By block, group and neuron of the group.
  int64_t transposedSize = shape.neurons * transposedStride;
  static thread_local AlignedBuffer<float> buffer;
  buffer.resize(std::max<size_t>(buffer.size(), blocks * shape.groups * transposedSize));
  float *transposed = buffer.data();
  runParallel(parallelFor, blocks * shape.groups, [&](int64_t i) {
    int64_t begin = i / shape.groups * rowsPerSum, g = i % shape.groups;
    transpose(std::min(rowsPerSum, rows - begin), shape.neurons,
              y + begin * shape.outputs() + g * shape.neurons, shape.outputs(),
              transposed + i * transposedSize);
  });
  runParallel(parallelFor, shape.groups * tiles, [&](int64_t task) {
    int64_t g = task / tiles, first = task % tiles * tileSize;
    int64_t width = std::min(tileSize, shape.columns - first);
    std::vector<float> product(shape.neurons * width);
    static thread_local PackedWeights packed;
    for (int64_t b = 0; b < blocks; ++b) {
      int64_t count = std::min(rowsPerSum, rows - b * rowsPerSum);
      const float *source = x + b * rowsPerSum * shape.inputs() + g * shape.columns + first;
      packed.pack(/*groups=*/1, count, width, source, shape.inputs(), /*rowMajorColumns=*/false);
      matmul(shape.neurons, transposed + (b * shape.groups + g) * transposedSize, transposedStride,
             packed, /*bias=*/nullptr, product.data(), width);
      for (int64_t o = 0; o < shape.neurons; ++o)
        for (int64_t t = 0; t < width; ++t)
          moments[(g * shape.neurons + o) * shape.columns + first + t] += product[o * width + t];
    }
  });
}

/// The same for interleaved rows: neighbouring groups in neighbouring vector lanes.
static void accumulateInterleaved(const RowShape &shape, int64_t rows, const float *x,
                                  const float *y, double *moments, const ParallelFor &parallelFor) {
  int64_t n = shape.columns, pairs = shape.neurons * n, size = pairs * shape.groups;
  int64_t blocks = ceilDiv(rows, rowsPerSum);
  const RowKernels &kernels = rowKernels();
  // By block, neuron of the group, column and group.
  std::vector<float> sums(blocks * size, 0.0f);
  runParallel(parallelFor, blocks, [&](int64_t block) {
    std::vector<float> lanes(shape.groups);
    for (int64_t r = block * rowsPerSum; r < std::min((block + 1) * rowsPerSum, rows); ++r)
      for (int64_t o = 0; o < shape.neurons; ++o) {
        for (int64_t g = 0; g < shape.groups; ++g)
          lanes[g] = y[r * shape.outputs() + g * shape.neurons + o];
        kernels.accumulateTaps(n, shape.groups, x + r * shape.inputs(), lanes.data(),
                               sums.data() + block * size + o * n * shape.groups);
      }
  });
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t pair = 0; pair < pairs; ++pair)
      for (int64_t g = 0; g < shape.groups; ++g)
        moments[g * pairs + pair] += sums[block * size + pair * shape.groups + g];
}

void gpfq::accumulateCrossMoments(const RowShape &shape, int64_t rows, const float *x,
                                  const float *y, double *moments, const ParallelFor &parallelFor) {
  if (shape.layout == RowLayout::Interleaved)
    accumulateInterleaved(shape, rows, x, y, moments, parallelFor);
  else
    accumulateGroupMajor(shape, rows, x, y, moments, parallelFor);
}

RowMultiplier::RowMultiplier(const RowShape &shape, const float *weights, const float *bias)
    : shape(shape), bias(shape.outputs(), 0.0f) {
  if (bias)
    this->bias.assign(bias, bias + shape.outputs());
  int64_t n = shape.columns;
  if (shape.layout == RowLayout::GroupMajor) {
    packed.pack(shape.groups, n, shape.neurons, weights, n, /*rowMajorColumns=*/true);
    return;
  }
  lanes.resize(shape.outputs() * n);
  for (int64_t o = 0; o < shape.outputs(); ++o)
    for (int64_t t = 0; t < n; ++t)
      lanes[(o % shape.neurons * n + t) * shape.groups + o / shape.neurons] = weights[o * n + t];
}

void RowMultiplier::multiply(int64_t rows, const float *x, float *y,
                             const ParallelFor &parallelFor) const {
  int64_t n = shape.columns;
  if (shape.layout == RowLayout::GroupMajor) {
    for (int64_t g = 0; g < shape.groups; ++g)
      matmul(rows, x + g * n, shape.inputs(), packed, bias.data() + g * shape.neurons,
             y + g * shape.neurons, shape.outputs(), parallelFor, g);
    return;
  }
  const RowKernels &kernels = rowKernels();
  runParallel(parallelFor, ceilDiv(rows, rowsPerSum), [&](int64_t block) {
    std::vector<float> sums(shape.groups);
    for (int64_t r = block * rowsPerSum; r < std::min((block + 1) * rowsPerSum, rows); ++r)
      for (int64_t o = 0; o < shape.neurons; ++o) {
        for (int64_t g = 0; g < shape.groups; ++g)
          sums[g] = bias[g * shape.neurons + o];
        kernels.multiplyTaps(n, shape.groups, x + r * shape.inputs(),
                             lanes.data() + o * n * shape.groups, sums.data());
        for (int64_t g = 0; g < shape.groups; ++g)
          y[r * shape.outputs() + g * shape.neurons + o] = sums[g];
      }
  });
}
