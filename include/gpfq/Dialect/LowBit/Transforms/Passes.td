// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef LOWBIT_TRANSFORMS_PASSES
#define LOWBIT_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

#endif // LOWBIT_TRANSFORMS_PASSES
