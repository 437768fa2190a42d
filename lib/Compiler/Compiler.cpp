// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/Compiler.h"

#include "gpfq/Compiler/Abi.h"
#include "gpfq/Compiler/Codegen.h"
#include "gpfq/Compiler/Output.h"
#include "gpfq/Conversion/Passes.h"
#include "gpfq/Pipelines/Pipelines.h"
#include "gpfq/Target/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::gpfq;

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

static void setPipelineOptions(const CompilerOptions &options, const KernelTarget &target,
                               LowBitToLLVMOptions &pipeline) {
  pipeline.target = target.getName().str();
  pipeline.reference = options.reference;
  pipeline.tiles = options.tiles;
  pipeline.parallel = options.parallelism != Parallelism::None;
  pipeline.profileClock = options.profileClock;
}

LogicalResult mlir::gpfq::lowerToIntegerLayers(ModuleOp module) {
  return runPipeline(module, buildLowBitIntegerPipeline);
}

LogicalResult mlir::gpfq::packLayers(ModuleOp module, const CompilerOptions &options,
                                     const KernelTarget &target) {
  LowBitToLLVMOptions pipeline;
  setPipelineOptions(options, target, pipeline);
  return runPipeline(module, [&](OpPassManager &pm) { buildLowBitPackPipeline(pm, pipeline); });
}

LogicalResult mlir::gpfq::lowerToLLVMDialect(ModuleOp module, const CompilerOptions &options,
                                             const KernelTarget &target,
                                             ModelInterface &interface) {
  LowBitToLLVMOptions pipeline;
  setPipelineOptions(options, target, pipeline);
  if (failed(runPipeline(module, [&](OpPassManager &pm) {
        buildLowBitBufferizePipeline(pm);
        buildLowBitKernelPipeline(pm, pipeline);
      })))
    return failure();
  if (!interface.target.empty())
    interface.target += ", ";
  interface.target += target.getName();
  interface.parallelism = options.parallelism;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic())
      continue;
    auto raise = [&](int64_t &bytes, StringRef attribute) {
      if (auto value = function->getAttrOfType<IntegerAttr>(attribute))
        bytes = std::max(bytes, value.getInt());
    };
    raise(interface.workspaceBytes, "lowbit.workspace_bytes");
    raise(interface.liveBytes, "lowbit.live_bytes");
  }
  if (failed(
          runPipeline(module, [&](OpPassManager &pm) { buildLowBitLowerPipeline(pm, pipeline); })))
    return failure();
  interface.weightBytes += countConstantBytes(module);
  // The same for all targets.
  if (auto names = module->getAttrOfType<ArrayAttr>(profiledLayersAttrName)) {
    interface.profiledLayers.emplace();
    for (StringAttr name : names.getAsRange<StringAttr>())
      interface.profiledLayers->push_back(name.str());
    module->removeAttr(profiledLayersAttrName);
  }
  return success();
}

/// Translates the networks into one LLVM module; fills in the functions of `variants`.
static FailureOr<std::unique_ptr<llvm::Module>>
translateNetworks(ArrayRef<LoweredNetwork> networks, const MachineOptions &machine,
                  llvm::LLVMContext &context, SmallVectorImpl<NetworkVariant> &variants) {
  std::unique_ptr<llvm::Module> all;
  for (const LoweredNetwork &lowered : networks) {
    Location loc = lowered.module.get().getLoc();
    LLVM::LLVMFuncOp network = findNetwork(lowered.module.get());
    if (!network)
      return emitError(loc, "the lowered module has no public function");
    MachineOptions own = machine;
    own.cpu = lowered.target->getCpu().str();
    own.features = lowered.target->getFeatures().str();
    auto module = translateToLLVM(lowered.module.get(), own, context);
    if (failed(module))
      return failure();
    llvm::Function *function = (*module)->getFunction(network.getName());
    // Its own name could be one of the ABI's, and is that of the other targets' networks.
    std::string name = ("gpfq.network." + lowered.target->getName()).str();
    function->setName(name);
    function->setLinkage(llvm::GlobalValue::ExternalLinkage);
    variants.push_back({name, lowered.target->getRequiredFeatures()});
    // One set of counters for all targets, of which one runs.
    if (llvm::GlobalVariable *counters = (*module)->getNamedGlobal(profileCountersName))
      counters->setLinkage(llvm::GlobalValue::WeakAnyLinkage);
    if (!all)
      all = std::move(*module);
    else if (llvm::Linker::linkModules(*all, std::move(*module)))
      return emitError(loc, "the networks of several targets cannot be linked");
  }
  return all;
}

LogicalResult mlir::gpfq::writeLibrary(ArrayRef<LoweredNetwork> networks,
                                       const CompilerOptions &options,
                                       const ModelInterface &interface, StringRef outputFile) {
  Location loc = networks.front().module.get().getLoc();
  StringRef extension = llvm::sys::path::extension(outputFile);
  if (extension != ".so" && extension != ".a" && extension != ".o")
    return emitError(loc) << "cannot tell what '" << outputFile
                          << "' should be: give it the extension .so, .a or .o";

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
  SmallVector<const KernelTarget *> targets;
  for (const LoweredNetwork &network : networks)
    targets.push_back(network.target);
  machine.triple = getTriple(targets).str();
  machine.optimization = options.optimization;
  llvm::LLVMContext context;
  SmallVector<NetworkVariant> variants;
  auto llvmModule = translateNetworks(networks, machine, context, variants);
  if (failed(llvmModule) || failed(addAbi(**llvmModule, variants, interface,
                                          /*isSharedLibrary=*/extension == ".so", loc)))
    return failure();
  SmallVector<StringLiteral> required = getRequiredSymbols(**llvmModule, interface);
  SmallVector<Object> objects;
  if (extension == ".so") {
    FailureOr<SmallVector<Object>> parts = emitObjects(**llvmModule, machine, required, loc);
    if (failed(parts))
      return failure();
    objects = std::move(*parts);
  } else {
    FailureOr<Object> object = emitObject(**llvmModule, machine, required, loc);
    if (failed(object))
      return failure();
    objects.push_back(std::move(*object));
  }

  std::string headerText;
  llvm::raw_string_ostream stream(headerText);
  writeHeader(stream, interface);
  StringRef bytes(objects.front().data(), objects.front().size());
  LogicalResult written = extension == ".so" ? linkSharedLibrary(objects, *library, loc)
                          : extension == ".a"
                              ? writeStaticLibrary(bytes, interface.symbol + ".o", *library, loc)
                              : library->write(bytes);
  if (failed(written) || failed(header->write(headerText)))
    return failure();
  return success(succeeded(header->keep()) && succeeded(library->keep()));
}
