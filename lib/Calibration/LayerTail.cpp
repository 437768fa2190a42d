// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/LayerTail.h"

#include "gpfq/Support/Clip.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Whether `op` computes each element of its only result from the elements of its inputs in the
/// same place.
static bool isElementwise(linalg::LinalgOp op) {
  return op->getNumResults() == 1 && op.getNumLoops() == op.getNumParallelLoops() &&
         llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); });
}

namespace {
/// A tail and the value that has gone through it.
struct Step {
  Value shortcut;
  SmallVector<Clip, 2> clips;
  Value result;
};
} // namespace

/// What `op` does with its operand `y`, if that is the addition of another operand, clips of the
/// sum, or both.
static std::optional<Step> matchStep(linalg::LinalgOp op, Value y) {
  if (!isElementwise(op))
    return std::nullopt;
  Step step;
  step.result = op->getResult(0);
  Value value = op.getBlock()->getTerminator()->getOperand(0);
  while (Operation *def = value.getDefiningOp()) {
    std::optional<Clip> clip = matchClip(def);
    if (!clip)
      break;
    step.clips.push_back(*clip);
    value = clip->value;
  }
  auto getInput = [&](Value element) -> Value {
    auto argument = dyn_cast<BlockArgument>(element);
    if (!argument || argument.getOwner() != op.getBlock() ||
        int64_t(argument.getArgNumber()) >= op.getNumDpsInputs())
      return {};
    return op->getOperand(argument.getArgNumber());
  };
  if (auto add = value.getDefiningOp<arith::AddFOp>()) {
    Value lhs = getInput(add.getLhs()), rhs = getInput(add.getRhs());
    if (rhs == y)
      std::swap(lhs, rhs);
    // y + y is no shortcut.
    if (lhs != y || !rhs || rhs == y)
      return std::nullopt;
    step.shortcut = rhs;
    return step;
  }
  if (getInput(value) != y || step.clips.empty())
    return std::nullopt;
  return step;
}

/// Does `op` sum its input over all positions of each image and channel? Images are the first
/// dimension, channels the last one.
static bool isSumOverPositions(linalg::LinalgOp op) {
  if (auto pooling = dyn_cast<linalg::PoolingNhwcSumOp>(op.getOperation())) {
    auto result = cast<ShapedType>(pooling->getResult(0).getType());
    return llvm::all_of(result.getShape().slice(1, 2), [](int64_t size) { return size == 1; });
  }
  SmallVector<Operation *, 1> combiners;
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      !matchReduction(op.getRegionOutputArgs(), 0, combiners) || combiners.size() != 1 ||
      !isa<arith::AddFOp>(combiners.front()) || op.getBlock()->getOperations().size() != 2)
    return false;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  if (!map.isPermutation() || map.getNumResults() < 3)
    return false;
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (unsigned dimension = 0; dimension < map.getNumResults(); ++dimension) {
    bool isPosition = dimension > 0 && dimension + 1 < map.getNumResults();
    if (isPosition != (iterators[map.getDimPosition(dimension)] == utils::IteratorType::reduction))
      return false;
  }
  return true;
}

LayerTail LayerTail::match(Value y) {
  LayerTail tail;
  while (y.hasOneUse()) {
    Operation *user = *y.getUsers().begin();
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user)) {
      y = user->getResult(0);
      continue;
    }
    auto op = dyn_cast<linalg::LinalgOp>(user);
    std::optional<Step> step = op ? matchStep(op, y) : std::nullopt;
    // An addition after a clip or a second addition belongs to something else.
    if (!step || (step->shortcut && (tail.shortcut || tail.isClipped())))
      break;
    if (step->shortcut)
      tail.shortcut = step->shortcut;
    for (const Clip &clip : llvm::reverse(step->clips)) {
      auto apply = [&](float bound) {
        return clip.isMax ? std::max(bound, clip.bound) : std::min(bound, clip.bound);
      };
      tail.low = apply(tail.low);
      tail.high = apply(tail.high);
    }
    y = step->result;
  }
  if (y.hasOneUse())
    if (auto op = dyn_cast<linalg::LinalgOp>(*y.getUsers().begin()))
      tail.isPooled = isSumOverPositions(op);
  return tail;
}
