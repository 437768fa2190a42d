// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Quantisation alphabets: finite sets of integer levels. The float value of a weight is level *
// step.

#ifndef GPFQ_QUANTIZER_ALPHABET_H
#define GPFQ_QUANTIZER_ALPHABET_H

#include "gpfq/Quantizer/Result.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gpfq {

struct HardThresholdAlphabet;

/// Levels at equal distances: index * stride + shift for lowIndex <= index <= highIndex.
struct UniformLevels {
  /// The index of a real number z is floor(z * scale + offset): scale is 1/2 for mid-rise (levels
  /// 2i + 1 for i = floor(z / 2)) and 1 otherwise.
  float scale = 1.0f, offset = 0.5f, lowIndex = 0.0f, highIndex = 0.0f;
  float stride = 1.0f, shift = 0.0f;

  /// See Alphabet::nearest.
  [[gnu::always_inline]] float nearest(float z) const {
    z = z == z ? z : 0.0f;
    float index = __builtin_floorf(z * scale + offset);
    index = index < lowIndex ? lowIndex : index;
    index = index > highIndex ? highIndex : index;
    return index * stride + shift;
  }
};

/// A non-empty set of integer levels in [-128, 127].
///
/// kind       text form          levels
/// mid-tread  mid_tread:K        -K, ..., -1, 0, 1, ..., K                (1 <= K <= 127)
/// mid-rise   mid_rise:K         -(2K-1), ..., -3, -1, 1, 3, ..., 2K-1    (1 <= K <= 64), no zero
/// range      range:LO:HI        LO, LO+1, ..., HI                        (LO < HI)
/// explicit   levels:L0:L1:...   the listed levels, strictly increasing   (at least 1)
class Alphabet {
public:
  enum class Kind { MidTread, MidRise, Range, Explicit };

  /// Mid-tread with K = 7, the default for 4 bits.
  Alphabet();
  static Result<Alphabet> midTread(int64_t k);
  static Result<Alphabet> midRise(int64_t k);
  static Result<Alphabet> range(int64_t low, int64_t high);
  static Result<Alphabet> explicitLevels(std::vector<int64_t> levels);
  /// {0} and +-(lambda + i delta) for 0 <= i <= k, for the hard threshold lambda, where only
  /// ratio = lambda / delta matters. Levels are integers, so it is rounded to the nearest fraction
  /// that leaves the largest level at 127 or less.
  static Result<HardThresholdAlphabet> hardThreshold(int64_t k, double ratio);
  /// Mid-rise with 2^bits levels for 1 to 3 bits, where a level spent on zero costs most accuracy;
  /// mid-tread with K = 2^(bits-1) - 1 for 4 to 8 bits.
  static Result<Alphabet> forBits(int64_t bits);
  /// Parses a text form of the table above.
  static Result<Alphabet> parse(std::string_view text);
  /// The text form; parse(str()) gives an equal alphabet.
  std::string str() const;

  Kind kind() const { return alphabetKind; }
  const std::vector<int8_t> &levels() const { return sortedLevels; }
  int64_t size() const { return static_cast<int64_t>(sortedLevels.size()); }
  int min() const { return sortedLevels.front(); }
  int max() const { return sortedLevels.back(); }
  /// The largest magnitude of a level.
  int maxMagnitude() const;
  /// ceil(log2(size)), at least 1.
  int bits() const;
  bool contains(int level) const;

  /// The level nearest to the real number z, in units of the step. A tie goes to the larger level:
  /// for mid-tread clamp(floor(z + 1/2), -K, K), which is the paper's sign(z) min(|floor(z + 1/2)|,
  /// K). Infinities give the extreme level, NaN gives nearest(0).
  int8_t nearest(float z) const {
    if (alphabetKind == Kind::Explicit)
      return nearestListed(z);
    return static_cast<int8_t>(uniform.nearest(z));
  }

  /// Null for an explicit alphabet.
  const UniformLevels *uniformLevels() const {
    return alphabetKind == Kind::Explicit ? nullptr : &uniform;
  }

  /// One of the two levels around z, in units of the step: the upper one when `random`, in [0, 1),
  /// is less than the relative distance of z from the lower one. The extreme level beyond them,
  /// nearest(0) for NaN.
  int8_t stochastic(float z, float random) const;

  bool operator==(const Alphabet &other) const {
    return alphabetKind == other.alphabetKind && sortedLevels == other.sortedLevels;
  }
  bool operator!=(const Alphabet &other) const { return !(*this == other); }

private:
  Alphabet(Kind kind, std::vector<int8_t> levels);
  int8_t nearestListed(float z) const;

  Kind alphabetKind;
  std::vector<int8_t> sortedLevels;
  /// nearest(z) >= sortedLevels[i + 1] when z >= midpoints[i].
  std::vector<float> midpoints;
  UniformLevels uniform;
};

/// An explicit alphabet for a hard threshold.
struct HardThresholdAlphabet {
  Alphabet alphabet;
  /// lambda and delta in levels: the levels are 0 and +-(lambda + i delta).
  int64_t lambda, delta;
  /// lambda / delta, and how much that is more than what was asked for.
  double ratio, roundingError;
};

} // namespace gpfq

#endif // GPFQ_QUANTIZER_ALPHABET_H
