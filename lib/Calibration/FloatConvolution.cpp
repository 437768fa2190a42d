// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Direct convolution and matrix product. A task is a block of output rows whose input stays in the
// L2 cache; within it the panels of output channels are outermost, so that a panel is read from L1
// or L2.

#include "FloatKernelTable.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>
#include <cstring>
#include <vector>

using namespace gpfq;

/// Input of a task, half of a typical L2 cache.
static constexpr int64_t taskFloats = 32 * 1024;
/// Deeper products are cut so that a panel and the rows that meet it stay in the cache.
static constexpr int64_t maxDepth = 1024, depthBlock = 512;

/// Bias of each group, padded to whole panels.
static std::vector<float> padBias(const float *bias, int64_t groups, int64_t columns) {
  int64_t width = floatKernels().panelFloats;
  int64_t padded = (columns + width - 1) / width * width;
  std::vector<float> result(groups * padded, 0.0f);
  if (bias)
    for (int64_t g = 0; g < groups; ++g)
      std::copy_n(bias + g * columns, columns, result.data() + g * padded);
  return result;
}

void gpfq::matmul(int64_t rows, const float *a, int64_t lda, const PackedWeights &b,
                  const float *bias, float *c, int64_t ldc, const ParallelFor &parallelFor,
                  int64_t group) {
  int64_t width = floatKernels().panelFloats;
  int64_t depth = b.depth(), columns = b.columns();
  int64_t step = depth > maxDepth ? depthBlock : std::max<int64_t>(depth, 1);
  std::vector<float> paddedBias = padBias(bias, 1, columns);

  // Blocks of few tiles would read the panels too often.
  int64_t blockRows = std::max<int64_t>(24, taskFloats / step / 24 * 24);
  int64_t blocks = (rows + blockRows - 1) / blockRows;
  runParallel(parallelFor, blocks, [&](int64_t block) {
    int64_t begin = block * blockRows, count = std::min(blockRows, rows - begin);
    int64_t k = 0;
    do {
      int64_t length = std::min(step, depth - k);
      for (int64_t n = 0; n < columns; n += width) {
        PanelRows p{};
        p.input = a + begin * lda + k;
        p.rows = count;
        p.rowStride = lda;
        p.outer = p.inner = 1;
        p.run = length;
        p.panel = b.group(group) + n * depth + k * width;
        p.bias = k == 0 ? paddedBias.data() + n : nullptr;
        p.output = c + begin * ldc + n;
        p.outputStride = ldc;
        p.columns = std::min(width, columns - n);
        floatKernels().panelRows(p);
      }
      k += length;
    } while (k < depth);
  });
}

namespace {
/// Input rows of a block of output rows, with the padding in place.
struct Slab {
  const float *data;
  /// Elements from one input row to the next.
  int64_t rowStride;
};
} // namespace

/// Output rows [begin, end) of image n read the returned slab; it is a copy when there is padding.
static Slab getSlab(const ConvShape &shape, const float *input, int64_t n, int64_t begin,
                    int64_t end, std::vector<float> &copy) {
  int64_t inputRow = shape.inputWidth * shape.inputChannels;
  const float *image = input + n * shape.inputHeight * inputRow;
  int64_t top = begin * shape.strideHeight - shape.padTop;
  if (!shape.isPadded())
    return {image + top * inputRow, inputRow};

  int64_t rows =
      (end - begin - 1) * shape.strideHeight + shape.dilationHeight * (shape.kernelHeight - 1) + 1;
  int64_t stride = inputRow + (shape.padLeft + shape.padRight) * shape.inputChannels;
  copy.resize(std::max<size_t>(copy.size(), rows * stride));
  int64_t left = shape.padLeft * shape.inputChannels;
  for (int64_t y = 0; y < rows; ++y) {
    float *row = copy.data() + y * stride;
    if (top + y < 0 || top + y >= shape.inputHeight) {
      std::fill_n(row, stride, 0.0f);
      continue;
    }
    std::fill_n(row, left, 0.0f);
    std::copy_n(image + (top + y) * inputRow, inputRow, row + left);
    std::fill_n(row + left + inputRow, stride - left - inputRow, 0.0f);
  }
  return {copy.data(), stride};
}

