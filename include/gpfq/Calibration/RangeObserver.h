// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Range of an activation from its values in the float network.

#ifndef GPFQ_CALIBRATION_RANGEOBSERVER_H
#define GPFQ_CALIBRATION_RANGEOBSERVER_H

#include <cstdint>
#include <vector>

namespace gpfq {

/// How the range of an activation is chosen. Every range contains 0.
enum class RangeRule {
  /// The smallest and the largest value.
  MinMax,
  /// The range that leaves (100 - percentile) / 2 percent of the values out at each end; when no
  /// value is
  /// negative, all of them at the upper end.
  Percentile,
  /// The range with the least squared quantisation error.
  Mse
};

/// Affine quantisation x = (code - zeroPoint) * scale with codes from 0 to a largest one.
struct ActivationScale {
  float scale = 1.0f;
  int32_t zeroPoint = 0;
  /// The codes are 0 for negative values and 2 for others, whatever the largest one.
  bool isSign = false;
};

/// What becomes of the values of an activation as codes.
struct ActivationUse {
  /// Norm of the change of the values over their norm; 0 if that is 0.
  double error = 0.0;
  /// Fraction of the values outside of the range of the codes.
  double clipped = 0.0;
  /// How many values have each code, 0 to 2 of signs.
  std::vector<double> codes;
  /// How many are in each of 64 equal bins from the smallest to the largest.
  std::vector<double> values;
};

/// Counts values. Bins are the upper 16 bits of the f32 encoding (8 bits of significand), so no
/// range is needed beforehand and the result depends neither on the order of values nor on how they
/// are divided among observers.
class RangeObserver {
public:
  /// Without a histogram only MinMax is available. With a stride every so many-th value of a call
  /// of add() counts in the histogram, which is then a sample.
  explicit RangeObserver(bool withHistogram, int64_t stride = 1);

  void add(const float *values, int64_t count);
  void merge(const RangeObserver &other);

  /// Over the finite values seen, and 0.
  float min() const { return low; }
  float max() const { return high; }
  /// True when a NaN or an infinity was seen.
  bool hasNonFinite() const { return nonFinite; }

  /// `percentile` in (50, 100]. The scale is 1 when all values are 0.
  ActivationScale scale(RangeRule rule, double percentile, int maxCode) const;

  /// The scale of signs with the least squared error, the mean magnitude: exact but for one
  /// rounding. Needs a histogram.
  ActivationScale signScale() const;

  /// Of the histogram, the values of a bin being spread evenly over it. Empty without one.
  ActivationUse describe(ActivationScale scale, int maxCode) const;

private:
  struct Bin {
    double value;
    /// The ends, the one nearer to 0 first; equal in the bin of zero.
    double begin, end;
    uint64_t count;
  };
  std::vector<Bin> sortedBins() const;

  float low = 0.0f, high = 0.0f;
  bool nonFinite = false;
  int64_t stride;
  std::vector<uint64_t> histogram;
  /// Of the values with each exponent, the sum of the significands as integers.
  std::vector<uint64_t> significands;
};

/// Scale and zero point of the range [low, high], low <= 0 <= high; the zero point is 0 when low is
/// 0.
ActivationScale activationScale(double low, double high, int maxCode);

} // namespace gpfq

#endif // GPFQ_CALIBRATION_RANGEOBSERVER_H
