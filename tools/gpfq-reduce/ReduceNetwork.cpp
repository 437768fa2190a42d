// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ReduceNetwork.h"

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Reducer/Tester.h"
#include "llvm/Support/FileSystem.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_REDUCENETWORK
#include "ReducePasses.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

/// Ops that make up a network: those of lowbit, linalg and tensor with one static tensor as result.
static bool isNetworkOp(Operation *op) {
  if (!isa_and_nonnull<lowbit::LowBitDialect, linalg::LinalgDialect, tensor::TensorDialect>(
          op->getDialect()) ||
      isa<tensor::EmptyOp>(op) || op->getNumResults() != 1)
    return false;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  return type && type.hasStaticShape();
}

/// What may stand for the result of `op`, best first: operands and arguments of its type.
static SmallVector<Value> findReplacements(Operation *op) {
  SmallVector<Value> values;
  auto append = [&](Value value) {
    if (value.getType() == op->getResult(0).getType() && !value.getDefiningOp<tensor::EmptyOp>())
      values.push_back(value);
  };
  llvm::for_each(op->getOperands(), append);
  llvm::for_each(op->getBlock()->getArguments(), append);
  return values;
}

static SmallVector<Operation *> collectNetworkOps(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isNetworkOp(op))
      ops.push_back(op);
  });
  return ops;
}

static void eraseDeadOps(ModuleOp module) {
  // Users come after what they use.
  module.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
}

namespace {

struct ReduceNetwork : gpfq::impl::ReduceNetworkBase<ReduceNetwork> {
  using ReduceNetworkBase::ReduceNetworkBase;

  void runOnOperation() override;

private:
  bool isInteresting(ModuleOp module) {
    ++tests;
    return tester.isInteresting(module).first == Tester::Interestingness::True;
  }
  bool takeOut(size_t index);

  Tester tester;
};

} // namespace

/// Tries to do without the network op number `index`; the module changes only if it stays
/// interesting.
bool ReduceNetwork::takeOut(size_t index) {
  size_t choices = findReplacements(collectNetworkOps(getOperation())[index]).size() + 1;
  for (size_t choice = 0; choice < choices; ++choice) {
    OwningOpRef<ModuleOp> candidate = getOperation().clone();
    Operation *op = collectNetworkOps(*candidate)[index];
    OpBuilder builder(op);
    SmallVector<Value> replacements = findReplacements(op);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    replacements.push_back(
        tensor::EmptyOp::create(builder, op->getLoc(), type.getShape(), type.getElementType()));
    op->getResult(0).replaceAllUsesWith(replacements[choice]);
    op->erase();
    eraseDeadOps(*candidate);
    if (failed(verify(*candidate, /*verifyRecursively=*/true)) || !isInteresting(*candidate))
      continue;
    getOperation().getBodyRegion().takeBody(candidate->getBodyRegion());
    return true;
  }
  return false;
}

void ReduceNetwork::runOnOperation() {
  ModuleOp module = getOperation();
  if (!llvm::sys::fs::can_execute(testerName)) {
    module.emitError() << "test=" << testerName << " is not a program that can be run";
    return signalPassFailure();
  }
  tester.setTestScript(testerName);
  tester.setTestScriptArgs(testerArgs);
  if (!isInteresting(module)) {
    module.emitError("the test does not find the network interesting: it must end with status 1");
    return signalPassFailure();
  }
  bool changed = true;
  while (changed) {
    changed = false;
    for (size_t left = collectNetworkOps(module).size(); left > 0; --left) {
      if (!takeOut(left - 1))
        continue;
      ++replaced;
      changed = true;
      left = std::min(left, collectNetworkOps(module).size() + 1);
    }
  }
}
