// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Where the moments of layers come from: a run of the networks on the samples, or the cache of an
// earlier one.

#ifndef GPFQ_CALIBRATION_MOMENTSOURCE_H
#define GPFQ_CALIBRATION_MOMENTSOURCE_H

#include "gpfq/Calibration/MomentCache.h"
#include "gpfq/Calibration/MomentCollector.h"
#include "gpfq/Calibration/StagedExecutor.h"

namespace mlir::gpfq {

/// Gives the moments of layers in the order of the cuts of a schedule. The networks are compiled
/// and run when the first layer needs them, and only up to the last one that does.
class MomentSource {
public:
  /// What X~ is.
  enum class Inputs {
    /// The input in the network that has the results that setResult() was given.
    Quantized,
    /// That with all weights in float: it differs from X by the quantisation of activations alone,
    /// and the moments of a layer do not depend on what is made of others.
    FloatWeights,
    /// X.
    Float
  };

  struct Options {
    Inputs inputs = Inputs::Quantized;
    StageOptions stages;
    int64_t samples = 1;
    uint64_t memoryBudget = uint64_t(3) << 29;
    /// Directory of a MomentCache, or empty for none.
    std::string cache;
    /// How rows are chosen, in words; with the model and the data the key of the cache.
    std::string sampling;
  };

  /// All parameters but `options` must outlive the source. Errors are emitted at `function`.
  static FailureOr<std::unique_ptr<MomentSource>>
  create(func::FuncOp function, MutableArrayRef<QuantizableOp> layers, const Schedule &schedule,
         ArrayRef<::gpfq::CalibrationData> data, const Options &options, ::gpfq::ThreadPool &pool);

  struct Moments {
    ::gpfq::Gram training, heldOut;
    /// Has the rows that the options ask for; null when they ask for none and the moments are from
    /// the cache.
    std::unique_ptr<::gpfq::MomentCollector> collector;
  };
  /// The moments of `members`, layers of `cut`. `options.samples` and `options.sharedInputs` are
  /// set here.
  FailureOr<Moments> collect(int64_t cut, ArrayRef<unsigned> members,
                             ::gpfq::MomentCollector::Options options);

  /// What was made of a layer.
  void setResult(unsigned layer, const ::gpfq::LayerResult &result);

  FailureOr<StagedExecutor *> getExecutor();

  /// Moments that came from the cache, or from the data, so far.
  int64_t numCached() const { return cached; }
  int64_t numCollected() const { return collected; }

private:
  MomentSource(func::FuncOp function, MutableArrayRef<QuantizableOp> layers,
               const Schedule &schedule, ArrayRef<::gpfq::CalibrationData> data,
               const Options &options, ::gpfq::ThreadPool &pool)
      : function(function), layers(layers), schedule(schedule), data(data), options(options),
        pool(pool), resultHashes(layers.size()) {}
  /// What the moments of `members` depend on beyond the key of the cache.
  std::string getState(ArrayRef<unsigned> members, bool isShared) const;
  void setWeights(unsigned layer, const ::gpfq::LayerResult &result);

  func::FuncOp function;
  MutableArrayRef<QuantizableOp> layers;
  const Schedule &schedule;
  ArrayRef<::gpfq::CalibrationData> data;
  const Options options;
  ::gpfq::ThreadPool &pool;
  llvm::BitVector differingInputs;
  std::optional<::gpfq::MomentCache> cache;
  std::unique_ptr<StagedExecutor> executor;
  /// Results that the executor, once it is there, has to have.
  std::vector<std::pair<unsigned, ::gpfq::LayerResult>> pending;
  /// By layer; empty where there is no result.
  std::vector<std::string> resultHashes;
  int64_t cached = 0, collected = 0;
};

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_MOMENTSOURCE_H
