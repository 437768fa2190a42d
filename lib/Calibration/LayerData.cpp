// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/LayerData.h"

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::Alphabet;
using ::gpfq::MomentCollector;
using ::gpfq::Result;

Result<Alphabet> mlir::gpfq::getAlphabet(lowbit::AlphabetAttr attribute) {
  ArrayRef<int32_t> values = attribute.getValues();
  switch (attribute.getKind()) {
  case lowbit::AlphabetKind::MidTread:
    return Alphabet::midTread(values[0]);
  case lowbit::AlphabetKind::MidRise:
    return Alphabet::midRise(values[0]);
  case lowbit::AlphabetKind::Range:
    return Alphabet::range(values[0], values[1]);
  case lowbit::AlphabetKind::Levels:
    return Alphabet::explicitLevels({values.begin(), values.end()});
  }
  llvm_unreachable("unknown alphabet kind");
}

void mlir::gpfq::setGranularity(lowbit::LayerAttr attribute, ::gpfq::LayerSpec &spec) {
  switch (attribute.getGranularity()) {
  case lowbit::Granularity::Tensor:
    spec.granularity = ::gpfq::Granularity::Tensor;
    break;
  case lowbit::Granularity::Channel:
    spec.granularity = ::gpfq::Granularity::Channel;
    break;
  case lowbit::Granularity::Block:
    spec.granularity = ::gpfq::Granularity::Block;
    spec.scaleBlock = attribute.getBlockSize();
    break;
  }
}

::gpfq::LayerProblem mlir::gpfq::makeLayerProblem(const QuantizableOp &layer) {
  ::gpfq::LayerProblem problem;
  problem.outputChannels = layer.shape.outputChannels;
  problem.columns = layer.columns();
  problem.groups = layer.groups();
  problem.inputChannels = layer.shape.channelsPerGroup();
  problem.weights = layer.weights.data();
  return problem;
}

FailureOr<std::unique_ptr<MomentCollector>>
mlir::gpfq::collectMoments(StagedExecutor &executor, int64_t cut,
                           MutableArrayRef<QuantizableOp> layers, ArrayRef<unsigned> members,
                           const MomentCollector::Options &options, uint64_t memoryBudget,
                           const ::gpfq::ParallelFor &parallelFor) {
  QuantizableOp &layer = layers[members.front()];
  // Of training and held-out samples.
  uint64_t momentBytes =
      2 * MomentCollector::getMomentShape({layer.shape, layer.isDepthwise, true, nullptr}, options)
              .bytes();
  if (momentBytes > memoryBudget)
    return layer.op->emitError("layer '")
           << layer.name() << "' has " << layer.columns() << " inputs a neuron, whose moments take "
           << momentBytes
           << " bytes, more than memory-budget; raise it, or leave the layer float with skip";
  std::vector<MomentCollector::Layer> collected;
  DenseMap<unsigned, unsigned> memberOf;
  for (auto [i, member] : llvm::enumerate(members)) {
    memberOf[member] = unsigned(i);
    bool isConvolution = isa<linalg::ConvolutionOpInterface>(layers[member].op.getOperation());
    collected.push_back(
        {layers[member].shape, layers[member].isDepthwise, isConvolution, layer.weights.data()});
  }
  auto collector = std::make_unique<MomentCollector>(collected, options);
  LogicalResult advanced = executor.advance(
      cut, collector->batchSize(), [&](unsigned index) { return memberOf.count(index) > 0; },
      [&](int64_t sample, int64_t slot, StagedExecutor::Side side, unsigned index,
          const float *input, const float *shortcut) {
        unsigned member = memberOf.lookup(index);
        collector->gather(sample - slot, sample, MomentCollector::Side(side), member, input,
                          shortcut);
        if (!executor.hasQuantizedSide())
          collector->gather(sample - slot, sample, MomentCollector::Quantized, member, input,
                            shortcut);
      },
      [&](int64_t first, int64_t count) { collector->endBatch(first, count, parallelFor); });
  if (failed(advanced))
    return failure();
  return std::move(collector);
}
