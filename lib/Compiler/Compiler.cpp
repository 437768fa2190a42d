// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/Compiler.h"

#include "gpfq/Compiler/Abi.h"
#include "gpfq/Compiler/Codegen.h"
#include "gpfq/Compiler/Output.h"
#include "gpfq/Pipelines/Pipelines.h"
#include "gpfq/Target/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::gpfq;

static FailureOr<const KernelTarget *> findTarget(StringRef name, Location loc) {
  return getKernelTarget(name, [&] { return emitError(loc); });
}

/// Bytes of the constants of a lowered module.
static int64_t countConstantBytes(ModuleOp module) {
  DataLayout layout(module);
  int64_t bytes = 0;
  for (auto global : module.getOps<LLVM::GlobalOp>())
    if (global.getConstant())
      bytes += layout.getTypeSize(global.getGlobalType());
  return bytes;
}

/// The network of a lowered module: the only function that is not private.
static LLVM::LLVMFuncOp findNetwork(ModuleOp module) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal() && function.getLinkage() == LLVM::Linkage::External)
      return function;
  return nullptr;
}

LogicalResult mlir::gpfq::runPipeline(ModuleOp module, function_ref<void(OpPassManager &)> build) {
  PassManager passes(module.getContext());
  if (failed(applyPassManagerCLOptions(passes)))
    return failure();
  build(passes);
  return passes.run(module);
}

/// Sets the pipeline's options; fails if the target is unknown.
static LogicalResult setPipelineOptions(const CompilerOptions &options, Location loc,
                                        LowBitToLLVMOptions &pipeline) {
  FailureOr<const KernelTarget *> target = findTarget(options.target, loc);
  if (failed(target))
    return failure();
  pipeline.target = (*target)->getName().str();
  pipeline.reference = options.reference;
  pipeline.parallel = options.parallelism != Parallelism::None;
  return success();
}

LogicalResult mlir::gpfq::lowerToIntegerLayers(ModuleOp module) {
  return runPipeline(module, buildLowBitIntegerPipeline);
}

LogicalResult mlir::gpfq::packLayers(ModuleOp module, const CompilerOptions &options) {
  LowBitToLLVMOptions pipeline;
  if (failed(setPipelineOptions(options, module.getLoc(), pipeline)))
    return failure();
  return runPipeline(module, [&](OpPassManager &pm) { buildLowBitPackPipeline(pm, pipeline); });
}

LogicalResult mlir::gpfq::lowerToLLVMDialect(ModuleOp module, const CompilerOptions &options,
                                             ModelInterface &interface) {
  LowBitToLLVMOptions pipeline;
  if (failed(setPipelineOptions(options, module.getLoc(), pipeline)) ||
      failed(runPipeline(module, buildLowBitBufferizePipeline)))
    return failure();
  interface.target = pipeline.target.getValue();
  interface.parallelism = options.parallelism;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (auto bytes = function->getAttrOfType<IntegerAttr>("lowbit.workspace_bytes");
        bytes && function.isPublic())
      interface.workspaceBytes = bytes.getInt();
  if (failed(
          runPipeline(module, [&](OpPassManager &pm) { buildLowBitLowerPipeline(pm, pipeline); })))
    return failure();
  interface.weightBytes = countConstantBytes(module);
  return success();
}

LogicalResult mlir::gpfq::writeLibrary(ModuleOp module, const CompilerOptions &options,
                                       const ModelInterface &interface, StringRef outputFile) {
  Location loc = module.getLoc();
  StringRef extension = llvm::sys::path::extension(outputFile);
  if (extension != ".so" && extension != ".a" && extension != ".o")
    return emitError(loc) << "cannot tell what '" << outputFile
                          << "' should be: give it the extension .so, .a or .o";
  FailureOr<const KernelTarget *> target = findTarget(options.target, loc);
  LLVM::LLVMFuncOp network = findNetwork(module);
  if (failed(target))
    return failure();
  if (!network)
    return emitError(loc, "the lowered module has no public function");

  // Before minutes of work are spent on them.
  SmallString<128> headerPath(outputFile);
  llvm::sys::path::replace_extension(headerPath, "h");
  FailureOr<OutputFile> library = OutputFile::create(outputFile, loc);
  if (failed(library))
    return failure();
  FailureOr<OutputFile> header = OutputFile::create(headerPath, loc);
  if (failed(header))
    return failure();

  MachineOptions machine;
  machine.triple = (*target)->getTriple().str();
  machine.cpu = (*target)->getCpu().str();
  machine.features = (*target)->getFeatures().str();
  machine.optimization = options.optimization;
  llvm::LLVMContext context;
  std::string networkName = network.getName().str();
  FailureOr<std::unique_ptr<llvm::Module>> llvmModule = translateToLLVM(module, machine, context);
  if (failed(llvmModule) ||
      failed(addAbi(**llvmModule, networkName, interface, (*target)->getRequiredFeatures(),
                    /*isSharedLibrary=*/extension == ".so", loc)))
    return failure();
  FailureOr<SmallVector<char, 0>> object =
      emitObject(**llvmModule, machine, getRequiredSymbols(interface), loc);
  if (failed(object))
    return failure();

  StringRef bytes(object->data(), object->size());
  std::string headerText;
  llvm::raw_string_ostream stream(headerText);
  writeHeader(stream, interface);
  LogicalResult written = extension == ".so" ? linkSharedLibrary(bytes, *library, loc)
                          : extension == ".a"
                              ? writeStaticLibrary(bytes, interface.symbol + ".o", *library, loc)
                              : library->write(bytes);
  if (failed(written) || failed(header->write(headerText)))
    return failure();
  return success(succeeded(header->keep()) && succeeded(library->keep()));
}
