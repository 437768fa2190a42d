// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/OutputError.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mlir::gpfq;

std::vector<float> mlir::gpfq::dequantizeWeights(const QuantizableOp &layer,
                                                 const ::gpfq::LayerResult &result) {
  auto columns = size_t(layer.columns()), channels = size_t(layer.shape.channelsPerGroup());
  // Scales of one output channel, by block of input channels.
  size_t blocks = std::max<size_t>(result.scales.size() / size_t(layer.shape.outputChannels), 1);
  std::vector<float> weights(layer.weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    size_t scale = i / columns * blocks + i % channels * blocks / channels;
    weights[i] = float(result.levels[i]) * result.scales[result.scales.size() == 1 ? 0 : scale];
  }
  return weights;
}

std::vector<float> mlir::gpfq::correctBias(const QuantizableOp &layer,
                                           const ::gpfq::LayerResult &result) {
  std::vector<float> bias = layer.bias;
  if (result.biasDelta.empty())
    return bias;
  bias.resize(result.biasDelta.size(), 0.0f);
  for (size_t i = 0; i < bias.size(); ++i)
    bias[i] += result.biasDelta[i];
  return bias;
}

FailureOr<OutputError> OutputError::create(func::FuncOp function,
                                           MutableArrayRef<QuantizableOp> layers,
                                           StagedExecutor &executor, int64_t samples) {
  OutputError error;
  error.layers = layers;
  error.executor = &executor;
  error.expected.resize(samples);
  std::vector<double> energies(samples, 0.0);
  auto keep = [&](int64_t sample, StagedExecutor::Side, unsigned, ArrayRef<float> values) {
    llvm::append_range(error.expected[sample], values);
    for (float value : values)
      energies[sample] += double(value) * double(value);
  };
  if (failed(executor.evaluate(samples, keep)))
    return failure();
  error.energy = std::accumulate(energies.begin(), energies.end(), 0.0);
  if (error.expected.front().empty())
    return function.emitError("has no f32 result that depends on its arguments");
  if (!std::isfinite(error.energy))
    return function.emitError("has a result that is NaN or infinite for some calibration sample; "
                              "check the network and the preprocessing of the data");
  if (error.energy == 0.0)
    return function.emitError("has results that are 0 for all calibration samples");
  return std::move(error);
}

FailureOr<double> OutputError::measure(ArrayRef<unsigned> changed,
                                       const ::gpfq::LayerResult &result) {
  for (unsigned layer : changed)
    executor->setWeights(StagedExecutor::Float, layer, dequantizeWeights(layers[layer], result),
                         correctBias(layers[layer], result));
  std::vector<double> errors(expected.size(), 0.0);
  std::vector<size_t> positions(expected.size(), 0);
  auto compare = [&](int64_t sample, StagedExecutor::Side, unsigned, ArrayRef<float> values) {
    const float *reference = expected[sample].data() + positions[sample];
    for (auto [i, value] : llvm::enumerate(values)) {
      double difference = double(value) - double(reference[i]);
      errors[sample] += difference * difference;
    }
    positions[sample] += values.size();
  };
  LogicalResult evaluated = executor->evaluate(int64_t(expected.size()), compare);
  for (unsigned layer : changed)
    executor->setWeights(StagedExecutor::Float, layer, layers[layer].weights, layers[layer].bias);
  if (failed(evaluated))
    return failure();
  return std::accumulate(errors.begin(), errors.end(), 0.0) / energy;
}
