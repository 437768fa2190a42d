// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Pipelines/Pipelines.h"

#include "gpfq/Conversion/Passes.h"
#include "gpfq/Dialect/LowBit/Transforms/Passes.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Cleans up between passes that leave dead or equal values.
static void addCleanup(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::gpfq::buildLowBitIntegerPipeline(OpPassManager &pm) {
  pm.addPass(createInlinerPass());
  pm.addPass(createGPFQDecomposeAggregates());
  pm.addPass(createGPFQRemoveAsserts());
  addCleanup(pm);
  pm.addPass(createLowBitFusePass());
  addCleanup(pm);
}

void mlir::gpfq::buildLowBitPackPipeline(OpPassManager &pm, const LowBitToLLVMOptions &options) {
  LowBitToLinalgPassOptions toLinalg;
  if (!options.reference) {
    pm.addNestedPass<func::FuncOp>(lowbit::createLowBitPack({options.target, options.tiles}));
    toLinalg.elementwiseOnly = true;
  }
  pm.addPass(createLowBitToLinalgPass(toLinalg));
  pm.addNestedPass<func::FuncOp>(createGPFQFuseElementwise());
  pm.addNestedPass<func::FuncOp>(createGPFQLayoutFloatWeights());
  addCleanup(pm);
}

void mlir::gpfq::buildLowBitBufferizePipeline(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createGPFQWriteInPlace());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  addCleanup(pm);
  bufferization::BufferResultsToOutParamsPassOptions outParams;
  outParams.hoistStaticAllocs = true;
  outParams.modifyPublicFunctions = true;
  pm.addPass(bufferization::createBufferResultsToOutParamsPass(outParams));
  pm.addPass(createCanonicalizerPass());
}

/// Even shares for 2 to 8 threads.
static int64_t getMaxChunks(const LowBitToLLVMOptions &options) {
  return options.parallel ? 32 : 1;
}

void mlir::gpfq::buildLowBitKernelPipeline(OpPassManager &pm, const LowBitToLLVMOptions &options) {
  if (!options.profileClock.empty())
    pm.addPass(createGPFQProfileLayers({options.profileClock}));
  if (!options.reference) {
    ConvertLowBitToVectorOptions kernels;
    kernels.maxChunks = getMaxChunks(options);
    pm.addPass(createConvertLowBitToVector(kernels));
  }
  // Kernels have buffers too.
  pm.addNestedPass<func::FuncOp>(lowbit::createLowBitPlanMemory());
}

void mlir::gpfq::buildLowBitLowerPipeline(OpPassManager &pm, const LowBitToLLVMOptions &options) {
  GPFQExpandMathOptions math;
  math.round = math.fma = options.target == "generic";
  pm.addPass(createGPFQExpandMath(math));
  GPFQLinalgToLoopsOptions loops;
  loops.maxChunks = getMaxChunks(options);
  pm.addNestedPass<func::FuncOp>(createGPFQLinalgToLoops(loops));
  if (options.parallel)
    pm.addPass(createGPFQParallelToRuntime());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  addCleanup(pm);
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  addCleanup(pm);
}

void mlir::gpfq::buildLowBitToLLVMPipeline(OpPassManager &pm, const LowBitToLLVMOptions &options) {
  buildLowBitIntegerPipeline(pm);
  buildLowBitPackPipeline(pm, options);
  buildLowBitBufferizePipeline(pm);
  buildLowBitKernelPipeline(pm, options);
  buildLowBitLowerPipeline(pm, options);
}

void mlir::gpfq::registerPipelines() {
  PassPipelineRegistration<LowBitToLLVMOptions>("lowbit-to-llvm",
                                                "A quantised or float network to the LLVM dialect",
                                                buildLowBitToLLVMPipeline);
}
