// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TabuSearch.h"
#include "TabuKernels.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace gpfq;

/// A column rests for restMoves - 1 moves and up to restSpread - 1 more. On layers of squeezenet1_1
/// longer and fixed rests give more error, and shorter ones cycles.
static constexpr int64_t restMoves = 3, restSpread = 10;
/// New best levels have an error that is less by this share of what one step of a mean column
/// makes, so that rounding alone makes none.
static constexpr double margin = 1e-4;
/// Columns from which on more of them mean fewer moves: a move takes a time proportional to them.
static constexpr int64_t mostColumns = 1024;

namespace {
class Search {
public:
  Search(const LayerSpec &spec, const GroupMoments &moments, NeuronLevels &neuron);

  void run(int64_t moves, uint64_t seed);

private:
  /// Where a column can go from its level.
  void setNeighbours(int64_t t);

  const std::vector<int8_t> &alphabet;
  const GroupMoments &moments;
  NeuronLevels &neuron;
  int64_t count;
  const TabuKernels &kernels;
  /// Index of each level in the alphabet.
  std::vector<uint8_t> positions;
  AlignedBuffer<float> diagonal, up, down;
  AlignedBuffer<int32_t> keys, restsUntil;
  /// Least difference of the errors of two best solutions.
  double leastGain = 0.0;
};
} // namespace

Search::Search(const LayerSpec &spec, const GroupMoments &moments, NeuronLevels &neuron)
    : alphabet(spec.alphabet.levels()), moments(moments), neuron(neuron),
      count(neuron.levels.size()), kernels(tabuKernels()), positions(count), diagonal(count),
      up(count), down(count), keys(count), restsUntil(count) {
  for (int64_t t = 0; t < count; ++t) {
    positions[t] =
        std::lower_bound(alphabet.begin(), alphabet.end(), neuron.levels[t]) - alphabet.begin();
    restsUntil[t] = 0;
    // That of a column that stays where it is only has to be above 0.
    diagonal[t] = moments.inverseDiagonal[t] == 0.0f ? 1.0f : moments.h[t * count + t];
    setNeighbours(t);
    leastGain += margin * diagonal[t] * neuron.steps[t] * neuron.steps[t] / count;
  }
}

void Search::setNeighbours(int64_t t) {
  constexpr float none = std::numeric_limits<float>::infinity();
  bool isFixed = moments.inverseDiagonal[t] == 0.0f;
  auto distance = [&](int64_t from) {
    return (alphabet[from + 1] - alphabet[from]) * neuron.steps[t];
  };
  int64_t last = alphabet.size() - 1;
  up[t] = isFixed || positions[t] == last ? none : distance(positions[t]);
  down[t] = isFixed || positions[t] == 0 ? none : distance(positions[t] - 1);
}

void Search::run(int64_t moves, uint64_t seed) {
  std::minstd_rand random(static_cast<uint32_t>(seed % 2147483645 + 1));
  // Error against that at the start, and the least so far.
  double error = 0.0, least = 0.0;
  bool isLeast = false;
  const float *row = moments.h.data();
  float change = 0.0f;
  TabuColumns columns{count,       diagonal.data(),   up.data(),
                      down.data(), restsUntil.data(), neuron.residuals.data(),
                      keys.data()};
  auto keep = [&] {
    for (int64_t t = 0; t < count; ++t)
      neuron.levels[t] = alphabet[positions[t]];
    isLeast = false;
  };
  for (int64_t move = 0; move < moves; ++move) {
    int64_t t = kernels.move(columns, row, change, static_cast<int32_t>(move),
                             static_cast<float>(least - leastGain - error));
    change = 0.0f;
    if (t < 0)
      continue;
    float upward = addedError(up[t], diagonal[t], neuron.residuals[t]),
          downward = addedError(down[t], diagonal[t], -neuron.residuals[t]);
    bool isUp = upward < downward;
    float added = isUp ? upward : downward;
    // Squares of huge values overflow.
    if (!std::isfinite(added))
      break;
    if (isLeast && !(added < 0.0f))
      keep();
    row = moments.h.data() + t * count;
    change = isUp ? up[t] : -down[t];
    positions[t] += isUp ? 1 : -1;
    setNeighbours(t);
    error += added;
    if (error < least - leastGain) {
      least = error;
      isLeast = true;
    }
    restsUntil[t] = static_cast<int32_t>(move + restMoves + random() % restSpread);
  }
  if (isLeast)
    keep();
}

void gpfq::searchLevels(const LayerSpec &spec, const GroupMoments &moments, uint64_t seed,
                        NeuronLevels &neuron) {
  int64_t count = neuron.levels.size(), moves = spec.tabuMoves;
  if (count > mostColumns)
    moves = moves * mostColumns / count;
  Search(spec, moments, neuron).run(moves, seed);
}
