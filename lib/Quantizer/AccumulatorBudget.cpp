// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "AccumulatorBudget.h"
#include <algorithm>
#include <cmath>

using namespace gpfq;

/// The range of the inputs on either side of 0, as magnitudes.
static int64_t lowInput(const AccumulatorBound &bound) {
  return std::max<int64_t>(-bound.inputMin, 0);
}
static int64_t highInput(const AccumulatorBound &bound) {
  return std::max<int64_t>(bound.inputMax, 0);
}

/// The largest sum of P bits; one value of the negative side stays unused.
static int64_t sumLimit(const AccumulatorBound &bound) {
  return (int64_t(1) << (bound.bits - 1)) - 1;
}

static int leastMagnitude(const Alphabet &alphabet) {
  int least = alphabet.maxMagnitude();
  for (int level : alphabet.levels())
    least = std::min(least, std::abs(level));
  return least;
}

static int64_t tileColumns(const AccumulatorBound &bound, int64_t columns) {
  return bound.tile > 0 ? std::min(bound.tile, columns) : columns;
}

void ExtremeSums::add(const AccumulatorBound &bound, int level, int64_t count) {
  int64_t up = level > 0 ? highInput(bound) : lowInput(bound),
          down = level > 0 ? lowInput(bound) : highInput(bound);
  high += count * std::abs(level) * up;
  low += count * std::abs(level) * down;
}

std::string gpfq::checkAccumulator(const AccumulatorBound &bound, const Alphabet &alphabet,
                                   int64_t columns) {
  if (bound.bits == 0)
    return "";
  if (bound.bits < 2 || bound.bits > 32)
    return "an accumulator has 2 to 32 bits, got " + std::to_string(bound.bits);
  constexpr int64_t widest = int64_t(1) << 16;
  if (bound.inputMin > bound.inputMax || bound.inputMin < -widest || bound.inputMax > widest ||
      bound.tile < 0)
    return "the accumulator bound needs a range of inputs of at most 16 bits, and a tile that is "
           "not negative";
  int64_t least = tileColumns(bound, columns) * leastMagnitude(alphabet) *
                  std::max(lowInput(bound), highInput(bound));
  if (least > sumLimit(bound))
    return "an accumulator of " + std::to_string(bound.bits) + " bits cannot hold " +
           std::to_string(tileColumns(bound, columns)) + " products of the least levels of " +
           alphabet.str() + "; use more bits, a smaller tile, or an alphabet with 0";
  return "";
}

int64_t gpfq::neededAccumulatorBits(const AccumulatorBound &bound,
                                    const std::vector<int8_t> &levels, int64_t columns) {
  int64_t largest = 0, width = tileColumns(bound, columns);
  for (size_t row = 0; row < levels.size(); row += columns)
    for (int64_t begin = 0; begin < columns; begin += width) {
      ExtremeSums sums;
      for (int64_t t = begin; t < std::min(begin + width, columns); ++t)
        sums.add(bound, levels[row + t], 1);
      largest = std::max({largest, sums.high, sums.low});
    }
  int64_t bits = 1;
  while ((int64_t(1) << (bits - 1)) - 1 < largest)
    ++bits;
  return bits;
}

AccumulatorBudget::AccumulatorBudget(const LayerSpec &spec, const GroupColumns &columns,
                                     int64_t lanes)
    : alphabet(spec.alphabet), bound(spec.accumulator), columns(columns), lanes(lanes),
      tiles((columns.count - 1) / tileColumns(bound, columns.count) + 1) {}

void AccumulatorBudget::start(const AlignedBuffer<float> &weights,
                              const std::vector<float> &steps) {
  if (!isActive())
    return;
  sums.assign(tiles * lanes, {});
  reserved.assign(tiles, 0);
  thresholds.assign(tiles * lanes, 0.0f);
  for (int64_t t = 0; t < columns.count; ++t)
    ++reserved[tile(t)];

  // Bisection: the extremes fall as the threshold rises.
  std::vector<float> low(tiles * lanes, 0.0f), high(tiles * lanes, 0.0f);
  std::vector<double> positive(tiles * lanes), negative(tiles * lanes);
  auto sumThresholded = [&](const std::vector<float> &values) {
    std::fill(positive.begin(), positive.end(), 0.0);
    std::fill(negative.begin(), negative.end(), 0.0);
    for (int64_t t = 0; t < columns.count; ++t)
      for (int64_t lane = 0; lane < lanes; ++lane) {
        int64_t i = tile(t) * lanes + lane;
        float w = weights[t * lanes + lane] / steps[lane];
        (w > 0.0f ? positive : negative)[i] += std::max(std::fabs(w) - values[i], 0.0f);
      }
  };
  auto fits = [&](int64_t i) {
    double up = positive[i] * highInput(bound) + negative[i] * lowInput(bound),
           down = positive[i] * lowInput(bound) + negative[i] * highInput(bound);
    return std::max(up, down) <= sumLimit(bound);
  };
  sumThresholded(low);
  for (size_t i = 0; i < high.size(); ++i)
    high[i] = fits(i) ? 0.0f : static_cast<float>(alphabet.maxMagnitude());
  bool isNeeded = std::any_of(high.begin(), high.end(), [](float value) { return value > 0.0f; });
  for (int round = 0; isNeeded && round < 20; ++round) {
    for (size_t i = 0; i < high.size(); ++i)
      thresholds[i] = 0.5f * (low[i] + high[i]);
    sumThresholded(thresholds);
    for (size_t i = 0; i < high.size(); ++i)
      (fits(i) ? high : low)[i] = thresholds[i];
  }
  thresholds = high;
}

void AccumulatorBudget::start(const std::vector<int8_t> &levels) {
  if (!isActive())
    return;
  sums.assign(tiles * lanes, {});
  reserved.assign(tiles, 0);
  for (int64_t t = 0; t < columns.count; ++t)
    for (int64_t lane = 0; lane < lanes; ++lane)
      add(levels[t * lanes + lane], t, lane);
}

int8_t AccumulatorBudget::fit(int8_t level, int64_t t, int64_t lane) const {
  int64_t i = tile(t), up = highInput(bound), down = lowInput(bound);
  int64_t kept = reserved[i] * leastMagnitude(alphabet) * std::max(up, down);
  int64_t highRoom = sumLimit(bound) - sums[i * lanes + lane].high - kept,
          lowRoom = sumLimit(bound) - sums[i * lanes + lane].low - kept;
  auto isFitting = [&](int64_t candidate) {
    int64_t magnitude = std::abs(candidate);
    return magnitude * (candidate > 0 ? up : down) <= highRoom &&
           magnitude * (candidate > 0 ? down : up) <= lowRoom;
  };
  // Levels that fit follow each other, around 0.
  const std::vector<int8_t> &all = alphabet.levels();
  auto position = std::lower_bound(all.begin(), all.end(), level);
  if (level > 0)
    while (!isFitting(*position) && position != all.begin())
      --position;
  else
    while (!isFitting(*position) && position + 1 != all.end())
      ++position;
  return *position;
}
