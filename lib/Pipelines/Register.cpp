// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Pipelines/Register.h"

#include "gpfq/Conversion/Passes.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/BufferizableOpInterfaceImpl.h"
#include "gpfq/Dialect/LowBit/Transforms/Passes.h"
#include "gpfq/Pipelines/Pipelines.h"
#include "gpfq/Pipelines/Quantize.h"
#include "gpfq/Pipelines/ToIREE.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

void mlir::gpfq::registerGPFQDialects(DialectRegistry &registry) {
  registry.insert<lowbit::LowBitDialect>();
  lowbit::registerBufferizableOpInterfaceExternalModels(registry);
}

void mlir::gpfq::registerGPFQPasses() {
  registerTransformsPasses();
  registerConversionPasses();
  lowbit::registerLowBitPasses();
  registerPipelines();
  registerQuantizePipelines();
  registerToIREEPipeline();
}

void mlir::gpfq::registerAllDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registerGPFQDialects(registry);
}

void mlir::gpfq::registerAllPasses() {
  mlir::registerAllPasses();
  registerGPFQPasses();
}
