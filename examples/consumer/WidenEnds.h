// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef CONSUMER_WIDENENDS_H
#define CONSUMER_WIDENENDS_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace consumer {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "WidenEnds.h.inc"

} // namespace consumer

#endif // CONSUMER_WIDENENDS_H
