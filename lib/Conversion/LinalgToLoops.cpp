// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LoopNest.h"
#include "gpfq/Conversion/Passes.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQLINALGTOLOOPS
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;

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

static FailureOr<LoopNest> lowerToLoops(IRRewriter &rewriter, linalg::LinalgOp op) {
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
  if (FailureOr<LoopNest> window = lowerWindowReduction(rewriter, *generic); succeeded(window))
    return window;
  LoopNest nest;
  SmallVector<int64_t> extents = generic->getStaticLoopRanges();
  for (auto [i, iterator] : llvm::enumerate(generic->getIteratorTypesArray())) {
    if (extents[i] == 1 || !linalg::isParallelIterator(iterator))
      continue;
    nest.splittable = i;
    nest.extent = extents[i];
    break;
  }
  FailureOr<linalg::LinalgLoops> loops = linalg::linalgOpToLoops(rewriter, *generic);
  if (failed(loops))
    return generic->emitOpError("cannot be lowered to loops");
  rewriter.eraseOp(*generic);
  nest.loops = std::move(*loops);
  return nest;
}

/// True if `op` can be computed in parts: it depends on nothing but buffers of static shape and
/// constants.
static bool isSplittable(linalg::LinalgOp op) {
  auto function = dyn_cast<func::FuncOp>(op->getParentOp());
  if (!function || !function.isPublic())
    return false;
  SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  return llvm::all_of(used, [](Value value) {
    auto type = dyn_cast<MemRefType>(value.getType());
    return matchPattern(value, m_Constant()) || (type && type.hasStaticShape());
  });
}

static int64_t countIterations(linalg::LinalgOp op) {
  int64_t iterations = 1;
  for (int64_t extent : op.getStaticLoopRanges())
    iterations *= extent;
  return iterations;
}

/// Makes `chunks` parts of the loop that can have them, or fewer; false if there is none.
static bool splitIntoChunks(IRRewriter &rewriter, const LoopNest &nest, int64_t chunks) {
  if (!nest.splittable)
    return false;
  int64_t size = llvm::divideCeil(nest.extent, std::min(nest.extent, chunks));
  chunks = llvm::divideCeil(nest.extent, size);
  auto loop = dyn_cast<scf::ForOp>(nest.loops[*nest.splittable]);
  if (!loop || chunks < 2)
    return false;
  Operation *first = nest.loops.front();
  Location loc = first->getLoc();
  rewriter.setInsertionPoint(first);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  };
  Value zero = index(0), one = index(1), count = index(chunks), extent = index(nest.extent),
        step = index(size);
  auto parallel = scf::ParallelOp::create(rewriter, loc, zero, count, one);
  rewriter.moveOpBefore(first, parallel.getBody()->getTerminator());
  rewriter.setInsertionPoint(first);
  Value begin = arith::MulIOp::create(rewriter, loc, parallel.getInductionVars()[0], step);
  Value end = arith::AddIOp::create(rewriter, loc, begin, step);
  if (size * chunks != nest.extent)
    end = arith::MinUIOp::create(rewriter, loc, end, extent);
  rewriter.modifyOpInPlace(loop, [&] {
    loop.setLowerBound(begin);
    loop.setUpperBound(end);
  });
  return true;
}

static bool isContiguous(Value value) {
  return cast<MemRefType>(value.getType()).getLayout().isIdentity();
}

struct LinalgToLoops : gpfq::impl::GPFQLinalgToLoopsBase<LinalgToLoops> {
  using GPFQLinalgToLoopsBase::GPFQLinalgToLoopsBase;

  void runOnOperation() override {
    if (chunkWork < 1) {
      getOperation().emitError("chunk-work is below 1");
      return signalPassFailure();
    }
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

    // Fills come last: one before a reduction may become its start.
    for (bool fills : {false, true}) {
      SmallVector<linalg::LinalgOp> ops;
      getOperation().walk([&](linalg::LinalgOp op) {
        if (isa<linalg::FillOp>(op) == fills)
          ops.push_back(op);
      });
      for (linalg::LinalgOp op : ops)
        if (failed(convert(rewriter, op)))
          return signalPassFailure();
    }
  }

private:
  LogicalResult convert(IRRewriter &rewriter, linalg::LinalgOp op) {
    if (!op.hasPureBufferSemantics())
      return op.emitOpError("is still on tensors: bufferize first");
    int64_t chunks = maxChunks > 1 && isSplittable(op)
                         ? std::min<int64_t>(maxChunks, countIterations(op) / chunkWork)
                         : 1;
    FailureOr<LoopNest> nest = lowerToLoops(rewriter, op);
    if (failed(nest))
      return failure();
    numSplit += chunks > 1 && splitIntoChunks(rewriter, *nest, chunks);
    return success();
  }
};

} // namespace
