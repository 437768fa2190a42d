// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Pipelines/ToIREE.h"

#include "gpfq/Conversion/Passes.h"
#include "gpfq/Pipelines/Pipelines.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::gpfq;

void mlir::gpfq::buildToIREEPipeline(OpPassManager &pm, const ToIREEOptions &options) {
  buildLowBitIntegerPipeline(pm);
  pm.addPass(createLowBitToIREEPass({options.packWeights}));
  pm.addPass(createGPFQBatchLoop());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (options.roundProducts)
    pm.addPass(createGPFQRoundProducts());
}

void mlir::gpfq::registerToIREEPipeline() {
  PassPipelineRegistration<ToIREEOptions>(
      "gpfq-to-iree", "A quantised network to upstream ops for iree-compile", buildToIREEPipeline);
}
