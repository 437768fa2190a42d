// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_PIPELINES_PIPELINES_H
#define GPFQ_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::gpfq {

/// Options of `lowbit-to-llvm`.
struct LowBitToLLVMOptions : PassPipelineOptions<LowBitToLLVMOptions> {
  PassOptions::Option<std::string> target{
      *this, "target",
      llvm::cl::desc(
          "Target of the kernels: host, znver4, avx512vpopcntdq, avx512vnni, avxvnni, avx2, "
          "aarch64-i8mm, aarch64-dotprod or generic"),
      llvm::cl::init("host")};
  PassOptions::Option<std::string> tiles{
      *this, "tiles", llvm::cl::desc("Measured tiles, JSON, of gpfq-compile --tune")};
  PassOptions::Option<bool> reference{
      *this, "reference",
      llvm::cl::desc("Lower the integer ops by lowbit-to-linalg instead of packed kernels"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> parallel{
      *this, "parallel",
      llvm::cl::desc("Split layers into parts that gpfq_parallel_for of the runtime calls"),
      llvm::cl::init(false)};
  PassOptions::Option<std::string> profileClock{
      *this, "profile-clock",
      llvm::cl::desc("Count the ticks that each layer takes, by this intrinsic of LLVM")};
};

/// Level 2 (or a float network) to level 3: one function, integer layers with their epilogues.
void buildLowBitIntegerPipeline(OpPassManager &pm);

/// Level 3 to level 4: weights packed for the target, fused float ops around them.
void buildLowBitPackPipeline(OpPassManager &pm, const LowBitToLLVMOptions &options);

/// Level 4 to level 5: bufferization with results written to output arguments.
void buildLowBitBufferizePipeline(OpPassManager &pm);

/// Level 5 to level 6: kernels, and one planned arena, which becomes the last argument.
void buildLowBitKernelPipeline(OpPassManager &pm, const LowBitToLLVMOptions &options);

/// The rest of the way: loops, LLVM dialect.
void buildLowBitLowerPipeline(OpPassManager &pm, const LowBitToLLVMOptions &options);

/// The five above one after the other: `lowbit-to-llvm`.
void buildLowBitToLLVMPipeline(OpPassManager &pm, const LowBitToLLVMOptions &options);

/// Registers the pipelines with the global registry.
void registerPipelines();

} // namespace mlir::gpfq

#endif // GPFQ_PIPELINES_PIPELINES_H
