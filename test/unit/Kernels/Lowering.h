// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TEST_UNIT_KERNELS_LOWERING_H
#define GPFQ_TEST_UNIT_KERNELS_LOWERING_H

#include "KernelCase.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace gpfq::test {

/// Runs `pipeline` and then the upstream lowering on `source`. A failure is an error with the
/// diagnostics.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lowerToLLVMDialect(mlir::MLIRContext &context, llvm::StringRef source, llvm::StringRef pipeline);

} // namespace gpfq::test

#endif // GPFQ_TEST_UNIT_KERNELS_LOWERING_H
