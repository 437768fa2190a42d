// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_COMPILER_COMPILER_H
#define GPFQ_COMPILER_COMPILER_H

#include "gpfq/Compiler/ModelInterface.h"
#include "gpfq/Target/Target.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::gpfq {

/// What becomes of a network at level 0 to 3.
struct CompilerOptions {
  /// Lower the integer ops by lowbit-to-linalg instead of packed kernels.
  bool reference = false;
  /// 0 to 3 as in -O.
  unsigned optimization = 3;
  Parallelism parallelism = Parallelism::None;
  /// File of measured tiles, for one target; empty: those that the target prefers.
  std::string tiles;
  /// Count the ticks that each layer takes, by this intrinsic of LLVM; empty: do not.
  std::string profileClock;
};

/// Runs the passes that `build` adds, with the options of the command line
/// (--mlir-print-ir-after-all, ...).
LogicalResult runPipeline(ModuleOp module, function_ref<void(OpPassManager &)> build);

/// Level 0, 1 or 2 to level 3.
LogicalResult lowerToIntegerLayers(ModuleOp module);

/// Level 3 to level 4.
LogicalResult packLayers(ModuleOp module, const CompilerOptions &options,
                         const KernelTarget &target);

/// Level 4 to the LLVM dialect; adds `target` to `interface` (target, parallelism, workspace,
/// weight bytes, profiled layers).
LogicalResult lowerToLLVMDialect(ModuleOp module, const CompilerOptions &options,
                                 const KernelTarget &target, ModelInterface &interface);

/// The network, lowered for one target.
struct LoweredNetwork {
  const KernelTarget *target;
  OwningOpRef<ModuleOp> module;
};

/// Compiles lowered networks to `outputFile`, a shared library (.so), static library (.a) or object
/// (.o) by its extension, and writes the header beside it (libnet.so gives libnet.h). Either both
/// files appear or none. `networks` is one network for targets of one architecture; the library
/// runs the first that the CPU can.
LogicalResult writeLibrary(ArrayRef<LoweredNetwork> networks, const CompilerOptions &options,
                           const ModelInterface &interface, StringRef outputFile);

} // namespace mlir::gpfq

#endif // GPFQ_COMPILER_COMPILER_H
