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

std::vector<int64_t> MomentCollector::drawPositions(int64_t total, int64_t count, uint64_t seed) {
  std::vector<int64_t> result(count);
  for (int64_t &position : result)
    position = int64_t(nextRandom(seed) % uint64_t(total));
  return result;
}

GramAccumulator::Shape MomentCollector::getMomentShape(const Layer &layer, const Options &options) {
  GramAccumulator::Shape shape;
  shape.groups = layer.shape.groups;
  shape.columns = layer.shape.patchSize();
  shape.neuronsPerGroup = layer.shape.outputChannelsPerGroup();
  shape.layout = layer.isDepthwise ? RowLayout::Interleaved : RowLayout::GroupMajor;
  shape.sharedInputs = options.sharedInputs;
  shape.needsG = options.needsG;
  shape.isExact = options.isExact;
  return shape;
}

/// Many megabytes: the threads that fill them touch them first.
static std::unique_ptr<float[]> makeUninitialized(size_t count) {
  return std::unique_ptr<float[]>(new float[count]);
}

MomentCollector::MomentCollector(const std::vector<Layer> &inputLayers, const Options &options)
    : options(options),
      training(getMomentShape(inputLayers.front(), options), inputLayers.front().weights),
      heldOut(getMomentShape(inputLayers.front(), options), inputLayers.front().weights) {
  rowElements = inputLayers.front().shape.groups * inputLayers.front().shape.patchSize();
  int64_t wanted = std::min(options.maxRows, rowsPerColumn * inputLayers.front().shape.patchSize());
  int64_t perSample = wanted / (options.samples * int64_t(inputLayers.size()));
  int64_t sampleBytes = 1;
  for (const Layer &layer : inputLayers) {
    LayerRows rows;
    rows.layer = layer;
    rows.sampled = layer.shape;
    if (options.patches == Patches::Real) {
      rows.rowsPerSample =
          options.isPooled ? rows.positions() : std::clamp(perSample, int64_t(1), rows.positions());
    } else {
      rows.sampled.strideHeight = layer.shape.kernelHeight;
      rows.sampled.strideWidth = layer.shape.kernelWidth;
      double kept = layer.isConvolution ? options.retainRate : 1.0;
      rows.rowsPerSample = rows.positions();
      if (kept < 1.0)
        rows.rowsPerSample = int64_t(kept * double(rows.rowsPerSample) + 1.0);
    }
    sampleBytes += rows.rowsPerSample * rowElements * int64_t(sizeof(float));
    layers.push_back(std::move(rows));
  }
  batch = std::clamp(batchBytes / sampleBytes, minBatch, maxBatch);
  batch = std::min(batch, options.samples);
  for (LayerRows &rows : layers) {
    for (unsigned side = 0; side < (options.sharedInputs ? 1u : 2u); ++side)
      for (auto &kind : rows.rows)
        kind[side] = makeUninitialized(size_t(batch * rows.rowsPerSample * rowElements));
    if (options.hasShortcut)
      for (unsigned kind = 0; kind < 2; ++kind)
        for (std::vector<float> *values : {&rows.shifts[kind], &rows.shortcuts[kind]})
          if (options.targetsShortcut || values == &rows.shortcuts[kind])
            values->resize(size_t(batch * rows.rowsPerSample * rows.layer.shape.outputChannels));
  }
  if (options.keptBytes <= 0)
    return;
  const LayerRows &rows = layers.front();
  const ConvShape &shape = rows.layer.shape;
  // With the outputs that the quantiser computes, or its slopes for a panel of neurons.
  int64_t channels = shape.outputChannels;
  int64_t sampleFloats = options.isPooled
                             ? rows.rowsPerSample * (rowElements + options.hasShortcut * channels) +
                                   shape.patchSize() * panelWidth<float>()
                             : rows.rowsPerSample * (rowElements + 2 * channels);
  double needed = double(options.samples) * double(sampleFloats) * sizeof(float);
  kept.samples = SampleFraction(std::min(1.0, double(options.keptBytes) / needed));
  auto most = size_t(kept.samples.countBefore(options.samples));
  kept.inputs = makeUninitialized(most * rows.rowsPerSample * rowElements);
  kept.targets = makeUninitialized(most * (options.isPooled ? 1 : rows.rowsPerSample) * channels);
  if (options.hasShortcut)
    kept.offsets = makeUninitialized(most * rows.rowsPerSample * channels);
  kept.layer = std::make_unique<RowMultiplier>(getRowShape(getMomentShape(rows.layer, options)),
                                               rows.layer.weights);
}

void MomentCollector::gather(int64_t batchBegin, int64_t sample, Side side, unsigned layer,
                             const float *input, const float *shortcut) {
  if (side == Quantized && options.sharedInputs && !options.hasShortcut)
    return;
  LayerRows &rows = layers[layer];
  bool isHeldOut = options.heldOut.contains(sample);
  int64_t before = options.heldOut.countBefore(sample) - options.heldOut.countBefore(batchBegin);
  int64_t slot = isHeldOut ? before : sample - batchBegin - before;
  uint64_t seed = options.seed + uint64_t(layer) * 0x632be59bd9b4e019u;
  seed = nextRandom(seed) + uint64_t(sample);
  std::vector<int64_t> positions =
      options.patches == Patches::Paper && rows.layer.isConvolution
          ? drawPositions(rows.positions(), rows.rowsPerSample, seed)
          : choosePositions(rows.positions(), rows.rowsPerSample, seed);
  if (side == Float || !options.sharedInputs)
    gatherPatches(rows.sampled, input, positions.data(), int64_t(positions.size()),
                  rows.rows[isHeldOut][side].get() + slot * rows.rowsPerSample * rowElements,
                  rows.layer.isDepthwise);
  if (options.hasShortcut)
    gatherShortcut(rows, isHeldOut, slot, side, positions, shortcut);
}

