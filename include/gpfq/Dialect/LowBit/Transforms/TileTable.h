// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles of kernels that have been measured: the file of `lowbit-pack{tiles=..}`.

#ifndef GPFQ_DIALECT_LOWBIT_TRANSFORMS_TILETABLE_H
#define GPFQ_DIALECT_LOWBIT_TRANSFORMS_TILETABLE_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Target/Target.h"
#include <map>
#include <string>
#include <vector>

namespace mlir::lowbit {

/// The sums that the inner loop of a kernel keeps in registers.
struct KernelTile {
  /// As the tile of `LayoutAttr`.
  SmallVector<int64_t, 2> pixels;
  /// Vectors of output channels; of no meaning for depthwise convolutions.
  int64_t vectors = 1;
};

/// What the speed of a kernel depends on, as text: the op, its result, its weights before packing
/// and their bits, strides, dilations and groups. Layers of equal text share an entry of a table.
/// `op` is not packed.
std::string describeKernel(LowBitComputeOpInterface op);

/// Output pixels of an image, or rows of a matrix, that share weights.
int64_t getPixels(LowBitComputeOpInterface op);

/// The tile that `target` gives to `op` without a table; its pixels are left to the kernel
/// generator, which knows more, and empty here.
KernelTile getDefaultTile(LowBitComputeOpInterface op, const gpfq::KernelTarget &target);

/// Tiles that may be faster than the default one: of those that fit the registers, up to `limit`
/// with the least estimated cycles.
std::vector<KernelTile> getTileCandidates(LowBitComputeOpInterface op,
                                          const gpfq::KernelTarget &target, size_t limit);

/// Tiles by kernel, for one target.
///
///   {"version": 1, "target": "avx512vnni", "cpu": "znver4", "tiles": [
///     {"kernel": "conv_2d ..", "pixels": [6], "vectors": 2,
///      "microseconds": 10.2, "default_microseconds": 11.0}, ..]}
///
/// The times, of all layers of the network with this kernel, are for readers; so is `cpu`.
struct TileTable {
  struct Entry {
    KernelTile tile;
    double microseconds = 0.0, defaultMicroseconds = 0.0;
  };

  std::string target, cpu;
  std::map<std::string, Entry> entries;

  /// Fails, with a diagnostic that names the file, if there is none, if it is no such object, or if
  /// it is for another target than `target`.
  static FailureOr<TileTable> read(StringRef path, const gpfq::KernelTarget &target,
                                   function_ref<InFlightDiagnostic()> emitError);
  /// The tile for `op`, or nothing.
  const KernelTile *lookup(LowBitComputeOpInterface op) const;
  std::string toJson() const;
};

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_TRANSFORMS_TILETABLE_H
