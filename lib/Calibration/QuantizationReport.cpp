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

void LayerReportEntry::countWeights(ArrayRef<float> weights, const ::gpfq::LayerResult &result,
                                    ArrayRef<int8_t> alphabetLevels) {
  for (int8_t level : alphabetLevels)
    levelCounts[level] = 0;
  for (int8_t level : result.levels)
    ++levelCounts[level];
  size_t channels = size_t(shape.front()), scales = result.scales.size();
  if ((scales != 1 && scales != channels) || weights.empty())
    return;
  size_t columns = weights.size() / channels;
  auto getRatio = [&](size_t i) {
    return double(weights[i]) / result.scales[scales == 1 ? 0 : i / columns];
  };
  double low = getRatio(0), high = low;
  for (size_t i = 1; i < weights.size(); ++i) {
    low = std::min(low, getRatio(i));
    high = std::max(high, getRatio(i));
  }
  constexpr size_t bins = 64;
  weightHistogram = {low, high, std::vector<int64_t>(bins)};
  double width = high > low ? (high - low) / bins : 1.0;
  for (size_t i = 0; i < weights.size(); ++i)
    ++weightHistogram.counts[std::min(bins - 1, size_t((getRatio(i) - low) / width))];
}

static llvm::json::Value toJson(const Histogram &histogram) {
  if (histogram.counts.empty())
    return nullptr;
  return llvm::json::Object{{"low", histogram.low},
                            {"high", histogram.high},
                            {"counts", llvm::json::Array(histogram.counts)}};
}

static llvm::json::Value toJson(const std::map<int, int64_t> &levelCounts) {
  llvm::json::Array levels, counts;
  for (auto [level, count] : levelCounts) {
    levels.push_back(level);
    counts.push_back(count);
  }
  return llvm::json::Object{{"levels", std::move(levels)}, {"counts", std::move(counts)}};
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
                                         {"pooled_error", toJson(layer.report.pooledErrorAfter)},
                                         {"ridge", toJson(layer.report.factorRidge)},
                                         {"accumulator_bits", accumulatorBits},
                                         {"seconds", layer.seconds},
                                         {"resumed", layer.isResumed},
                                         {"cached", layer.isCached},
                                         {"level_counts", toJson(layer.levelCounts)},
                                         {"weight_histogram", toJson(layer.weightHistogram)}});
  }
  llvm::json::Object report{{"version", 1}, {"layers", std::move(entries)}};
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv("{0:2}", llvm::json::Value(std::move(report))) << "\n";
  return ::gpfq::writeFileAtomically(path, text);
}
