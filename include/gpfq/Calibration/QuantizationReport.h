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

namespace mlir::gpfq {

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
};

struct QuantizationReport {
  std::vector<LayerReportEntry> layers;

  /// {"version": 1, "layers": [{"name", "shape", "method", "bits", "alphabet", "step", "sparsity",
  /// "in_sample_error", "held_out_error", "clipped_error", "ridge", "accumulator_bits", "seconds",
  /// "resumed", "cached"}]}; see docs/calibration-format.md. An error that was not measured
  /// or is infinite is null. Written to a temporary file and renamed. gpfq-compile adds totals.
  ::gpfq::Failure write(const std::string &path) const;
};

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_QUANTIZATIONREPORT_H
