// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_CONVERSION_PASSES
#define GPFQ_CONVERSION_PASSES

include "mlir/Pass/PassBase.td"

#endif // GPFQ_CONVERSION_PASSES
