// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestLayer.h"
#include <cmath>

using namespace gpfq;
using namespace gpfq::test;

TestLayer::TestLayer(unsigned seed) {
  RandomData random(seed);
  groups = seed % 3 == 2 ? random.integer(2, 6) : 1;
  outputChannels = groups * random.integer(1, 40);
  columns = random.integer(1, 90);
  rows = random.integer(20, 200);
  heldOutRows = random.integer(10, 60);
  sharedInputs = seed % 4 == 1;
  int64_t width = groups * columns;
  weights = random.normals(outputChannels * columns);
  x = random.activations(rows, width);
  heldOutX = random.activations(heldOutRows, width);
  xq = sharedInputs ? x : random.perturbed(x, 0.1f);
  heldOutXq = sharedInputs ? heldOutX : random.perturbed(heldOutX, 0.1f);
  accumulate();
}

void TestLayer::addShift(unsigned seed) {
  RandomData random(seed + 1000);
  shift = random.normals(rows * outputChannels);
  heldOutShift = random.normals(heldOutRows * outputChannels);
  for (std::vector<float> *values : {&shift, &heldOutShift})
    for (float &value : *values)
      value = 0.5f * value + 0.3f;
  accumulate();
}

void TestLayer::accumulate() {
  GramAccumulator accumulator(
      {groups, columns, outputChannels / groups, RowLayout::GroupMajor, sharedInputs, needsG},
      weights.data());
  accumulator.add(x.data(), xq.data(), rows, {}, shift.empty() ? nullptr : shift.data());
  training = accumulator.take();
  accumulator.add(heldOutX.data(), heldOutXq.data(), heldOutRows, {},
                  heldOutShift.empty() ? nullptr : heldOutShift.data());
  heldOut = accumulator.take();
}

LayerProblem TestLayer::problem() const {
  LayerProblem result;
  result.outputChannels = outputChannels;
  result.columns = columns;
  result.groups = groups;
  result.weights = weights.data();
  result.inputChannels = inputChannels;
  result.training = &training;
  result.heldOut = &heldOut;
  return result;
}

double TestLayer::target(int64_t row, int64_t channel) const {
  double sum = shift.empty() ? 0.0 : shift[row * outputChannels + channel];
  for (int64_t t = 0; t < columns; ++t)
    sum += double(patch(x, row, channel)[t]) * weights[channel * columns + t];
  return sum;
}

double TestLayer::output(const LayerResult &result, const std::vector<float> &data, int64_t row,
                         int64_t channel) const {
  double sum = result.biasDelta.empty() ? 0.0 : result.biasDelta[channel];
  for (int64_t t = 0; t < columns; ++t)
    sum += double(patch(data, row, channel)[t]) * result.levels[channel * columns + t] *
           scale(result, channel, t);
  return sum;
}

double TestLayer::errorOnRows(const LayerResult &result, const std::vector<float> &dataX,
                              const std::vector<float> &dataXq,
                              const std::vector<float> &dataShift) const {
  double error = 0.0, energy = 0.0;
  int64_t count = dataX.size() / (groups * columns);
  for (int64_t o = 0; o < outputChannels; ++o)
    for (int64_t r = 0; r < count; ++r) {
      double y = 0.0, yq = output(result, dataXq, r, o);
      for (int64_t t = 0; t < columns; ++t)
        y += double(patch(dataX, r, o)[t]) * weights[o * columns + t];
      double e = y + (dataShift.empty() ? 0.0 : dataShift[r * outputChannels + o]) - yq;
      error += e * e;
      energy += y * y;
    }
  return std::sqrt(error / energy);
}

double TestLayer::directError(const LayerResult &result) const {
  return errorOnRows(result, x, xq, shift);
}

double TestLayer::directHeldOutError(const LayerResult &result) const {
  return errorOnRows(result, heldOutX, heldOutXq, heldOutShift);
}

std::vector<int8_t> TestLayer::directRecursion(const Alphabet &alphabet,
                                               const LayerResult &result) const {
  std::vector<int8_t> levels(outputChannels * columns);
  for (int64_t o = 0; o < outputChannels; ++o) {
    std::vector<double> u(rows, 0.0);
    for (int64_t r = 0; r < rows && !shift.empty(); ++r)
      u[r] = shift[r * outputChannels + o];
    for (int64_t t = 0; t < columns; ++t) {
      double dot = 0.0, norm = 0.0;
      for (int64_t r = 0; r < rows; ++r) {
        u[r] += double(weights[o * columns + t]) * patch(x, r, o)[t];
        double xqt = patch(xq, r, o)[t];
        dot += xqt * u[r];
        norm += xqt * xqt;
      }
      double z = norm > 0.0 ? dot / norm : 0.0;
      int8_t level = alphabet.nearest(static_cast<float>(z / scale(result, o, t)));
      levels[o * columns + t] = level;
      for (int64_t r = 0; r < rows; ++r)
        u[r] -= double(level) * scale(result, o, t) * patch(xq, r, o)[t];
    }
  }
  return levels;
}

static const char *const alphabets[] = {"mid_tread:7", "mid_rise:2", "range:-2:1",
                                        "levels:-3:-1:0:2:5", "mid_tread:127"};

LayerSpec gpfq::test::makeSpec(unsigned seed) {
  LayerSpec spec;
  spec.alphabet = *Alphabet::parse(alphabets[seed % 5]);
  spec.granularity = seed % 2 ? Granularity::Tensor : Granularity::Channel;
  spec.step = seed % 3 == 0   ? StepRule::AbsMax
              : seed % 3 == 1 ? StepRule::Constant
                              : StepRule::Search;
  spec.stepFactor = 1.16;
  return spec;
}
