// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/StageCompiler.h"

#include "gpfq/Conversion/LowBitToLinalg.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Support/Gathers.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Prefix of the functions that take an array of pointers.
static constexpr llvm::StringLiteral entryPrefix = "gpfq_entry_";

StageCompiler::StageCompiler() = default;
StageCompiler::~StageCompiler() = default;

namespace {
/// Strided copies would be calls to MLIR's runtime library; as linalg they are loops.
struct CopyToLinalg : OpRewritePattern<memref::CopyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(memref::CopyOp op, PatternRewriter &rewriter) const override {
    if (cast<MemRefType>(op.getSource().getType()).getLayout().isIdentity() &&
        cast<MemRefType>(op.getTarget().getType()).getLayout().isIdentity())
      return failure();
    linalg::makeMemRefCopyOp(rewriter, op.getLoc(), op.getSource(), op.getTarget());
    rewriter.eraseOp(op);
    return success();
  }
};

/// Applies patterns that no upstream pass offers on their own.
template <typename Populate>
struct PatternPass : PassWrapper<PatternPass<Populate>, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PatternPass)
  void runOnOperation() override {
    RewritePatternSet patterns(&this->getContext());
    Populate()(patterns);
    if (failed(applyPatternsGreedily(this->getOperation(), std::move(patterns))))
      this->signalPassFailure();
  }
};
struct PopulateLowBit {
  void operator()(RewritePatternSet &patterns) const { populateLowBitToLinalgPatterns(patterns); }
};
struct PopulateCopies {
  void operator()(RewritePatternSet &patterns) const {
    patterns.add<CopyToLinalg>(patterns.getContext());
  }
};
} // namespace

static void buildPipeline(OpPassManager &pm) {
  OpPassManager &tensors = pm.nest<func::FuncOp>();
  tensors.addPass(std::make_unique<PatternPass<PopulateLowBit>>());
  tensors.addPass(createLinalgGeneralizeNamedOpsPass());
  tensors.addPass(createLinalgElementwiseOpFusionPass());
  tensors.addPass(createCanonicalizerPass());
  tensors.addPass(createCSEPass());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  pm.addPass(bufferization::createOneShotBufferizePass());
  bufferization::BufferDeallocationPipelineOptions deallocation;
  bufferization::buildBufferDeallocationPipeline(pm, deallocation);
  pm.addPass(createConvertBufferizationToMemRefPass());
  OpPassManager &buffers = pm.nest<func::FuncOp>();
  buffers.addPass(std::make_unique<PatternPass<PopulateCopies>>());
  buffers.addPass(createConvertLinalgToLoopsPass());
  buffers.addPass(memref::createFoldMemRefAliasOpsPass());
  buffers.addPass(createCanonicalizerPass());
  math::MathExpandOpsPassOptions expansion;
  expansion.opMnemonics = {"rsqrt", "fpowi"};
  buffers.addPass(math::createMathExpandOpsPass(expansion));
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions functions;
  functions.useBarePtrCallConv = true;
  pm.addPass(createConvertFuncToLLVMPass(functions));
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
}

void StageCompiler::registerDependencies(DialectRegistry &registry) {
  OpPassManager pm(ModuleOp::getOperationName());
  buildPipeline(pm);
  pm.getDependentDialects(registry);
  registry.insert<bufferization::BufferizationDialect, memref::MemRefDialect, scf::SCFDialect,
                  LLVM::LLVMDialect>();
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

/// For each function f(ptr, ...), an entry point that takes its arguments from an array.
static void addEntryPoints(llvm::Module &module) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::getUnqual(context);
  std::vector<llvm::Function *> functions;
  for (llvm::Function &function : module)
    if (!function.isDeclaration() && !function.hasLocalLinkage())
      functions.push_back(&function);
  for (llvm::Function *function : functions) {
    auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
    auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                         entryPrefix + function->getName(), module);
    llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", entry));
    std::vector<llvm::Value *> arguments;
    for (unsigned i = 0; i < function->arg_size(); ++i)
      arguments.push_back(
          builder.CreateLoad(pointer, builder.CreateConstGEP1_64(pointer, entry->getArg(0), i)));
    builder.CreateCall(function, arguments);
    builder.CreateRetVoid();
  }
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  // Elementwise loops wait for memory: vectors are worth it, longer bodies only take time to
  // compile.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = tuning.LoopInterleaving = tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

FailureOr<std::unique_ptr<StageCompiler>> StageCompiler::compile(OwningOpRef<ModuleOp> module) {
  // An assertion would end this process.
  clampGathers(*module);
  module->walk([](cf::AssertOp op) { op.erase(); });
  Location loc = module->getLoc();
  auto fail = [&](llvm::Error error) -> FailureOr<std::unique_ptr<StageCompiler>> {
    emitError(loc) << "compilation for the calibration run failed: "
                   << llvm::toString(std::move(error));
    return failure();
  };
  PassManager pm(module->getContext(), ModuleOp::getOperationName());
  buildPipeline(pm);
  if (failed(pm.run(*module)))
    return failure();

  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(*module, *context);
  if (!llvmModule) {
    emitError(loc, "translation to LLVM IR for the calibration run failed");
    return failure();
  }
  module = {};
  auto target = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!target)
    return fail(target.takeError());
  target->setCodeGenOptLevel(llvm::CodeGenOptLevel::Default);
  auto machine = target->createTargetMachine();
  if (!machine)
    return fail(machine.takeError());
  llvmModule->setDataLayout((*machine)->createDataLayout());
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  // What the vectoriser may use is decided function by function.
  for (llvm::Function &function : *llvmModule) {
    function.addFnAttr("target-cpu", target->getCPU());
    function.addFnAttr("target-features", target->getFeatures().getString());
  }
  addEntryPoints(*llvmModule);
  optimize(*llvmModule, **machine);

  auto jit = llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*target)).create();
  if (!jit)
    return fail(jit.takeError());
  if (llvm::Error error = (*jit)->addIRModule(
          llvm::orc::ThreadSafeModule(std::move(llvmModule), std::move(context))))
    return fail(std::move(error));
  std::unique_ptr<StageCompiler> result(new StageCompiler());
  result->jit = std::move(*jit);
  return result;
}

FailureOr<StageCompiler::Function> StageCompiler::lookup(StringRef name) {
  auto address = jit->lookup((entryPrefix + name).str());
  if (!address) {
    llvm::consumeError(address.takeError());
    return failure();
  }
  return address->toPtr<Function>();
}
