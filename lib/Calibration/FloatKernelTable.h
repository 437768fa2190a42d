// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The kernels that are compiled once for each level of instruction set. The translation units that
// define a table include nothing but this header and FloatMicroKernels.h: an inline function of the
// standard library compiled there could be chosen by the linker for code that runs on any CPU.

#ifndef GPFQ_LIB_CALIBRATION_FLOATKERNELTABLE_H
#define GPFQ_LIB_CALIBRATION_FLOATKERNELTABLE_H

#include <stdint.h>

namespace gpfq {

/// Outputs of one panel of columns at `rows` positions whose inputs are rowStride apart. The input
/// of a position is outer x inner segments of `run` contiguous elements.
struct PanelRows {
  const float *input;
  int64_t rows, rowStride;
  int64_t outer, outerStride, inner, innerStride, run;
  /// outer * inner * run rows of the panel.
  const float *panel;
  /// Start values: one panel row, or null to accumulate on the output.
  const float *bias;
  float *output;
  int64_t outputStride;
  /// Columns of the panel that are stored.
  int64_t columns;
};

/// One row of outputs of a depthwise convolution.
struct DepthwiseRow {
  const float *input;
  int64_t positions, positionStride;
  int64_t kernelHeight, rowStride, kernelWidth, tapStride;
  /// kernelHeight x kernelWidth x channels.
  const float *filter;
  /// `channels` values or null.
  const float *bias;
  /// positions x channels.
  float *output;
  int64_t channels;
};

struct FloatKernelTable {
  /// Columns of a panel, rows of a Gram tile, lanes of one vector.
  int64_t panelFloats, panelDoubles, gramRows, lanes;

  void (*panelRows)(const PanelRows &);
  void (*depthwiseRow)(const DepthwiseRow &);
  /// packed[k][i] = x[k * ld + i] for k < count, i < used, and 0 for i beyond `used`; rows of
  /// `packed` have gramRows, panelFloats and lanes elements, which `used` does not exceed.
  void (*packGramRows)(int64_t count, const float *x, int64_t ld, int64_t used, float *packed);
  void (*packPanel)(int64_t count, const float *x, int64_t ld, int64_t used, float *packed);
  void (*packLanes)(int64_t count, const float *x, int64_t ld, int64_t used, float *packed);
  /// out[i][j] += sum over k of a[k][i] * b[k][j], i < rows <= gramRows, j < columns <=
  /// panelFloats; a is depth x gramRows and b is depth x panelFloats, both padded with finite
  /// values.
  void (*gramTile)(int64_t depth, const float *a, const float *b, double *out, int64_t ld,
                   int64_t rows, int64_t columns);
  /// out[i][j][lane] = sum over rows r of a[r][i][lane] * b[r][j][lane], i, j < taps.
  void (*interleavedGram)(int64_t rows, int64_t taps, const float *a, const float *b, float *out);
  void (*panelFloat)(int64_t rows, int64_t depth, const float *a, int64_t lda, const float *b,
                     float *c);
  void (*panelDouble)(int64_t rows, int64_t depth, const double *a, int64_t lda, const double *b,
                      double *c);
};

extern const FloatKernelTable floatKernelsBaseline;
#ifdef GPFQ_X86_64_KERNELS
extern const FloatKernelTable floatKernelsV3;
extern const FloatKernelTable floatKernelsV4;
#endif

/// The table in use.
const FloatKernelTable &floatKernels();

} // namespace gpfq

#endif // GPFQ_LIB_CALIBRATION_FLOATKERNELTABLE_H
