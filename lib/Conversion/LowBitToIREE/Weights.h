// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOIREE_WEIGHTS_H
#define GPFQ_LIB_CONVERSION_LOWBITTOIREE_WEIGHTS_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Support/Constants.h"

namespace mlir::gpfq {

/// How levels of one alphabet are stored several in a byte: level = offset + stride * code.
struct LevelPacking {
  /// Bits of a code: 1, 2 or 4.
  unsigned bits;
  int32_t offset, stride;

  int64_t getCodesPerByte() const { return 8 / bits; }
};

/// The packing of the levels of `alphabet`; nothing if they take more than four bits.
std::optional<LevelPacking> getLevelPacking(lowbit::AlphabetAttr alphabet);

/// A constant i8 tensor of `levels` at run time. With a packing the constant holds bytes
///
///   byte(r, ..) = sum over j of code(j * R + r, ..) << (j * bits),  R = ceil(rows / codes per
///   byte)
///
/// of the first dimension's rows, and a generic unpacks them.
Value createLevels(OpBuilder &builder, Location loc, const ConstantTensor<int8_t> &levels,
                   std::optional<LevelPacking> packing);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOIREE_WEIGHTS_H
