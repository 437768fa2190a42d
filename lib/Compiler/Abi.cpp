// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "AbiBuilder.h"

#include "gpfq/Conversion/Passes.h"
#include "gpfq/Target/Target.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::gpfq;
using llvm::Constant;
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

void AbiBuilder::appendDescriptor(SmallVectorImpl<llvm::Value *> &arguments, llvm::Value *data,
                                  ArrayRef<int64_t> shape) {
  arguments.append({data, data, b.getInt64(0)});
  SmallVector<int64_t> strides = computeStrides(shape);
  for (int64_t size : shape)
    arguments.push_back(b.getInt64(size));
  for (int64_t stride : strides)
    arguments.push_back(b.getInt64(stride));
}

void AbiBuilder::buildRun(ArrayRef<NetworkVariant> variants) {
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

  llvm::Value *choice = buildChoiceOnce();
  returnIf(b.CreateICmpEQ(choice, b.getInt8(noVariant)), UnsupportedCpu);

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
  auto *next = llvm::BasicBlock::Create(context, "next", function);
  llvm::SwitchInst *dispatch = nullptr;
  if (variants.size() > 1) {
    // `choice` is one of the cases.
    auto *none = llvm::BasicBlock::Create(context, "none", function);
    dispatch = b.CreateSwitch(choice, none, variants.size());
    b.SetInsertPoint(none);
    b.CreateUnreachable();
  }
  for (auto [i, variant] : llvm::enumerate(variants)) {
    if (dispatch) {
      b.SetInsertPoint(llvm::BasicBlock::Create(context, "variant", function, next));
      dispatch->addCase(b.getInt8(i + 1), b.GetInsertBlock());
    }
    llvm::Function *network = module.getFunction(variant.function);
    SmallVector<llvm::Value *> own(arguments);
    // A network without a layer that is worth it has no parallel loops.
    if (isParallel && network->arg_size() > arguments.size())
      own.push_back(function->getArg(4));
    b.CreateCall(network, own);
    b.CreateBr(next);
  }
  b.SetInsertPoint(next);
  sample->addIncoming(b.CreateAdd(sample, b.getInt64(1)), next);
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

LogicalResult AbiBuilder::buildProfile(Location loc) {
  llvm::GlobalVariable *counters = module.getNamedGlobal(profileCountersName);
  if (!counters)
    return emitError(loc, "the module has no counters after lowering");
  counters->setLinkage(GlobalValue::InternalLinkage);
  SmallVector<Constant *> names;
  for (const std::string &name : *interface.profiledLayers)
    names.push_back(createString(name));
  llvm::GlobalVariable *table =
      createTable(llvm::ConstantArray::get(llvm::ArrayType::get(ptr, names.size()), names));
  llvm::Function *function = createFunction(interface.symbol + "_profile", i32, {ptr, ptr, ptr});
  b.CreateStore(table, function->getArg(0));
  b.CreateStore(counters, function->getArg(1));
  llvm::Intrinsic::ID clock =
      llvm::Intrinsic::lookupIntrinsicID(getClock(module.getTargetTriple().str()));
  b.CreateStore(b.CreateIntrinsic(i64, clock, ArrayRef<llvm::Value *>()), function->getArg(2));
  b.CreateRet(b.getInt32(names.size()));
  return success();
}

LogicalResult mlir::gpfq::addAbi(llvm::Module &module, ArrayRef<NetworkVariant> variants,
                                 const ModelInterface &interface, bool isSharedLibrary,
                                 Location loc) {
  for (const NetworkVariant &variant : variants)
    module.getFunction(variant.function)->setLinkage(GlobalValue::InternalLinkage);
  AbiBuilder builder(module, interface);
  if (failed(builder.linkRuntime(loc)) || failed(builder.buildCheck(variants, loc)))
    return failure();
  builder.buildRun(variants);
  builder.buildInfo(isSharedLibrary);
  return success(!interface.profiledLayers || succeeded(builder.buildProfile(loc)));
}
