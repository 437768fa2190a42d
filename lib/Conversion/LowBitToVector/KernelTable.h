// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_KERNELTABLE_H
#define GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_KERNELTABLE_H

#include "KernelBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::gpfq {

/// `type` with its strides written out and any offset, so that equal layers at different places
/// share a kernel. Null if shape or strides are not static.
MemRefType getKernelArgumentType(Type type);

/// `buffer` with the type that a kernel takes.
Value castBuffer(OpBuilder &builder, Location loc, Value buffer);
/// The operands of `op`, likewise.
SmallVector<Value> castOperands(OpBuilder &builder, Operation *op);

/// All that a kernel of `op` depends on: the op without its layer, the argument types, the epilogue
/// and what is known of its range.
std::string getKernelKey(lowbit::LowBitComputeOpInterface op, TypeRange arguments);
/// The same for an op without an epilogue.
std::string getKernelKey(Operation *op, TypeRange arguments);

/// What fills the function of a kernel: calls the function that it is given with its builder
/// before, and returns the number of chunks.
using BuildKernelBody =
    function_ref<int64_t(OpBuilder &, ValueRange, function_ref<void(LoopBuilder &)>)>;

/// A kernel, by its key and how it is made.
struct KernelSource {
  std::string key, name;
  /// The multiply-adds that take its time.
  int64_t work;
  BuildKernelBody build;
};

/// The kernels of a module, each a private function of it.
class KernelTable {
public:
  /// With `maxChunks` above 1, kernels of at least twice `chunkWork` are split.
  KernelTable(ModuleOp module, int64_t maxChunks, int64_t chunkWork)
      : symbols(module), maxChunks(maxChunks), chunkWork(chunkWork) {}

  /// Calls the kernel of `source`, which is built if it is the first with its key; an
  /// `scf.parallel` over its chunks, if it has more than one.
  void call(OpBuilder &builder, Location loc, const KernelSource &source,
            SmallVector<Value> arguments);

  /// Chunks that a kernel may have.
  int64_t getMostChunks(int64_t work) const { return std::min(maxChunks, work / chunkWork); }
  int64_t getNumKernels() const { return kernels.size(); }
  /// Calls of kernels with more than one chunk.
  int64_t getNumSplit() const { return numSplit; }

private:
  /// A generated function. With more than one chunk its last argument is the number of a chunk.
  struct Kernel {
    func::FuncOp function;
    int64_t chunks = 1;
  };
  Kernel build(Location loc, TypeRange arguments, const KernelSource &source);

  SymbolTable symbols;
  int64_t maxChunks, chunkWork, numSplit = 0;
  llvm::StringMap<Kernel> kernels;
};

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_KERNELTABLE_H
