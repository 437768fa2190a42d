// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TOOLS_GPFQ_REDUCE_REDUCENETWORK_H
#define GPFQ_TOOLS_GPFQ_REDUCE_REDUCENETWORK_H

#include "mlir/Pass/Pass.h"

namespace mlir::gpfq {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "ReducePasses.h.inc"

} // namespace mlir::gpfq

#endif // GPFQ_TOOLS_GPFQ_REDUCE_REDUCENETWORK_H
