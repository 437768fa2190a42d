// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/Passes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQPARALLELTORUNTIME
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

static constexpr StringLiteral runtimeFunction = "gpfq_parallel_for";

/// True for a value that the body of a loop can make itself.
static bool isRemade(Value value) {
  Operation *op = value.getDefiningOp();
  return op && (matchPattern(op, m_Constant()) || isa<memref::GetGlobalOp>(op));
}

/// The buffer of type `type` at an address, without an offset that the type leaves open.
static MemRefType getAddressedType(MemRefType type) {
  auto [strides, offset] = type.getStridesAndOffset();
  if (!ShapedType::isDynamic(offset))
    return type;
  auto layout = StridedLayoutAttr::get(type.getContext(), 0, strides);
  return MemRefType::get(type.getShape(), type.getElementType(), layout, type.getMemorySpace());
}

static LogicalResult checkCapture(scf::ParallelOp loop, Value value) {
  auto type = dyn_cast<MemRefType>(value.getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  if (type && type.hasStaticShape() && succeeded(type.getStridesAndOffset(strides, offset)) &&
      llvm::none_of(strides, ShapedType::isDynamic) && type.getElementType().isIntOrFloat())
    return success();
  return loop.emitOpError("uses a value of type ")
         << value.getType()
         << " from around it; the parts of a parallel loop take buffers of static shape and "
            "strides, of integers or floats";
}

static LogicalResult checkLoop(scf::ParallelOp loop) {
  if (loop.getNumLoops() != 1 || !isConstantIntValue(loop.getLowerBound()[0], 0) ||
      !isConstantIntValue(loop.getStep()[0], 1))
    return loop.emitOpError("must have one induction variable, which runs from 0 in steps of 1");
  if (loop.getNumResults() != 0)
    return loop.emitOpError("returns values; parts of a parallel loop only write buffers");
  return success();
}

namespace {

/// Outlines one loop.
class Outliner {
public:
  Outliner(scf::ParallelOp loop, Value parallel, SymbolTable &symbols)
      : loop(loop), parallel(parallel), symbols(symbols), converter(loop.getContext()),
        b(loop.getLoc(), loop), pointer(LLVM::LLVMPointerType::get(loop.getContext())),
        i64(b.getI64Type()) {}

  LogicalResult run(func::FuncOp runtime) {
    SetVector<Value> used;
    getUsedValuesDefinedAbove(loop.getRegion(), used);
    for (Value value : used)
      (isRemade(value) ? remade : captured).push_back(value);
    for (Value value : captured)
      if (failed(checkCapture(loop, value)))
        return failure();
    auto parent = loop->getParentOfType<func::FuncOp>();
    func::FuncOp body = buildBody((parent.getName() + "_parallel").str());
    Value context = buildContext(parent);
    Value count = arith::IndexCastOp::create(b, i64, loop.getUpperBound()[0]);
    Value address = func::ConstantOp::create(b, body.getFunctionType(),
                                             FlatSymbolRefAttr::get(body.getNameAttr()));
    address = UnrealizedConversionCastOp::create(b, TypeRange(pointer), address).getResult(0);
    func::CallOp::create(b, runtime, ValueRange{parallel, count, address, context});
    loop.erase();
    return success();
  }

private:
  LLVM::LLVMArrayType getContextType() {
    return LLVM::LLVMArrayType::get(i64, std::max<size_t>(1, captured.size()));
  }
  Value getSlot(ImplicitLocOpBuilder &builder, Value context, int32_t index) {
    return LLVM::GEPOp::create(builder, pointer, getContextType(), context,
                               ArrayRef<LLVM::GEPArg>{0, index});
  }

  /// The address of the first element of a buffer, less an offset that its type has.
  Value getAddress(Value buffer) {
    auto type = cast<MemRefType>(buffer.getType());
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
    if (ShapedType::isDynamic(type.getStridesAndOffset().second)) {
      Value offset = memref::ExtractStridedMetadataOp::create(b, buffer).getOffset();
      int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
      Value width = arith::ConstantIndexOp::create(b, bytes);
      address = arith::AddIOp::create(b, address, arith::MulIOp::create(b, offset, width));
    }
    return arith::IndexCastOp::create(b, i64, address);
  }

  Value buildContext(func::FuncOp parent) {
    Value context;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&parent.getBody().front());
      Value one = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(1));
      context = LLVM::AllocaOp::create(b, pointer, getContextType(), one);
    }
    for (auto [i, buffer] : llvm::enumerate(captured))
      LLVM::StoreOp::create(b, getAddress(buffer), getSlot(b, context, i));
    return context;
  }

  Value loadBuffer(ImplicitLocOpBuilder &builder, Value context, int32_t index, MemRefType type) {
    Value address = LLVM::LoadOp::create(builder, i64, getSlot(builder, context, index));
    address = LLVM::IntToPtrOp::create(builder, pointer, address);
    MemRefType addressed = getAddressedType(type);
    Value descriptor =
        MemRefDescriptor::fromStaticShape(builder, builder.getLoc(), converter, addressed, address);
    Value buffer =
        UnrealizedConversionCastOp::create(builder, TypeRange(addressed), descriptor).getResult(0);
    return addressed == type ? buffer : memref::CastOp::create(builder, type, buffer);
  }

  func::FuncOp createFunction(StringRef name, TypeRange arguments) {
    auto function = func::FuncOp::create(b.getLoc(), name, b.getFunctionType(arguments, {}));
    function.setPrivate();
    function->setAttr("llvm.linkage",
                      LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
    symbols.insert(function);
    return function;
  }

  func::FuncOp buildBody(StringRef name) {
    func::FuncOp function = createFunction(name, {pointer, i64});
    Block *block = function.addEntryBlock();
    auto builder = ImplicitLocOpBuilder::atBlockBegin(b.getLoc(), block);
    IRMapping mapping;
    for (Value value : remade)
      builder.clone(*value.getDefiningOp(), mapping);
    for (auto [i, buffer] : llvm::enumerate(captured))
      mapping.map(buffer, loadBuffer(builder, block->getArgument(0), i,
                                     cast<MemRefType>(buffer.getType())));
    mapping.map(loop.getInductionVars()[0],
                arith::IndexCastOp::create(builder, builder.getIndexType(), block->getArgument(1)));
    if (isCall()) {
      for (Operation &op : loop.getBody()->without_terminator())
        builder.clone(op, mapping);
    } else {
      SmallVector<Value> arguments;
      for (Value buffer : captured)
        arguments.push_back(mapping.lookup(buffer));
      arguments.push_back(mapping.lookup(loop.getInductionVars()[0]));
      func::CallOp::create(builder, buildPart(name), arguments);
    }
    func::ReturnOp::create(builder);
    return function;
  }

  /// True if all that an iteration does with buffers is a call.
  bool isCall() {
    return llvm::all_of(loop.getBody()->without_terminator(), [](Operation &op) {
      return isa<func::CallOp>(op) || isMemoryEffectFree(&op);
    });
  }

  /// An iteration as a function of the captured buffers and its number. Arguments tell LLVM that
  /// buffers do not overlap, which addresses in memory do not.
  func::FuncOp buildPart(StringRef name) {
    SmallVector<Type> types;
    for (Value buffer : captured)
      types.push_back(buffer.getType());
    types.push_back(b.getIndexType());
    func::FuncOp function = createFunction((name + "_part").str(), types);
    Block *block = function.addEntryBlock();
    auto builder = ImplicitLocOpBuilder::atBlockBegin(b.getLoc(), block);
    IRMapping mapping;
    for (Value value : remade)
      builder.clone(*value.getDefiningOp(), mapping);
    for (auto [buffer, argument] : llvm::zip(captured, block->getArguments()))
      mapping.map(buffer, argument);
    mapping.map(loop.getInductionVars()[0], block->getArguments().back());
    for (Operation &op : loop.getBody()->without_terminator())
      builder.clone(op, mapping);
    func::ReturnOp::create(builder);
    return function;
  }

  scf::ParallelOp loop;
  Value parallel;
  SymbolTable &symbols;
  LLVMTypeConverter converter;
  ImplicitLocOpBuilder b;
  LLVM::LLVMPointerType pointer;
  IntegerType i64;
  SmallVector<Value> remade, captured;
};

