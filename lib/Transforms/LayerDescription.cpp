// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LayerDescription.h"

#include "gpfq/Calibration/LayerData.h"
#include "gpfq/Support/Constants.h"
#include "gpfq/Transforms/ChannelsLast.h"

using namespace mlir;
using namespace mlir::gpfq;

lowbit::QuantizeOp mlir::gpfq::getInputQuantization(QuantizableOp &layer) {
  lowbit::DequantizeOp dequantize = QuantizableOp::getSource(layer.op).dequantize;
  return dequantize ? dequantize.getInput().getDefiningOp<lowbit::QuantizeOp>() : nullptr;
}

bool mlir::gpfq::setInputRange(QuantizableOp &layer, ::gpfq::AccumulatorBound &bound) {
  lowbit::QuantizeOp quantize = getInputQuantization(layer);
  if (!quantize) {
    if (bound.bits != 0)
      layer.op->emitRemark("layer '")
          << layer.name() << "' reads float values, so its accumulator is not bounded";
    bound.bits = 0;
    return false;
  }
  bound.inputMin = 0;
  bound.inputMax = quantize.getLargestCode();
  return true;
}

FailureOr<QuantizedWeights>
mlir::gpfq::describeQuantizedWeights(QuantizableOp &layer, const ::gpfq::LayerResult &result) {
  QuantizedWeights weights;
  weights.name = layer.name();
  weights.bits = layer.layer.getAlphabet().getBits();
  if (::gpfq::Result<::gpfq::Alphabet> alphabet = getAlphabet(layer.layer.getAlphabet()))
    weights.alphabet = alphabet->str();
  weights.shape = {layer.shape.outputChannels, layer.shape.kernelHeight, layer.shape.kernelWidth,
                   layer.shape.channelsPerGroup()};
  weights.isMatrix = isa<linalg::MatmulOp, linalg::BatchMatmulOp>(layer.op.getOperation());
  if (auto image = layer.op->getAttrOfType<DenseI64ArrayAttr>(flattenedImageAttrName)) {
    weights.flattenedImage = {image[0], image[1], image[2]};
    if (int64_t(result.scales.size()) > layer.shape.outputChannels)
      return layer.op->emitError("layer '")
             << layer.name()
             << "' reads a flattened image, whose blocks of channels are no blocks of the "
                "weights "
                "of the source; to export them, give the layer granularity channel";
  }
  if (lowbit::QuantizeOp quantize = getInputQuantization(layer))
    if (auto scale = getConstantFloats(quantize.getScale()))
      weights.input = {scale->values[0], int32_t(quantize.getZeroPoint()),
                       quantize.getLargestCode(), quantize.getSign()};
  weights.result = result;
  return weights;
}

int64_t mlir::gpfq::reportDead(QuantizableOp &layer, const ::gpfq::Gram &gram) {
  int64_t columns = layer.columns(), deadInputs = 0, deadChannels = 0;
  for (int64_t g = 0; g < gram.groups; ++g)
    for (int64_t t = 0; t < columns; ++t)
      deadInputs += gram.hOf(g)[t * columns + t] == 0.0;
  for (int64_t c = 0; c < layer.shape.outputChannels; ++c)
    deadChannels += llvm::all_of(ArrayRef(layer.weights).slice(c * columns, columns),
                                 [](float w) { return w == 0.0f; });
  if (deadInputs == gram.groups * columns)
    layer.op->emitRemark("layer '") << layer.name()
                                    << "' reads only zeros in the calibration data; its weights "
                                       "are rounded to the level nearest to 0";
  if (deadChannels)
    layer.op->emitRemark("layer '")
        << layer.name() << "' has " << deadChannels << " output channels whose weights are all 0";
  return deadInputs;
}
