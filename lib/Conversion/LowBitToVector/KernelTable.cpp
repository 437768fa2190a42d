// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

MemRefType mlir::gpfq::getKernelArgumentType(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  SmallVector<int64_t> strides;
  int64_t offset;
  if (!memref || !memref.hasStaticShape() || failed(memref.getStridesAndOffset(strides, offset)) ||
      llvm::any_of(strides, [](int64_t stride) { return ShapedType::isDynamic(stride); }))
    return {};
  auto layout = StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(memref.getShape(), memref.getElementType(), layout,
                         memref.getMemorySpace());
}

Value mlir::gpfq::castBuffer(OpBuilder &builder, Location loc, Value buffer) {
  return memref::CastOp::create(builder, loc, getKernelArgumentType(buffer.getType()), buffer);
}

SmallVector<Value> mlir::gpfq::castOperands(OpBuilder &builder, Operation *op) {
  SmallVector<Value> arguments;
  for (Value operand : op->getOperands())
    arguments.push_back(castBuffer(builder, op->getLoc(), operand));
  return arguments;
}

std::string mlir::gpfq::getKernelKey(LowBitComputeOpInterface op, TypeRange arguments) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << op->getName();
  for (NamedAttribute attribute : op->getAttrs())
    if (attribute.getName() != "layer")
      os << ' ' << attribute.getName().strref() << '=' << attribute.getValue();
  for (Type argument : arguments)
    os << ',' << argument;
  // Values are numbered from the start of the region, so equal epilogues print alike.
  llvm::DenseMap<Value, unsigned> numbers;
  for (Value argument : op.getEpilogue().getArguments())
    numbers.try_emplace(argument, numbers.size());
  for (Operation &nested : op.getEpilogue().front()) {
    os << ';' << nested.getName() << nested.getAttrDictionary();
    for (Value operand : nested.getOperands())
      os << ' ' << numbers.lookup(operand);
    for (Type type : nested.getResultTypes())
      os << ':' << type;
    for (Value result : nested.getResults())
      numbers.try_emplace(result, numbers.size());
  }
  if (std::optional<CodeRounding> rounding = matchCodeRounding(op))
    os << (rounding->isBounded ? ";bounded" : ";unbounded");
  return key;
}

std::string mlir::gpfq::getKernelKey(Operation *op, TypeRange arguments) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << op->getName() << op->getAttrDictionary();
  for (Type argument : arguments)
    os << ',' << argument;
  return key;
}

void KernelTable::call(OpBuilder &builder, Location loc, const KernelSource &source,
                       SmallVector<Value> arguments) {
  Kernel &kernel = kernels[source.key];
  if (!kernel.function)
    kernel = build(loc, ValueRange(arguments).getTypes(), source);
  if (kernel.chunks == 1) {
    func::CallOp::create(builder, loc, kernel.function, arguments);
    return;
  }
  ++numSplit;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value chunks = arith::ConstantIndexOp::create(builder, loc, kernel.chunks);
  scf::ParallelOp::create(builder, loc, zero, chunks, one,
                          [&](OpBuilder &nested, Location loc, ValueRange chunk) {
                            arguments.append(chunk.begin(), chunk.end());
                            func::CallOp::create(nested, loc, kernel.function, arguments);
                          });
}

KernelTable::Kernel KernelTable::build(Location loc, TypeRange arguments,
                                       const KernelSource &source) {
  OpBuilder builder(loc.getContext());
  auto function =
      func::FuncOp::create(builder, loc, source.name, builder.getFunctionType(arguments, {}));
  function.setPrivate();
  // Equal layers share a kernel, and LLVM's time is more than linear in the size of a function.
  function->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
  function->setAttr("llvm.linkage",
                    LLVM::LinkageAttr::get(loc.getContext(), LLVM::Linkage::Internal));
  symbols.insert(function);
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  int64_t mostChunks = getMostChunks(source.work);
  SmallVector<Value> buffers(body->getArguments());
  int64_t chunks = source.build(builder, buffers, [&](LoopBuilder &loops) {
    if (mostChunks > 1)
      loops.splitIntoChunks(body->addArgument(loops.getIndexType(), loc), mostChunks);
  });
  builder.setInsertionPointToEnd(body);
  func::ReturnOp::create(builder, loc);
  if (mostChunks > 1 && chunks == 1) {
    builder.setInsertionPointToStart(body);
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    body->getArguments().back().replaceAllUsesWith(zero);
    body->eraseArgument(body->getNumArguments() - 1);
  }
  function.setType(builder.getFunctionType(body->getArgumentTypes(), {}));
  return {function, chunks};
}
