// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What a network does with the output of a layer right away.

#ifndef GPFQ_CALIBRATION_LAYERTAIL_H
#define GPFQ_CALIBRATION_LAYERTAIL_H

#include "mlir/IR/Value.h"
#include <limits>

namespace mlir::gpfq {

/// A shortcut that is added and a clip (ReLU, ReLU6): clamp(y + shortcut, low, high), and the mean
/// or sum of that over the positions of an image. Each may be absent.
struct LayerTail {
  /// f32, as many elements as y and in the same order; null when nothing is added.
  Value shortcut;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  /// Is a sum over all positions of each channel all that is made of it?
  bool isPooled = false;

  bool isClipped() const {
    return low > -std::numeric_limits<float>::infinity() ||
           high < std::numeric_limits<float>::infinity();
  }

  /// The tail of the layer with result `y`. Only what all users of `y` go through counts.
  static LayerTail match(Value y);
};

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_LAYERTAIL_H
