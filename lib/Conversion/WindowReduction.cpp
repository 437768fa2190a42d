// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LoopNest.h"
#include "LowBitToVector/LoopBuilder.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Elements of a window for which one accumulator is fast: the next one starts before it ends.
static constexpr int64_t maxWindow = 64;
static constexpr int64_t vectorBytes = 64;

static bool isByteSized(Type type) {
  return type.isIntOrFloat() && type.getIntOrFloatBitWidth() % 8 == 0;
}

/// True if `loop` only takes part in the last index, and is that, or takes no part.
static bool isInnermostIn(AffineMap map, unsigned loop) {
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    bool isLast = i + 1 == map.getNumResults() && dim && dim.getPosition() == loop;
    if (expr.isFunctionOfDim(loop) && !isLast)
      return false;
  }
  return true;
}

/// True if every op of the payload computes elements of a vector as it computes scalars.
static bool hasElementwisePayload(linalg::GenericOp op) {
  return llvm::all_of(op.getBody()->without_terminator(), [](Operation &payload) {
    return payload.getNumRegions() == 0 && OpTrait::hasElementwiseMappableTraits(&payload) &&
           llvm::all_of(payload.getResultTypes(), [](Type type) { return type.isIntOrFloat(); });
  });
}

/// False for an operand that only gives its shape, as the window of a pooling.
static bool isAccessed(linalg::GenericOp op, OpOperand &operand) {
  return op.isDpsInit(&operand) || op.payloadUsesValueFromOperand(&operand);
}

static bool isWindowReduction(linalg::GenericOp op) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0 || iterators.empty() ||
      !linalg::isParallelIterator(iterators.back()) ||
      llvm::is_contained(extents, ShapedType::kDynamic))
    return false;
  int64_t window = 1;
  for (auto [iterator, extent] : llvm::zip_equal(iterators, extents))
    if (linalg::isReductionIterator(iterator))
      window *= extent;
  if (window > maxWindow || !hasElementwisePayload(op))
    return false;
  unsigned innermost = op.getNumLoops() - 1;
  auto isUsed = [&](OpOperand *input) { return isAccessed(op, *input); };
  return llvm::count_if(op.getDpsInputOperands(), isUsed) == 1 &&
         llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
           if (!isAccessed(op, operand))
             return true;
           auto type = dyn_cast<MemRefType>(operand.get().getType());
           AffineMap map = op.getMatchingIndexingMap(&operand);
           if (!type || !isByteSized(type.getElementType()) || !isInnermostIn(map, innermost))
             return false;
           bool isVector = map.isFunctionOfDim(innermost);
           return isVector ? hasUnitInnerStride(type) : !op.isDpsInit(&operand);
         });
}

/// The fill of the result of `op` by a constant right before it.
static linalg::FillOp findFill(linalg::GenericOp op) {
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    if (auto fill = dyn_cast<linalg::FillOp>(before))
      return fill.getOutputs()[0] == op.getDpsInits()[0] &&
                     matchPattern(fill.getInputs()[0], m_Constant())
                 ? fill
                 : linalg::FillOp();
    if (!isMemoryEffectFree(before))
      break;
  }
  return {};
}

