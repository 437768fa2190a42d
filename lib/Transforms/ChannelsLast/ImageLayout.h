// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_TRANSFORMS_CHANNELSLAST_IMAGELAYOUT_H
#define GPFQ_LIB_TRANSFORMS_CHANNELSLAST_IMAGELAYOUT_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::gpfq {

/// Dimension i of an NHWC image is dimension toChannelsLast[i] of the NCHW image.
inline constexpr int64_t toChannelsLast[] = {0, 2, 3, 1};
/// The inverse.
inline constexpr int64_t toChannelsFirst[] = {0, 3, 1, 2};

/// Whether `type` is a tensor of rank 4 and static shape.
bool isImage(Type type);

/// The type that a tensor of `type` has after a transpose.
RankedTensorType getTransposedType(Type type, ArrayRef<int64_t> permutation);

/// The NHWC value of which `image` is the transpose to NCHW; null if it is none.
Value getChannelsLastSource(Value image);

/// `image`, in NCHW, as NHWC.
Value createChannelsLast(OpBuilder &builder, Value image);

/// `image`, in NHWC, as NCHW.
Value createChannelsFirst(OpBuilder &builder, Value image);

/// `value` transposed at compile time; null if it is no constant that is stored in full.
Value foldTranspose(OpBuilder &builder, Value value, ArrayRef<int64_t> permutation);

/// A transpose of `value`; a constant if that is one.
Value createTransposed(OpBuilder &builder, Value value, ArrayRef<int64_t> permutation);

/// Whether an input of `op` is the transpose of an NHWC image or a result is transposed to NHWC.
bool isNextToChannelsLast(Operation *op);

/// `op`, a quantize or dequantize of an activation, of `input` in its place.
template <typename QuantizationOp>
Value cloneWithInput(OpBuilder &builder, QuantizationOp op, Value input) {
  auto clone = cast<QuantizationOp>(builder.clone(*op));
  clone.getInputMutable().set(input);
  clone.getResult().setType(op.getType().clone(cast<RankedTensorType>(input.getType()).getShape()));
  return clone.getResult();
}

/// Whether `op` is of weights, which no change of the layout of images concerns.
inline bool isOfWeights(lowbit::QuantizeOp op) { return false; }
inline bool isOfWeights(lowbit::DequantizeOp op) { return bool(op.getAlphabet()); }

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_CHANNELSLAST_IMAGELAYOUT_H