/// Calls body(image, firstOutputRow, lastOutputRow) for blocks of output rows with a bounded input.
static void forEachBlock(const ConvShape &shape, const ParallelFor &parallelFor,
                         const std::function<void(int64_t, int64_t, int64_t)> &body) {
  int64_t outputHeight = shape.outputHeight();
  int64_t perRow = shape.strideHeight * (shape.inputWidth + shape.padLeft + shape.padRight) *
                   shape.inputChannels;
  int64_t blockRows =
      std::clamp<int64_t>(taskFloats / std::max<int64_t>(perRow, 1), 1, outputHeight);
  int64_t blocks = (outputHeight + blockRows - 1) / blockRows;
  runParallel(parallelFor, shape.batch * blocks, [&](int64_t task) {
    int64_t begin = task % blocks * blockRows;
    body(task / blocks, begin, std::min(begin + blockRows, outputHeight));
  });
}

void gpfq::conv2d(const ConvShape &shape, const float *input, const PackedWeights &weights,
                  const float *bias, float *output, const ParallelFor &parallelFor) {
  bool isPointwise = shape.kernelHeight == 1 && shape.kernelWidth == 1 && shape.strideHeight == 1 &&
                     shape.strideWidth == 1 && shape.groups == 1 && !shape.isPadded();
  if (isPointwise)
    return matmul(shape.batch * shape.inputHeight * shape.inputWidth, input, shape.inputChannels,
                  weights, bias, output, shape.outputChannels, parallelFor);

  int64_t width = floatKernels().panelFloats;
  int64_t columns = shape.outputChannelsPerGroup();
  int64_t paddedColumns = (columns + width - 1) / width * width;
  std::vector<float> paddedBias = padBias(bias, shape.groups, columns);
  // The taps of a kernel row are contiguous unless they are dilated or a group is a part of a
  // pixel.
  bool isContiguous = shape.groups == 1 && (shape.dilationWidth == 1 || shape.kernelWidth == 1);

  forEachBlock(shape, parallelFor, [&](int64_t n, int64_t begin, int64_t end) {
    static thread_local std::vector<float> copy;
    Slab slab = getSlab(shape, input, n, begin, end, copy);
    PanelRows p{};
    p.rows = shape.outputWidth();
    p.rowStride = shape.strideWidth * shape.inputChannels;
    p.outer = shape.kernelHeight;
    p.outerStride = shape.dilationHeight * slab.rowStride;
    p.inner = isContiguous ? 1 : shape.kernelWidth;
    p.innerStride = shape.dilationWidth * shape.inputChannels;
    p.run = shape.channelsPerGroup() * (isContiguous ? shape.kernelWidth : 1);
    p.outputStride = shape.outputChannels;
    for (int64_t g = 0; g < shape.groups; ++g)
      for (int64_t c = 0; c < columns; c += width) {
        p.panel = weights.group(g) + c * shape.patchSize();
        p.bias = paddedBias.data() + g * paddedColumns + c;
        p.columns = std::min(width, columns - c);
        for (int64_t y = begin; y < end; ++y) {
          p.input = slab.data + (y - begin) * shape.strideHeight * slab.rowStride +
                    g * shape.channelsPerGroup();
          p.output = output +
                     ((n * shape.outputHeight() + y) * shape.outputWidth()) * shape.outputChannels +
                     g * columns + c;
          floatKernels().panelRows(p);
        }
      }
  });
}

void gpfq::depthwiseConv2d(const ConvShape &shape, const float *input, const float *filter,
                           const float *bias, float *output, const ParallelFor &parallelFor) {
  forEachBlock(shape, parallelFor, [&](int64_t n, int64_t begin, int64_t end) {
    static thread_local std::vector<float> copy;
    Slab slab = getSlab(shape, input, n, begin, end, copy);
    DepthwiseRow p{};
    p.positions = shape.outputWidth();
    p.positionStride = shape.strideWidth * shape.inputChannels;
    p.kernelHeight = shape.kernelHeight;
    p.rowStride = shape.dilationHeight * slab.rowStride;
    p.kernelWidth = shape.kernelWidth;
    p.tapStride = shape.dilationWidth * shape.inputChannels;
    p.filter = filter;
    p.bias = bias;
    p.channels = shape.inputChannels;
    for (int64_t y = begin; y < end; ++y) {
      p.input = slab.data + (y - begin) * shape.strideHeight * slab.rowStride;
      p.output =
          output + (n * shape.outputHeight() + y) * shape.outputWidth() * shape.inputChannels;
      floatKernels().depthwiseRow(p);
    }
  });
}
