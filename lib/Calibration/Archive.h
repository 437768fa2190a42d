// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Values as bytes in files of a directory that belongs to one run.

#ifndef GPFQ_LIB_CALIBRATION_ARCHIVE_H
#define GPFQ_LIB_CALIBRATION_ARCHIVE_H

#include "gpfq/Calibration/CalibrationData.h"
#include "gpfq/Quantizer/Result.h"
#include <algorithm>
#include <cstdint>
#include <string>

namespace gpfq {

/// Appends to a string of bytes, in the byte order of the host.
struct ArchiveWriter {
  std::string bytes;
  void put(const void *data, size_t size) { bytes.append(static_cast<const char *>(data), size); }
  template <typename T> void value(const T &x) { put(&x, sizeof x); }
  template <typename Container> void container(const Container &x) {
    value(uint64_t(x.size()));
    put(x.data(), x.size() * sizeof *x.data());
  }
};

/// Reads what ArchiveWriter wrote; `good` becomes false at the first thing that is not there.
struct ArchiveReader {
  const std::string &bytes;
  size_t at = 0;
  bool good = true;
  void get(void *data, size_t size) {
    good = good && size <= bytes.size() - at;
    if (!good)
      return;
    std::copy_n(bytes.data() + at, size, static_cast<char *>(data));
    at += size;
  }
  template <typename T> void value(T &x) { get(&x, sizeof x); }
  template <typename Container> void container(Container &x) {
    uint64_t size = 0;
    value(size);
    good = good && size <= (bytes.size() - at) / sizeof *x.data();
    if (!good)
      return;
    x.resize(size);
    get(x.data(), size * sizeof *x.data());
  }
};

/// The content of a file; false when there is none.
Result<bool> readFile(const std::string &path, std::string &content);

/// Behind the name of a file that is not whole yet, and before the number of the process that
/// writes it.
inline constexpr char temporarySuffix[] = ".tmp";

/// Creates `directory`, with `key` in a file of that name, or checks that it has that key. `what`
/// names the directory in messages.
Failure openKeyedDirectory(const std::string &directory, const std::string &key,
                           const std::string &what);

/// directory/name-NNNN
std::string numberedPath(const std::string &directory, const std::string &name, int64_t number);

} // namespace gpfq

#endif // GPFQ_LIB_CALIBRATION_ARCHIVE_H
