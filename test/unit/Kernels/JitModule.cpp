// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "JitModule.h"

#include "Lowering.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace gpfq::test;
using namespace mlir;

llvm::Expected<std::unique_ptr<JitModule>> JitModule::compile(MLIRContext &context,
                                                              StringRef source, StringRef pipeline,
                                                              llvm::CodeGenOptLevel level) {
  auto module = lowerToLLVMDialect(context, source, pipeline);
  if (!module)
    return module.takeError();
  ExecutionEngineOptions options;
  options.jitCodeGenOptLevel = level;
  auto optimize =
      makeOptimizingTransformer(level == llvm::CodeGenOptLevel::None ? 0 : 2, 0, nullptr);
  options.transformer = optimize;
  // For memrefCopy.
  StringRef libraries[] = {MLIR_C_RUNNER_UTILS};
  options.sharedLibPaths = libraries;
  auto engine = ExecutionEngine::create(**module, options);
  if (!engine)
    return engine.takeError();
  auto result = std::make_unique<JitModule>();
  result->engine = std::move(*engine);
  return result;
}

namespace {

/// Memory whose last byte lies before an unmapped page.
class GuardedBuffer {
public:
  explicit GuardedBuffer(llvm::ArrayRef<uint8_t> contents) {
    size_t page = sysconf(_SC_PAGESIZE);
    size_t usable = llvm::alignTo(contents.size(), page);
    size = usable + page;
    base = static_cast<uint8_t *>(
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base == MAP_FAILED || mprotect(base + usable, page, PROT_NONE))
      llvm::report_fatal_error("cannot map a guarded buffer");
    data = base + usable - contents.size();
    std::memcpy(data, contents.data(), contents.size());
  }
  GuardedBuffer(const GuardedBuffer &) = delete;
  ~GuardedBuffer() { munmap(base, size); }

  uint8_t *data;

private:
  uint8_t *base;
  size_t size;
};

} // namespace

/// The fields of a memref descriptor: pointer twice, offset, sizes, strides.
static std::vector<int64_t> makeDescriptor(const CaseBuffer &buffer, uint8_t *data) {
  std::vector<int64_t> words = {int64_t(data), int64_t(data), 0};
  words.insert(words.end(), buffer.shape.begin(), buffer.shape.end());
  std::vector<int64_t> strides(buffer.shape.size(), 1);
  for (size_t i = strides.size() - 1; i > 0; --i)
    strides[i - 1] = strides[i] * buffer.shape[i];
  words.insert(words.end(), strides.begin(), strides.end());
  return words;
}

llvm::Expected<std::vector<uint8_t>> JitModule::run(const KernelCase &kernelCase) {
  std::vector<std::unique_ptr<GuardedBuffer>> buffers;
  std::vector<std::vector<int64_t>> descriptors;
  auto addBuffer = [&](const CaseBuffer &buffer) {
    buffers.push_back(std::make_unique<GuardedBuffer>(buffer.bytes));
    descriptors.push_back(makeDescriptor(buffer, buffers.back()->data));
  };
  for (const CaseBuffer &buffer : kernelCase.inputs)
    addBuffer(buffer);
  addBuffer(kernelCase.output);
  std::vector<int64_t *> pointers;
  for (std::vector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.data());
  llvm::SmallVector<void *> arguments;
  for (int64_t *&pointer : pointers)
    arguments.push_back(&pointer);
  if (llvm::Error error = engine->invokePacked("_mlir_ciface_" + kernelCase.name, arguments))
    return error;
  const uint8_t *data = buffers.back()->data;
  return std::vector<uint8_t>(data, data + kernelCase.output.bytes.size());
}
