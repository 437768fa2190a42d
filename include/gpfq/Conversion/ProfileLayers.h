// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_CONVERSION_PROFILELAYERS_H
#define GPFQ_CONVERSION_PROFILELAYERS_H

#include "mlir/IR/Operation.h"
#include <optional>
#include <string>

namespace mlir::gpfq {

/// What `op` is called in the profile and the report: its layer or, without one, the op. Nothing if
/// it is neither a compute op of lowbit nor a linalg convolution or contraction.
std::optional<std::string> getProfiledName(Operation *op);

} // namespace mlir::gpfq

#endif // GPFQ_CONVERSION_PROFILELAYERS_H
