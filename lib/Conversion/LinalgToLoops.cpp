// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/Passes.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQLINALGTOLOOPS
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

namespace {

/// How many elements apart two neighbours along `loop` are in an operand of `type`; nothing if that
/// is not constant.
static std::optional<int64_t> getStride(AffineMap map, MemRefType type, unsigned loop) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return std::nullopt;
  int64_t stride = 0;
  MLIRContext *context = map.getContext();
  for (auto [expr, dimStride] : llvm::zip_equal(map.getResults(), strides)) {
    if (!expr.isFunctionOfDim(loop))
      continue;
    // The index is linear in the loop: its slope is the value at 1 less the value at 0, all other
    // loops being 0.
    SmallVector<AffineExpr> zeros(map.getNumDims(), getAffineConstantExpr(0, context)), one = zeros;
    one[loop] = getAffineConstantExpr(1, context);
    auto slope = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(
        expr.replaceDims(one) - expr.replaceDims(zeros), map.getNumDims(), map.getNumSymbols()));
    if (!slope || ShapedType::isDynamic(dimStride))
      return std::nullopt;
    stride += slope.getValue() * dimStride;
  }
  return stride;
}

/// How much a vector loop over `loop` would like it: contiguous results count most.
static int64_t scoreInnermost(linalg::LinalgOp op, unsigned loop) {
  int64_t score = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      continue;
    std::optional<int64_t> stride = getStride(op.getMatchingIndexingMap(&operand), type, loop);
    bool isInit = op.isDpsInit(&operand);
    if (stride == 1)
      score += isInit ? 8 : 2;
    else if (stride == 0 && !isInit)
      score += 1;
  }
  return score;
}

/// Loops of the op in the order in which they are to be nested.
static SmallVector<unsigned> getLoopOrder(linalg::LinalgOp op) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  std::optional<unsigned> innermost;
  int64_t best = 0;
  for (unsigned loop = 0; loop < iterators.size(); ++loop) {
    if (!linalg::isParallelIterator(iterators[loop]) || extents[loop] == 1)
      continue;
    int64_t score = scoreInnermost(op, loop);
    if (score >= best) {
      best = score;
      innermost = loop;
    }
  }
  SmallVector<unsigned> order;
  for (bool parallel : {true, false})
    for (unsigned loop = 0; loop < iterators.size(); ++loop)
      if (loop != innermost && linalg::isParallelIterator(iterators[loop]) == parallel)
        order.push_back(loop);
  if (innermost)
    order.push_back(*innermost);
  return order;
}

static LogicalResult lowerToLoops(IRRewriter &rewriter, linalg::LinalgOp op) {
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::GenericOp> generic = failure();
  if (auto already = dyn_cast<linalg::GenericOp>(op.getOperation()))
    generic = already;
  else
    generic = linalg::generalizeNamedOp(rewriter, op);
  if (failed(generic))
    return op.emitOpError("cannot be generalised to loops");
  rewriter.setInsertionPoint(*generic);
  SmallVector<unsigned> order = getLoopOrder(*generic);
  if (!llvm::is_sorted(order)) {
    generic = linalg::interchangeGenericOp(rewriter, *generic, order);
    if (failed(generic))
      return failure();
    rewriter.setInsertionPoint(*generic);
  }
  if (failed(linalg::linalgOpToLoops(rewriter, *generic)))
    return generic->emitOpError("cannot be lowered to loops");
  rewriter.eraseOp(*generic);
  return success();
}

static bool isContiguous(Value value) {
  return cast<MemRefType>(value.getType()).getLayout().isIdentity();
}

struct LinalgToLoops : gpfq::impl::GPFQLinalgToLoopsBase<LinalgToLoops> {
  using GPFQLinalgToLoopsBase::GPFQLinalgToLoopsBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp copy) {
      if (!isContiguous(copy.getSource()) || !isContiguous(copy.getTarget()))
        copies.push_back(copy);
    });
    for (memref::CopyOp copy : copies) {
      rewriter.setInsertionPoint(copy);
      linalg::CopyOp::create(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
      rewriter.eraseOp(copy);
    }

    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      if (!op.hasPureBufferSemantics()) {
        op.emitOpError("is still on tensors: bufferize first");
        return signalPassFailure();
      }
      if (failed(lowerToLoops(rewriter, op)))
        return signalPassFailure();
    }
  }
};

} // namespace
