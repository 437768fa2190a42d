// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/Alphabet.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

using namespace gpfq;

static constexpr int64_t minLevel = -128, maxLevel = 127;

static std::vector<int8_t> progression(int64_t low, int64_t high, int64_t stride) {
  std::vector<int8_t> levels;
  for (int64_t level = low; level <= high; level += stride)
    levels.push_back(static_cast<int8_t>(level));
  return levels;
}

Alphabet::Alphabet() : Alphabet(Kind::MidTread, progression(-7, 7, 1)) {}

Alphabet::Alphabet(Kind kind, std::vector<int8_t> levels)
    : alphabetKind(kind), sortedLevels(std::move(levels)) {
  if (kind == Kind::Explicit) {
    for (size_t i = 0; i + 1 < sortedLevels.size(); ++i)
      midpoints.push_back((sortedLevels[i] + sortedLevels[i + 1]) * 0.5f);
    return;
  }
  if (kind == Kind::MidRise)
    uniform = {/*scale=*/0.5f, /*offset=*/0.0f, 0.0f,
               0.0f,           /*stride=*/2.0f, /*shift=*/1.0f};
  uniform.lowIndex = (sortedLevels.front() - uniform.shift) / uniform.stride;
  uniform.highIndex = (sortedLevels.back() - uniform.shift) / uniform.stride;
}

Result<Alphabet> Alphabet::midTread(int64_t k) {
  if (k < 1 || k > maxLevel)
    return Result<Alphabet>::failure("mid_tread needs a largest level between 1 and 127, got " +
                                     std::to_string(k));
  return Alphabet(Kind::MidTread, progression(-k, k, 1));
}

Result<Alphabet> Alphabet::midRise(int64_t k) {
  if (k < 1 || k > 64)
    return Result<Alphabet>::failure("mid_rise needs between 1 and 64 positive levels, got " +
                                     std::to_string(k));
  return Alphabet(Kind::MidRise, progression(-(2 * k - 1), 2 * k - 1, 2));
}

Result<Alphabet> Alphabet::range(int64_t low, int64_t high) {
  if (low < minLevel || high > maxLevel || low >= high)
    return Result<Alphabet>::failure(
        "range needs two increasing levels between -128 and 127, got " + std::to_string(low) +
        " and " + std::to_string(high));
  return Alphabet(Kind::Range, progression(low, high, 1));
}

Result<Alphabet> Alphabet::explicitLevels(std::vector<int64_t> levels) {
  if (levels.empty())
    return Result<Alphabet>::failure("an alphabet needs at least one level");
  std::vector<int8_t> checked;
  for (int64_t level : levels) {
    if (level < minLevel || level > maxLevel)
      return Result<Alphabet>::failure("level " + std::to_string(level) +
                                       " is not between -128 and 127");
    if (!checked.empty() && level <= checked.back())
      return Result<Alphabet>::failure("levels must be strictly increasing, but " +
                                       std::to_string(level) + " follows " +
                                       std::to_string(checked.back()));
    checked.push_back(static_cast<int8_t>(level));
  }
  return Alphabet(Kind::Explicit, std::move(checked));
}

Result<HardThresholdAlphabet> Alphabet::hardThreshold(int64_t k, double ratio) {
  int64_t bestLambda = 0, bestDelta = 0;
  double bestError = std::numeric_limits<double>::infinity();
  bool isInRange = k >= 0 && k < maxLevel && ratio > 0.0 && ratio <= maxLevel;
  for (int64_t delta = 1; isInRange && delta <= maxLevel; ++delta) {
    int64_t lambda = std::max<int64_t>(1, std::llround(ratio * delta));
    double error = double(lambda) / delta - ratio;
    if (lambda + k * delta > maxLevel || std::fabs(error) >= std::fabs(bestError))
      continue;
    bestLambda = lambda;
    bestDelta = delta;
    bestError = error;
  }
  if (bestDelta == 0)
    return Result<HardThresholdAlphabet>::failure(
        "a hard threshold needs k >= 0 and lambda / delta > 0 with k + lambda / delta at most 127");
  std::vector<int64_t> levels{0};
  for (int64_t i = 0; i <= k; ++i) {
    levels.push_back(bestLambda + i * bestDelta);
    levels.push_back(-levels.back());
  }
  std::sort(levels.begin(), levels.end());
  return HardThresholdAlphabet{*explicitLevels(std::move(levels)), bestLambda, bestDelta,
                               double(bestLambda) / bestDelta, bestError};
}

Result<Alphabet> Alphabet::forBits(int64_t bits) {
  if (bits < 1 || bits > 8)
    return Result<Alphabet>::failure("weights have 1 to 8 bits, got " + std::to_string(bits));
  return bits <= 3 ? midRise(int64_t(1) << (bits - 1)) : midTread((int64_t(1) << (bits - 1)) - 1);
}

/// The numbers of "a:b:c"; empty when a part is not an integer.
static std::vector<int64_t> parseNumbers(std::string_view text) {
  std::vector<int64_t> numbers;
  while (true) {
    size_t colon = std::min(text.find(':'), text.size());
    int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + colon, value);
    if (error != std::errc() || end != text.data() + colon || colon == 0)
      return {};
    numbers.push_back(value);
    if (colon == text.size())
      return numbers;
    text.remove_prefix(colon + 1);
  }
}

Result<Alphabet> Alphabet::parse(std::string_view text) {
  size_t colon = std::min(text.find(':'), text.size());
  std::string_view name = text.substr(0, colon);
  std::vector<int64_t> numbers;
  if (colon < text.size())
    numbers = parseNumbers(text.substr(colon + 1));
  if (name == "mid_tread" && numbers.size() == 1)
    return midTread(numbers[0]);
  if (name == "mid_rise" && numbers.size() == 1)
    return midRise(numbers[0]);
  if (name == "range" && numbers.size() == 2)
    return range(numbers[0], numbers[1]);
  if (name == "levels" && !numbers.empty())
    return explicitLevels(std::move(numbers));
  return Result<Alphabet>::failure(
      "cannot read alphabet '" + std::string(text) +
      "'; write mid_tread:K, mid_rise:K, range:LO:HI or levels:L0:L1:...");
}

std::string Alphabet::str() const {
  switch (alphabetKind) {
  case Kind::MidTread:
    return "mid_tread:" + std::to_string(max());
  case Kind::MidRise:
    return "mid_rise:" + std::to_string((max() + 1) / 2);
  case Kind::Range:
    return "range:" + std::to_string(min()) + ":" + std::to_string(max());
  case Kind::Explicit:
    break;
  }
  std::string text = "levels";
  for (int8_t level : sortedLevels)
    text += ":" + std::to_string(level);
  return text;
}

int Alphabet::maxMagnitude() const { return std::max(max(), -min()); }

int Alphabet::bits() const {
  int bits = 1;
  while ((int64_t(1) << bits) < size())
    ++bits;
  return bits;
}

bool Alphabet::contains(int level) const {
  return std::binary_search(sortedLevels.begin(), sortedLevels.end(), level);
}

int8_t Alphabet::nearestListed(float z) const {
  if (!(z == z))
    z = 0.0f;
  return sortedLevels[std::upper_bound(midpoints.begin(), midpoints.end(), z) - midpoints.begin()];
}

int8_t Alphabet::stochastic(float z, float random) const {
  if (!(z > min() && z < max()))
    return nearest(z);
  auto upper = std::upper_bound(sortedLevels.begin(), sortedLevels.end(), z);
  float low = upper[-1], high = upper[0];
  return random * (high - low) < z - low ? *upper : upper[-1];
}
