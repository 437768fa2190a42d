// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/RangeObserver.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace gpfq;

static constexpr size_t numBins = size_t(1) << 16;
static constexpr uint32_t numExponents = 256;

RangeObserver::RangeObserver(bool withHistogram, int64_t stride)
    : stride(stride), histogram(withHistogram ? numBins : 0, 0),
      significands(withHistogram ? numExponents : 0, 0) {}

/// An integer that orders like the float with these bits, and its inverse.
static int32_t toOrdered(int32_t bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }

static float fromOrdered(int32_t ordered) {
  int32_t bits = toOrdered(ordered);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

void RangeObserver::add(const float *values, int64_t count) {
  // Integer reductions vectorise; float ones would need permission to reorder zeros.
  int32_t minimum = 0, maximum = 0, special = 0;
  uint32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    sum += uint32_t(bits);
    bool isSpecial = (bits & 0x7f800000) == 0x7f800000;
    special |= isSpecial;
    int32_t ordered = isSpecial ? 0 : toOrdered(bits);
    minimum = std::min(minimum, ordered);
    maximum = std::max(maximum, ordered);
  }
  // -0.0 orders below +0.0; adding 0 makes it +0.0.
  low = std::min(low, fromOrdered(minimum) + 0.0f);
  high = std::max(high, fromOrdered(maximum));
  nonFinite |= special != 0;
  if (histogram.empty())
    return;
  // Not the same positions in each call, and yet the same values in any order of the calls.
  int64_t first = int64_t(sum * 2654435761u >> 16) % stride;
  for (int64_t i = first; i < count; i += stride) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    ++histogram[bits >> 16];
    uint32_t exponent = bits >> 23 & (numExponents - 1);
    significands[exponent] += (bits & 0x7fffffu) | (exponent ? 0x800000u : 0u);
  }
}

void RangeObserver::merge(const RangeObserver &other) {
  low = std::min(low, other.low);
  high = std::max(high, other.high);
  nonFinite |= other.nonFinite;
  for (size_t i = 0; i < histogram.size(); ++i)
    histogram[i] += other.histogram[i];
  for (size_t i = 0; i < significands.size(); ++i)
    significands[i] += other.significands[i];
}

ActivationScale gpfq::activationScale(double low, double high, int maxCode) {
  double levels = maxCode;
  ActivationScale result;
  if (high <= low)
    return result;
  // Divided first: the span of two finite floats can exceed the range of f32, its share cannot.
  result.scale = float((high - low) / levels);
  if (!(result.scale >= std::numeric_limits<float>::min()))
    result.scale = std::numeric_limits<float>::min();
  double zero = low < 0.0 ? std::nearbyint(-low / result.scale) : 0.0;
  result.zeroPoint = int32_t(std::clamp(zero, 0.0, levels));
  return result;
}

std::vector<RangeObserver::Bin> RangeObserver::sortedBins() const {
  std::vector<Bin> bins;
  auto add = [&](uint32_t index) {
    // The exponent of infinities and NaN.
    if (!histogram[index] || (index & 0x7f80u) == 0x7f80u)
      return;
    // The middle of the bin; the bin of zero stands for zero.
    uint32_t bits = index << 16 | ((index & 0x7fffu) ? 0x8000u : 0u);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    auto clampToRange = [&](double x) { return std::clamp(x, double(low), double(high)); };
    // The next larger magnitude with the same upper bits begins the next bin.
    uint32_t beginBits = index << 16, endBits = beginBits + 0x10000;
    float begin, end;
    std::memcpy(&begin, &beginBits, sizeof begin);
    std::memcpy(&end, &endBits, sizeof end);
    if (!(index & 0x7fffu))
      begin = end = 0.0f;
    bins.push_back({clampToRange(value), clampToRange(begin), clampToRange(end), histogram[index]});
  };
  for (uint32_t i = 0x10000; i-- > 0x8000;)
    add(i);
  for (uint32_t i = 0; i < 0x8000; ++i)
    add(i);
  return bins;
}

