// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Calibration inputs: NumPy files, one for each argument of the function. The first axis counts
// samples.

#ifndef GPFQ_CALIBRATION_CALIBRATIONDATA_H
#define GPFQ_CALIBRATION_CALIBRATIONDATA_H

#include "gpfq/Quantizer/Result.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gpfq {

/// What went wrong and what to do; nothing on success.
using Failure = std::optional<std::string>;

/// Types of the elements of an argument. Numbers of words and masks are integers.
enum class ElementType { F32, I8, I32, I64 };
/// Bytes of an element.
int64_t getBytes(ElementType type);

/// The samples of one argument, row-major.
///
/// `.npy` (format versions 1 to 3) or an array of a `.npz`, stored or deflated. A little-endian
/// `.npy` in C order is mapped, not copied; Fortran order, big-endian data and archives are
/// converted to memory. Elements of another type than that of the argument are an error.
class CalibrationData {
public:
  CalibrationData(CalibrationData &&) noexcept;
  CalibrationData &operator=(CalibrationData &&) noexcept;
  ~CalibrationData();

  /// Opens `path`, which is x.npy, x.npz with one array, or x.npz:NAME for the array NAME of
  /// several; fails on a file that is not readable, is truncated, has other elements or no samples.
  static Result<CalibrationData> open(const std::string &path, ElementType type = ElementType::F32);

  const std::string &path() const { return filePath; }
  /// At least 1.
  int64_t samples() const { return numSamples; }
  /// Shape of one sample: all axes but the first.
  const std::vector<int64_t> &sampleShape() const { return shape; }
  int64_t sampleElements() const { return elements; }
  ElementType elementType() const { return type; }
  int64_t sampleBytes() const { return elements * getBytes(type); }
  const void *sample(int64_t index) const { return data + index * sampleBytes(); }
  /// The same as elements of the C++ type that goes with `elementType()`.
  template <typename T> const T *sampleAs(int64_t index) const {
    return static_cast<const T *>(sample(index));
  }
  /// Whether the samples are read straight from the mapped file.
  bool isMapped() const;

  /// Fails unless a sample can be passed for an argument of shape `argument`: equal shapes, or
  /// `argument` with a leading 1 (its batch dimension).
  Failure checkShape(const std::vector<int64_t> &argument) const;
  /// Fails when one of the first `count` samples has a NaN or an infinity; the message names the
  /// sample. Integers have none.
  Failure checkFinite(int64_t count) const;
  /// Fails when one of the first `count` samples, of integers, has a number below `low` or above
  /// `high`, the rows of a table that the network has; the message names the sample.
  Failure checkRange(int64_t count, int64_t low, int64_t high) const;

private:
  struct Storage;
  CalibrationData();

  std::string filePath;
  std::unique_ptr<Storage> storage;
  ElementType type = ElementType::F32;
  const char *data = nullptr;
  int64_t numSamples = 0, elements = 1;
  std::vector<int64_t> shape;
};

/// "[2, 3, 4]".
std::string formatShape(const std::vector<int64_t> &shape);

} // namespace gpfq

#endif // GPFQ_CALIBRATION_CALIBRATIONDATA_H
