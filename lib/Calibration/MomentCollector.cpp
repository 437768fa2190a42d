// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/MomentCollector.h"

#include <algorithm>
#include <set>

using namespace gpfq;

/// Target size of the rows of one batch, one side: they are read several times from the cache.
static constexpr int64_t batchBytes = int64_t(4) << 20;
static constexpr int64_t maxBatch = 128;
/// Rows for each column of a layer that fix its moments well enough (a relative error of
/// 1 / sqrt(rows)); a depthwise layer needs few.
static constexpr int64_t rowsPerColumn = 512;
/// Enough samples for each thread to have several.
static constexpr int64_t minBatch = 8;

/// The splitmix64 generator: small, and the same on every platform.
static uint64_t nextRandom(uint64_t &state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::vector<int64_t> MomentCollector::choosePositions(int64_t total, int64_t count, uint64_t seed) {
  std::vector<int64_t> result;
  if (count >= total) {
    for (int64_t i = 0; i < total; ++i)
      result.push_back(i);
    return result;
  }
  // Floyd's algorithm: each set of `count` positions is equally likely.
  std::set<int64_t> chosen;
  for (int64_t i = total - count; i < total; ++i) {
    auto position = int64_t(nextRandom(seed) % uint64_t(i + 1));
    if (!chosen.insert(position).second)
      chosen.insert(i);
  }
  result.assign(chosen.begin(), chosen.end());
  return result;
}

static GramAccumulator::Shape getGramShape(const MomentCollector::Layer &layer, bool sharedInputs) {
  GramAccumulator::Shape shape;
  shape.groups = layer.shape.groups;
  shape.columns = layer.shape.patchSize();
  shape.neuronsPerGroup = layer.shape.outputChannelsPerGroup();
  shape.layout = layer.isDepthwise ? RowLayout::Interleaved : RowLayout::GroupMajor;
  shape.sharedInputs = sharedInputs;
  return shape;
}

MomentCollector::MomentCollector(const std::vector<Layer> &inputLayers, const Options &options)
    : options(options), training(getGramShape(inputLayers.front(), options.sharedInputs),
                                 inputLayers.front().weights),
      heldOut(getGramShape(inputLayers.front(), options.sharedInputs),
              inputLayers.front().weights) {
  rowElements = inputLayers.front().shape.groups * inputLayers.front().shape.patchSize();
  int64_t wanted = std::min(options.maxRows, rowsPerColumn * inputLayers.front().shape.patchSize());
  int64_t perSample = wanted / (options.samples * int64_t(inputLayers.size()));
  int64_t sampleBytes = 1;
  for (const Layer &layer : inputLayers) {
    LayerRows rows;
    rows.layer = layer;
    int64_t positions = layer.shape.outputHeight() * layer.shape.outputWidth();
    rows.rowsPerSample = std::clamp(perSample, int64_t(1), positions);
    sampleBytes += rows.rowsPerSample * rowElements * int64_t(sizeof(float));
    layers.push_back(std::move(rows));
  }
  batch = std::clamp(batchBytes / sampleBytes, minBatch, maxBatch);
  batch = std::min(batch, options.samples);
  for (LayerRows &rows : layers)
    for (unsigned side = 0; side < (options.sharedInputs ? 1u : 2u); ++side)
      for (auto &kind : rows.rows)
        kind[side].resize(size_t(batch * rows.rowsPerSample * rowElements));
}

void MomentCollector::gather(int64_t batchBegin, int64_t sample, Side side, unsigned layer,
                             const float *input) {
  if (side == Quantized && options.sharedInputs)
    return;
  LayerRows &rows = layers[layer];
  bool isHeldOut = options.heldOut.contains(sample);
  int64_t before = options.heldOut.countBefore(sample) - options.heldOut.countBefore(batchBegin);
  int64_t slot = isHeldOut ? before : sample - batchBegin - before;
  const ConvShape &shape = rows.layer.shape;
  uint64_t seed = options.seed + uint64_t(layer) * 0x632be59bd9b4e019u;
  seed = nextRandom(seed) + uint64_t(sample);
  std::vector<int64_t> positions =
      choosePositions(shape.outputHeight() * shape.outputWidth(), rows.rowsPerSample, seed);
  gatherPatches(shape, input, positions.data(), int64_t(positions.size()),
                rows.rows[isHeldOut][side].data() + slot * rows.rowsPerSample * rowElements,
                rows.layer.isDepthwise);
}

void MomentCollector::endBatch(int64_t batchBegin, int64_t count, const ParallelFor &parallelFor) {
  int64_t numHeldOut =
      options.heldOut.countBefore(batchBegin + count) - options.heldOut.countBefore(batchBegin);
  for (LayerRows &rows : layers) {
    auto add = [&](GramAccumulator &gram, bool isHeldOut, int64_t samples) {
      auto &sides = rows.rows[isHeldOut];
      if (samples > 0)
        gram.add(sides[Float].data(), options.sharedInputs ? nullptr : sides[Quantized].data(),
                 samples * rows.rowsPerSample, parallelFor);
    };
    add(training, false, count - numHeldOut);
    add(heldOut, true, numHeldOut);
  }
}
