// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/BitAllocation.h"
#include <algorithm>

using namespace gpfq;

AllocationFrontier::AllocationFrontier(const std::vector<std::vector<AllocationChoice>> &layers,
                                       int64_t maxStates) {
  states.push_back({{0, 0.0, -1, -1}});
  for (const std::vector<AllocationChoice> &choices : layers) {
    const std::vector<State> &before = states.back();
    std::vector<State> after;
    after.reserve(before.size() * choices.size());
    for (size_t parent = 0; parent < before.size(); ++parent)
      for (size_t choice = 0; choice < choices.size(); ++choice)
        after.push_back({before[parent].size + choices[choice].size,
                         before[parent].error + choices[choice].error, int32_t(parent),
                         int32_t(choice)});
    std::sort(after.begin(), after.end(), [](const State &a, const State &b) {
      return a.size != b.size ? a.size < b.size : a.error < b.error;
    });
    // What is larger than another state and no better goes.
    size_t kept = 0;
    for (const State &state : after)
      if (kept == 0 || state.error < after[kept - 1].error)
        after[kept++] = state;
    after.resize(kept);
    if (int64_t(kept) > maxStates) {
      // The last state of a bucket has its least error; the smallest state of all stays.
      int64_t first = after.front().size, range = after.back().size - first;
      auto bucket = [&](const State &state) {
        return int64_t(double(state.size - first) / double(range) * double(maxStates - 2));
      };
      size_t thinned = 1;
      for (size_t i = 1; i < kept; ++i)
        if (i + 1 == kept || bucket(after[i + 1]) != bucket(after[i]))
          after[thinned++] = after[i];
      after.resize(thinned);
    }
    states.push_back(std::move(after));
  }
}

Allocation AllocationFrontier::trace(int64_t index) const {
  const State &last = states.back()[index];
  Allocation allocation{last.size, last.error, {}};
  for (size_t layer = states.size() - 1; layer > 0; --layer) {
    const State &state = states[layer][index];
    allocation.choices.push_back(state.choice);
    index = state.parent;
  }
  std::reverse(allocation.choices.begin(), allocation.choices.end());
  return allocation;
}

Result<Allocation> AllocationFrontier::best(int64_t size) const {
  const std::vector<State> &all = states.back();
  auto larger =
      std::upper_bound(all.begin(), all.end(), size,
                       [](int64_t limit, const State &state) { return limit < state.size; });
  if (larger == all.begin())
    return Result<Allocation>::failure("the smallest choices take " +
                                       std::to_string(all.front().size) +
                                       ", more than the budget of " + std::to_string(size));
  return trace(larger - all.begin() - 1);
}

std::vector<Allocation> AllocationFrontier::points(int64_t count) const {
  const std::vector<State> &all = states.back();
  std::vector<Allocation> result;
  int64_t range = all.back().size - all.front().size, next = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    bool isEnd = i + 1 == all.size();
    double position = range ? double(all[i].size - all.front().size) / double(range) : 0.0;
    if (!isEnd && position * double(count - 1) < double(next))
      continue;
    result.push_back(trace(int64_t(i)));
    next = int64_t(position * double(count - 1)) + 1;
  }
  return result;
}
