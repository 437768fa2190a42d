// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TabuSearch.h"
#include "TabuKernels.h"
#include "gpfq/Calibration/AlignedBuffer.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

using namespace gpfq;

/// A column rests for so many moves. On layers of squeezenet1_1 longer and fixed rests give
/// more error, and shorter ones cycles.
static constexpr int64_t shortestRest = 2, longestRest = 11;
/// New best levels have an error that is less by this share of what one step of a mean column
/// makes, so that rounding alone makes none.
static constexpr double margin = 1e-4;
/// Columns from which on more of them mean fewer moves: a move takes a time proportional to them.
static constexpr int64_t mostColumns = 1024;

static constexpr float infinity = std::numeric_limits<float>::infinity();

namespace {
class Search {
public:
  Search(const LayerSpec &spec, const GroupMoments &moments, NeuronLevels &neuron);

  void run(int64_t moves, uint64_t seed);

private:
  TabuBlock &blockOf(int64_t t) { return blocks[t / TabuBlock::columns]; }
  float diagonal(int64_t t) const { return moments.h[t * count + t]; }
  /// Between the level of a column and the one above or below; infinite where there is none.
  float distance(int64_t t, bool isUp) const;
  /// Lets a column move from its level.
  void wake(int64_t t);
  /// Keeps a column where it is until about the given move.
  void rest(int64_t t, int64_t until);
  void keepLevels();

  const std::vector<int8_t> &alphabet;
  const GroupMoments &moments;
  NeuronLevels &neuron;
  int64_t count;
  bool hasEqualSlopes;
  /// Index of each level in the alphabet.
  std::vector<uint8_t> positions;
  AlignedBuffer<TabuBlock> blocks;
  /// The columns that wake at the next moves, -1 for none; more places than columns that rest.
  std::array<int64_t, 16> sleepers;
  /// Least difference of the errors of two best solutions.
  double leastGain = 0.0;
};
} // namespace

Search::Search(const LayerSpec &spec, const GroupMoments &moments, NeuronLevels &neuron)
    : alphabet(spec.alphabet.levels()), moments(moments), neuron(neuron),
      count(neuron.levels.size()), hasEqualSlopes(spec.alphabet.uniformLevels() != nullptr),
      positions(count), blocks((count + TabuBlock::columns - 1) / TabuBlock::columns) {
  static_assert(longestRest < std::tuple_size_v<decltype(sleepers)>);
  sleepers.fill(-1);
  for (float step : neuron.steps)
    hasEqualSlopes &= step == neuron.steps.front();
  for (TabuBlock &block : blocks) {
    block = {};
    std::fill_n(block.upCosts, TabuBlock::columns, infinity);
    std::fill_n(block.downCosts, TabuBlock::columns, infinity);
  }
  for (int64_t t = 0; t < count; ++t) {
    positions[t] =
        std::lower_bound(alphabet.begin(), alphabet.end(), neuron.levels[t]) - alphabet.begin();
    blockOf(t).residuals[t % TabuBlock::columns] = neuron.residuals[t];
    wake(t);
    leastGain += margin * diagonal(t) * neuron.steps[t] * neuron.steps[t] / count;
  }
}

float Search::distance(int64_t t, bool isUp) const {
  int64_t from = positions[t], to = isUp ? from + 1 : from - 1;
  // Without data a column has no reason to move.
  if (to < 0 || to == int64_t(alphabet.size()) || moments.inverseDiagonal[t] == 0.0f)
    return infinity;
  return std::abs(alphabet[to] - alphabet[from]) * neuron.steps[t];
}

void Search::wake(int64_t t) {
  auto set = [&](float distance, float &cost, float &slope) {
    bool exists = distance < infinity;
    slope = exists ? 2.0f * distance : 0.0f;
    cost = exists ? distance * diagonal(t) * (hasEqualSlopes ? 0.5f : distance) : infinity;
  };
  TabuBlock &block = blockOf(t);
  int64_t lane = t % TabuBlock::columns;
  set(distance(t, true), block.upCosts[lane], block.upSlopes[lane]);
  set(distance(t, false), block.downCosts[lane], block.downSlopes[lane]);
}

void Search::rest(int64_t t, int64_t until) {
  int64_t lane = t % TabuBlock::columns;
  blockOf(t).upCosts[lane] = blockOf(t).downCosts[lane] = infinity;
  auto placeOf = [&](int64_t move) -> int64_t & { return sleepers[move % sleepers.size()]; };
  while (placeOf(until) >= 0)
    ++until;
  placeOf(until) = t;
}

void Search::keepLevels() {
  for (int64_t t = 0; t < count; ++t)
    neuron.levels[t] = alphabet[positions[t]];
}

void Search::run(int64_t moves, uint64_t seed) {
  std::minstd_rand random(static_cast<uint32_t>(seed % 2147483645 + 1));
  const TabuKernels &kernels = tabuKernels();
  TabuMove findMove = hasEqualSlopes ? kernels.moveEqualSlopes : kernels.moveAnySlopes;
  const float *h = moments.h.data(), *row = h;
  float change = 0.0f;
  // Error against that at the start, and the least so far.
  double error = 0.0, least = 0.0;
  bool isLeast = false;
  for (int64_t move = 0; move < moves; ++move) {
    int64_t t = findMove(blocks.data(), count, row, h + count * count, change);
    // First what the next move reads: vectors wait for elements that were written just before.
    if (int64_t &sleeper = sleepers[move % sleepers.size()]; sleeper >= 0) {
      wake(sleeper);
      sleeper = -1;
    }
    change = 0.0f;
    if (t < 0)
      continue;
    TabuBlock &block = blockOf(t);
    int64_t lane = t % TabuBlock::columns;
    float residual = block.residuals[lane], upSlope = block.upSlopes[lane],
          downSlope = block.downSlopes[lane],
          upward = block.upCosts[lane] - (hasEqualSlopes ? 1.0f : upSlope) * residual,
          downward = block.downCosts[lane] + (hasEqualSlopes ? 1.0f : downSlope) * residual;
    rest(t, move + shortestRest + random() % (longestRest - shortestRest + 1));
    bool isUp = upward < downward;
    float slope = isUp ? upSlope : downSlope,
          added = (isUp ? upward : downward) * (hasEqualSlopes ? slope : 1.0f);
    // Squares of huge values overflow.
    if (!std::isfinite(added))
      break;
    if (isLeast && !(added < 0.0f)) {
      keepLevels();
      isLeast = false;
    }
    row = h + t * count;
    change = (isUp ? 0.5f : -0.5f) * slope;
    positions[t] += isUp ? 1 : -1;
    error += added;
    if (error < least - leastGain) {
      least = error;
      isLeast = true;
    }
  }
  if (isLeast)
    keepLevels();
}

void gpfq::searchLevels(const LayerSpec &spec, const GroupMoments &moments, uint64_t seed,
                        NeuronLevels &neuron) {
  int64_t count = neuron.levels.size(), moves = spec.tabuMoves;
  if (count > mostColumns)
    moves = moves * mostColumns / count;
  Search(spec, moments, neuron).run(moves, seed);
}
