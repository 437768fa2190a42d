// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQBATCHLOOP
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

static constexpr llvm::StringLiteral dynamicBatchAttr = "gpfq.dynamic_batch";

/// The slice of sample `index` of a tensor whose samples have `type`.
static void getSlice(OpBuilder &builder, RankedTensorType type, Value index,
                     SmallVectorImpl<OpFoldResult> &offsets, SmallVectorImpl<OpFoldResult> &sizes,
                     SmallVectorImpl<OpFoldResult> &strides) {
  offsets.assign(type.getRank(), builder.getIndexAttr(0));
  strides.assign(type.getRank(), builder.getIndexAttr(1));
  offsets.front() = index;
  for (int64_t size : type.getShape())
    sizes.push_back(builder.getIndexAttr(size));
}

namespace {

struct BatchLoop : gpfq::impl::GPFQBatchLoopBase<BatchLoop> {
  using GPFQBatchLoopBase::GPFQBatchLoopBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (func::FuncOp func : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (auto batch = func->getAttrOfType<DictionaryAttr>(dynamicBatchAttr))
        if (failed(addLoop(func, batch, symbols)))
          return signalPassFailure();
  }

private:
  LogicalResult addLoop(func::FuncOp func, DictionaryAttr batch, SymbolTable &symbols);
};

} // namespace

/// `types` with a dynamic first dimension at `positions`; nothing if one is no tensor of one
/// sample.
static std::optional<SmallVector<Type>> makeDynamic(TypeRange types, ArrayRef<int64_t> positions) {
  SmallVector<Type> result = llvm::to_vector(types);
  for (int64_t position : positions) {
    if (position < 0 || position >= int64_t(result.size()))
      return std::nullopt;
    auto type = dyn_cast<RankedTensorType>(result[position]);
    if (!type || type.getRank() == 0 || type.getDimSize(0) != 1)
      return std::nullopt;
    SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
    shape.front() = ShapedType::kDynamic;
    result[position] = type.clone(shape);
  }
  return result;
}

LogicalResult BatchLoop::addLoop(func::FuncOp func, DictionaryAttr batch, SymbolTable &symbols) {
  auto argumentsAttr = batch.getAs<DenseI64ArrayAttr>("arguments");
  auto resultsAttr = batch.getAs<DenseI64ArrayAttr>("results");
  if (!argumentsAttr || !resultsAttr)
    return func.emitError() << "'" << dynamicBatchAttr << "' has no lists of arguments and results";
  ArrayRef<int64_t> arguments = argumentsAttr, results = resultsAttr;
  std::optional<SmallVector<Type>> argumentTypes = makeDynamic(func.getArgumentTypes(), arguments),
                                   resultTypes = makeDynamic(func.getResultTypes(), results);
  if (!argumentTypes || !resultTypes || arguments.empty() || results.size() != func.getNumResults())
    return func.emitError() << "every result and at least one argument must have a batch, and it "
                               "must be 1: run gpfq-specialize-batch with batch=1";

  Location loc = func.getLoc();
  OpBuilder builder(func);
  auto loopFunc = func::FuncOp::create(builder, loc, func.getName(),
                                       builder.getFunctionType(*argumentTypes, *resultTypes));
  func->removeAttr(dynamicBatchAttr);
  symbols.remove(func);
  func.setName((func.getName() + "_sample").str());
  func.setPrivate();
  symbols.insert(func);
  symbols.insert(loopFunc);

  builder.setInsertionPointToStart(loopFunc.addEntryBlock());
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value samples =
      tensor::DimOp::create(builder, loc, loopFunc.getArgument(arguments.front()), zero);
  SmallVector<Value> inits;
  for (Type type : *resultTypes) {
    auto tensorType = cast<RankedTensorType>(type);
    inits.push_back(tensor::EmptyOp::create(builder, loc, tensorType, samples));
  }
  auto loop = scf::ForOp::create(
      builder, loc, zero, samples, one, inits,
      [&](OpBuilder &nested, Location, Value index, ValueRange values) {
        SmallVector<Value> operands(loopFunc.getArguments());
        for (int64_t position : arguments) {
          auto type = cast<RankedTensorType>(func.getArgumentTypes()[position]);
          SmallVector<OpFoldResult> offsets, sizes, strides;
          getSlice(nested, type, index, offsets, sizes, strides);
          operands[position] = tensor::ExtractSliceOp::create(nested, loc, type, operands[position],
                                                              offsets, sizes, strides);
        }
        auto call = func::CallOp::create(nested, loc, func, operands);
        SmallVector<Value> updated;
        for (auto [value, result] : llvm::zip(values, call.getResults())) {
          SmallVector<OpFoldResult> offsets, sizes, strides;
          getSlice(nested, cast<RankedTensorType>(result.getType()), index, offsets, sizes,
                   strides);
          updated.push_back(
              tensor::InsertSliceOp::create(nested, loc, result, value, offsets, sizes, strides));
        }
        scf::YieldOp::create(nested, loc, updated);
      });
  func::ReturnOp::create(builder, loc, loop.getResults());
  ++numLoops;
  return success();
}
