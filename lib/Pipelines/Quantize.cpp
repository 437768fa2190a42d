// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Pipelines/Quantize.h"

#include "gpfq/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::gpfq;

void mlir::gpfq::buildPreparePipeline(OpPassManager &pm, const QuantizeOptions &options) {
  pm.addPass(createInlinerPass());
  pm.addNestedPass<func::FuncOp>(createGPFQSpecializeBatch());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::gpfq::buildQuantizePipeline(OpPassManager &pm, const QuantizeOptions &options) {
  buildPreparePipeline(pm, options);
}
