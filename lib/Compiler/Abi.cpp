// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/Abi.h"

#include "gpfq/Runtime/CpuCheck.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"

using namespace mlir;
using namespace mlir::gpfq;
using llvm::Constant;
using llvm::ConstantInt;
using llvm::ConstantStruct;
using llvm::GlobalValue;

/// Status codes of `run`; the header documents them.
enum RunStatus : int32_t {
  Ok = 0,
  BadBatch = 1,
  NullPointer = 2,
  MisalignedWorkspace = 3,
  UnsupportedCpu = 4
};

static const uint8_t cpuCheckBitcode[] = {
#include "gpfq/Runtime/CpuCheckBitcode.inc"
};
static const uint8_t parallelBitcode[] = {
#include "gpfq/Runtime/ParallelBitcode.inc"
};
static const uint8_t threadPoolBitcode[] = {
#include "gpfq/Runtime/ThreadPoolBitcode.inc"
};

ArrayRef<StringLiteral> mlir::gpfq::getRequiredSymbols(const ModelInterface &interface) {
  static constexpr StringLiteral ofPool[] = {"__sched_cpucount",
                                             "aligned_alloc",
                                             "free",
                                             "pthread_cond_broadcast",
                                             "pthread_cond_destroy",
                                             "pthread_cond_init",
                                             "pthread_cond_wait",
                                             "pthread_create",
                                             "pthread_join",
                                             "pthread_mutex_destroy",
                                             "pthread_mutex_init",
                                             "pthread_mutex_lock",
                                             "pthread_mutex_unlock",
                                             "pthread_setaffinity_np",
                                             "sched_getaffinity",
                                             "sched_yield"};
  if (interface.parallelism == Parallelism::Pool)
    return ofPool;
  return {};
}

namespace {

/// Builds the functions and tables in one module.
class AbiBuilder {
public:
  AbiBuilder(llvm::Module &module, const ModelInterface &interface)
      : module(module), interface(interface), b(module.getContext()), ptr(b.getPtrTy()),
        i32(b.getInt32Ty()), i64(b.getInt64Ty()) {}

  LogicalResult linkRuntime(Location loc);
  LogicalResult buildCheck(ArrayRef<StringLiteral> requiredFeatures, Location loc);
  void buildRun(llvm::Function *network);
  llvm::Value *isCpuUnsupported();
  void buildInfo(bool isSharedLibrary);

private:
  LogicalResult link(ArrayRef<uint8_t> bitcode, StringRef name, Location loc);
  llvm::Function *
  createFunction(const Twine &name, llvm::Type *result, ArrayRef<llvm::Type *> arguments,
                 GlobalValue::VisibilityTypes visibility = GlobalValue::DefaultVisibility);
  llvm::GlobalVariable *createTable(Constant *initializer);
  Constant *createString(const Twine &text) {
    return b.CreateGlobalString(text.str(), "", 0, &module);
  }
  /// Adds the arguments that convert-func-to-llvm makes of a memref: allocated and aligned pointer,
  /// offset, sizes, strides.
  void appendDescriptor(SmallVectorImpl<llvm::Value *> &arguments, llvm::Value *data,
                        ArrayRef<int64_t> shape);
  Constant *createTensorTable(ArrayRef<TensorInfo> tensors);

  llvm::Module &module;
  const ModelInterface &interface;
  llvm::IRBuilder<> b;
  llvm::PointerType *ptr;
  llvm::IntegerType *i32, *i64;
  llvm::Function *check = nullptr, *run = nullptr, *runParallel = nullptr;
};

} // namespace

llvm::Function *AbiBuilder::createFunction(const Twine &name, llvm::Type *result,
                                           ArrayRef<llvm::Type *> arguments,
                                           GlobalValue::VisibilityTypes visibility) {
  auto *function = llvm::Function::Create(llvm::FunctionType::get(result, arguments, false),
                                          GlobalValue::ExternalLinkage, name, module);
  function->setVisibility(visibility);
  function->setDoesNotThrow();
  b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", function));
  return function;
}

