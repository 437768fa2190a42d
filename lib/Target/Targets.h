// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_TARGET_TARGETS_H
#define GPFQ_LIB_TARGET_TARGETS_H

#include "gpfq/Target/Target.h"

namespace mlir::gpfq {

/// A call of an intrinsic of LLVM with one result.
Value callIntrinsic(OpBuilder &builder, Location loc, StringRef name, Type type,
                    ValueRange arguments);

/// A constant vector of `type`; `value` is a signed integer or the bits of an unsigned one.
Value splat(OpBuilder &builder, Location loc, Type type, int64_t value);

const KernelTarget &getAvx512VnniTarget();
const KernelTarget &getAvx512VpopcntdqTarget();
const KernelTarget &getZnver4Target();
const KernelTarget &getAvxVnniTarget();
const KernelTarget &getAvx2Target();
const KernelTarget &getAArch64I8mmTarget();
const KernelTarget &getAArch64DotprodTarget();
const KernelTarget &getGenericTarget();

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TARGET_TARGETS_H
