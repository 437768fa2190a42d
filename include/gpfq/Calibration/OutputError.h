// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What quantising one layer does to the outputs of the network.

#ifndef GPFQ_CALIBRATION_OUTPUTERROR_H
#define GPFQ_CALIBRATION_OUTPUTERROR_H

#include "gpfq/Calibration/StagedExecutor.h"

namespace mlir::gpfq {

/// Measures ||f'(x) - f(x)||^2 / ||f(x)||^2 over some samples x and all results of the network f,
/// for networks f' that differ from f in the weights of some layers.
class OutputError {
public:
  /// Evaluates the float network on the first `samples` samples and keeps its results. The
  /// executor, made with StageOptions::withResults, must outlive the object. An error at `function`
  /// when a result is NaN or infinite, or when there is no float result.
  static FailureOr<OutputError> create(func::FuncOp function, MutableArrayRef<QuantizableOp> layers,
                                       StagedExecutor &executor, int64_t samples);

  /// The error with `result` as weights of the layers `changed`, which are restored afterwards. Not
  /// finite when an output is not.
  FailureOr<double> measure(ArrayRef<unsigned> changed, const ::gpfq::LayerResult &result);

private:
  OutputError() = default;

  MutableArrayRef<QuantizableOp> layers;
  StagedExecutor *executor = nullptr;
  /// By sample; all results after each other.
  std::vector<std::vector<float>> expected;
  double energy = 0.0;
};

/// level * scale of each weight.
std::vector<float> dequantizeWeights(const QuantizableOp &layer, const ::gpfq::LayerResult &result);

/// The bias of the layer with the change of the result.
std::vector<float> correctBias(const QuantizableOp &layer, const ::gpfq::LayerResult &result);

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_OUTPUTERROR_H
