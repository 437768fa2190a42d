// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Which of the networks of a library the CPU can run.

#include "AbiBuilder.h"

#include "gpfq/Runtime/CpuCheck.h"

using namespace mlir;
using namespace mlir::gpfq;
using llvm::Constant;
using llvm::ConstantStruct;
using llvm::GlobalValue;

LogicalResult AbiBuilder::buildCheck(ArrayRef<NetworkVariant> variants, Location loc) {
  auto *requirementType = llvm::StructType::get(i32, i32, i32, ptr, ptr);
  for (const NetworkVariant &variant : variants) {
    SmallVector<Constant *> requirements;
    for (StringLiteral name : variant.requiredFeatures) {
      const gpfq_cpu_feature *feature = gpfq_cpu_find_feature(name.data());
      if (!feature)
        return emitError(loc) << "no run-time check is known for the CPU feature '" << name << "'";
      std::string built = "built for " + interface.target + ": ";
      requirements.push_back(ConstantStruct::get(
          requirementType,
          {b.getInt32(feature->word), b.getInt32(feature->mask), b.getInt32(feature->state),
           createString(built + "this CPU lacks " + name),
           createString(built +
                        "the operating system does not enable the "
                        "registers of " +
                        name)}));
    }
    auto *tableType = llvm::ArrayType::get(requirementType, requirements.size());
    llvm::GlobalVariable *table = createTable(llvm::ConstantArray::get(tableType, requirements));
    llvm::Function *function = createFunction(variant.function + ".check", ptr, {ptr});
    function->setLinkage(GlobalValue::InternalLinkage);
    b.CreateRet(b.CreateCall(module.getFunction("gpfq_cpu_check"),
                             {table, b.getInt32(requirements.size()), function->getArg(0)}));
    variantChecks.push_back(function);
  }

  // The message is that of the last variant, which asks for least.
  llvm::Function *checkCpu =
      createFunction(interface.symbol + "_check_cpu", ptr, {ptr}, GlobalValue::HiddenVisibility);
  llvm::Value *message = b.CreateCall(variantChecks.back(), {checkCpu->getArg(0)});
  for (llvm::Function *variantCheck : ArrayRef(variantChecks).drop_back()) {
    llvm::Value *own = b.CreateCall(variantCheck, {checkCpu->getArg(0)});
    message = b.CreateSelect(b.CreateIsNull(own), own, message);
  }
  b.CreateRet(message);

  check = createFunction(interface.symbol + "_check", ptr, {});
  llvm::Value *cpu = b.CreateAlloca(llvm::ArrayType::get(i32, GPFQ_CPU_WORDS));
  b.CreateCall(module.getFunction("gpfq_cpu_detect"), {cpu});
  b.CreateRet(b.CreateCall(checkCpu, {cpu}));
  return success();
}

llvm::Value *AbiBuilder::buildChoice() {
  llvm::Value *cpu = b.CreateAlloca(llvm::ArrayType::get(i32, GPFQ_CPU_WORDS));
  b.CreateCall(module.getFunction("gpfq_cpu_detect"), {cpu});
  llvm::Value *choice = b.getInt8(noVariant);
  for (size_t i = variantChecks.size(); i-- > 0;)
    choice = b.CreateSelect(b.CreateIsNull(b.CreateCall(variantChecks[i], {cpu})), b.getInt8(i + 1),
                            choice);
  return choice;
}

/// The CPU is asked in the first call alone, since cpuid takes longer than a small network where it
/// traps to a hypervisor. Threads that race store the same.
llvm::Value *AbiBuilder::buildChoiceOnce() {
  constexpr uint8_t unknown = 0;
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *i8 = b.getInt8Ty();
  auto *state = new llvm::GlobalVariable(module, i8, /*isConstant=*/false,
                                         GlobalValue::InternalLinkage, b.getInt8(unknown));
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
  b.CreateCondBr(b.CreateICmpEQ(stored, b.getInt8(unknown)), ask, known);
  b.SetInsertPoint(ask);
  llvm::Value *answer = buildChoice();
  makeAtomic(b.CreateStore(answer, state));
  b.CreateBr(known);
  b.SetInsertPoint(known);
  llvm::PHINode *current = b.CreatePHI(i8, 2);
  current->addIncoming(stored, entry);
  current->addIncoming(answer, ask);
  return current;
}
