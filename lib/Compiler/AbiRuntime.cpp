// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// What of lib/Runtime goes into compiled libraries.

#include "AbiBuilder.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Linker/Linker.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mlir::gpfq;
using llvm::GlobalValue;

static const uint8_t x86CpuCheck[] = {
#include "gpfq/Runtime/CpuCheckX86Bitcode.inc"
};
static const uint8_t x86Parallel[] = {
#include "gpfq/Runtime/ParallelX86Bitcode.inc"
};
static const uint8_t aarch64CpuCheck[] = {
#include "gpfq/Runtime/CpuCheckAArch64Bitcode.inc"
};
static const uint8_t aarch64Parallel[] = {
#include "gpfq/Runtime/ParallelAArch64Bitcode.inc"
};
/// Of the architecture that the compiler runs on: the pool needs its C library.
static const uint8_t threadPoolBitcode[] = {
#include "gpfq/Runtime/ThreadPoolBitcode.inc"
};

namespace {
/// What does not depend on a C library, as bitcode for an architecture.
struct RuntimeBitcode {
  llvm::Triple::ArchType architecture;
  ArrayRef<uint8_t> cpuCheck, parallel;
};
} // namespace

static const RuntimeBitcode *findRuntime(llvm::Triple::ArchType architecture) {
  static const RuntimeBitcode runtimes[] = {
      {llvm::Triple::x86_64, x86CpuCheck, x86Parallel},
      {llvm::Triple::aarch64, aarch64CpuCheck, aarch64Parallel}};
  for (const RuntimeBitcode &runtime : runtimes)
    if (runtime.architecture == architecture)
      return &runtime;
  return nullptr;
}

SmallVector<StringLiteral> mlir::gpfq::getRequiredSymbols(const llvm::Module &module,
                                                          const ModelInterface &interface) {
  static constexpr StringLiteral ofPool[] = {
      "__sched_cpucount",       "aligned_alloc",          "free",
      "pthread_cond_broadcast", "pthread_cond_destroy",   "pthread_cond_init",
      "pthread_cond_wait",      "pthread_create",         "pthread_join",
      "pthread_mutex_destroy",  "pthread_mutex_init",     "pthread_mutex_lock",
      "pthread_mutex_unlock",   "pthread_setaffinity_np", "sched_getaffinity",
      "sched_getcpu",           "sched_setaffinity",      "sched_yield"};
  SmallVector<StringLiteral> symbols;
  if (interface.parallelism == Parallelism::Pool)
    llvm::append_range(symbols, ofPool);
  // Of the CPU check.
  if (module.getTargetTriple().isAArch64())
    symbols.push_back("getauxval");
  return symbols;
}

LogicalResult AbiBuilder::link(ArrayRef<uint8_t> bitcode, StringRef name, Location loc) {
  StringRef bytes(reinterpret_cast<const char *>(bitcode.data()), bitcode.size());
  auto part = llvm::parseBitcodeFile(llvm::MemoryBufferRef(bytes, name), module.getContext());
  if (!part)
    return emitError(loc) << "cannot read the embedded " << name << ": "
                          << llvm::toString(part.takeError());
  (*part)->setTargetTriple(module.getTargetTriple());
  (*part)->setDataLayout(module.getDataLayout());
  if (llvm::Linker::linkModules(module, std::move(*part)))
    return emitError(loc) << "cannot link the embedded " << name;
  return success();
}

LogicalResult AbiBuilder::linkRuntime(Location loc) {
  llvm::Triple triple = module.getTargetTriple();
  const RuntimeBitcode *runtime = findRuntime(triple.getArch());
  if (!runtime)
    return emitError(loc) << "there is no run-time library for " << triple.str();
  if (failed(link(runtime->cpuCheck, "CpuCheck", loc)))
    return failure();
  SmallVector<StringRef> internal = {"gpfq_cpu_check", "gpfq_cpu_detect"};
  if (interface.parallelism != Parallelism::None) {
    if (failed(link(runtime->parallel, "Parallel", loc)))
      return failure();
    internal.push_back("gpfq_parallel_for");
  }
  for (StringRef name : internal)
    module.getFunction(name)->setLinkage(GlobalValue::InternalLinkage);
  if (interface.parallelism != Parallelism::Pool)
    return success();
  if (triple.getArch() != llvm::Triple(llvm::sys::getDefaultTargetTriple()).getArch())
    return emitError(loc) << "a pool of threads needs the C library of this machine, whose "
                             "architecture is not that of "
                          << triple.str() << "; use --parallel=host";
  if (failed(link(threadPoolBitcode, "ThreadPool", loc)))
    return failure();
  // Several libraries in one process each have their own.
  for (StringRef suffix : {"_pool_create", "_pool_destroy"}) {
    llvm::Function *function = module.getFunction(("gpfq" + suffix).str());
    function->setName(interface.symbol + suffix);
    function->setVisibility(GlobalValue::DefaultVisibility);
  }
  return success();
}
