// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_COMPILER_CODEGEN_H
#define GPFQ_COMPILER_CODEGEN_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir::gpfq {

/// The machine that code is made for, in LLVM's terms. Only the network's own functions use `cpu`
/// and `features`: everything that runs before the check is compiled for the baseline CPU of
/// `triple`.
struct MachineOptions {
  /// Empty: the triple of this process.
  std::string triple;
  std::string cpu;
  std::string features;
  /// 0 to 3 as in -O.
  unsigned optimization = 3;
};

/// Translates a module in the LLVM dialect. All functions become internal functions for `machine`,
/// all constants 64-byte aligned.
FailureOr<std::unique_ptr<llvm::Module>>
translateToLLVM(ModuleOp module, const MachineOptions &machine, llvm::LLVMContext &context);

/// The bytes of a position-independent object file.
using Object = llvm::SmallVector<char, 0>;

/// Runs LLVM's optimisation pipeline and generates code. Fails, with a diagnostic at `loc`, if the
/// object needs symbols other than memcpy, memmove and memset and `allowedSymbols`.
FailureOr<Object> emitObject(llvm::Module &module, const MachineOptions &machine,
                             ArrayRef<StringLiteral> allowedSymbols, Location loc);

/// The same in parts, on the threads of the context of `loc`. Internal symbols become hidden ones,
/// so the objects have to be linked with each other before they meet those of other models. The
/// functions of the module are taken apart as they are: none is inlined into one of another part.
FailureOr<SmallVector<Object>> emitObjects(llvm::Module &module, const MachineOptions &machine,
                                           ArrayRef<StringLiteral> allowedSymbols, Location loc);

} // namespace mlir::gpfq

#endif // GPFQ_COMPILER_CODEGEN_H
