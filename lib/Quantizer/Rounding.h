// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Rounding of a weight, in units of its step, to a level of the alphabet.

#ifndef GPFQ_LIB_QUANTIZER_ROUNDING_H
#define GPFQ_LIB_QUANTIZER_ROUNDING_H

#include "gpfq/Quantizer/LayerQuantizer.h"
#include <cmath>

namespace gpfq {

/// lambda in units of the given step.
float lambdaInSteps(const LayerSpec &spec, float step);

/// The level q that minimises (z - q)^2 + penalty(q).
class Rounding {
public:
  explicit Rounding(const LayerSpec &spec) : alphabet(spec.alphabet), threshold(spec.threshold) {}

  bool hasThreshold() const { return threshold != Threshold::None; }

  /// Q(z) with the threshold `lambda` in steps.
  int8_t nearest(float z, float lambda) const {
    if (threshold == Threshold::Soft)
      return alphabet.nearest(shrink(z, lambda));
    int8_t level = alphabet.nearest(z);
    if (threshold == Threshold::Hard && level != 0 &&
        z * z <= (z - level) * (z - level) + lambda * lambda)
      return 0;
    return level;
  }

  /// Stochastic rounding of what the threshold leaves; see Alphabet::stochastic.
  int8_t stochastic(float z, float lambda, float uniform) const {
    if (threshold == Threshold::Soft)
      z = shrink(z, lambda);
    if (threshold == Threshold::Hard && std::fabs(z) <= lambda)
      return 0;
    return alphabet.stochastic(z, uniform);
  }

  /// 2 lambda |q| (Soft), lambda^2 for q != 0 (Hard) or 0.
  float penalty(int8_t level, float lambda) const {
    if (threshold == Threshold::Soft)
      return 2.0f * lambda * std::abs(level);
    return threshold == Threshold::Hard && level != 0 ? lambda * lambda : 0.0f;
  }

  /// sign(z) max(|z| - lambda, 0).
  static float shrink(float z, float lambda) {
    return std::copysign(std::fmax(std::fabs(z) - lambda, 0.0f), z);
  }

private:
  const Alphabet &alphabet;
  Threshold threshold;
};

} // namespace gpfq

#endif // GPFQ_LIB_QUANTIZER_ROUNDING_H
