// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/QuantizationReport.h"

#include "gpfq/Calibration/Checkpoint.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace mlir;
using namespace mlir::gpfq;

/// JSON has no infinity; an error below 0 is one that was not measured.
static llvm::json::Value toJson(double error) {
  if (!std::isfinite(error) || error < 0.0)
    return nullptr;
  return error;
}

::gpfq::Failure QuantizationReport::write(const std::string &path) const {
  llvm::json::Array entries;
  for (const LayerReportEntry &layer : layers) {
    llvm::json::Value accumulatorBits = nullptr;
    if (layer.report.accumulatorBits > 0)
      accumulatorBits = layer.report.accumulatorBits;
    entries.push_back(llvm::json::Object{{"name", layer.name},
                                         {"shape", llvm::json::Array(layer.shape)},
                                         {"method", layer.report.method},
                                         {"bits", layer.bits},
                                         {"alphabet", layer.alphabet},
                                         {"step", layer.report.meanStep},
                                         {"sparsity", layer.report.sparsity},
                                         {"in_sample_error", toJson(layer.report.inSampleError)},
                                         {"held_out_error", toJson(layer.report.heldOutError)},
                                         {"clipped_error", toJson(layer.report.clippedErrorAfter)},
                                         {"ridge", toJson(layer.report.factorRidge)},
                                         {"accumulator_bits", accumulatorBits},
                                         {"seconds", layer.seconds},
                                         {"resumed", layer.isResumed},
                                         {"cached", layer.isCached}});
  }
  llvm::json::Object report{{"version", 1}, {"layers", std::move(entries)}};
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv("{0:2}", llvm::json::Value(std::move(report))) << "\n";
  return ::gpfq::writeFileAtomically(path, text);
}
