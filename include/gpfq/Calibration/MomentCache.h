// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Moments of layers in a directory, so that another run on the same data can have them without the
// network.

#ifndef GPFQ_CALIBRATION_MOMENTCACHE_H
#define GPFQ_CALIBRATION_MOMENTCACHE_H

#include "gpfq/Calibration/CalibrationData.h"
#include "gpfq/Quantizer/Gram.h"
#include "gpfq/Quantizer/Result.h"
#include <string>

namespace gpfq {

/// A directory with a file `key`, which says what all moments depend on, and files `moments-NNNN`,
/// each with the state of the network that its moments were made in. Files are written under a
/// temporary name and renamed.
class MomentCache {
public:
  /// Opens `directory`, or creates it for `key`: a hash of model, data and choice of rows. Fails on
  /// a directory of another key.
  static Result<MomentCache> open(const std::string &directory, const std::string &key);

  /// The moments of layer `index`; false when there are none that were stored for `state`.
  Result<bool> load(int64_t index, const std::string &state, Gram &training, Gram &heldOut) const;
  /// In place of those that are there.
  Failure store(int64_t index, const std::string &state, const Gram &training,
                const Gram &heldOut) const;

private:
  explicit MomentCache(std::string directory) : directory(std::move(directory)) {}

  std::string directory;
};

} // namespace gpfq

#endif // GPFQ_CALIBRATION_MOMENTCACHE_H