struct ParallelToRuntimePass : gpfq::impl::GPFQParallelToRuntimeBase<ParallelToRuntimePass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (func::FuncOp function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (failed(outline(function, symbols)))
        return signalPassFailure();
  }

  LogicalResult outline(func::FuncOp function, SymbolTable &symbols) {
    SmallVector<scf::ParallelOp> loops;
    function.walk([&](scf::ParallelOp loop) { loops.push_back(loop); });
    if (loops.empty())
      return success();
    if (!SymbolTable::symbolKnownUseEmpty(function, getOperation()))
      return function.emitOpError("has parallel loops and is called by another function: inline "
                                  "it first");
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    if (failed(function.insertArgument(function.getNumArguments(), pointer, {}, function.getLoc())))
      return failure();
    for (scf::ParallelOp loop : loops) {
      if (failed(checkLoop(loop)) ||
          failed(Outliner(loop, function.getArguments().back(), symbols).run(getRuntime(symbols))))
        return failure();
      ++numOutlined;
    }
    return success();
  }

  func::FuncOp getRuntime(SymbolTable &symbols) {
    if (auto function = symbols.lookup<func::FuncOp>(runtimeFunction))
      return function;
    OpBuilder builder(&getContext());
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    auto function = func::FuncOp::create(
        getOperation().getLoc(), runtimeFunction,
        builder.getFunctionType({pointer, builder.getI64Type(), pointer, pointer}, {}));
    function.setPrivate();
    symbols.insert(function);
    return function;
  }
};

} // namespace
