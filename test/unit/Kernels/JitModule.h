// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TEST_UNIT_KERNELS_JITMODULE_H
#define GPFQ_TEST_UNIT_KERNELS_JITMODULE_H

#include "KernelCase.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/MLIRContext.h"

namespace gpfq::test {

/// Functions of cases, lowered and compiled in process.
class JitModule {
public:
  /// Runs `pipeline` and then the upstream lowering on `source`. A failure is an error with the
  /// diagnostics.
  static llvm::Expected<std::unique_ptr<JitModule>> compile(mlir::MLIRContext &context,
                                                            llvm::StringRef source,
                                                            llvm::StringRef pipeline,
                                                            llvm::CodeGenOptLevel level);

  /// Calls the function of `kernelCase` and returns what it wrote. Buffers end at an unmapped page,
  /// so that a read or write behind one is a fault.
  llvm::Expected<std::vector<uint8_t>> run(const KernelCase &kernelCase);

private:
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

} // namespace gpfq::test

#endif // GPFQ_TEST_UNIT_KERNELS_JITMODULE_H