ActivationScale RangeObserver::scale(RangeRule rule, double percentile, int maxCode) const {
  if (rule == RangeRule::MinMax || histogram.empty() || high <= low)
    return activationScale(low, high, maxCode);
  std::vector<Bin> bins = sortedBins();
  double total = 0.0;
  for (const Bin &bin : bins)
    total += double(bin.count);

  if (rule == RangeRule::Percentile) {
    double outside = total * (100.0 - percentile) / 100.0;
    if (low < 0.0f)
      outside /= 2.0;
    auto cut = [&](auto begin, auto end, double fallback) {
      double sum = 0.0;
      for (auto bin = begin; bin != end; ++bin)
        if ((sum += double(bin->count)) > outside)
          return bin->value;
      return fallback;
    };
    double upper = cut(bins.rbegin(), bins.rend(), double(high));
    double lower = low < 0.0f ? cut(bins.begin(), bins.end(), double(low)) : 0.0;
    return activationScale(std::min(lower, 0.0), std::max(upper, 0.0), maxCode);
  }

  // The extremes shrink together; a grid of 100 fractions is finer than the error is sensitive to.
  ActivationScale best;
  double bestError = std::numeric_limits<double>::infinity();
  double levels = maxCode;
  for (int step = 100; step > 0; --step) {
    ActivationScale candidate = activationScale(low * step / 100.0, high * step / 100.0, maxCode);
    double error = 0.0;
    for (const Bin &bin : bins) {
      double code = std::nearbyint(bin.value / candidate.scale) + candidate.zeroPoint;
      double value = (std::clamp(code, 0.0, levels) - candidate.zeroPoint) * candidate.scale;
      error += double(bin.count) * (bin.value - value) * (bin.value - value);
    }
    if (error < bestError) {
      bestError = error;
      best = candidate;
    }
  }
  return best;
}

ActivationScale RangeObserver::signScale() const {
  ActivationScale result;
  result.zeroPoint = 1;
  result.isSign = true;
  double sum = 0.0, count = 0.0;
  // Not the exponent of infinities and NaN.
  for (uint32_t exponent = 0; exponent + 1 < numExponents; ++exponent)
    sum += std::ldexp(double(significands[exponent]), int(std::max(exponent, 1u)) - 150);
  for (const Bin &bin : sortedBins())
    count += double(bin.count);
  if (sum > 0.0)
    result.scale = std::max(float(sum / count), std::numeric_limits<float>::min());
  return result;
}

ActivationUse RangeObserver::describe(ActivationScale scale, int maxCode) const {
  ActivationUse use;
  if (histogram.empty())
    return use;
  constexpr int parts = 16, numValues = 64;
  double last = scale.isSign ? 2.0 : double(maxCode), span = double(high) - double(low);
  double total = 0.0, clipped = 0.0, energy = 0.0, change = 0.0;
  use.codes.assign(size_t(last) + 1, 0.0);
  use.values.assign(numValues, 0.0);
  for (const Bin &bin : sortedBins())
    for (int part = 0; part < parts; ++part) {
      double x = bin.begin + (bin.end - bin.begin) * (part + 0.5) / parts;
      double count = double(bin.count) / parts;
      double code =
          scale.isSign ? (x < 0.0 ? 0.0 : 2.0) : std::nearbyint(x / scale.scale) + scale.zeroPoint;
      double kept = std::clamp(code, 0.0, last);
      double difference = (kept - scale.zeroPoint) * scale.scale - x;
      total += count;
      clipped += code == kept ? 0.0 : count;
      energy += count * x * x;
      change += count * difference * difference;
      use.codes[size_t(kept)] += count;
      if (span > 0.0)
        use.values[std::clamp(int((x - low) / span * numValues), 0, numValues - 1)] += count;
    }
  use.error = energy > 0.0 ? std::sqrt(change / energy) : 0.0;
  use.clipped = total > 0.0 ? clipped / total : 0.0;
  return use;
}