llvm::GlobalVariable *AbiBuilder::createTable(Constant *initializer) {
  return new llvm::GlobalVariable(module, initializer->getType(), /*isConstant=*/true,
                                  GlobalValue::InternalLinkage, initializer);
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
  if (failed(link(cpuCheckBitcode, "CpuCheck", loc)))
    return failure();
  SmallVector<StringRef> internal = {"gpfq_cpu_check", "gpfq_cpu_detect"};
  if (interface.parallelism != Parallelism::None) {
    if (failed(link(parallelBitcode, "Parallel", loc)))
      return failure();
    internal.push_back("gpfq_parallel_for");
  }
  for (StringRef name : internal)
    module.getFunction(name)->setLinkage(GlobalValue::InternalLinkage);
  if (interface.parallelism != Parallelism::Pool)
    return success();
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

LogicalResult AbiBuilder::buildCheck(ArrayRef<StringLiteral> requiredFeatures, Location loc) {
  auto *requirementType = llvm::StructType::get(i32, i32, i32, ptr, ptr);
  SmallVector<Constant *> requirements;
  for (StringLiteral name : requiredFeatures) {
    const gpfq_cpu_feature *feature = gpfq_cpu_find_feature(name.data());
    if (!feature)
      return emitError(loc) << "no run-time check is known for the CPU feature '" << name << "'";
    std::string built = "built for " + interface.target + ": ";
    requirements.push_back(ConstantStruct::get(
        requirementType,
        {b.getInt32(feature->word), b.getInt32(feature->mask), b.getInt32(feature->state),
         createString(built + "this CPU lacks " + name),
         createString(built + "the operating system does not enable the registers of " + name)}));
  }
  auto *tableType = llvm::ArrayType::get(requirementType, requirements.size());
  llvm::GlobalVariable *table = createTable(llvm::ConstantArray::get(tableType, requirements));

  llvm::Function *checkCpu =
      createFunction(interface.symbol + "_check_cpu", ptr, {ptr}, GlobalValue::HiddenVisibility);
  b.CreateRet(b.CreateCall(module.getFunction("gpfq_cpu_check"),
                           {table, b.getInt32(requirements.size()), checkCpu->getArg(0)}));

  check = createFunction(interface.symbol + "_check", ptr, {});
  llvm::Value *cpu = b.CreateAlloca(llvm::ArrayType::get(i32, GPFQ_CPU_WORDS));
  b.CreateCall(module.getFunction("gpfq_cpu_detect"), {cpu});
  b.CreateRet(b.CreateCall(checkCpu, {cpu}));
  return success();
}

void AbiBuilder::appendDescriptor(SmallVectorImpl<llvm::Value *> &arguments, llvm::Value *data,
                                  ArrayRef<int64_t> shape) {
  arguments.append({data, data, b.getInt64(0)});
  SmallVector<int64_t> strides = computeStrides(shape);
  for (int64_t size : shape)
    arguments.push_back(b.getInt64(size));
  for (int64_t stride : strides)
    arguments.push_back(b.getInt64(stride));
}

/// In `run`: does the CPU fail the check? It is asked in the first call alone, since cpuid takes
/// longer than a small network where it traps to a hypervisor. Threads that race store the same.
llvm::Value *AbiBuilder::isCpuUnsupported() {
  enum State : uint8_t { Unknown, Supported, Unsupported };
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *i8 = b.getInt8Ty();
  auto *state = new llvm::GlobalVariable(module, i8, /*isConstant=*/false,
                                         GlobalValue::InternalLinkage, b.getInt8(Unknown));
  auto makeAtomic = [](auto *access) {
    access->setAtomic(llvm::AtomicOrdering::Monotonic);
    access->setAlignment(llvm::Align(1));
  };
  llvm::BasicBlock *entry = b.GetInsertBlock();
  llvm::Function *function = entry->getParent();
  auto *ask = llvm::BasicBlock::Create(context, "ask", function);
  auto *known = llvm::BasicBlock::Create(context, "known", function);
  llvm::LoadInst *stored = b.CreateLoad(i8, state);
  makeAtomic(stored);
  b.CreateCondBr(b.CreateICmpEQ(stored, b.getInt8(Unknown)), ask, known);
  b.SetInsertPoint(ask);
  llvm::Value *answer = b.CreateSelect(b.CreateIsNull(b.CreateCall(check, {})),
                                       b.getInt8(Supported), b.getInt8(Unsupported));
  makeAtomic(b.CreateStore(answer, state));
  b.CreateBr(known);
  b.SetInsertPoint(known);
  llvm::PHINode *current = b.CreatePHI(i8, 2);
  current->addIncoming(stored, entry);
  current->addIncoming(answer, ask);
  return b.CreateICmpEQ(current, b.getInt8(Unsupported));
}

void AbiBuilder::buildRun(llvm::Function *network) {
  bool isParallel = interface.parallelism != Parallelism::None;
  SmallVector<llvm::Type *> types = {ptr, ptr, i64, ptr};
  if (isParallel)
    types.push_back(ptr);
  llvm::Function *function =
      createFunction(interface.symbol + (isParallel ? "_run_parallel" : "_run"), i32, types);
  llvm::Argument *inputs = function->getArg(0), *outputs = function->getArg(1),
                 *batch = function->getArg(2), *workspace = function->getArg(3);
  llvm::LLVMContext &context = module.getContext();

  // Refuses calls that would read or write out of bounds.
  auto returnIf = [&](llvm::Value *condition, RunStatus status) {
    auto *bad = llvm::BasicBlock::Create(context, "bad", function);
    auto *good = llvm::BasicBlock::Create(context, "good", function);
    b.CreateCondBr(condition, bad, good);
    b.SetInsertPoint(bad);
    b.CreateRet(b.getInt32(status));
    b.SetInsertPoint(good);
  };
  llvm::Value *zero = b.getInt64(0);
  returnIf(interface.dynamicBatch ? b.CreateICmpSLT(batch, zero)
                                  : b.CreateICmpNE(batch, b.getInt64(1)),
           BadBatch);
  if (interface.workspaceBytes > 0) {
    returnIf(b.CreateIsNull(workspace), NullPointer);
    llvm::Value *low =
        b.CreateAnd(b.CreatePtrToInt(workspace, i64), interface.workspaceAlignment - 1);
    returnIf(b.CreateICmpNE(low, zero), MisalignedWorkspace);
  }
  SmallVector<std::pair<llvm::Value *, const TensorInfo *>> tensors;
  for (auto [table, infos] :
       {std::pair(inputs, &interface.inputs), std::pair(outputs, &interface.outputs)}) {
    if (infos->empty())
      continue;
    returnIf(b.CreateIsNull(table), NullPointer);
    for (auto [i, info] : llvm::enumerate(*infos)) {
      llvm::Value *tensor = b.CreateLoad(ptr, b.CreateConstInBoundsGEP1_64(ptr, table, i));
      returnIf(b.CreateIsNull(tensor), NullPointer);
      tensors.push_back({tensor, &info});
    }
  }

  returnIf(isCpuUnsupported(), UnsupportedCpu);

  // for (sample = 0; sample < batch; ++sample) network(...)
  llvm::BasicBlock *entry = b.GetInsertBlock();
  auto *loop = llvm::BasicBlock::Create(context, "loop", function);
  auto *body = llvm::BasicBlock::Create(context, "body", function);
  auto *exit = llvm::BasicBlock::Create(context, "exit", function);
  b.CreateBr(loop);
  b.SetInsertPoint(loop);
  llvm::PHINode *sample = b.CreatePHI(i64, 2);
  sample->addIncoming(zero, entry);
  b.CreateCondBr(b.CreateICmpSLT(sample, batch), body, exit);
  b.SetInsertPoint(body);
  SmallVector<llvm::Value *> arguments;
  for (auto [tensor, info] : tensors) {
    llvm::Value *offset = b.CreateMul(sample, b.getInt64(info->getSampleBytes()));
    SmallVector<int64_t> shape = info->shape;
    if (!shape.empty() && ShapedType::isDynamic(shape[0]))
      shape[0] = 1;
    appendDescriptor(arguments, b.CreateGEP(b.getInt8Ty(), tensor, offset), shape);
  }
  appendDescriptor(arguments, workspace, {interface.workspaceBytes});
  // A network without a layer that is worth it has no parallel loops.
  if (isParallel && network->arg_size() > arguments.size())
    arguments.push_back(function->getArg(4));
  b.CreateCall(network, arguments);
  sample->addIncoming(b.CreateAdd(sample, b.getInt64(1)), body);
  b.CreateBr(loop);
  b.SetInsertPoint(exit);
  b.CreateRet(b.getInt32(Ok));

  run = function;
  if (!isParallel)
    return;
  runParallel = function;
  run = createFunction(interface.symbol + "_run", i32, ArrayRef(types).drop_back());
  SmallVector<llvm::Value *> forwarded;
  for (llvm::Argument &argument : run->args())
    forwarded.push_back(&argument);
  forwarded.push_back(llvm::ConstantPointerNull::get(ptr));
  b.CreateRet(b.CreateCall(runParallel, forwarded));
}

Constant *AbiBuilder::createTensorTable(ArrayRef<TensorInfo> tensors) {
  auto *infoType = llvm::StructType::get(ptr, i32, i32, ptr);
  SmallVector<Constant *> infos;
  for (const TensorInfo &tensor : tensors) {
    SmallVector<int64_t> shape = tensor.shape;
    for (int64_t &size : shape)
      size = ShapedType::isDynamic(size) ? -1 : size;
    Constant *shapeTable = createTable(llvm::ConstantDataArray::get(
        module.getContext(), ArrayRef(reinterpret_cast<uint64_t *>(shape.data()), shape.size())));
    infos.push_back(
        ConstantStruct::get(infoType, {createString(tensor.name), b.getInt32(int32_t(tensor.kind)),
                                       b.getInt32(shape.size()), shapeTable}));
  }
  return createTable(llvm::ConstantArray::get(llvm::ArrayType::get(infoType, infos.size()), infos));
}

void AbiBuilder::buildInfo(bool isSharedLibrary) {
  // struct gpfq_model_info, in the order and with the types of the header.
  SmallVector<Constant *> fields = {b.getInt32(1),
                                    nullptr,
                                    createString(interface.symbol),
                                    createString(interface.target),
                                    b.getInt32(interface.inputs.size()),
                                    b.getInt32(interface.outputs.size()),
                                    createTensorTable(interface.inputs),
                                    createTensorTable(interface.outputs),
                                    b.getInt64(interface.workspaceBytes),
                                    b.getInt64(interface.workspaceAlignment),
                                    b.getInt64(interface.weightBytes),
                                    check,
                                    run};
  for (llvm::Function *function :
       {runParallel, module.getFunction(interface.symbol + "_pool_create"),
        module.getFunction(interface.symbol + "_pool_destroy")})
    fields.push_back(function ? static_cast<Constant *>(function)
                              : llvm::ConstantPointerNull::get(ptr));
  auto *type = llvm::StructType::get(i32, i32, ptr, ptr, i32, i32, ptr, ptr, i64, i64, i64, ptr,
                                     ptr, ptr, ptr, ptr);
  fields[1] = b.getInt32(module.getDataLayout().getTypeAllocSize(type));
  llvm::GlobalVariable *info = createTable(ConstantStruct::get(type, fields));

  createFunction(interface.symbol + "_info", ptr, {});
  b.CreateRet(info);
  if (isSharedLibrary) {
    createFunction("gpfq_default_model", ptr, {});
    b.CreateRet(info);
  }
}

LogicalResult mlir::gpfq::addAbi(llvm::Module &module, StringRef network,
                                 const ModelInterface &interface,
                                 ArrayRef<StringLiteral> requiredFeatures, bool isSharedLibrary,
                                 Location loc) {
  llvm::Function *function = module.getFunction(network);
  if (!function)
    return emitError(loc) << "the module has no function '" << network << "' after lowering";
  // Its own name could be one of the ABI's.
  function->setName("gpfq.network");
  AbiBuilder builder(module, interface);
  if (failed(builder.linkRuntime(loc)) || failed(builder.buildCheck(requiredFeatures, loc)))
    return failure();
  builder.buildRun(function);
  builder.buildInfo(isSharedLibrary);
  return success();
}