void MomentCollector::gatherShortcut(LayerRows &rows, bool isHeldOut, int64_t slot, Side side,
                                     const std::vector<int64_t> &positions, const float *shortcut) {
  int64_t channels = rows.layer.shape.outputChannels;
  int64_t at = slot * rows.rowsPerSample * channels;
  for (int64_t position : positions) {
    const float *source = shortcut + position * channels;
    if (options.targetsShortcut)
      for (int64_t c = 0; c < channels; ++c) {
        float &shift = rows.shifts[isHeldOut][at + c];
        shift = side == Float ? source[c] : shift - source[c];
      }
    if (side == Quantized)
      std::copy_n(source, channels, rows.shortcuts[isHeldOut].data() + at);
    at += channels;
  }
}

void MomentCollector::endBatch(int64_t batchBegin, int64_t count, const ParallelFor &parallelFor) {
  int64_t numHeldOut =
      options.heldOut.countBefore(batchBegin + count) - options.heldOut.countBefore(batchBegin);
  for (LayerRows &rows : layers) {
    if (!options.withMoments)
      break;
    auto add = [&](GramAccumulator &gram, bool isHeldOut, int64_t samples) {
      auto &sides = rows.rows[isHeldOut];
      if (samples > 0)
        gram.add(sides[Float].get(), options.sharedInputs ? nullptr : sides[Quantized].get(),
                 samples * rows.rowsPerSample, parallelFor,
                 options.targetsShortcut ? rows.shifts[isHeldOut].data() : nullptr);
    };
    add(training, false, count - numHeldOut);
    add(heldOut, true, numHeldOut);
  }
  if (options.keptBytes > 0)
    keepRows(batchBegin, count, parallelFor);
}

void MomentCollector::keepRows(int64_t batchBegin, int64_t count, const ParallelFor &parallelFor) {
  const LayerRows &rows = layers.front();
  // In the batch, of each sample that is kept.
  std::vector<int64_t> firstRows;
  int64_t firstRow = 0;
  for (int64_t sample = batchBegin; sample < batchBegin + count; ++sample) {
    if (options.heldOut.contains(sample))
      continue;
    if (kept.samples.contains(sample))
      firstRows.push_back(firstRow);
    firstRow += rows.rowsPerSample;
  }
  runParallel(parallelFor, int64_t(firstRows.size()),
              [&](int64_t i) { keepSample(kept.count + i, firstRows[i], parallelFor); });
  kept.count += int64_t(firstRows.size());
}

void MomentCollector::keepSample(int64_t index, int64_t firstRow, const ParallelFor &parallelFor) {
  const LayerRows &rows = layers.front();
  int64_t channels = rows.layer.shape.outputChannels, perSample = rows.rowsPerSample;
  int64_t outputs = perSample * channels;
  std::copy_n(rows.rows[0][options.sharedInputs ? Float : Quantized].get() + firstRow * rowElements,
              perSample * rowElements, kept.inputs.get() + index * perSample * rowElements);
  float *offsets = options.hasShortcut ? kept.offsets.get() + index * outputs : nullptr;
  if (offsets) {
    std::copy_n(rows.shortcuts[0].data() + firstRow * channels, outputs, offsets);
    for (int64_t i = 0; options.bias && i < outputs; ++i)
      offsets[i] += options.bias[i % channels];
  }
  // Of those of a pooled sample the means are kept.
  std::vector<float> pooled(options.isPooled ? outputs : 0);
  float *targets = options.isPooled ? pooled.data() : kept.targets.get() + index * outputs;
  kept.layer->multiply(perSample, rows.rows[0][Float].get() + firstRow * rowElements, targets,
                       parallelFor);
  for (int64_t i = 0; options.targetsShortcut && i < outputs; ++i)
    targets[i] += rows.shifts[0][firstRow * channels + i];
  if (options.isPooled)
    keepMeans(targets, offsets, kept.targets.get() + index * channels);
}

void MomentCollector::keepMeans(const float *outputs, const float *offsets, float *means) const {
  const LayerRows &rows = layers.front();
  int64_t channels = rows.layer.shape.outputChannels;
  std::vector<double> sums(channels, 0.0);
  for (int64_t i = 0; i < rows.rowsPerSample * channels; ++i) {
    float z = outputs[i];
    if (offsets)
      z += offsets[i];
    else if (options.bias)
      z += options.bias[i % channels];
    sums[i % channels] += z < options.low ? options.low : z > options.high ? options.high : z;
  }
  for (int64_t c = 0; c < channels; ++c)
    means[c] = static_cast<float>(sums[c] / double(rows.rowsPerSample));
}

PooledRows MomentCollector::keptSamples() const {
  const LayerRows &rows = layers.front();
  PooledRows result;
  result.positions = rows.rowsPerSample;
  result.samples = kept.count;
  result.low = options.low;
  result.high = options.high;
  result.inputs = kept.inputs.get();
  result.targets = kept.targets.get();
  result.offsets = options.hasShortcut ? kept.offsets.get() : nullptr;
  result.bias = options.hasShortcut ? nullptr : options.bias;
  return result;
}

ClippedRows MomentCollector::keptRows() const {
  const LayerRows &rows = layers.front();
  ClippedRows result;
  result.low = options.low;
  result.high = options.high;
  result.rows = kept.count * rows.rowsPerSample;
  result.layout = rows.layer.isDepthwise ? RowLayout::Interleaved : RowLayout::GroupMajor;
  result.inputs = kept.inputs.get();
  result.targets = kept.targets.get();
  result.offsets = options.hasShortcut ? kept.offsets.get() : nullptr;
  result.bias = options.hasShortcut ? nullptr : options.bias;
  return result;
}
