// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/Passes.h"

#include "gpfq/Support/Gathers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQREMOVEASSERTS
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

namespace {

struct RemoveAsserts : mlir::gpfq::impl::GPFQRemoveAssertsBase<RemoveAsserts> {
  using GPFQRemoveAssertsBase::GPFQRemoveAssertsBase;

  void runOnOperation() override {
    numClamped += mlir::gpfq::clampGathers(getOperation());
    getOperation()->walk([&](cf::AssertOp op) {
      op.erase();
      ++numRemoved;
    });
  }
};

} // namespace
