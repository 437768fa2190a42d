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

::gpfq::Granularity mlir::gpfq::getGranularity(lowbit::LayerAttr attribute) {
  return attribute.getGranularity() == lowbit::Granularity::Tensor ? ::gpfq::Granularity::Tensor
                                                                   : ::gpfq::Granularity::Channel;
}

::gpfq::LayerProblem mlir::gpfq::makeLayerProblem(const QuantizableOp &layer) {
  ::gpfq::LayerProblem problem;
  problem.outputChannels = layer.shape.outputChannels;
  problem.columns = layer.columns();
  problem.groups = layer.groups();
  problem.weights = layer.weights.data();
  return problem;
}

FailureOr<std::unique_ptr<MomentCollector>>
mlir::gpfq::collectMoments(StagedExecutor &executor, int64_t cut,
                           MutableArrayRef<QuantizableOp> layers, ArrayRef<unsigned> members,
                           const MomentCollector::Options &options, uint64_t memoryBudget,
                           const ::gpfq::ParallelFor &parallelFor) {
  QuantizableOp &layer = layers[members.front()];
  int64_t gramBytes =
      6 * layer.groups() * layer.columns() * layer.columns() * int64_t(sizeof(double));
  if (uint64_t(gramBytes) > memoryBudget)
    return layer.op->emitError("layer '")
           << layer.name() << "' has " << layer.columns() << " inputs a neuron, whose moments take "
           << gramBytes
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
