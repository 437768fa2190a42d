// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_TRANSFORMS_PACKSIGNS_H
#define GPFQ_DIALECT_LOWBIT_TRANSFORMS_PACKSIGNS_H

#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "gpfq/Target/Target.h"
#include <string>

namespace mlir::lowbit {

/// True if both factors of the products of `op` are signs: levels -1 and 1, and codes that
/// `quantize` with `sign` makes.
bool multipliesSigns(LowBitComputeOpInterface op);

/// Why signs that `op` multiplies are not counted as bits on `target`; empty if they are.
std::string explainByteSigns(LowBitComputeOpInterface op, const gpfq::KernelTarget &target);

/// Output rows and columns at each edge whose padding differs: top, bottom, left, right. Empty if
/// that has no part in the sums.
SmallVector<int64_t> getSignBorder(LowBitComputeOpInterface op);

/// The tables of `#lowbit.layout` for the levels of `op`, which is not packed yet.
std::vector<int32_t> getSignTables(LowBitComputeOpInterface op, const PackedGeometry &geometry,
                                   ArrayRef<int64_t> border, ArrayRef<int8_t> levels);

/// The bits of `codes`, of floats where there are some.
Value packSigns(OpBuilder &builder, Value codes);

/// Makes the layer that produces what `op` packs, and nothing else, yield bits. Returns false if
/// there is none that can.
bool packSignsInEpilogue(PackSignsOp op);

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_TRANSFORMS_PACKSIGNS_H
