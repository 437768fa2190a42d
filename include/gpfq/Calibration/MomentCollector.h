// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Second moments of the inputs of a layer, from the samples of a calibration run.

#ifndef GPFQ_CALIBRATION_MOMENTCOLLECTOR_H
#define GPFQ_CALIBRATION_MOMENTCOLLECTOR_H

#include "gpfq/Calibration/FloatKernels.h"
#include "gpfq/Quantizer/Gram.h"
#include <vector>

namespace gpfq {

/// Which samples are held out: spread evenly, and the same in each run.
class HeldOutSamples {
public:
  /// `fraction` in [0, 1).
  explicit HeldOutSamples(double fraction) : fraction(fraction) {}
  /// Number of held-out samples among the first `samples`.
  int64_t countBefore(int64_t samples) const { return int64_t(double(samples) * fraction); }
  bool contains(int64_t sample) const { return countBefore(sample + 1) > countBefore(sample); }

private:
  double fraction;
};

/// Gathers the rows (patches) of one layer, or of several layers that share weights, and
/// accumulates their moments for the training and for the held-out samples.
class MomentCollector {
public:
  struct Layer {
    /// Batch 1.
    ConvShape shape;
    bool isDepthwise = false;
    /// outputChannels x columns.
    const float *weights = nullptr;
  };
  struct Options {
    int64_t samples = 1;
    HeldOutSamples heldOut{0.0};
    /// Rows for all samples and layers together, about: each sample gives at least one row a layer.
    int64_t maxRows = 1;
    /// The inputs are the same in both networks.
    bool sharedInputs = false;
    /// Chooses the rows.
    uint64_t seed = 0;
  };
  enum Side : unsigned { Float = 0, Quantized = 1 };

  /// The layers have the same number of groups, columns and output channels.
  MomentCollector(const std::vector<Layer> &layers, const Options &options);

  /// Samples per batch: what keeps the rows of a batch within some megabytes. At least 1.
  int64_t batchSize() const { return batch; }

  /// The input of layer `layer` for one sample of the batch that begins with `batchBegin`.
  /// Thread-safe for different samples.
  void gather(int64_t batchBegin, int64_t sample, Side side, unsigned layer, const float *input);
  /// Adds the rows of the samples [batchBegin, batchBegin + count), all of which have been
  /// gathered.
  void endBatch(int64_t batchBegin, int64_t count, const ParallelFor &parallelFor);

  /// The moments; to be called once, at the end.
  Gram takeTraining() { return training.take(); }
  Gram takeHeldOut() { return heldOut.take(); }

  /// `count` different positions in [0, total), ascending; all when count >= total. Depends on
  /// `seed` only.
  static std::vector<int64_t> choosePositions(int64_t total, int64_t count, uint64_t seed);

private:
  struct LayerRows {
    Layer layer;
    int64_t rowsPerSample = 0;
    /// By held out or not, and by side: the rows of the batch in the order of the samples.
    std::vector<float> rows[2][2];
  };

  Options options;
  std::vector<LayerRows> layers;
  int64_t rowElements = 0, batch = 1;
  GramAccumulator training, heldOut;
};

} // namespace gpfq

#endif // GPFQ_CALIBRATION_MOMENTCOLLECTOR_H
