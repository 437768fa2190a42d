// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_COMPILER_ABI_H
#define GPFQ_COMPILER_ABI_H

#include "gpfq/Compiler/ModelInterface.h"

namespace llvm {
class Module;
class raw_ostream;
} // namespace llvm

namespace mlir::gpfq {

/// A network for one target.
struct NetworkVariant {
  /// Of the function on bare pointers: inputs, outputs, workspace, and the `gpfq_parallel` where it
  /// has parallel loops.
  std::string function;
  /// CPU features in LLVM's spelling.
  ArrayRef<StringLiteral> requiredFeatures;
};

/// Adds the functions of the C ABI to `module`: `<symbol>_info`, `<symbol>_check`, `<symbol>_run`,
/// hidden
/// `<symbol>_check_cpu(const gpfq_cpu *)` that tests given features instead of those of the
/// machine, and, for a shared library, `gpfq_default_model`. A run calls the first of `variants`
/// that the CPU can run. With `interface.parallelism` there are `<symbol>_run_parallel` and, for
/// Pool, `<symbol>_pool_create` and `<symbol>_pool_destroy`.
LogicalResult addAbi(llvm::Module &module, ArrayRef<NetworkVariant> variants,
                     const ModelInterface &interface, bool isSharedLibrary, Location loc);

/// Functions of the C library, other than memcpy, memmove and memset, that the ABI's own use.
SmallVector<StringLiteral> getRequiredSymbols(const llvm::Module &module,
                                              const ModelInterface &interface);

/// Writes the header, for C99 and C++, that declares the ABI and documents shapes, types and the
/// workspace.
void writeHeader(llvm::raw_ostream &os, const ModelInterface &interface);

} // namespace mlir::gpfq

#endif // GPFQ_COMPILER_ABI_H
