// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/ValueStore.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace gpfq;

/// Blocks start at multiples of this, in memory and in the file.
static constexpr uint64_t blockAlignment = 64;

ValueStore::ValueStore(uint64_t budgetBytes, std::string directory)
    : budget(budgetBytes), directory(std::move(directory)) {}

ValueStore::~ValueStore() {
  for (void *address : addresses)
    std::free(address);
  for (const File &file : files)
    if (file.descriptor >= 0)
      close(file.descriptor);
}

std::string ValueStore::defaultDirectory() {
  const char *directory = std::getenv("TMPDIR");
  return directory && *directory ? directory : "/tmp";
}

/// The file of the calling thread, of so many.
static size_t getFileOfThread(size_t files) {
  static std::atomic<size_t> threads = 0;
  static thread_local size_t thread = threads++;
  return thread % files;
}

uint64_t ValueStore::fileBytes() const {
  uint64_t bytes = 0;
  for (const File &file : files)
    bytes += file.size;
  return bytes;
}

Failure ValueStore::open(File &file) const {
  std::string name = directory + "/gpfq-values-XXXXXX";
  file.descriptor = mkostemp(name.data(), O_CLOEXEC);
  if (file.descriptor < 0)
    return "cannot create a temporary file in '" + directory + "': " + std::strerror(errno) +
           "; set TMPDIR to a writable directory or raise memory-budget";
  unlink(name.c_str());
  return std::nullopt;
}

Result<uint64_t> ValueStore::allocateIn(File &file, uint64_t bytes) {
  if (file.descriptor < 0)
    if (Failure failure = open(file))
      return Result<uint64_t>::failure(*failure);
  for (auto range = file.freeRanges.begin(); range != file.freeRanges.end(); ++range) {
    auto [offset, size] = *range;
    if (size < bytes)
      continue;
    file.freeRanges.erase(range);
    if (size > bytes)
      file.freeRanges.emplace(offset + bytes, size - bytes);
    return offset;
  }
  if (int error = posix_fallocate(file.descriptor, off_t(file.size), off_t(bytes)))
    return Result<uint64_t>::failure(
        "cannot extend a temporary file in '" + directory + "' to " +
        std::to_string(file.size + bytes) + " bytes: " + std::strerror(error) +
        "; free space there, set TMPDIR to another directory, raise memory-budget or use fewer "
        "samples");
  uint64_t offset = file.size;
  file.size += bytes;
  return offset;
}

Result<ValueStore::Block> ValueStore::allocate(uint64_t bytes) {
  Block block;
  block.size = bytes;
  uint64_t reserved = (bytes + blockAlignment - 1) / blockAlignment * blockAlignment;
  std::lock_guard<std::mutex> lock(mutex);
  if (memoryInUse + reserved <= budget) {
    block.address = std::aligned_alloc(blockAlignment, reserved);
    if (block.address) {
      memoryInUse += reserved;
      addresses.insert(block.address);
      return block;
    }
  }
  block.file = getFileOfThread(files.size());
  Result<uint64_t> offset = allocateIn(files[block.file], reserved);
  if (!offset)
    return Result<Block>::failure(offset.message());
  block.offset = *offset;
  return block;
}

void ValueStore::release(const Block &block) {
  uint64_t reserved = (block.size + blockAlignment - 1) / blockAlignment * blockAlignment;
  std::lock_guard<std::mutex> lock(mutex);
  if (block.address) {
    addresses.erase(block.address);
    std::free(block.address);
    memoryInUse -= reserved;
    return;
  }
  auto &freeRanges = files[block.file].freeRanges;
  auto next = freeRanges.lower_bound(block.offset);
  uint64_t offset = block.offset, size = reserved;
  if (next != freeRanges.end() && next->first == offset + size) {
    size += next->second;
    next = freeRanges.erase(next);
  }
  if (next != freeRanges.begin()) {
    auto previous = std::prev(next);
    if (previous->first + previous->second == offset) {
      previous->second += size;
      return;
    }
  }
  freeRanges.emplace(offset, size);
}

Failure ValueStore::write(const Block &block, const void *bytes) {
  if (block.address) {
    std::memcpy(block.address, bytes, block.size);
    return std::nullopt;
  }
  for (uint64_t done = 0; done < block.size;) {
    ssize_t n = pwrite(files[block.file].descriptor, static_cast<const char *>(bytes) + done,
                       block.size - done, off_t(block.offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return "cannot write to the temporary file in '" + directory + "': " + std::strerror(errno);
    done += uint64_t(n);
  }
  return std::nullopt;
}

Failure ValueStore::read(const Block &block, void *bytes) const {
  if (block.address) {
    std::memcpy(bytes, block.address, block.size);
    return std::nullopt;
  }
  for (uint64_t done = 0; done < block.size;) {
    ssize_t n = pread(files[block.file].descriptor, static_cast<char *>(bytes) + done,
                      block.size - done, off_t(block.offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return "cannot read the temporary file in '" + directory +
             "': " + (n < 0 ? std::strerror(errno) : "it has been truncated");
    done += uint64_t(n);
  }
  return std::nullopt;
}