namespace {

class WindowReduction {
public:
  WindowReduction(RewriterBase &rewriter, linalg::GenericOp op, linalg::FillOp fill)
      : op(op), b(op.getLoc(), rewriter), indices(op.getNumLoops()) {
    int64_t bytes = 1;
    for (OpOperand &operand : op->getOpOperands())
      if (isAccessed(op, operand))
        bytes = std::max<int64_t>(
            bytes, getElementTypeOrSelf(operand.get().getType()).getIntOrFloatBitWidth() / 8);
    lanes = vectorBytes / bytes;
    if (fill)
      start = fill.getInputs()[0];
    for (auto [i, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
      if (linalg::isReductionIterator(iterator))
        reductions.push_back(i);
      else if (i + 1 < op.getNumLoops())
        outer.push_back(i);
  }

  LoopNest build() {
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    LoopNest nest;
    auto enter = [&](unsigned loop, int64_t count) {
      auto loopOp = scf::ForOp::create(b, b.index(0), b.index(count), b.index(1));
      b.setInsertionPointToStart(loopOp.getBody());
      indices[loop] = loopOp.getInductionVar();
      if (count > 1 && !nest.splittable) {
        nest.splittable = nest.loops.size();
        nest.extent = count;
      }
      nest.loops.push_back(loopOp);
    };
    for (unsigned loop : outer)
      enter(loop, extents[loop]);
    unsigned innermost = extents.size() - 1;
    int64_t vectors = extents.back() / lanes, tail = extents.back() % lanes;
    bool isOutermost = !nest.splittable;
    if (vectors > 0) {
      enter(innermost, vectors);
      Operation *loop = nest.loops.back();
      indices[innermost] = b.scale(indices[innermost], lanes);
      buildElements(lanes);
      b.setInsertionPointAfter(loop);
    }
    if (tail > 0) {
      indices[innermost] = b.index(vectors * lanes);
      buildElements(tail);
      // Parts of the loop before would each compute these.
      if (isOutermost)
        nest.splittable.reset();
    }
    return nest;
  }

private:
  VectorType getVectorType(Type element) const { return VectorType::get(lanes, element); }

  SmallVector<Value> getIndices(OpOperand &operand) {
    SmallVector<Value> result;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      AffineMap map = AffineMap::get(op.getNumLoops(), 0, expr);
      SmallVector<OpFoldResult> dims;
      // A loop that is not open yet takes no part.
      for (Value index : indices)
        dims.push_back(index ? OpFoldResult(index) : OpFoldResult(b.getIndexAttr(0)));
      OpFoldResult index = affine::makeComposedFoldedAffineApply(b, b.getLoc(), map, dims);
      result.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), index));
    }
    return result;
  }

  Value broadcast(Value scalar) {
    return vector::BroadcastOp::create(b, getVectorType(scalar.getType()), scalar);
  }

  Value load(OpOperand &operand, int64_t valid) {
    bool isVector = op.getMatchingIndexingMap(&operand).isFunctionOfDim(op.getNumLoops() - 1);
    if (isVector)
      return b.loadVector(operand.get(), getIndices(operand), valid, lanes);
    return broadcast(memref::LoadOp::create(b, operand.get(), getIndices(operand)));
  }

  /// The payload for `valid` elements of which `accumulator` holds the sums so far.
  Value buildPayload(Value accumulator, int64_t valid) {
    IRMapping mapping;
    for (OpOperand *input : op.getDpsInputOperands())
      if (isAccessed(op, *input))
        mapping.map(op.getMatchingBlockArgument(input), load(*input, valid));
    mapping.map(op.getMatchingBlockArgument(op.getDpsInitOperand(0)), accumulator);
    auto getVector = [&](Value scalar) {
      if (!mapping.contains(scalar))
        mapping.map(scalar, broadcast(scalar));
      return mapping.lookup(scalar);
    };
    for (Operation &payload : op.getBody()->without_terminator()) {
      SmallVector<Value> operands = llvm::map_to_vector(payload.getOperands(), getVector);
      SmallVector<Type> types = llvm::map_to_vector(
          payload.getResultTypes(), [&](Type type) -> Type { return getVectorType(type); });
      OperationState state(payload.getLoc(), payload.getName(), operands, types,
                           payload.getAttrs());
      mapping.map(payload.getResults(), b.OpBuilder::create(state)->getResults());
    }
    return getVector(op.getBody()->getTerminator()->getOperand(0));
  }

  Value buildWindow(ArrayRef<unsigned> loops, Value accumulator, int64_t valid) {
    if (loops.empty())
      return buildPayload(accumulator, valid);
    unsigned loop = loops.front();
    return b
        .buildLoop(op.getStaticLoopRanges()[loop], accumulator,
                   [&](Value index, ValueRange carried) -> SmallVector<Value> {
                     indices[loop] = index;
                     return {buildWindow(loops.drop_front(), carried.front(), valid)};
                   })
        .front();
  }

  void buildElements(int64_t valid) {
    OpOperand &init = *op.getDpsInitOperand(0);
    Value accumulator = start ? broadcast(start) : load(init, valid);
    accumulator = buildWindow(reductions, accumulator, valid);
    b.storeVector(accumulator, init.get(), getIndices(init), valid);
  }

  linalg::GenericOp op;
  LoopBuilder b;
  /// The index of each loop, of those that are open.
  SmallVector<Value> indices;
  SmallVector<unsigned> outer, reductions;
  /// What accumulators start with; null if that is the result before.
  Value start;
  int64_t lanes;
};

} // namespace

FailureOr<LoopNest> mlir::gpfq::lowerWindowReduction(IRRewriter &rewriter, linalg::GenericOp op) {
  if (!isWindowReduction(op))
    return failure();
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  linalg::FillOp fill = findFill(op);
  LoopNest nest = WindowReduction(rewriter, op, fill).build();
  rewriter.eraseOp(op);
  if (fill)
    rewriter.eraseOp(fill);
  return nest;
}
