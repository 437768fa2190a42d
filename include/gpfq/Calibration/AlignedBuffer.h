// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A vector whose storage starts on a cache line, so that no vector load of a panel crosses two
// lines.

#ifndef GPFQ_CALIBRATION_ALIGNEDBUFFER_H
#define GPFQ_CALIBRATION_ALIGNEDBUFFER_H

#include <cstddef>
#include <new>
#include <vector>

namespace gpfq {

template <typename T> struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};

  CacheLineAllocator() = default;
  template <typename U> CacheLineAllocator(const CacheLineAllocator<U> &) {}
  T *allocate(std::size_t count) {
    return static_cast<T *>(::operator new(count * sizeof(T), alignment));
  }
  void deallocate(T *pointer, std::size_t) { ::operator delete(pointer, alignment); }
  template <typename U> bool operator==(const CacheLineAllocator<U> &) const { return true; }
  template <typename U> bool operator!=(const CacheLineAllocator<U> &) const { return false; }
};

template <typename T> using AlignedBuffer = std::vector<T, CacheLineAllocator<T>>;

} // namespace gpfq

#endif // GPFQ_CALIBRATION_ALIGNEDBUFFER_H
