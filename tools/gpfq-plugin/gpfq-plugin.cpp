// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The dialect, passes and pipelines for mlir-opt and every other tool that loads MLIR plugins:
// --load-pass-plugin and --load-dialect-plugin, both with this file.

#include "gpfq/Pipelines/Register.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "GPFQ", GPFQ_VERSION, mlir::gpfq::registerGPFQPasses};
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "GPFQ", GPFQ_VERSION,
          [](mlir::DialectRegistry *registry) { mlir::gpfq::registerGPFQDialects(*registry); }};
}
