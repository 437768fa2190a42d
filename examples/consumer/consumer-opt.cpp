// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// gpfq-opt with the pass, and with a pipeline that has it in its place.

#include "WidenEnds.h"

#include "gpfq/Pipelines/Quantize.h"
#include "gpfq/Pipelines/Register.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::gpfq::registerAllPasses();
  consumer::registerConsumerPasses();
  mlir::PassPipelineRegistration<mlir::gpfq::QuantizeOptions>(
      "consumer-quantize", "gpfq-quantize with 8 bits for the first and the last layer",
      [](mlir::OpPassManager &pm, const mlir::gpfq::QuantizeOptions &options) {
        mlir::gpfq::buildQuantizePipeline(pm, options, [](mlir::OpPassManager &layers) {
          layers.addNestedPass<mlir::func::FuncOp>(consumer::createWidenEnds());
        });
      });
  mlir::DialectRegistry registry;
  mlir::gpfq::registerAllDialects(registry);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "gpfq-opt with a pass of one's own\n", registry));
}
