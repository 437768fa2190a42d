// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "PairMoves.h"
#include <algorithm>
#include <cmath>

using namespace gpfq;

/// A pair moves only when that lowers the error by this much, in squared steps of the first column,
/// so that rounding cannot raise it.
static constexpr float pairMargin = 1e-4f;

std::vector<std::vector<int32_t>> gpfq::getPartners(const LayerSpec &spec,
                                                    const GroupMoments &moments) {
  int64_t n = moments.inverseDiagonal.size();
  std::vector<std::vector<int32_t>> partners(n);
  std::vector<float> correlations(n);
  for (int64_t t = 0; t < n; ++t) {
    if (moments.inverseDiagonal[t] == 0.0f)
      continue;
    std::vector<int32_t> &candidates = partners[t];
    for (int64_t s = 0; s < n; ++s) {
      correlations[s] = std::fabs(moments.h[t * n + s]) * std::sqrt(moments.inverseDiagonal[s]);
      if (s != t && correlations[s] > 0.0f)
        candidates.push_back(static_cast<int32_t>(s));
    }
    int64_t count = std::min<int64_t>(spec.pairCandidates, candidates.size());
    std::partial_sort(candidates.begin(), candidates.begin() + count, candidates.end(),
                      [&](int32_t a, int32_t b) {
                        return correlations[a] != correlations[b]
                                   ? correlations[a] > correlations[b]
                                   : a < b;
                      });
    candidates.resize(count);
    candidates.shrink_to_fit();
  }
  return partners;
}

namespace {
struct PairMove {
  int32_t partner = -1;
  int8_t level = 0, partnerLevel = 0;
};
} // namespace

/// The best move of column t and a partner, with partner -1 when none lowers the error.
static PairMove findMove(const LayerSpec &spec, const GroupMoments &moments,
                         const std::vector<int32_t> &partners, const NeuronLevels &neuron,
                         int64_t t) {
  int64_t n = neuron.levels.size();
  const float *h = moments.h.data();
  const std::vector<int8_t> &all = spec.alphabet.levels();
  float step = neuron.step;
  auto position = std::lower_bound(all.begin(), all.end(), neuron.levels[t]);
  PairMove best;
  float least = -pairMargin * step * step * h[t * n + t];
  for (int side : {-1, 1}) {
    if (side < 0 ? position == all.begin() : position + 1 == all.end())
      continue;
    int8_t level = position[side];
    float change = (level - neuron.levels[t]) * step;
    float error = change * (change * h[t * n + t] - 2.0f * neuron.residuals[t]);
    for (int32_t s : partners) {
      float residual = neuron.residuals[s] - h[t * n + s] * change;
      int8_t old = neuron.levels[s],
             other = spec.alphabet.nearest(old + residual * moments.inverseDiagonal[s] / step);
      float otherChange = (other - old) * step;
      float both = error + otherChange * (otherChange * h[s * n + s] - 2.0f * residual);
      if (other == old || !(both < least))
        continue;
      least = both;
      best = {s, level, other};
    }
  }
  return best;
}

bool gpfq::sweepPairs(const LayerSpec &spec, const GroupMoments &moments,
                      const std::vector<std::vector<int32_t>> &partners, NeuronLevels &neuron) {
  int64_t n = neuron.levels.size();
  bool moved = false;
  auto setLevel = [&](int64_t t, int8_t level) {
    float change = (level - neuron.levels[t]) * neuron.step;
    neuron.levels[t] = level;
    const float *row = moments.h.data() + t * n;
    for (int64_t j = 0; j < n; ++j)
      neuron.residuals[j] -= row[j] * change;
  };
  for (int64_t t = 0; t < n; ++t) {
    PairMove move = findMove(spec, moments, partners[t], neuron, t);
    if (move.partner < 0)
      continue;
    setLevel(t, move.level);
    setLevel(move.partner, move.partnerLevel);
    moved = true;
  }
  return moved;
}
