// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A linalg convolution or matmul at level 2, taken apart for the conversion to the lowbit dialect.

#ifndef GPFQ_LIB_CONVERSION_QUANTIZEDLAYER_H
#define GPFQ_LIB_CONVERSION_QUANTIZEDLAYER_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <string>

namespace mlir::gpfq {

enum class LayerKind { Conv2D, DepthwiseConv2D, Matmul };

struct QuantizedLayer {
  LayerKind kind;
  /// Channel groups of a convolution.
  int64_t groups = 1;

  /// Levels in the shape of the lowbit op, and the `dequantize` that they come from.
  ConstantTensor<int8_t> levels;
  lowbit::DequantizeOp weights;
  /// The operand of `weights` if it holds `levels` as they are; else null.
  Value levelsValue;
  /// One scale for each output channel and each of `blocks` blocks of input channels.
  std::vector<float> weightScales;
  int64_t blocks = 1;

  /// u8 codes, or f32.
  Value input;
  bool isInteger = false;
  float inputScale = 1.0f;
  int32_t inputZeroPoint = 0;
  /// Where codes have a scale and a zero point for each row, computed when the network runs; the
  /// two above are then 1 and 0.
  lowbit::DequantizeRowsOp rows;
  /// Top, bottom, left, right.
  SmallVector<int64_t, 4> padding = {0, 0, 0, 0};

  /// One number for each output channel if the init is such a constant; else `init` is the init.
  std::vector<float> bias;
  Value init;

  int64_t getNumChannels() const { return int64_t(weightScales.size()) / blocks; }
  /// Of one block.
  int64_t getReductionLength() const;
  /// The layer of one block: its levels and scales, with the bias for the first one and no init.
  /// `input` is still that of all.
  QuantizedLayer getBlock(int64_t block) const;
  /// The sum of the levels of each output channel.
  std::vector<int64_t> getLevelSums() const;
};

/// The `dequantize` of levels that the second operand of `op` views; null if there is none.
lowbit::DequantizeOp getWeightDequantize(linalg::LinalgOp op);

/// Takes `op` apart; if it cannot become a lowbit op, gives the reason.
FailureOr<QuantizedLayer> getQuantizedLayer(linalg::LinalgOp op, std::string &reason);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_QUANTIZEDLAYER_H
