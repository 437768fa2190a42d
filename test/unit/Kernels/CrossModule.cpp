// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "CrossModule.h"

#include "Lowering.h"
#include "gpfq/Compiler/Codegen.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace gpfq::test;
using namespace mlir;

/// The program that the variable names, or else `fallback`; empty if there is none.
static std::string findProgram(StringRef variable, StringRef fallback) {
  std::string name = llvm::sys::Process::GetEnv(variable).value_or(fallback.str());
  llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(name);
  return path ? *path : "";
}

std::optional<EmulatedCpu> EmulatedCpu::findAArch64() {
  EmulatedCpu cpu = {findProgram("GPFQ_AARCH64_CC", "aarch64-linux-gnu-gcc"),
                     findProgram("GPFQ_AARCH64_RUN", "qemu-aarch64")};
  if (cpu.compiler.empty() || cpu.emulator.empty())
    return std::nullopt;
  return cpu;
}

namespace {

/// A directory that goes with the object.
class Scratch {
public:
  Scratch() {
    if (llvm::sys::fs::createUniqueDirectory("gpfq-kernels", path))
      llvm::report_fatal_error("cannot create a temporary directory");
  }
  Scratch(const Scratch &) = delete;
  ~Scratch() { llvm::sys::fs::remove_directories(path); }

  std::string get(StringRef name) const {
    SmallString<128> file(path);
    llvm::sys::path::append(file, name);
    return file.str().str();
  }

private:
  SmallString<128> path;
};

} // namespace

static llvm::Error writeFile(StringRef path, StringRef contents) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  file << contents;
  file.close();
  if (error || file.has_error())
    return llvm::createStringError("cannot write " + path);
  return llvm::Error::success();
}

static llvm::Error execute(ArrayRef<StringRef> command) {
  std::string message;
  int status = llvm::sys::ExecuteAndWait(command[0], command, std::nullopt, {}, /*secondsToWait=*/0,
                                         /*memoryLimit=*/0, &message);
  if (status == 0)
    return llvm::Error::success();
  return llvm::createStringError(command[0] + " failed with " + llvm::Twine(status) + ": " +
                                 message);
}

static llvm::Expected<llvm::SmallVector<char, 0>>
compileObject(MLIRContext &context, const mlir::gpfq::KernelTarget &target, StringRef source,
              StringRef pipeline, ArrayRef<KernelCase> cases) {
  auto lowered = lowerToLLVMDialect(context, source, pipeline);
  if (!lowered)
    return lowered.takeError();
  mlir::gpfq::MachineOptions machine;
  machine.triple = target.getTriple().str();
  machine.cpu = target.getCpu().str();
  machine.features = target.getFeatures().str();
  machine.optimization = 2;
  llvm::LLVMContext llvmContext;
  auto module = mlir::gpfq::translateToLLVM(**lowered, machine, llvmContext);
  if (failed(module))
    return llvm::createStringError("translation to LLVM IR failed");
  for (const KernelCase &kernelCase : cases)
    (*module)
        ->getFunction("_mlir_ciface_" + kernelCase.name)
        ->setLinkage(llvm::GlobalValue::ExternalLinkage);
  static constexpr llvm::StringLiteral ofC[] = {"malloc", "free"};
  auto object =
      mlir::gpfq::emitObject(**module, machine, ofC, UnknownLoc::get(lowered->get().getContext()));
  if (failed(object))
    return llvm::createStringError("code generation failed");
  return std::move(*object);
}

/// The buffers as CrossDriver.c reads them.
static std::string formatCases(ArrayRef<KernelCase> cases) {
  std::string text;
  auto addNumber = [&](int64_t number) {
    text.append(reinterpret_cast<const char *>(&number), sizeof(number));
  };
  auto addBuffer = [&](const CaseBuffer &buffer) {
    addNumber(buffer.shape.size());
    for (int64_t size : buffer.shape)
      addNumber(size);
    addNumber(buffer.bytes.size());
    text.append(buffer.bytes.begin(), buffer.bytes.end());
  };
  for (const KernelCase &kernelCase : cases) {
    addNumber(kernelCase.inputs.size() + 1);
    for (const CaseBuffer &buffer : kernelCase.inputs)
      addBuffer(buffer);
    addBuffer(kernelCase.output);
  }
  return text;
}

namespace gpfq::test {

llvm::Expected<std::vector<std::vector<uint8_t>>>
runEmulated(MLIRContext &context, const mlir::gpfq::KernelTarget &target, const EmulatedCpu &cpu,
            StringRef source, StringRef pipeline, ArrayRef<KernelCase> cases) {
  auto object = compileObject(context, target, source, pipeline, cases);
  if (!object)
    return object.takeError();
  Scratch scratch;
  std::string objectFile = scratch.get("kernels.o"), list = scratch.get("cases.inc"),
              program = scratch.get("program"), input = scratch.get("input"),
              output = scratch.get("output");
  std::string names;
  for (const KernelCase &kernelCase : cases)
    names += "CASE(_mlir_ciface_" + kernelCase.name + ")\n";
  if (llvm::Error error = writeFile(objectFile, StringRef(object->data(), object->size())))
    return error;
  if (llvm::Error error = writeFile(list, names))
    return error;
  if (llvm::Error error = writeFile(input, formatCases(cases)))
    return error;
  std::string define = "-DCASES=\"" + list + "\"";
  if (llvm::Error error = execute({cpu.compiler, "-std=gnu11", "-O1", "-static", define,
                                   GPFQ_CROSS_DRIVER, objectFile, "-o", program}))
    return error;
  if (llvm::Error error = execute({cpu.emulator, program, input, output}))
    return error;
  auto written = llvm::MemoryBuffer::getFile(output);
  if (!written)
    return llvm::createStringError("no output of the emulated program");
  StringRef bytes = (*written)->getBuffer();
  std::vector<std::vector<uint8_t>> results;
  for (const KernelCase &kernelCase : cases) {
    StringRef result = bytes.take_front(kernelCase.output.bytes.size());
    results.emplace_back(result.bytes_begin(), result.bytes_end());
    bytes = bytes.drop_front(result.size());
  }
  return results;
}

} // namespace gpfq::test
