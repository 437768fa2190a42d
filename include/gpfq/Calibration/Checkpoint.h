// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Finished layers of an interrupted quantisation, in a directory.

#ifndef GPFQ_CALIBRATION_CHECKPOINT_H
#define GPFQ_CALIBRATION_CHECKPOINT_H

#include "gpfq/Calibration/CalibrationData.h"
#include "gpfq/Quantizer/LayerQuantizer.h"
#include <string>

namespace gpfq {

/// A directory with a file `key` that says which run it belongs to, and one file `layer-NNNN` for
/// each finished layer. Files are written under a temporary name and renamed, so an interrupted run
/// leaves only whole files.
class Checkpoint {
public:
  /// Opens `directory`, or creates it for the run `key` (a hash of model, data and options). Fails
  /// on a directory of another key.
  static Result<Checkpoint> open(const std::string &directory, const std::string &key);

  /// Reads layer `index`; false when it is not there.
  Result<bool> load(int64_t index, LayerResult &result) const;
  Failure store(int64_t index, const LayerResult &result) const;

private:
  explicit Checkpoint(std::string directory) : directory(std::move(directory)) {}
  std::string layerPath(int64_t index) const;

  std::string directory;
};

/// Writes `content` to `path` through a temporary file in the same directory.
Failure writeFileAtomically(const std::string &path, const std::string &content);

} // namespace gpfq

#endif // GPFQ_CALIBRATION_CHECKPOINT_H
