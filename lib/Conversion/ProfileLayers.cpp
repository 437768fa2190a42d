// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/ProfileLayers.h"

#include "gpfq/Conversion/Passes.h"

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQPROFILELAYERS
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

std::optional<std::string> mlir::gpfq::getProfiledName(Operation *op) {
  if (auto compute = dyn_cast<LowBitComputeOpInterface>(op)) {
    if (StringAttr layer = compute.getLayerAttr(); layer && !layer.empty())
      return layer.getValue().str();
    return op->getName().getStringRef().str();
  }
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || op->getName().getStringRef().starts_with("linalg.pooling") ||
      !(linalg::isaConvolutionOpInterface(linalgOp) || linalg::isaContractionOpInterface(linalgOp)))
    return std::nullopt;
  return op->getName().getStringRef().str();
}

namespace {

struct ProfileLayersPass : gpfq::impl::GPFQProfileLayersBase<ProfileLayersPass> {
  using GPFQProfileLayersBase::GPFQProfileLayersBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    func::FuncOp network;
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        network = function;
    if (!network || !network.getBody().hasOneBlock()) {
      module.emitError("has no network of one block to be profiled");
      return signalPassFailure();
    }
    SmallVector<std::pair<Operation *, int64_t>> layers;
    SmallVector<Attribute> names;
    for (Operation &op : network.getBody().front())
      if (std::optional<std::string> name = getProfiledName(&op)) {
        auto attribute = StringAttr::get(&getContext(), *name);
        auto *known = llvm::find(names, attribute);
        layers.emplace_back(&op, known - names.begin());
        if (known == names.end())
          names.push_back(attribute);
      }
    module->setAttr(profiledLayersAttrName, ArrayAttr::get(&getContext(), names));
    numLayers += names.size();

    auto type = MemRefType::get({int64_t(names.size()) + 1}, IntegerType::get(&getContext(), 64));
    createCounters(module, type);
    Block &block = network.getBody().front();
    OpBuilder builder = OpBuilder::atBlockBegin(&block);
    Location loc = network.getLoc();
    Value counters = memref::GetGlobalOp::create(builder, loc, type, profileCountersName);
    Value begin = readClock(builder, loc);
    for (auto [op, index] : layers) {
      builder.setInsertionPoint(op);
      Value before = readClock(builder, op->getLoc());
      builder.setInsertionPointAfter(op);
      addSince(builder, op->getLoc(), before, counters, index + 1);
    }
    builder.setInsertionPoint(block.getTerminator());
    addSince(builder, loc, begin, counters, 0);
  }

private:
  static void createCounters(ModuleOp module, MemRefType type) {
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    auto zeros = DenseElementsAttr::get(
        RankedTensorType::get(type.getShape(), type.getElementType()), APInt(64, 0));
    memref::GlobalOp::create(builder, module.getLoc(), profileCountersName,
                             builder.getStringAttr("private"), type, zeros, /*constant=*/false,
                             /*alignment=*/IntegerAttr());
  }

  Value readClock(OpBuilder &builder, Location loc) {
    return LLVM::CallIntrinsicOp::create(builder, loc, builder.getI64Type(),
                                         builder.getStringAttr(clock), ValueRange())
        .getResults();
  }

  /// Several threads may run the network at the same time.
  void addSince(OpBuilder &builder, Location loc, Value before, Value counters, int64_t index) {
    Value after = readClock(builder, loc);
    Value ticks = arith::SubIOp::create(builder, loc, after, before);
    Value position = arith::ConstantIndexOp::create(builder, loc, index);
    memref::AtomicRMWOp::create(builder, loc, arith::AtomicRMWKind::addi, ticks, counters,
                                ValueRange(position));
  }
};

} // namespace
