// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_COMPILER_ABIBUILDER_H
#define GPFQ_LIB_COMPILER_ABIBUILDER_H

#include "gpfq/Compiler/Abi.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

namespace mlir::gpfq {

/// Builds the functions and tables in one module.
class AbiBuilder {
public:
  AbiBuilder(llvm::Module &module, const ModelInterface &interface)
      : module(module), interface(interface), b(module.getContext()), ptr(b.getPtrTy()),
        i32(b.getInt32Ty()), i64(b.getInt64Ty()) {}

  /// Links the parts of lib/Runtime that the library needs.
  LogicalResult linkRuntime(Location loc);
  /// `<symbol>_check_cpu` and `<symbol>_check`.
  LogicalResult buildCheck(ArrayRef<NetworkVariant> variants, Location loc);
  void buildRun(ArrayRef<NetworkVariant> variants);
  void buildInfo(bool isSharedLibrary);
  /// `<symbol>_profile(const char *const **layers, uint64_t **ticks, uint64_t *now)`.
  LogicalResult buildProfile(Location loc);

private:
  /// In `run`: the number of the variant to run, from 1, or `noVariant`; i8.
  llvm::Value *buildChoice();
  llvm::Value *buildChoiceOnce();
  static constexpr uint8_t noVariant = 0xff;

  LogicalResult link(ArrayRef<uint8_t> bitcode, StringRef name, Location loc);
  llvm::Function *createFunction(
      const Twine &name, llvm::Type *result, ArrayRef<llvm::Type *> arguments,
      llvm::GlobalValue::VisibilityTypes visibility = llvm::GlobalValue::DefaultVisibility);
  llvm::GlobalVariable *createTable(llvm::Constant *initializer);
  llvm::Constant *createString(const Twine &text) {
    return b.CreateGlobalString(text.str(), "", 0, &module);
  }
  /// Adds the arguments that convert-func-to-llvm makes of a memref: allocated and aligned pointer,
  /// offset, sizes, strides.
  void appendDescriptor(SmallVectorImpl<llvm::Value *> &arguments, llvm::Value *data,
                        ArrayRef<int64_t> shape);
  llvm::Constant *createTensorTable(ArrayRef<TensorInfo> tensors);

  llvm::Module &module;
  const ModelInterface &interface;
  llvm::IRBuilder<> b;
  llvm::PointerType *ptr;
  llvm::IntegerType *i32, *i64;
  /// By variant: const char *(const gpfq_cpu *), the message of the first feature that is missing.
  SmallVector<llvm::Function *> variantChecks;
  llvm::Function *check = nullptr, *run = nullptr, *runParallel = nullptr;
};

} // namespace mlir::gpfq

#endif // GPFQ_LIB_COMPILER_ABIBUILDER_H
