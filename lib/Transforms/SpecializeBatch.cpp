// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQSPECIALIZEBATCH
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;

/// The type of argument `index` with its first dimension static; nothing, after an error, if
/// another is dynamic.
static FailureOr<RankedTensorType> getStaticType(func::FuncOp func, unsigned index, int64_t batch) {
  auto type = cast<RankedTensorType>(func.getArgument(index).getType());
  SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
  shape[0] = batch;
  for (auto [dim, size] : llvm::enumerate(shape))
    if (ShapedType::isDynamic(size))
      return mlir::emitError(func.getArgument(index).getLoc())
             << "argument " << index << " has type " << type << ", whose dimension " << dim
             << " is dynamic; only the first dimension, the batch, may be: export the network for "
                "a "
                "fixed size";
  return RankedTensorType::get(shape, type.getElementType(), type.getEncoding());
}

static bool isDynamic(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped && (!shaped.hasRank() || !shaped.hasStaticShape());
}

namespace {
/// tensor.reshape of a static tensor by a shape that has become constant: to a static type.
struct MakeReshapeStatic : OpRewritePattern<tensor::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ReshapeOp op, PatternRewriter &rewriter) const override {
    Value flat = op.getSource();
    if (auto cast = flat.getDefiningOp<tensor::CastOp>())
      flat = cast.getSource();
    auto source = dyn_cast<RankedTensorType>(flat.getType());
    auto result = dyn_cast<RankedTensorType>(op.getType());
    DenseIntElementsAttr sizes;
    if (!source || !source.hasStaticShape() || !result || result.hasStaticShape() ||
        !matchPattern(op.getShape(), m_Constant(&sizes)))
      return failure();
    SmallVector<int64_t> shape;
    for (const APInt &size : sizes)
      shape.push_back(size.getSExtValue());
    if (ShapedType::getNumElements(shape) != source.getNumElements())
      return failure();
    Location loc = op.getLoc();
    if (source.getRank() != 1)
      flat = tensor::CollapseShapeOp::create(rewriter, loc, flat, getAllDims(source.getRank()));
    if (shape.size() != 1)
      flat = tensor::ExpandShapeOp::create(rewriter, loc, result.clone(shape), flat,
                                           getAllDims(shape.size()));
    rewriter.replaceOpWithNewOp<tensor::CastOp>(op, result, flat);
    return success();
  }

private:
  /// One group of all dimensions; none for rank 0.
  static SmallVector<ReassociationIndices> getAllDims(int64_t rank) {
    if (rank == 0)
      return {};
    return {llvm::to_vector<2>(llvm::seq<int64_t>(rank))};
  }
};

/// tensor.concat of tensors that have become static, which are cast to their old types.
struct MakeConcatStatic : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp op, PatternRewriter &rewriter) const override {
    if (!isDynamic(op.getType()))
      return failure();
    SmallVector<Value> inputs(op.getInputs());
    for (Value &input : inputs) {
      if (auto cast = input.getDefiningOp<tensor::CastOp>())
        input = cast.getSource();
      if (isDynamic(input.getType()))
        return failure();
    }
    Value joined = tensor::ConcatOp::create(rewriter, op.getLoc(), op.getDim(), inputs);
    rewriter.replaceOpWithNewOp<tensor::CastOp>(op, op.getType(), joined);
    return success();
  }
};
} // namespace

/// Runs the canonicalisations of all dialects, which carry static sizes through the body.
static LogicalResult canonicalize(func::FuncOp func) {
  MLIRContext *context = func.getContext();
  RewritePatternSet patterns(context);
  for (Dialect *dialect : context->getLoadedDialects())
    dialect->getCanonicalizationPatterns(patterns);
  for (RegisteredOperationName op : context->getRegisteredOperations())
    op.getCanonicalizationPatterns(patterns, context);
  patterns.add<MakeReshapeStatic, MakeConcatStatic>(context);
  return applyPatternsGreedily(func, std::move(patterns));
}

namespace {

struct SpecializeBatchPass : gpfq::impl::GPFQSpecializeBatchBase<SpecializeBatchPass> {
  using GPFQSpecializeBatchBase::GPFQSpecializeBatchBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal() || !func.isPublic())
      return;
    if (batch < 1) {
      func.emitError() << "the batch must be at least 1, got " << batch;
      return signalPassFailure();
    }
    SmallVector<int64_t> arguments, results;
    for (auto [index, type] : llvm::enumerate(func.getResultTypes()))
      if (isDynamic(type))
        results.push_back(index);
    if (results.empty() && llvm::none_of(func.getArgumentTypes(), isDynamic))
      return;
    if (!func.getBody().hasOneBlock()) {
      func.emitError("has control flow; a network must be one block of tensor operations");
      return signalPassFailure();
    }
    if (failed(specializeArguments(func, arguments)))
      return signalPassFailure();
    if (failed(canonicalize(func))) {
      func.emitError("the canonicalisation of its shapes does not come to an end");
      return signalPassFailure();
    }
    specializeResults(func);
    if (failed(checkStatic(func)))
      return signalPassFailure();
    Builder builder(func);
    func->setAttr("gpfq.dynamic_batch",
                  builder.getDictionaryAttr(
                      {builder.getNamedAttr("arguments", builder.getDenseI64ArrayAttr(arguments)),
                       builder.getNamedAttr("results", builder.getDenseI64ArrayAttr(results))}));
    numSpecialized += arguments.size();
  }

  /// Makes the arguments static, with casts to the old types for their users.
  LogicalResult specializeArguments(func::FuncOp func, SmallVectorImpl<int64_t> &specialized) {
    OpBuilder builder = OpBuilder::atBlockBegin(&func.front());
    for (BlockArgument argument : func.getArguments()) {
      auto oldType = dyn_cast<RankedTensorType>(argument.getType());
      if (!oldType || !isDynamic(oldType))
        continue;
      FailureOr<RankedTensorType> type = getStaticType(func, argument.getArgNumber(), batch);
      if (failed(type))
        return failure();
      specialized.push_back(argument.getArgNumber());
      argument.setType(*type);
      auto cast = tensor::CastOp::create(builder, argument.getLoc(), oldType, argument);
      argument.replaceAllUsesExcept(cast, cast);
    }
    func.setType(
        FunctionType::get(&getContext(), func.front().getArgumentTypes(), func.getResultTypes()));
    return success();
  }

  /// Returns what the casts before the return are casts of.
  void specializeResults(func::FuncOp func) {
    auto ret = cast<func::ReturnOp>(func.front().getTerminator());
    for (OpOperand &operand : ret->getOpOperands())
      if (auto cast = operand.get().getDefiningOp<tensor::CastOp>())
        if (isDynamic(cast.getType()) && !isDynamic(cast.getSource().getType())) {
          operand.set(cast.getSource());
          if (cast->use_empty())
            cast.erase();
        }
    func.setType(FunctionType::get(&getContext(), func.getArgumentTypes(), ret.getOperandTypes()));
  }

  /// Every shape of the function has to be static now.
  LogicalResult checkStatic(func::FuncOp func) {
    WalkResult result = func.walk([](Operation *op) {
      for (Type type : op->getResultTypes())
        if (isDynamic(type)) {
          op->emitError() << "has a result of dynamic type " << type
                          << " that does not follow from the batch size; export the network for "
                             "fixed sizes";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace
