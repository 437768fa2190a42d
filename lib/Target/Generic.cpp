// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Targets.h"

using namespace mlir;
using namespace mlir::gpfq;

namespace {

/// Plain 128-bit vector arithmetic: SSE2, NEON and anything that LLVM can legalise.
class GenericTarget final : public KernelTarget {
public:
  StringRef getName() const override { return "generic"; }
  int64_t getLanes() const override { return 4; }
  int64_t getVectorRegisters() const override { return 16; }
  TileShape getIntegerTile(const ContractionShape &shape) const override {
    return shape.pixels == 1 ? TileShape{1, 4} : TileShape{4, 2};
  }
  int64_t getByteTileRows(const ContractionShape &, int64_t) const override { return 4; }
  std::optional<TileShape> getSignTile(int64_t rows) const override {
    return rows == 1 ? TileShape{1, 4} : TileShape{2, 2};
  }
  TileShape getFloatTile(int64_t rows) const override { return getIntegerTile({rows, 1, 8}); }
  PixelTile getDepthwiseTile(bool) const override { return {1, 2}; }
  bool prefersTopAligned() const override { return false; }
  Value emitDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels,
                int32_t) const override {
    return emitPortableDot(builder, loc, acc, codes, levels);
  }
  StringRef getCpu() const override { return "generic"; }
  ArrayRef<StringLiteral> getRequiredFeatures() const override { return {}; }
};

} // namespace

const KernelTarget &mlir::gpfq::getGenericTarget() {
  static const GenericTarget target;
  return target;
}
