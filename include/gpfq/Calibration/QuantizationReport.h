// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The JSON report of a quantisation, layer by layer.

#ifndef GPFQ_CALIBRATION_QUANTIZATIONREPORT_H
#define GPFQ_CALIBRATION_QUANTIZATIONREPORT_H

#include "gpfq/Calibration/CalibrationData.h"
#include "gpfq/Quantizer/LayerQuantizer.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include <map>

namespace mlir::gpfq {

/// Counts of values in equal bins from `low` to `high`; both ends are in a bin.
struct Histogram {
  double low = 0.0, high = 0.0;
  std::vector<int64_t> counts;
};

struct LayerReportEntry {
  std::string name;
  /// Of the weights: output channels, kernel rows, kernel columns, channels per group.
  SmallVector<int64_t> shape;
  unsigned bits = 0;
  std::string alphabet;
  ::gpfq::LayerReport report;
  /// Time for the data and the levels of this layer.
  double seconds = 0.0;
  bool isResumed = false;
  /// Whether its moments came from the cache.
  bool isCached = false;
  /// How often each level of the alphabet occurs.
  std::map<int, int64_t> levelCounts;
  /// Float weights over the scale of their channel, so that levels are integers in it. Empty when
  /// scales are shared otherwise than by channels or by all weights.
  Histogram weightHistogram;

  /// Sets the last two. `weights` are outputChannels x columns.
  void countWeights(ArrayRef<float> weights, const ::gpfq::LayerResult &result,
                    ArrayRef<int8_t> alphabetLevels);
};

struct QuantizationReport {
  std::vector<LayerReportEntry> layers;

  /// {"version": 1, "layers": [{"name", "shape", "method", "bits", "alphabet", "step", "sparsity",
  /// "in_sample_error", "held_out_error", "clipped_error", "pooled_error", "ridge",
  /// "accumulator_bits", "seconds", "resumed", "cached", "level_counts", "weight_histogram"}]}; see
  /// docs/calibration-format.md. An error that was not measured or is infinite is null. Written to
  /// a temporary file and renamed. gpfq-compile adds totals.
  ::gpfq::Failure write(const std::string &path) const;
};

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_QUANTIZATIONREPORT_H
