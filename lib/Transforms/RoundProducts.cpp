// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQROUNDPRODUCTS
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

/// May a compiler that contracts fuse `product` into an addition that is to have a rounding of its
/// own? In sums over many products it may do so: their order is up to it, too.
static bool isContractible(arith::MulFOp product) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(product->getParentOp());
  if (linalgOp && linalgOp.getNumReductionLoops() > 0)
    return false;
  return product.getType().isF32() && llvm::any_of(product->getUsers(), [](Operation *user) {
           return isa<arith::AddFOp, arith::SubFOp>(user);
         });
}

namespace {

struct RoundProducts : gpfq::impl::GPFQRoundProductsBase<RoundProducts> {
  using GPFQRoundProductsBase::GPFQRoundProductsBase;

  void runOnOperation() override {
    SmallVector<arith::MulFOp> products;
    getOperation()->walk([&](arith::MulFOp product) {
      if (isContractible(product))
        products.push_back(product);
    });
    for (arith::MulFOp product : products) {
      OpBuilder builder(product);
      Value zero =
          arith::ConstantOp::create(builder, product.getLoc(), builder.getF32FloatAttr(0.0f));
      Value rounded =
          math::FmaOp::create(builder, product.getLoc(), product.getLhs(), product.getRhs(), zero);
      product.replaceAllUsesWith(rounded);
      product.erase();
    }
    numRounded += products.size();
  }
};

} // namespace
