// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/Codegen.h"

#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/DeadArgumentElimination.h"
#include "llvm/Transforms/IPO/SCCP.h"
#include "llvm/Transforms/Utils/SplitModule.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Enough for the threads to finish together, and the same on every machine, as are the bytes.
static constexpr unsigned partsPerLibrary = 16;

static FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const MachineOptions &machine, Location loc) {
  static bool initialized = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmParsers();
    llvm::InitializeAllAsmPrinters();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple(machine.triple.empty() ? llvm::sys::getDefaultTargetTriple()
                                             : machine.triple);
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return emitError(loc) << "this LLVM cannot generate code for " << triple.str() << ": " << error;
  llvm::TargetOptions options;
  // A product and a sum are rounded one after the other, as the IR says.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.FunctionSections = options.DataSections = true;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, /*CPU=*/"", /*Features=*/"", options, llvm::Reloc::PIC_, std::nullopt,
      machine.optimization >= 3 ? llvm::CodeGenOptLevel::Aggressive
                                : llvm::CodeGenOptLevel::Default));
}

FailureOr<std::unique_ptr<llvm::Module>> mlir::gpfq::translateToLLVM(ModuleOp module,
                                                                     const MachineOptions &machine,
                                                                     llvm::LLVMContext &context) {
  DialectRegistry registry;
  registerAllToLLVMIRTranslations(registry);
  module.getContext()->appendDialectRegistry(registry);
  FailureOr<std::unique_ptr<llvm::TargetMachine>> targetMachine =
      createTargetMachine(machine, module.getLoc());
  if (failed(targetMachine))
    return failure();
  std::unique_ptr<llvm::Module> result = translateModuleToLLVMIR(module, context, "network");
  if (!result)
    return module.emitError("the module cannot be translated to LLVM IR");
  result->setDataLayout((*targetMachine)->createDataLayout());
  result->setTargetTriple((*targetMachine)->getTargetTriple());
  for (llvm::Function &function : *result) {
    if (function.isDeclaration())
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.setDoesNotThrow();
    function.addFnAttr("target-cpu", machine.cpu);
    function.addFnAttr("target-features", machine.features);
    for (llvm::Argument &argument : function.args())
      if (argument.getType()->isPointerTy())
        argument.addAttr(llvm::Attribute::NoAlias);
  }
  for (llvm::GlobalVariable &global : result->globals())
    if (global.isConstant() && global.getValueType()->isArrayTy())
      global.setAlignment(std::max(global.getAlign().valueOrOne(), llvm::Align(64)));
  return result;
}

/// Runs the passes that `build` makes with the builder.
static void runPasses(llvm::Module &module, llvm::TargetMachine *targetMachine,
                      llvm::PipelineTuningOptions tuning,
                      llvm::function_ref<llvm::ModulePassManager(llvm::PassBuilder &)> build) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(targetMachine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  build(builder).run(module, modules);
}

static void optimize(llvm::Module &module, llvm::TargetMachine &targetMachine, unsigned level) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = level >= 2;
  runPasses(module, &targetMachine, tuning, [&](llvm::PassBuilder &builder) {
    if (level == 0)
      return builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0);
    return builder.buildPerModuleDefaultPipeline(level >= 3   ? llvm::OptimizationLevel::O3
                                                 : level == 2 ? llvm::OptimizationLevel::O2
                                                              : llvm::OptimizationLevel::O1);
  });
}

/// Optimises the module and generates its code.
static FailureOr<Object> generateCode(llvm::Module &module, const MachineOptions &machine,
                                      Location loc) {
  FailureOr<std::unique_ptr<llvm::TargetMachine>> targetMachine = createTargetMachine(machine, loc);
  if (failed(targetMachine))
    return failure();
  optimize(module, **targetMachine, machine.optimization);

  Object object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager emitter;
  if ((*targetMachine)
          ->addPassesToEmitFile(emitter, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return emitError(loc, "LLVM cannot write objects for this target");
  emitter.run(module);
  return object;
}

/// Symbols that the objects expect from others must be in every C library, or `allowed`.
static LogicalResult checkUndefinedSymbols(ArrayRef<Object> objects,
                                           ArrayRef<StringLiteral> allowed, Location loc) {
  llvm::StringSet<> defined, undefined;
  for (const Object &object : objects) {
    auto file = llvm::object::ObjectFile::createObjectFile(
        llvm::MemoryBufferRef(StringRef(object.data(), object.size()), "object"));
    if (!file)
      return emitError(loc) << "cannot read back the object: " << llvm::toString(file.takeError());
    for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
      llvm::Expected<uint32_t> flags = symbol.getFlags();
      llvm::Expected<StringRef> name = symbol.getName();
      if (!flags || !name)
        return emitError(loc) << "cannot read the symbols of the object: "
                              << llvm::toString(flags ? name.takeError() : flags.takeError());
      (*flags & llvm::object::SymbolRef::SF_Undefined ? undefined : defined).insert(*name);
    }
  }
  for (StringRef name : undefined.keys())
    if (!name.empty() && !defined.contains(name) && !llvm::is_contained(allowed, name) &&
        !llvm::is_contained({"memcpy", "memmove", "memset", "_GLOBAL_OFFSET_TABLE_"}, name))
      return emitError(loc) << "the compiled code calls '" << name
                            << "', which a library without dependencies does not have; an op of "
                               "the network has no "
                               "expansion for this target";
  return success();
}

FailureOr<Object> mlir::gpfq::emitObject(llvm::Module &module, const MachineOptions &machine,
                                         ArrayRef<StringLiteral> allowedSymbols, Location loc) {
  FailureOr<Object> object = generateCode(module, machine, loc);
  if (failed(object) || failed(checkUndefinedSymbols(*object, allowedSymbols, loc)))
    return failure();
  return object;
}

FailureOr<SmallVector<Object>> mlir::gpfq::emitObjects(llvm::Module &module,
                                                       const MachineOptions &machine,
                                                       ArrayRef<StringLiteral> allowedSymbols,
                                                       Location loc) {
  // What callers know of the many parameters of a kernel is not seen any more in another part.
  if (machine.optimization > 0)
    runPasses(module, nullptr, llvm::PipelineTuningOptions(), [](llvm::PassBuilder &) {
      llvm::ModulePassManager passes;
      passes.addPass(llvm::IPSCCPPass());
      passes.addPass(llvm::DeadArgumentEliminationPass());
      return passes;
    });
  // A context is for one thread: the parts reach theirs as bitcode.
  SmallVector<Object> parts;
  llvm::SplitModule(module, partsPerLibrary, [&](std::unique_ptr<llvm::Module> part) {
    llvm::raw_svector_ostream stream(parts.emplace_back());
    llvm::WriteBitcodeToFile(*part, stream);
  });
  if (failed(failableParallelForEach(loc.getContext(), parts, [&](Object &part) -> LogicalResult {
        llvm::LLVMContext context;
        auto own = llvm::parseBitcodeFile(
            llvm::MemoryBufferRef(StringRef(part.data(), part.size()), "part"), context);
        if (!own)
          return emitError(loc) << "cannot read back a part of the module: "
                                << llvm::toString(own.takeError());
        FailureOr<Object> object = generateCode(**own, machine, loc);
        if (failed(object))
          return failure();
        part = std::move(*object);
        return success();
      })))
    return failure();
  if (failed(checkUndefinedSymbols(parts, allowedSymbols, loc)))
    return failure();
  return parts;
}
