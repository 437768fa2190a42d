// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_PIPELINES_QUANTIZE_H
#define GPFQ_PIPELINES_QUANTIZE_H

#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::gpfq {

/// Options of `gpfq-prepare` and `gpfq-quantize`. Their meaning, values and errors are those of the
/// passes.
struct QuantizeOptions : PassPipelineOptions<QuantizeOptions> {
  // gpfq-annotate-layers
  PassOptions::Option<int> weightBits{
      *this, "weight-bits", llvm::cl::init(4),
      llvm::cl::desc("Bits of a weight, 1 to 8; 0 leaves the network in float")};
  PassOptions::Option<std::string> alphabet{*this, "alphabet", llvm::cl::desc("Levels of weights")};
  PassOptions::Option<std::string> granularity{
      *this, "granularity", llvm::cl::init("channel"),
      llvm::cl::desc("tensor, channel or block: what shares a scale")};
  PassOptions::Option<int64_t> blockSize{
      *this, "block-size", llvm::cl::init(32),
      llvm::cl::desc("Input channels of a block, for granularity=block")};
  PassOptions::Option<std::string> skip{
      *this, "skip", llvm::cl::desc("Layers left in float, a regular expression")};
  PassOptions::Option<std::string> policy{*this, "policy",
                                          llvm::cl::desc("JSON file of settings by layer name")};

  PassOptions::Option<std::string> products{
      *this, "products", llvm::cl::init("float"),
      llvm::cl::desc("Products of two activations: float or int8")};

  // gpfq-allocate-bits, which runs when one of the first two is given
  PassOptions::Option<double> averageBits{
      *this, "average-bits", llvm::cl::init(0.0),
      llvm::cl::desc("Bits that a weight may take on average, allocated to layers")};
  PassOptions::Option<int64_t> budget{
      *this, "budget", llvm::cl::init(0),
      llvm::cl::desc("Bytes that all weights may take, allocated to layers")};
  PassOptions::ListOption<int64_t> candidates{
      *this, "candidates", llvm::cl::desc("Bits to choose from, 2,3,4,8 by default")};
  PassOptions::Option<std::string> fixed{
      *this, "fixed", llvm::cl::desc("Layers that keep weight-bits, a regular expression")};
  PassOptions::Option<std::string> allocationReport{
      *this, "allocation-report", llvm::cl::desc("File for losses and the frontier, JSON")};

  // gpfq-quantize-activations
  PassOptions::Option<int> activationBits{
      *this, "activation-bits", llvm::cl::init(8),
      llvm::cl::desc("Bits of an activation, 1 to 8, 1: signs for layers with weights of 1 "
                     "bit; 0 leaves activations in float")};
  PassOptions::Option<int64_t> activationMax{
      *this, "activation-max", llvm::cl::init(0),
      llvm::cl::desc("Largest code of an activation of 8 bits; 0: 255 less what layers leave")};
  PassOptions::Option<std::string> activations{
      *this, "activations", llvm::cl::init("static"),
      llvm::cl::desc("Scales of activations: static, from the data, or dynamic, for each row")};
  PassOptions::Option<bool> symmetric{*this, "symmetric", llvm::cl::init(false),
                                      llvm::cl::desc("Zero points of dynamic activations are 128")};
  PassOptions::Option<std::string> range{*this, "range", llvm::cl::init("minmax"),
                                         llvm::cl::desc("minmax, percentile or mse")};
  PassOptions::Option<double> percentile{
      *this, "percentile", llvm::cl::init(99.99),
      llvm::cl::desc("Share of the values inside of the range, in percent")};
  PassOptions::Option<std::string> activationReport{
      *this, "activation-report", llvm::cl::desc("File for values and codes of activations, JSON")};

  // Both quantisations
  PassOptions::ListOption<std::string> calibration{
      *this, "calibration", llvm::cl::desc("Calibration files, one for each argument")};
  PassOptions::Option<int64_t> samples{*this, "samples", llvm::cl::init(0),
                                       llvm::cl::desc("Use the first N samples; 0 means all")};
  PassOptions::Option<unsigned> threads{
      *this, "threads", llvm::cl::init(0),
      llvm::cl::desc("Number of threads; 0 means one for each CPU")};

