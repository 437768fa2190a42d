// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Second moments of the inputs of a layer, from the samples of a calibration run.

#ifndef GPFQ_CALIBRATION_MOMENTCOLLECTOR_H
#define GPFQ_CALIBRATION_MOMENTCOLLECTOR_H

#include "gpfq/Calibration/FloatKernels.h"
#include "gpfq/Quantizer/LayerQuantizer.h"
#include "gpfq/Quantizer/RowProducts.h"
#include <limits>
#include <memory>
#include <vector>

namespace gpfq {

/// A part of the samples: spread evenly, and the same in each run.
class SampleFraction {
public:
  /// `fraction` in [0, 1].
  explicit SampleFraction(double fraction) : fraction(fraction) {}
  /// Number of samples of the part among the first `samples`.
  int64_t countBefore(int64_t samples) const { return int64_t(double(samples) * fraction); }
  bool contains(int64_t sample) const { return countBefore(sample + 1) > countBefore(sample); }

private:
  double fraction;
};

/// Which patches of an image become rows.
enum class Patches {
  /// Those that the convolution reads, drawn without replacement, up to Options::maxRows.
  Real,
  /// Those of the paper's code (Zhang, Zhou, Saab, 2023), for comparison: at a stride of the
  /// kernel's
  /// size, whatever the stride of the convolution, so that a 1x1 convolution of stride 2 gives
  /// patches that it never reads; of the L of them int(p L + 1), or L for p = 1, drawn with
  /// replacement. A layer that is not a convolution gives all its rows.
  Paper
};

/// Gathers the rows (patches) of one layer, or of several layers that share weights, and
/// accumulates their moments for the training and for the held-out samples. A layer on its own may
/// have a shortcut r that is added to its output. The rows that are kept for a clip behind it then
/// contain r~; and the target of the quantised weights may be X w + r - r~, so that they make up
/// for the error r~ - r of the shortcut too.
class MomentCollector {
public:
  struct Layer {
    /// Batch 1.
    ConvShape shape;
    bool isDepthwise = false;
    bool isConvolution = true;
    /// outputChannels x columns.
    const float *weights = nullptr;
  };
  struct Options {
    int64_t samples = 1;
    SampleFraction heldOut{0.0};
    /// Rows for all samples and layers together, about: each sample gives at least one row a layer.
    /// For Patches::Real.
    int64_t maxRows = 1;
    Patches patches = Patches::Real;
    /// p of Patches::Paper, in (0, 1].
    double retainRate = 0.25;
    /// The inputs are the same in both networks.
    bool sharedInputs = false;
    /// gather() is given the shortcut. For one layer only, and Patches::Real.
    bool hasShortcut = false;
    /// The shortcut's error is part of the target. Needs hasShortcut.
    bool targetsShortcut = false;
    /// See GramAccumulator::Shape.
    bool needsG = true;
    /// Sums of the moments are formed in f64; see GramAccumulator::Shape.
    bool isExact = false;
    /// Without it only rows are kept.
    bool withMoments = true;
    /// Bytes for rows of training samples that are kept as they are, for targets that depend on the
    /// result; 0 for none. For one layer only.
    int64_t keptBytes = 0;
    /// All positions of a sample become rows, and of the targets the mean of clamp(z, low, high)
    /// over them is kept; see PooledRows. For Patches::Real, and not for a depthwise layer.
    bool isPooled = false;
    /// Bounds of the clip behind the layer, for the rows that are kept.
    float low = -std::numeric_limits<float>::infinity();
    float high = std::numeric_limits<float>::infinity();
    /// The bias of the layer, or null; used for the rows that are kept.
    const float *bias = nullptr;
    /// Chooses the rows.
    uint64_t seed = 0;
  };
  enum Side : unsigned { Float = 0, Quantized = 1 };

  /// The layers have the same number of groups, columns and output channels.
  MomentCollector(const std::vector<Layer> &layers, const Options &options);

  /// What the moments of such layers are, of training or of held-out samples.
  static GramAccumulator::Shape getMomentShape(const Layer &layer, const Options &options);

  /// Samples per batch: what keeps the rows of a batch within some megabytes. At least 1.
  int64_t batchSize() const { return batch; }

  /// The input of layer `layer` for one sample of the batch that begins with `batchBegin`, and its
  /// shortcut, outputHeight x outputWidth x outputChannels. The float side comes first. Thread-safe
  /// for different samples.
  void gather(int64_t batchBegin, int64_t sample, Side side, unsigned layer, const float *input,
              const float *shortcut = nullptr);
  /// Adds the rows of the samples [batchBegin, batchBegin + count), all of which have been
  /// gathered.
  void endBatch(int64_t batchBegin, int64_t count, const ParallelFor &parallelFor);

  /// The moments; to be called once, at the end.
  Gram takeTraining() { return training.take(); }
  Gram takeHeldOut() { return heldOut.take(); }
  /// The rows kept; they belong to the collector.
  ClippedRows keptRows() const;
  /// The samples kept, for Options::isPooled; they belong to the collector.
  PooledRows keptSamples() const;

  /// `count` different positions in [0, total), ascending; all when count >= total. Depends on
  /// `seed` only.
  static std::vector<int64_t> choosePositions(int64_t total, int64_t count, uint64_t seed);
  /// `count` positions in [0, total), drawn independently. Depends on `seed` only.
  static std::vector<int64_t> drawPositions(int64_t total, int64_t count, uint64_t seed);

private:
  struct LayerRows {
    Layer layer;
    /// The convolution whose patches are the rows.
    ConvShape sampled;
    int64_t rowsPerSample = 0;

    int64_t positions() const { return sampled.outputHeight() * sampled.outputWidth(); }
    /// By held out or not, and by side: the rows of the batch in the order of the samples.
    std::unique_ptr<float[]> rows[2][2];
    /// By held out or not: r - r~ where it is part of the target, and r~.
    std::vector<float> shifts[2], shortcuts[2];
  };
  /// Rows of all batches; see ClippedRows and PooledRows.
  struct KeptRows {
    SampleFraction samples{0.0};
    /// The layer in float.
    std::unique_ptr<RowMultiplier> layer;
    /// Samples so far.
    int64_t count = 0;
    /// With room for all samples that are kept.
    std::unique_ptr<float[]> inputs, targets, offsets;
  };

  void gatherShortcut(LayerRows &rows, bool isHeldOut, int64_t slot, Side side,
                      const std::vector<int64_t> &positions, const float *shortcut);
  void keepRows(int64_t batchBegin, int64_t count, const ParallelFor &parallelFor);
  /// Keeps the sample whose rows begin with `firstRow` of the batch as the one of that index.
  void keepSample(int64_t index, int64_t firstRow, const ParallelFor &parallelFor);
  /// The mean over the rows of a sample of clamp(output + offset) for each channel; the offset is
  /// the bias where there are no offsets.
  void keepMeans(const float *outputs, const float *offsets, float *means) const;

  Options options;
  std::vector<LayerRows> layers;
  int64_t rowElements = 0, batch = 1;
  GramAccumulator training, heldOut;
  KeptRows kept;
};

} // namespace gpfq

#endif // GPFQ_CALIBRATION_MOMENTCOLLECTOR_H
