// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Native f32 kernels of the calibration run: convolution, matrix product, patch gathering and the
// accumulation of Gram matrices. All tensors are dense and row-major; images are NHWC.
//
// The kernels are compiled for several x86-64 levels and chosen by CPUID at first use. On one CPU a
// result depends on the operands only, never on the number of threads: each element is computed in
// one iteration of a parallel loop. Elements of different levels of instruction set differ in
// rounding only (fused multiply-add or not).

#ifndef GPFQ_CALIBRATION_FLOATKERNELS_H
#define GPFQ_CALIBRATION_FLOATKERNELS_H

#include "gpfq/Calibration/AlignedBuffer.h"
#include "gpfq/Calibration/ThreadPool.h"
#include <cstdint>

namespace gpfq {

enum class FloatIsa { Baseline, X86_64_V3, X86_64_V4 };

/// Whether this build and this CPU have the kernels of `isa`.
bool isFloatIsaSupported(FloatIsa isa);
/// The kernels in use: the best that is supported, unless selected otherwise.
FloatIsa floatIsa();
/// "baseline", "x86-64-v3" or "x86-64-v4".
const char *floatIsaName(FloatIsa isa);
/// Selects the kernels; false when they are not supported. For tests and benchmarks: not
/// thread-safe, and weights packed before the call must not be used after it.
bool selectFloatIsa(FloatIsa isa);

/// Shape of a two-dimensional convolution. Sizes are in elements.
struct ConvShape {
  int64_t batch = 1;
  int64_t inputHeight = 1, inputWidth = 1, inputChannels = 1;
  int64_t kernelHeight = 1, kernelWidth = 1, outputChannels = 1;
  int64_t strideHeight = 1, strideWidth = 1;
  int64_t dilationHeight = 1, dilationWidth = 1;
  /// Zero padding; all 0 when the input is already padded.
  int64_t padTop = 0, padBottom = 0, padLeft = 0, padRight = 0;
  /// Input channels [g*inputChannels/groups, (g+1)*inputChannels/groups) feed output channels of
  /// group g.
  int64_t groups = 1;

  int64_t outputHeight() const {
    return (inputHeight + padTop + padBottom - dilationHeight * (kernelHeight - 1) - 1) /
               strideHeight +
           1;
  }
  int64_t outputWidth() const {
    return (inputWidth + padLeft + padRight - dilationWidth * (kernelWidth - 1) - 1) / strideWidth +
           1;
  }
  int64_t channelsPerGroup() const { return inputChannels / groups; }
  int64_t outputChannelsPerGroup() const { return outputChannels / groups; }
  /// Length of a patch of one group: kernelHeight * kernelWidth * channelsPerGroup.
  int64_t patchSize() const { return kernelHeight * kernelWidth * channelsPerGroup(); }
  bool isPadded() const { return padTop || padBottom || padLeft || padRight; }
};

/// Right-hand operand in the panels that the kernels of the selected instruction set read.
class PackedWeights {
public:
  /// Packs `groups` matrices of depth x columns in place of what is held; the storage is used
  /// again. `rowMajorColumns` = false: the source is depth x columns (a linalg.matmul right-hand
  /// side) with `ld` elements from row to row; true: columns x depth (an FHWC filter, a torch
  /// linear weight), `ld` elements from column to column. Groups follow each other.
  void pack(int64_t groups, int64_t depth, int64_t columns, const float *source, int64_t ld,
            bool rowMajorColumns);

  int64_t groups() const { return numGroups; }
  int64_t depth() const { return numDepth; }
  /// Columns (output channels) of one group.
  int64_t columns() const { return numColumns; }
  const float *group(int64_t g) const { return data.data() + g * groupSize; }

private:
  int64_t numGroups = 0, numDepth = 0, numColumns = 0, groupSize = 0;
  AlignedBuffer<float> data;
};

/// Packs an FHWC filter: outputChannels x kernelHeight x kernelWidth x channelsPerGroup.
PackedWeights packConvWeights(const ConvShape &shape, const float *filter);

/// output[n,y,x,o] = bias[o] + sum over kh, kw, c (in that order) of input * filter. `bias` may be
/// null (zero). `weights` come from packConvWeights with the same shape (any batch).
void conv2d(const ConvShape &shape, const float *input, const PackedWeights &weights,
            const float *bias, float *output, const ParallelFor &parallelFor = {});

/// Depthwise convolution with one filter per channel: groups == inputChannels == outputChannels,
/// filter HWC (kernelHeight x kernelWidth x channels).
void depthwiseConv2d(const ConvShape &shape, const float *input, const float *filter,
                     const float *bias, float *output, const ParallelFor &parallelFor = {});

/// c[m][n] = bias[n] + sum over k ascending of a[m][k] * b[k][n], with leading dimensions lda, ldc;
/// b is one group of the packed weights.
void matmul(int64_t rows, const float *a, int64_t lda, const PackedWeights &b, const float *bias,
            float *c, int64_t ldc, const ParallelFor &parallelFor = {}, int64_t group = 0);

/// Rows of the im2col matrix of one image (batch is ignored) for output positions
/// positions[i] = y * outputWidth + x. Row i is `groups` patches after each other, each in the
/// order of an FHWC filter: kh, kw, c. With `interleaveGroups` the order is kh, kw, channel over
/// all groups, which for a depthwise convolution puts tap t of channel c at t * channels + c.
void gatherPatches(const ConvShape &shape, const float *image, const int64_t *positions,
                   int64_t count, float *rows, bool interleaveGroups = false);

/// g[i][j] += sum over rows r of a[r][i] * b[r][j], i, j < columns; g is columns x columns f64.
/// Sums of up to 256 rows are formed in f32 and added in f64, in the order of the rows.
void accumulateCrossGram(int64_t rows, int64_t columns, const float *a, int64_t lda, const float *b,
                         int64_t ldb, double *g, const ParallelFor &parallelFor = {});
/// The same with a == b, computing the lower triangle (j <= i) only: elements above the diagonal
/// are unspecified until symmetrize().
void accumulateGram(int64_t rows, int64_t columns, const float *a, int64_t lda, double *h,
                    const ParallelFor &parallelFor = {});
/// Copies the lower triangle onto the upper one.
void symmetrize(int64_t columns, double *h);
/// Gram matrices of many small problems whose rows are interleaved: element (tap i, channel c) of
/// row r is a[(r * taps + i) * channels + c]; g[c][i][j] += sum over r of a(i, c) * b(j, c).
void accumulateInterleavedGram(int64_t rows, int64_t taps, int64_t channels, const float *a,
                               const float *b, double *g, const ParallelFor &parallelFor = {});

/// Columns of the panels that multiplyAccumulatePanel works on.
template <typename T> int64_t panelWidth();
/// c[m][n] += sum over k ascending, one rounding order whatever `rows`, of a[m*lda + k] * b[k][n],
/// for n < panelWidth<T>(); b is depth x panelWidth, c is rows x panelWidth. Splitting `depth` over
/// several calls gives the same bits. T is float or double.
template <typename T>
void multiplyAccumulatePanel(int64_t rows, int64_t depth, const T *a, int64_t lda, const T *b,
                             T *c);

} // namespace gpfq

#endif // GPFQ_CALIBRATION_FLOATKERNELS_H
