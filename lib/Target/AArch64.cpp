// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Targets.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Narrows the elements of two 128-bit vectors by half, with saturation, into one.
static Value emitNarrow(OpBuilder &builder, Location loc, StringRef intrinsic, Value first,
                        Value second) {
  auto type = cast<VectorType>(first.getType());
  int64_t elements = type.getNumElements();
  auto half = VectorType::get(elements, builder.getIntegerType(type.getElementTypeBitWidth() / 2));
  Value low = callIntrinsic(builder, loc, intrinsic, half, first);
  Value high = callIntrinsic(builder, loc, intrinsic, half, second);
  return vector::ShuffleOp::create(builder, loc, low, high,
                                   llvm::to_vector(llvm::seq<int64_t>(2 * elements)));
}

namespace {

/// 128-bit NEON with a product of four byte pairs that is added to a lane.
class NeonTarget : public KernelTarget {
public:
  int64_t getLanes() const override { return 4; }
  int64_t getVectorRegisters() const override { return 32; }
  TileShape getFloatTile(int64_t rows) const override {
    return rows == 1 ? TileShape{1, 8} : TileShape{4, 4};
  }
  /// `cnt` counts the ones of bytes, a dot product with ones sums them.
  std::optional<TileShape> getSignTile(int64_t rows) const override {
    return rows == 1 ? TileShape{1, 8} : TileShape{3, 4};
  }
  /// Sums are exact modulo 2^32.
  bool prefersTopAligned() const override { return true; }

  bool packsCodes() const override { return true; }
  Value emitRound(OpBuilder &builder, Location loc, Value floats) const override {
    auto integers = cast<VectorType>(floats.getType()).clone(builder.getI32Type());
    Value rounded =
        callIntrinsic(builder, loc, "llvm.aarch64.neon.fcvtns.v4i32.v4f32", integers, floats);
    // The instruction saturates, but makes 0 of NaN.
    Value isNumber = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ORD, floats, floats);
    return arith::SelectOp::create(builder, loc, isNumber, rounded,
                                   splat(builder, loc, integers, INT32_MIN));
  }
  Value emitPackWords(OpBuilder &builder, Location loc, Value first, Value second) const override {
    return emitNarrow(builder, loc, "llvm.aarch64.neon.sqxtn.v4i16", first, second);
  }
  Value emitPackBytes(OpBuilder &builder, Location loc, Value first, Value second) const override {
    return emitNarrow(builder, loc, "llvm.aarch64.neon.sqxtun.v8i8", first, second);
  }

  StringRef getVectorConstraint() const override { return "w"; }
  StringRef getTriple() const override { return "aarch64-unknown-linux-gnu"; }
  StringRef getCpu() const override { return "generic"; }
};

/// usdot: unsigned by signed bytes.
class I8mmTarget final : public NeonTarget {
public:
  StringRef getName() const override { return "aarch64-i8mm"; }
  /// Of 32 registers, 16 accumulators leave as many for levels, fields and masks.
  TileShape getIntegerTile(const ContractionShape &shape) const override {
    if (shape.pixels == 1)
      return {1, shape.fillsBytes() ? 8 : 2};
    return shape.fillsBytes() ? TileShape{shape.bits == 1 ? 3 : 4, 4} : TileShape{6, 2};
  }
  int64_t getByteTileRows(const ContractionShape &, int64_t vectors) const override {
    return vectors <= 2 ? 8 : 4;
  }
  PixelTile getDepthwiseTile(bool isOneQuad) const override {
    return isOneQuad ? PixelTile{2, 2} : PixelTile{1, 2};
  }
  Value emitDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels,
                int32_t) const override {
    return callIntrinsic(builder, loc, "llvm.aarch64.neon.usdot.v4i32.v16i8", acc.getType(),
                         {acc, codes, levels});
  }
  StringRef getFeatures() const override { return "+neon,+dotprod,+i8mm"; }
  ArrayRef<StringLiteral> getRequiredFeatures() const override {
    static const StringLiteral features[] = {StringLiteral("dotprod"), StringLiteral("i8mm")};
    return features;
  }
};

/// sdot: signed by signed bytes, so codes are less by 128 and the products by 128 * level.
class DotprodTarget final : public NeonTarget {
public:
  StringRef getName() const override { return "aarch64-dotprod"; }
  /// As for i8mm, but sums of levels and constants take registers too.
  TileShape getIntegerTile(const ContractionShape &shape) const override {
    if (shape.pixels == 1)
      return {1, shape.fillsBytes() ? 4 : 2};
    return shape.fillsBytes() ? TileShape{shape.bits <= 2 ? 2 : 3, 4} : TileShape{5, 2};
  }
  int64_t getByteTileRows(const ContractionShape &, int64_t vectors) const override {
    return vectors <= 2 ? 6 : 3;
  }
  PixelTile getDepthwiseTile(bool) const override { return {1, 2}; }
  bool multipliesSignedCodes() const override { return true; }
  Value emitSignedDot(OpBuilder &builder, Location loc, Value acc, Value codes,
                      Value levels) const override {
    return callIntrinsic(builder, loc, "llvm.aarch64.neon.sdot.v4i32.v16i8", acc.getType(),
                         {acc, codes, levels});
  }
  Value emitDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels,
                int32_t) const override {
    Type lanes = acc.getType(), bytes = codes.getType();
    Value sum = emitSignedDot(builder, loc, splat(builder, loc, lanes, 0),
                              splat(builder, loc, bytes, 1), levels);
    sum = arith::ShLIOp::create(builder, loc, sum, splat(builder, loc, lanes, 7));
    acc = arith::AddIOp::create(builder, loc, acc, sum);
    codes = arith::XOrIOp::create(builder, loc, codes, splat(builder, loc, bytes, -128));
    return emitSignedDot(builder, loc, acc, codes, levels);
  }
  StringRef getFeatures() const override { return "+neon,+dotprod"; }
  ArrayRef<StringLiteral> getRequiredFeatures() const override {
    static const StringLiteral features[] = {StringLiteral("dotprod")};
    return features;
  }
};

} // namespace

const KernelTarget &mlir::gpfq::getAArch64I8mmTarget() {
  static const I8mmTarget target;
  return target;
}

const KernelTarget &mlir::gpfq::getAArch64DotprodTarget() {
  static const DotprodTarget target;
  return target;
}
