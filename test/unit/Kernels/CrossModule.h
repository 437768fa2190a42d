// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TEST_UNIT_KERNELS_CROSSMODULE_H
#define GPFQ_TEST_UNIT_KERNELS_CROSSMODULE_H

#include "KernelCase.h"
#include "gpfq/Target/Target.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Error.h"

namespace gpfq::test {

/// A CPU that this machine emulates: a C compiler for it and the program that runs its executables.
struct EmulatedCpu {
  std::string compiler, emulator;

  /// What runs AArch64 executables: GPFQ_AARCH64_CC and GPFQ_AARCH64_RUN, or Debian's
  /// aarch64-linux-gnu-gcc and qemu-aarch64. Nothing where one is missing.
  static std::optional<EmulatedCpu> findAArch64();
};

/// Lowers `source` by `pipeline`, compiles it for `target`, links it with CrossDriver.c and runs it
/// on `cpu`; what each of `cases`, the functions of `source`, wrote.
llvm::Expected<std::vector<std::vector<uint8_t>>>
runEmulated(mlir::MLIRContext &context, const mlir::gpfq::KernelTarget &target,
            const EmulatedCpu &cpu, llvm::StringRef source, llvm::StringRef pipeline,
            llvm::ArrayRef<KernelCase> cases);

} // namespace gpfq::test

#endif // GPFQ_TEST_UNIT_KERNELS_CROSSMODULE_H
