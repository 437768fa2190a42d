// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The ops whose weights can be quantised, seen as convolutions of NHWC images.

#ifndef GPFQ_CALIBRATION_QUANTIZABLEOP_H
#define GPFQ_CALIBRATION_QUANTIZABLEOP_H

#include "gpfq/Calibration/FloatKernels.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Quantizer/LayerQuantizer.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <string>

namespace mlir::gpfq {

/// A linalg convolution or matmul with constant weights:
/// `conv_2d_nhwc_fhwc`, `conv_2d_nhwc_hwcf`, `depthwise_conv_2d_nhwc_hwc`, `conv_2d_nhwgc_gfhwc`,
/// `matmul`, and `batch_matmul` whose weights are the same in each batch.
struct QuantizableOp {
  linalg::LinalgOp op;
  /// What to quantise it to; null for an op that stays float.
  lowbit::LayerAttr layer;
  /// Batch 1. A matmul is a 1x1 convolution of an image of `rows` x 1 pixels. Padding is that of
  /// the `tensor.pad` that feeds the op, see `input`.
  ::gpfq::ConvShape shape;
  /// One filter for each channel.
  bool isDepthwise = false;
  /// outputChannels x (kernelHeight, kernelWidth, channelsPerGroup), row-major.
  std::vector<float> weights;
  /// One for each output channel; empty when `init` is not a per-channel constant.
  std::vector<float> bias;

  /// Length of one neuron.
  int64_t columns() const { return shape.patchSize(); }
  int64_t groups() const { return shape.groups; }
  int64_t outputElements() const {
    return shape.outputHeight() * shape.outputWidth() * shape.outputChannels;
  }
  Value getInitOperand() { return op.getDpsInits()[0]; }
  /// The value to quantise for this op: its data operand, before zero padding and before the change
  /// of shape that forms groups.
  Value getActivation();
  /// `layer`'s name, or the op's.
  std::string name();

  /// Nothing when `op` is none of the above; `reason` then says why.
  static std::optional<QuantizableOp> match(linalg::LinalgOp op, std::string &reason);

  /// What an op reads once padding with zeros and changes of shape are seen through.
  struct Source {
    /// Before the padding; f32, or codes of `dequantize`.
    Value value;
    /// The activation dequantisation between `value` and the op, or null.
    lowbit::DequantizeOp dequantize;
    int64_t padTop = 0, padBottom = 0, padLeft = 0, padRight = 0;
  };
  /// Source of the data operand of `op`; `shape` describes the convolution without padding.
  static Source getSource(linalg::LinalgOp op);

  /// A constant of the levels in the layout of the op's weight operand, dequantised, of the type of
  /// that operand. Built at the insertion point of `builder`.
  Value createDequantizedWeights(OpBuilder &builder, const ::gpfq::LayerResult &result);
  /// Adds one value for each output channel to the init operand.
  void addToBias(OpBuilder &builder, ArrayRef<float> delta);
};

} // namespace mlir::gpfq

#endif // GPFQ_CALIBRATION_QUANTIZABLEOP_H
