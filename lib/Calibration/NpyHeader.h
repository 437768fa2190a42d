// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The header of NumPy's .npy format (NEP 1).

#ifndef GPFQ_LIB_CALIBRATION_NPYHEADER_H
#define GPFQ_LIB_CALIBRATION_NPYHEADER_H

#include "gpfq/Quantizer/Result.h"
#include <cstdint>
#include <string>
#include <vector>

namespace gpfq {

struct NpyHeader {
  /// NumPy's type string, e.g. "<f4".
  std::string type;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
  /// Bytes before the first element.
  uint64_t dataOffset = 0;
};

/// Reads the header at the start of `bytes`. Messages do not name the file.
Result<NpyHeader> parseNpyHeader(const char *bytes, uint64_t size);

} // namespace gpfq

#endif // GPFQ_LIB_CALIBRATION_NPYHEADER_H
