// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_TRANSFORMS_CHANNELBIAS_H
#define GPFQ_LIB_TRANSFORMS_CHANNELBIAS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir::gpfq {

/// Some dimensions of a tensor, which in row-major order count the output channels.
struct ChannelDims {
  SmallVector<int64_t> dims, sizes;

  int64_t getNumChannels() const { return ShapedType::getNumElements(sizes); }
};

/// One value for each output channel.
struct ChannelBias {
  std::vector<float> values;
  /// Name of the resource that holds them; may be empty.
  std::string name;
};

/// What the init operand `init` of a layer adds to each channel; nothing if it is not constant or
/// varies along other dimensions.
std::optional<ChannelBias> getChannelBias(Value init, const ChannelDims &channels);

/// An init operand of `type` that adds `bias`: a broadcast of a constant, or a fill if all of it is
/// 0.
Value createChannelBias(OpBuilder &builder, Location loc, RankedTensorType type,
                        const ChannelDims &channels, const ChannelBias &bias);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_TRANSFORMS_CHANNELBIAS_H
