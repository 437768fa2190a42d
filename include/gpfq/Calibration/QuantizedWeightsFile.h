// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Quantised weights as a safetensors file, for other tools.

#ifndef GPFQ_CALIBRATION_QUANTIZEDWEIGHTSFILE_H
#define GPFQ_CALIBRATION_QUANTIZEDWEIGHTSFILE_H

#include "gpfq/Calibration/CalibrationData.h"
#include "gpfq/Quantizer/LayerQuantizer.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::gpfq {

/// One layer of the file.
struct QuantizedWeights {
  struct Input {
    float scale = 1.0f;
    int32_t zeroPoint = 0;
    /// The largest code.
    uint32_t max = 255;
    /// True if the codes are 0 and 2 (see lowbit.quantize).
    bool isSign = false;
  };

  std::string name, alphabet;
  unsigned bits = 0;
  /// Output channels, kernel rows, kernel columns, channels per group.
  SmallVector<int64_t> shape;
  /// A matrix product: the file has two dimensions and not four.
  bool isMatrix = false;
  /// Rows, columns and channels of the image that the inputs of a matrix product are. The levels
  /// have them channels last, the file channels first, as the network of the source flattens it.
  std::optional<std::array<int64_t, 3>> flattenedImage;
  /// How the layer reads its input; nothing when that is float.
  std::optional<Input> input;
  ::gpfq::LayerResult result;
};

/// Writes NAME.levels (I8; O x I x H x W, or O x I), NAME.scales (F32; one, O, or O x groups) and,
/// where the bias changes, NAME.bias_delta (F32; O) for each layer. The metadata "layers" is a JSON
/// array of {"name", "alphabet", "bits", "method", "input": null | {"scale", "zero_point",
/// "max", "sign"}}: weight = level * scale, input = (code - zero_point) * scale, with codes from 0
/// to max, or of signs 0 and 2. Written to a temporary file and renamed.
::gpfq::Failure writeQuantizedWeights(const std::string &path, ArrayRef<QuantizedWeights> layers);

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_QUANTIZEDWEIGHTSFILE_H