  // gpfq-quantize-weights
  PassOptions::Option<double> heldOut{
      *this, "held-out", llvm::cl::init(0.1),
      llvm::cl::desc("Fraction of the samples that measures errors")};
  PassOptions::Option<std::string> recipe{
      *this, "recipe", llvm::cl::init("best"),
      llvm::cl::desc("What options are when they are auto: best or paper")};
  PassOptions::Option<std::string> method{*this, "method", llvm::cl::init("auto"),
                                          llvm::cl::desc("gpfq, optq, qronos, spfq or msq")};
  PassOptions::Option<std::string> step{*this, "step", llvm::cl::init("auto"),
                                        llvm::cl::desc("absmax, constant, search")};
  PassOptions::Option<double> stepFactor{*this, "step-factor", llvm::cl::init(1.0),
                                         llvm::cl::desc("The paper's C, for step=constant")};
  PassOptions::Option<std::string> order{*this, "order", llvm::cl::init("auto"),
                                         llvm::cl::desc("Order of the columns: norm or natural")};
  PassOptions::Option<std::string> sweeps{
      *this, "sweeps", llvm::cl::init("auto"),
      llvm::cl::desc("Coordinate descent sweeps after the recursion")};
  PassOptions::Option<std::string> tabuMoves{
      *this, "tabu-moves", llvm::cl::init("auto"),
      llvm::cl::desc("Moves of a tabu search for the levels of each output channel")};
  PassOptions::Option<std::string> alternations{
      *this, "alternations", llvm::cl::init("auto"),
      llvm::cl::desc("Rounds of the best step for the levels, then sweeps")};
  PassOptions::Option<std::string> clipRounds{
      *this, "clip-rounds", llvm::cl::init("auto"),
      llvm::cl::desc("Rounds that know the ReLU or ReLU6 behind the layer")};
  PassOptions::Option<std::string> poolRounds{
      *this, "pool-rounds", llvm::cl::init("auto"),
      llvm::cl::desc("Rounds that aim at means over positions where a global pooling follows")};
  PassOptions::Option<std::string> scaleMatching{
      *this, "scale-matching", llvm::cl::init("auto"),
      llvm::cl::desc("Last change of the scales: none, least-squares or variance")};
  PassOptions::Option<std::string> ridge{
      *this, "ridge", llvm::cl::init("auto"),
      llvm::cl::desc("Weight of the change of the weights beside that of the output")};
  PassOptions::Option<std::string> refit{
      *this, "refit", llvm::cl::init("auto"),
      llvm::cl::desc("Fit float weights to the quantised inputs first: true or false")};
  PassOptions::Option<std::string> biasCorrection{
      *this, "bias-correction", llvm::cl::init("auto"),
      llvm::cl::desc("Remove the mean error of each output channel: true or false")};
  PassOptions::Option<std::string> residualTargets{
      *this, "residual-targets", llvm::cl::init("auto"),
      llvm::cl::desc("Make up for the error of shortcuts: true or false")};
  PassOptions::Option<std::string> threshold{
      *this, "threshold", llvm::cl::init("none"),
      llvm::cl::desc("For sparse levels: none, soft or hard")};
  PassOptions::Option<std::string> lambda{*this, "lambda", llvm::cl::init("auto"),
                                          llvm::cl::desc("The threshold")};
  PassOptions::Option<std::string> lambdaUnit{
      *this, "lambda-unit", llvm::cl::init("step"),
      llvm::cl::desc("What lambda is measured in: step, radius or weight")};
  PassOptions::Option<double> radiusQuantile{
      *this, "radius-quantile", llvm::cl::init(1.0),
      llvm::cl::desc("Quantile of the magnitudes that counts as the largest weight")};
  PassOptions::Option<int64_t> accumulatorBits{
      *this, "accumulator-bits", llvm::cl::init(0),
      llvm::cl::desc("Sums of products fit so many bits; 0: no bound")};
  PassOptions::Option<int64_t> accumulatorTile{
      *this, "accumulator-tile", llvm::cl::init(0),
      llvm::cl::desc("Columns that one accumulator sums; 0: all")};
  PassOptions::Option<int64_t> seed{*this, "seed", llvm::cl::init(0),
                                    llvm::cl::desc("Of the random numbers of spfq")};
  PassOptions::Option<int64_t> maxRows{
      *this, "max-rows", llvm::cl::init(32768),
      llvm::cl::desc("Rows of the data of a layer, at most, for all samples")};
  PassOptions::Option<std::string> patches{
      *this, "patches", llvm::cl::init("real"),
      llvm::cl::desc("Patches of a convolution that are rows: real or paper")};
  PassOptions::Option<double> retainRate{
      *this, "retain-rate", llvm::cl::init(0.25),
      llvm::cl::desc("Share of the patches that patches=paper draws")};
  PassOptions::Option<std::string> inputs{
      *this, "inputs", llvm::cl::init("quantized"),
      llvm::cl::desc(
          "Inputs that weights are fitted on: quantized, or float: other weights float")};
  PassOptions::Option<std::string> cache{
      *this, "cache",
      llvm::cl::desc("Directory that keeps the moments of the layers for runs at other bits")};
  PassOptions::Option<uint64_t> memoryBudget{
      *this, "memory-budget", llvm::cl::init(uint64_t(3) << 29),
      llvm::cl::desc("Bytes of activations to keep in memory")};
  PassOptions::Option<std::string> checkpoint{*this, "checkpoint",
                                              llvm::cl::desc("Directory for finished layers")};
  PassOptions::Option<std::string> report{*this, "report",
                                          llvm::cl::desc("File for the report, JSON")};
  PassOptions::Option<std::string> exportFile{
      *this, "export", llvm::cl::desc("File for levels, scales and alphabets, safetensors")};
};

/// Level 0 to level 1, `gpfq-prepare`: static batch, folded batch norms, channels last, named
/// layers.
void buildPreparePipeline(OpPassManager &pm, const QuantizeOptions &options);

/// Level 0 to level 2, `gpfq-quantize`: gpfq-prepare, bits of the layers if there is a budget, then
/// activations (unless their bits are 0), then weights. With `weight-bits` 0, gpfq-prepare alone.
/// `changeLayers` adds passes of the caller's own that run when the layers carry `lowbit.layer` and
/// nothing has been quantised: the place to change bits and alphabets.
void buildQuantizePipeline(OpPassManager &pm, const QuantizeOptions &options,
                           llvm::function_ref<void(OpPassManager &)> changeLayers = nullptr);

/// A float network in which the codes of another tool are computed (ONNX QDQ) to level 2,
/// `gpfq-import-qdq`: static batch, gpfq-qdq-to-lowbit, folded batch norms, channels last.
void buildImportQdqPipeline(OpPassManager &pm);

/// Registers `gpfq-prepare`, `gpfq-quantize` and `gpfq-import-qdq` with the global registry.
void registerQuantizePipelines();

} // namespace mlir::gpfq

#endif // GPFQ_PIPELINES_QUANTIZE_H
