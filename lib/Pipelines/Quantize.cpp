// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Pipelines/Quantize.h"

#include "gpfq/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::gpfq;

/// One function of static shapes.
static void addShapePasses(OpPassManager &pm) {
  pm.addPass(createInlinerPass());
  pm.addPass(createGPFQDecomposeAggregates());
  pm.addNestedPass<func::FuncOp>(createGPFQSpecializeBatch());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// Layers in the forms that have kernels.
static void addLayerPasses(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createGPFQSequencesToImages());
  pm.addNestedPass<func::FuncOp>(createGPFQFoldBatchNorm());
  pm.addNestedPass<func::FuncOp>(createGPFQChannelsLast());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::gpfq::buildPreparePipeline(OpPassManager &pm, const QuantizeOptions &options) {
  addShapePasses(pm);
  addLayerPasses(pm);
  if (options.weightBits == 0)
    return;
  GPFQAnnotateLayersOptions annotate;
  annotate.weightBits = options.weightBits;
  annotate.alphabet = options.alphabet;
  annotate.granularity = options.granularity;
  annotate.blockSize = options.blockSize;
  annotate.skip = options.skip;
  annotate.policy = options.policy;
  annotate.products = options.products;
  pm.addNestedPass<func::FuncOp>(createGPFQAnnotateLayers(annotate));
}

static GPFQAllocateBitsOptions getAllocationOptions(const QuantizeOptions &options) {
  GPFQAllocateBitsOptions result;
  result.calibration = llvm::to_vector(options.calibration);
  result.samples = options.samples;
  result.averageBits = options.averageBits;
  result.budget = options.budget;
  result.candidates = llvm::to_vector(options.candidates);
  result.fixed = options.fixed;
  result.threads = options.threads;
  result.memoryBudget = options.memoryBudget;
  result.report = options.allocationReport;
  return result;
}

static GPFQQuantizeActivationsOptions getActivationOptions(const QuantizeOptions &options) {
  GPFQQuantizeActivationsOptions result;
  result.calibration = llvm::to_vector(options.calibration);
  result.samples = options.samples;
  result.mode = options.activations;
  result.symmetric = options.symmetric;
  result.bits = options.activationBits;
  result.max = options.activationMax;
  result.range = options.range;
  result.percentile = options.percentile;
  result.threads = options.threads;
  result.report = options.activationReport;
  return result;
}

static GPFQQuantizeWeightsOptions getWeightOptions(const QuantizeOptions &options) {
  GPFQQuantizeWeightsOptions result;
  result.calibration = llvm::to_vector(options.calibration);
  result.samples = options.samples;
  result.heldOut = options.heldOut;
  result.recipe = options.recipe;
  result.method = options.method;
  result.step = options.step;
  result.stepFactor = options.stepFactor;
  result.order = options.order;
  result.sweeps = options.sweeps;
  result.tabuMoves = options.tabuMoves;
  result.alternations = options.alternations;
  result.clipRounds = options.clipRounds;
  result.poolRounds = options.poolRounds;
  result.scaleMatching = options.scaleMatching;
  result.ridge = options.ridge;
  result.refit = options.refit;
  result.biasCorrection = options.biasCorrection;
  result.residualTargets = options.residualTargets;
  result.threshold = options.threshold;
  result.lambda = options.lambda;
  result.lambdaUnit = options.lambdaUnit;
  result.radiusQuantile = options.radiusQuantile;
  result.accumulatorBits = options.accumulatorBits;
  result.accumulatorTile = options.accumulatorTile;
  result.seed = options.seed;
  result.maxRows = options.maxRows;
  result.patches = options.patches;
  result.retainRate = options.retainRate;
  result.inputs = options.inputs;
  result.cache = options.cache;
  result.threads = options.threads;
  result.memoryBudget = options.memoryBudget;
  result.checkpoint = options.checkpoint;
  result.report = options.report;
  result.exportFile = options.exportFile;
  return result;
}

void mlir::gpfq::buildQuantizePipeline(OpPassManager &pm, const QuantizeOptions &options,
                                       llvm::function_ref<void(OpPassManager &)> changeLayers) {
  buildPreparePipeline(pm, options);
  if (options.weightBits == 0)
    return;
  if (options.averageBits != 0.0 || options.budget != 0)
    pm.addPass(createGPFQAllocateBits(getAllocationOptions(options)));
  if (changeLayers)
    changeLayers(pm);
  if (options.activationBits != 0)
    pm.addPass(createGPFQQuantizeActivations(getActivationOptions(options)));
  pm.addPass(createGPFQQuantizeWeights(getWeightOptions(options)));
}

void mlir::gpfq::buildImportQdqPipeline(OpPassManager &pm) {
  addShapePasses(pm);
  pm.addNestedPass<func::FuncOp>(createGPFQQdqToLowBit());
  addLayerPasses(pm);
}

void mlir::gpfq::registerQuantizePipelines() {
  PassPipelineRegistration<QuantizeOptions>(
      "gpfq-prepare", "A float network to channels-last layers with names", buildPreparePipeline);
  PassPipelineRegistration<QuantizeOptions>(
      "gpfq-quantize", "A float network to one with quantised weights and activations",
      [](OpPassManager &pm, const QuantizeOptions &options) {
        buildQuantizePipeline(pm, options);
      });
  PassPipelineRegistration<>("gpfq-import-qdq",
                             "A network that another tool has quantised to one with lowbit weights",
                             buildImportQdqPipeline);
}
