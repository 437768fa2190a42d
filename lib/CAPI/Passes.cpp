// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq-c/Passes.h"

#include "gpfq/Pipelines/Register.h"

void gpfqRegisterAllPasses(void) { mlir::gpfq::registerAllPasses(); }
