// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Evaluation of a network on the calibration samples, layer by layer.

#ifndef GPFQ_CALIBRATION_STAGEDEXECUTOR_H
#define GPFQ_CALIBRATION_STAGEDEXECUTOR_H

#include "gpfq/Calibration/CalibrationData.h"
#include "gpfq/Calibration/StageCompiler.h"
#include "gpfq/Calibration/Stages.h"
#include "gpfq/Calibration/ThreadPool.h"
#include "gpfq/Calibration/ValueStore.h"

namespace mlir::gpfq {

/// Runs the float network and, at the same time, the quantised one on all samples, from one group
/// of layers to the next. What is live in between is kept for all samples, so each layer is
/// evaluated once on each side. Samples are divided among threads; results do not depend on their
/// number.
class StagedExecutor {
public:
  enum Side : unsigned { Float = 0, Quantized = 1 };

  struct Options {
    /// Without it only the float network is run.
    bool withQuantizedSide = true;
    /// `withResults` is for evaluate(), `withShortcuts` for observers that use them.
    StageOptions stages;
    int64_t samples = 1;
    uint64_t memoryBudget = uint64_t(3) << 29;
    std::string temporaryDirectory = ::gpfq::ValueStore::defaultDirectory();
  };

  /// Called with the input of a layer: NHWC f32, as `QuantizableOp::shape` says, without padding;
  /// and with the shortcut of its tail, or null when hasShortcut() is false. Called on any thread,
  /// for different samples at the same time, for a sample with the float side first; `slot` numbers
  /// the samples of a batch.
  using Observer = llvm::function_ref<void(int64_t sample, int64_t slot, Side side, unsigned layer,
                                           const float *input, const float *shortcut)>;
  /// Called after each batch, with the number of its first sample and its size.
  using BatchEnd = llvm::function_ref<void(int64_t first, int64_t count)>;

  /// Compiles the stages of `function`. `data` has one entry for each argument. All parameters but
  /// `options` must outlive the executor. The float side leaves pairs of quantize and dequantize
  /// out.
  static FailureOr<std::unique_ptr<StagedExecutor>>
  create(func::FuncOp function, MutableArrayRef<QuantizableOp> layers, const Schedule &schedule,
         ArrayRef<::gpfq::CalibrationData> data, const Options &options, ::gpfq::ThreadPool &pool);
  ~StagedExecutor();

  /// Sets the weights (as QuantizableOp::weights) and the bias of a layer on one side; until then
  /// the layer has its own.
  void setWeights(Side side, unsigned layer, ArrayRef<float> weights, ArrayRef<float> bias);

  /// Runs the samples up to and excluding the layers of `cut`, from where the last call stopped, in
  /// batches of `batch` samples. Inputs of layers for which `isObserved` holds are given to
  /// `observer`.
  LogicalResult advance(int64_t cut, int64_t batch,
                        llvm::function_ref<bool(unsigned layer)> isObserved, Observer observer,
                        BatchEnd batchEnd);

  /// Called with what the function returns, by number among the results that are f32 and not
  /// constant. Called on any thread, for different samples at the same time.
  using ResultObserver =
      llvm::function_ref<void(int64_t sample, Side side, unsigned result, ArrayRef<float> values)>;
  /// Runs the first `samples` samples through the whole network with the present weights. Needs
  /// StageOptions::withResults; may be called again and again, but not before advance().
  LogicalResult evaluate(int64_t samples, ResultObserver observer);

  /// Whether the shortcut of the layer's LayerTail is known on all sides by the time the layer is
  /// quantised.
  bool hasShortcut(unsigned layer) const;
  bool hasQuantizedSide() const { return options.withQuantizedSide; }

  const ::gpfq::ValueStore &store() const { return values; }

  static void registerDependencies(DialectRegistry &registry) {
    StageCompiler::registerDependencies(registry);
  }

private:
  struct Network;
  class SampleRun;
  StagedExecutor(func::FuncOp function, MutableArrayRef<QuantizableOp> layers,
                 const Schedule &schedule, ArrayRef<::gpfq::CalibrationData> data,
                 const Options &options, ::gpfq::ThreadPool &pool);
  LogicalResult prepare();
  LogicalResult prepareNetwork(Side side, ModuleOp stages);
  /// Takes the first `samples` samples through the steps [first, end).
  LogicalResult runSteps(int64_t first, int64_t end, int64_t samples, int64_t batch,
                         llvm::function_ref<void(SampleRun &run, int64_t slot, Side side)> observer,
                         BatchEnd batchEnd);

  func::FuncOp function;
  MutableArrayRef<QuantizableOp> layers;
  const Schedule &schedule;
  ArrayRef<::gpfq::CalibrationData> data;
  const Options options;
  ::gpfq::ThreadPool &pool;
  ::gpfq::ValueStore values;
  std::unique_ptr<StageCompiler> compiler;
  std::vector<std::unique_ptr<Network>> networks;
  /// The step after the last one that was run.
  int64_t nextStep = 0;
};

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_STAGEDEXECUTOR_H
