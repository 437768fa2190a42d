// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// In-process compilation of stages for the host.

#ifndef GPFQ_CALIBRATION_STAGECOMPILER_H
#define GPFQ_CALIBRATION_STAGECOMPILER_H

#include "mlir/IR/BuiltinOps.h"
#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace mlir::gpfq {

/// Functions of memrefs of static shape and the identity layout, compiled for the host with
/// vectorised loops.
class StageCompiler {
public:
  /// Called with one pointer for each memref.
  using Function = void (*)(void *const *buffers);

  ~StageCompiler();

  /// The dialects, interfaces and translations that compile() needs.
  static void registerDependencies(DialectRegistry &registry);

  /// Lowers `module`, whose functions are of level 2 or upstream ops on tensors, and compiles it.
  static FailureOr<std::unique_ptr<StageCompiler>> compile(OwningOpRef<ModuleOp> module);

  /// The function `name` of the module; reentrant.
  FailureOr<Function> lookup(StringRef name);

private:
  StageCompiler();
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_STAGECOMPILER_H
