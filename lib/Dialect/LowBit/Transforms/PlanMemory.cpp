// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/Transforms/Passes.h"

#include "gpfq/Support/IntervalPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWBITPLANMEMORY
#include "gpfq/Dialect/LowBit/Transforms/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;

namespace {

constexpr int64_t kAlignment = 64;

/// All values that may point into the buffer of `alloc`: results of view-like ops and,
/// conservatively, every memref that an op with regions or successors could forward.
static SetVector<Value> collectAliases(memref::AllocOp alloc) {
  SetVector<Value> aliases;
  aliases.insert(alloc.getResult());
  for (unsigned i = 0; i < aliases.size(); ++i) {
    for (Operation *user : aliases[i].getUsers()) {
      for (Value result : user->getResults())
        if (isa<BaseMemRefType>(result.getType()))
          aliases.insert(result);
      for (Region &region : user->getRegions())
        for (BlockArgument argument : region.getArguments())
          if (isa<BaseMemRefType>(argument.getType()))
            aliases.insert(argument);
      // A terminator forwards the buffer to the results of its parent.
      if (user->hasTrait<OpTrait::IsTerminator>() && !isa<func::ReturnOp>(user))
        for (Value result : user->getParentOp()->getResults())
          if (isa<BaseMemRefType>(result.getType()))
            aliases.insert(result);
    }
  }
  return aliases;
}

static LogicalResult verifyAlloc(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  if (!type.hasStaticShape())
    return alloc.emitOpError(
        "of a dynamic shape cannot be placed in the arena: make the function's shapes static "
        "(gpfq-specialize-batch)");
  if (!type.getLayout().isIdentity())
    return alloc.emitOpError(
        "with a layout map cannot be placed in the arena: bufferize with identity layouts");
  if (!type.getElementType().isIntOrIndexOrFloat())
    return alloc.emitOpError("of element type ")
           << type.getElementType() << " cannot be placed in the arena";
  if (alloc.getAlignment().value_or(1) > uint64_t(kAlignment))
    return alloc.emitOpError("asks for an alignment of more than ") << kAlignment << " bytes";
  for (Operation *op = alloc->getParentOp(); !isa<func::FuncOp>(op); op = op->getParentOp())
    if (op->hasTrait<OpTrait::HasParallelRegion>())
      return alloc.emitOpError(
          "inside of a parallel loop cannot be placed in the arena: one buffer would be shared "
          "by all iterations");
  return success();
}

static int64_t sizeInBytes(MemRefType type, const DataLayout &layout) {
  return type.getNumElements() * int64_t(layout.getTypeSize(type.getElementType()));
}

struct PlanMemory : lowbit::impl::LowBitPlanMemoryBase<PlanMemory> {
  using LowBitPlanMemoryBase::LowBitPlanMemoryBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isDeclaration())
      return;
    // Private functions are kernels, which get their buffers from their callers.
    if (func.isPrivate()) {
      func.walk([&](memref::AllocOp alloc) {
        alloc.emitOpError(
            "in a private function cannot be placed in the arena: inline the function "
            "first, or pass it the buffer");
        signalPassFailure();
      });
      return;
    }
    if (failed(plan(func)))
      signalPassFailure();
  }

private:
  LogicalResult plan(func::FuncOp func);
  FailureOr<::gpfq::BufferInterval> computeInterval(memref::AllocOp alloc,
                                                    const DenseMap<Operation *, int64_t> &order);
};

FailureOr<::gpfq::BufferInterval>
PlanMemory::computeInterval(memref::AllocOp alloc, const DenseMap<Operation *, int64_t> &order) {
  Block &body = getOperation().getBody().front();
  ::gpfq::BufferInterval interval{/*first=*/std::numeric_limits<int64_t>::max(), /*last=*/-1,
                                  /*bytes=*/0};
  for (Value alias : collectAliases(alloc)) {
    for (Operation *user : alias.getUsers()) {
      if (isa<memref::DeallocOp>(user))
        continue;
      if (isa<func::ReturnOp>(user))
        return alloc.emitOpError("is returned by the function: convert results to arguments first "
                                 "(buffer-results-to-out-params)");
      int64_t time = order.lookup(body.findAncestorOpInBlock(*user));
      // A view computes an address only, the bytes are in use from the first real access.
      if (!isa<ViewLikeOpInterface>(user))
        interval.first = std::min(interval.first, time);
      interval.last = std::max(interval.last, time);
    }
  }
  if (interval.first > interval.last)
    interval.first = interval.last = order.lookup(body.findAncestorOpInBlock(*alloc));
  interval.bytes = sizeInBytes(alloc.getType(), DataLayout::closest(alloc));
  return interval;
}

LogicalResult PlanMemory::plan(func::FuncOp func) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("must have one block for its buffers to be planned");

  DenseMap<Operation *, int64_t> order;
  for (Operation &op : func.getBody().front())
    order[&op] = order.size();

  SmallVector<memref::AllocOp> allocs;
  SmallVector<::gpfq::BufferInterval> intervals;
  WalkResult walk = func.walk([&](memref::AllocOp alloc) -> WalkResult {
    if (failed(verifyAlloc(alloc)))
      return failure();
    FailureOr<::gpfq::BufferInterval> interval = computeInterval(alloc, order);
    if (failed(interval))
      return failure();
    allocs.push_back(alloc);
    intervals.push_back(*interval);
    return success();
  });
  if (walk.wasInterrupted())
    return failure();

  int64_t used = ::gpfq::packIntervals(intervals, kAlignment);
  numBuffers += allocs.size();
  arenaBytes += used;
  int64_t live = ::gpfq::maxLiveBytes(intervals, kAlignment);
  lowerBoundBytes += live;

  int64_t total = used ? used + slack : 0;
  OpBuilder builder = OpBuilder::atBlockBegin(&func.getBody().front());
  auto arenaType = MemRefType::get({total}, builder.getI8Type());
  if (failed(func.insertArgument(func.getNumArguments(), arenaType, {}, func.getLoc())))
    return failure();
  Value arena = func.getArguments().back();

  func.walk([](memref::DeallocOp dealloc) { dealloc.erase(); });
  DenseMap<int64_t, Value> offsets;
  for (const ::gpfq::BufferInterval &interval : intervals)
    if (Value &offset = offsets[interval.offset]; !offset)
      offset = arith::ConstantIndexOp::create(builder, func.getLoc(), interval.offset);
  for (auto [alloc, interval] : llvm::zip_equal(allocs, intervals)) {
    builder.setInsertionPoint(alloc);
    Value view = memref::ViewOp::create(builder, alloc.getLoc(), alloc.getType(), arena,
                                        offsets[interval.offset], ValueRange());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }
  func->setAttr("lowbit.workspace_bytes", builder.getI64IntegerAttr(total));
  func->setAttr("lowbit.live_bytes", builder.getI64IntegerAttr(live));
  return success();
}

} // namespace
