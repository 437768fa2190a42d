// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Storage for the values that are live between two layers, for all samples.

#ifndef GPFQ_CALIBRATION_VALUESTORE_H
#define GPFQ_CALIBRATION_VALUESTORE_H

#include "gpfq/Calibration/CalibrationData.h"
#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_set>

namespace gpfq {

/// Blocks of bytes, in memory up to a budget and in unlinked temporary files beyond it. A file
/// is read and written, not mapped, so that its pages never count as memory of the process, and its
/// space is reserved before it is written, so that a full disk is an error and not a signal.
/// Thread-safe.
class ValueStore {
public:
  class Block {
  public:
    uint64_t bytes() const { return size; }
    /// The block itself when it is in memory; null when it is in a file.
    void *memory() const { return address; }

  private:
    friend class ValueStore;
    void *address = nullptr;
    size_t file = 0;
    uint64_t offset = 0, size = 0;
  };

  /// `directory` is where the temporary files go.
  ValueStore(uint64_t budgetBytes, std::string directory);
  ~ValueStore();
  ValueStore(const ValueStore &) = delete;
  ValueStore &operator=(const ValueStore &) = delete;

  /// A block of uninitialised bytes.
  Result<Block> allocate(uint64_t bytes);
  void release(const Block &block);
  /// All bytes of the block from or to `bytes`, for blocks in memory and in a file.
  Failure write(const Block &block, const void *bytes);
  Failure read(const Block &block, void *bytes) const;

  uint64_t memoryBytes() const { return memoryInUse; }
  /// Size of the temporary files; 0 when the budget sufficed.
  uint64_t fileBytes() const;

  /// $TMPDIR, or /tmp.
  static std::string defaultDirectory();

private:
  struct File {
    int descriptor = -1;
    uint64_t size = 0;
    /// Unused parts: offset to size, neighbours merged.
    std::map<uint64_t, uint64_t> freeRanges;
  };

  Result<uint64_t> allocateIn(File &file, uint64_t bytes);
  Failure open(File &file) const;

  const uint64_t budget;
  const std::string directory;
  std::mutex mutex;
  /// Blocks in memory that nobody has released yet.
  std::unordered_set<void *> addresses;
  /// Threads that write to one file wait for each other, so each has one of several.
  std::array<File, 8> files;
  uint64_t memoryInUse = 0;
};

} // namespace gpfq

#endif // GPFQ_CALIBRATION_VALUESTORE_H
