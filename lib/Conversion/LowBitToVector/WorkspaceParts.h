// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_WORKSPACEPARTS_H
#define GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_WORKSPACEPARTS_H

#include "LoopBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::gpfq {

/// Builds how the chunks of a kernel share the parts of a workspace, of which there are as many as
/// chunks. Kernels do not know their thread, but threads take chunks in order: a chunk takes the
/// part of the chunk before it if that is free, and so what its thread has in its cache. A part has
/// a tag for what is in it.
class WorkspaceParts {
public:
  /// `state` is what `makeState` has made for `count` parts.
  WorkspaceParts(LoopBuilder &builder, Value state, int64_t count)
      : b(builder), state(state), count(count) {}

  /// Allocates the state of `count` parts, at most 32, and sets it to zero, which the caller of the
  /// chunks does before the first.
  static Value makeState(OpBuilder &builder, Location loc, int64_t count);

  /// The number of the part that `chunk` has until `release`.
  Value take(Value chunk);
  void release();
  /// Builds `body`, which fills the part, unless `tag`, an index, is that of what is in it.
  void buildUnlessTagged(Value tag, function_ref<void()> body);

private:
  /// A read, a write, or both, that no other divides.
  Value update(arith::AtomicRMWKind kind, Value operand, Value place);
  Value getBit(Value part);
  Value constant(int32_t value) { return b.getConstant(b.getI32IntegerAttr(value)); }

  LoopBuilder &b;
  /// A bit for each part that is taken; the parts that chunks have had, plus one; tags, plus one.
  Value state;
  int64_t count;
  Value part;
};

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_WORKSPACEPARTS_H
