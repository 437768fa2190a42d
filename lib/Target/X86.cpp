// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Targets.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace mlir::gpfq;

/// Required by all x86 targets here: the features of -march=x86-64-v3 that LLVM uses unasked.
#define GPFQ_X86_64_V3                                                                             \
  StringLiteral("avx"), StringLiteral("avx2"), StringLiteral("bmi"), StringLiteral("bmi2"),        \
      StringLiteral("f16c"), StringLiteral("fma"), StringLiteral("lzcnt"), StringLiteral("movbe"), \
      StringLiteral("popcnt")

static SmallVector<StringLiteral> withFeature(ArrayRef<StringLiteral> features,
                                              StringLiteral feature) {
  SmallVector<StringLiteral> result(features);
  result.push_back(feature);
  return result;
}

/// A saturating pack of two vectors to one of twice the elements, 128 bits at a time.
static Value emitPack(OpBuilder &builder, Location loc, StringRef intrinsic, Value first,
                      Value second) {
  auto type = cast<VectorType>(first.getType());
  auto packed = VectorType::get(2 * type.getNumElements(),
                                builder.getIntegerType(type.getElementTypeBitWidth() / 2));
  return callIntrinsic(builder, loc, intrinsic, packed, {first, second});
}

/// Conversions give the least i32 for what does not fit.
static Value emitAvxRound(OpBuilder &builder, Location loc, Value floats) {
  auto integers = cast<VectorType>(floats.getType()).clone(builder.getI32Type());
  return callIntrinsic(builder, loc, "llvm.x86.avx.cvt.ps2dq.256", integers, floats);
}

namespace {

class X86Target : public KernelTarget {
public:
  StringRef getTriple() const override { return "x86_64-unknown-linux-gnu"; }
};

/// vpdpbusd: four exact byte products added to a lane, any signed byte. vpdpwssd: two of words; as
/// `fast-dpwssd` LLVM does not make two instructions of it where its latency counts.
class VnniTarget : public X86Target {
public:
  bool prefersTopAligned() const override { return true; }
  bool packsCodes() const override { return true; }

protected:
  static Value emitVnni(OpBuilder &builder, Location loc, StringRef intrinsic, Value acc,
                        Value codes, Value levels) {
    return callIntrinsic(builder, loc, intrinsic, acc.getType(), {acc, codes, levels});
  }
};

class Avx512VnniTarget : public VnniTarget {
public:
  StringRef getName() const override { return "avx512vnni"; }
  int64_t getLanes() const override { return 16; }
  int64_t getVectorRegisters() const override { return 32; }
  TileShape getIntegerTile(const ContractionShape &shape) const override {
    // In place, fields of one bit have eight sums for each vector, and split ones of five and seven
    // bits need the five and seven registers of a step at once.
    if (shape.pixels == 1)
      return {1, shape.bits == 5 ? 3 : shape.bits == 1 || shape.bits == 7 ? 2 : 4};
    if (shape.bits == 4 && streamsWeights(shape))
      return {4, 4};
    return {shape.fillsBytes() ? 10 : shape.bits < 7 ? 8 : 7, 2};
  }
  int64_t getByteTileRows(const ContractionShape &shape, int64_t vectors) const override {
    if (vectors == 1)
      return shape.quads <= 16 ? 8 : 14;
    return streamsWeights(shape) ? 14 : shape.quads <= 32 ? 4 : 6;
  }
  TileShape getFloatTile(int64_t rows) const override { return getIntegerTile({rows, 1, 8}); }
  PixelTile getDepthwiseTile(bool isOneQuad) const override {
    return isOneQuad ? PixelTile{4, 2} : PixelTile{2, 2};
  }
  bool hasHalfVectors() const override { return true; }
  int64_t getWinogradTiles() const override { return 10; }
  Value emitPairDot(OpBuilder &builder, Location loc, Value acc, Value codes,
                    Value levels) const override {
    return emitVnni(builder, loc, "llvm.x86.avx512.vpdpwssd.512", acc, codes, levels);
  }
  bool prefersInPlace() const override { return true; }
  Value emitDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels,
                int32_t) const override {
    StringRef intrinsic =
        isHalf(acc) ? "llvm.x86.avx512.vpdpbusd.256" : "llvm.x86.avx512.vpdpbusd.512";
    return emitVnni(builder, loc, intrinsic, acc, codes, levels);
  }
  Value emitRound(OpBuilder &builder, Location loc, Value floats) const override {
    if (isHalf(floats))
      return emitAvxRound(builder, loc, floats);
    auto integers = cast<VectorType>(floats.getType()).clone(builder.getI32Type());
    Value passthrough = splat(builder, loc, integers, 0);
    auto constant = [&](IntegerAttr value) -> Value {
      return arith::ConstantOp::create(builder, loc, value);
    };
    // All lanes, to nearest even whatever the mode of the thread.
    Value mask = constant(builder.getI16IntegerAttr(-1));
    Value nearest = constant(builder.getI32IntegerAttr(8));
    return callIntrinsic(builder, loc, "llvm.x86.avx512.mask.cvtps2dq.512", integers,
                         {floats, passthrough, mask, nearest});
  }
  Value emitPackWords(OpBuilder &builder, Location loc, Value first, Value second) const override {
    StringRef intrinsic = isHalf(first) ? "llvm.x86.avx2.packssdw" : "llvm.x86.avx512.packssdw.512";
    return emitPack(builder, loc, intrinsic, first, second);
  }
  Value emitPackBytes(OpBuilder &builder, Location loc, Value first, Value second) const override {
    StringRef intrinsic = isHalf(first) ? "llvm.x86.avx2.packuswb" : "llvm.x86.avx512.packuswb.512";
    return emitPack(builder, loc, intrinsic, first, second);
  }
  StringRef getVectorConstraint() const override { return "v"; }
  StringRef getCpu() const override { return "x86-64-v4"; }
  StringRef getFeatures() const override { return "+avx512vnni,+fast-dpwssd"; }
  ArrayRef<StringLiteral> getRequiredFeatures() const override {
    static const StringLiteral features[] = {GPFQ_X86_64_V3,
                                             StringLiteral("avx512f"),
                                             StringLiteral("avx512bw"),
                                             StringLiteral("avx512cd"),
                                             StringLiteral("avx512dq"),
                                             StringLiteral("avx512vl"),
                                             StringLiteral("avx512vnni")};
    return features;
  }

private:
  /// True where weights come from beyond the first-level cache and are used for few pixels.
  static bool streamsWeights(const ContractionShape &shape) {
    return shape.pixels <= 64 && shape.quads >= 512;
  }
  bool isHalf(Value vector) const {
    auto type = cast<VectorType>(vector.getType());
    return type.getNumElements() * type.getElementTypeBitWidth() == 256;
  }
};

/// With vpopcntd, which counts bits. CPUs with VNNI have had it since Ice Lake and Zen 4.
class Avx512VpopcntdqTarget : public Avx512VnniTarget {
public:
  StringRef getName() const override { return "avx512vpopcntdq"; }
  std::optional<TileShape> getSignTile(int64_t rows) const override {
    return rows == 1 ? TileShape{1, 8} : TileShape{6, 2};
  }
  bool countsBitsOfLanes() const override { return true; }
  StringRef getFeatures() const override { return "+avx512vnni,+avx512vpopcntdq,+fast-dpwssd"; }
  ArrayRef<StringLiteral> getRequiredFeatures() const override {
    static const SmallVector<StringLiteral> features =
        withFeature(Avx512VnniTarget::getRequiredFeatures(), "avx512vpopcntdq");
    return features;
  }
};

/// Zen 4 and later of AMD: two of four vector units multiply and all of them add, so that two
/// additions and one product take 3/4 of the time of two products. Intel's CPUs, where additions
/// and products share two units, have no SSE4A.
class Znver4Target final : public Avx512VpopcntdqTarget {
public:
  StringRef getName() const override { return "znver4"; }
  TileShape getIntegerTile(const ContractionShape &shape) const override {
    // Pairs of long sums come from the second-level cache, for which more products are one load;
    // small images have tiles of a row.
    bool isFar = shape.pixels >= 64 && shape.bits < 5 && shape.quads > 640;
    return isFar ? TileShape{4, 4} : Avx512VpopcntdqTarget::getIntegerTile(shape);
  }
  double getPairedTime() const override { return 0.77; }
  int64_t getPairedTileRows(int64_t vectors) const override { return 16 / vectors; }
  ArrayRef<StringLiteral> getRequiredFeatures() const override {
    static const SmallVector<StringLiteral> features =
        withFeature(Avx512VpopcntdqTarget::getRequiredFeatures(), "sse4a");
    return features;
  }
};

class AvxVnniTarget final : public VnniTarget {
public:
  StringRef getName() const override { return "avxvnni"; }
  int64_t getLanes() const override { return 8; }
  int64_t getVectorRegisters() const override { return 16; }
  TileShape getIntegerTile(const ContractionShape &shape) const override {
    if (shape.pixels == 1)
      return {1, shape.fillsBytes() ? 8 : 2};
    return shape.fillsBytes() ? TileShape{5, 2} : TileShape{7, 1};
  }
  int64_t getByteTileRows(const ContractionShape &, int64_t vectors) const override {
    return vectors == 1 ? 6 : 4;
  }
  /// Counting takes registers that spill, but smaller tiles take more time.
  std::optional<TileShape> getSignTile(int64_t rows) const override {
    return rows == 1 ? TileShape{1, 4} : TileShape{4, 2};
  }
  TileShape getFloatTile(int64_t rows) const override { return getIntegerTile({rows, 1, 8}); }
  PixelTile getDepthwiseTile(bool) const override { return {1, 2}; }
  int64_t getWinogradTiles() const override { return 12; }
  Value emitPairDot(OpBuilder &builder, Location loc, Value acc, Value codes,
                    Value levels) const override {
    return emitVnni(builder, loc, "llvm.x86.avx512.vpdpwssd.256", acc, codes, levels);
  }
  Value emitDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels,
                int32_t) const override {
    return emitVnni(builder, loc, "llvm.x86.avx512.vpdpbusd.256", acc, codes, levels);
  }
  Value emitRound(OpBuilder &builder, Location loc, Value floats) const override {
    return emitAvxRound(builder, loc, floats);
  }
  Value emitPackWords(OpBuilder &builder, Location loc, Value first, Value second) const override {
    return emitPack(builder, loc, "llvm.x86.avx2.packssdw", first, second);
  }
  Value emitPackBytes(OpBuilder &builder, Location loc, Value first, Value second) const override {
    return emitPack(builder, loc, "llvm.x86.avx2.packuswb", first, second);
  }
  StringRef getVectorConstraint() const override { return "x"; }
  StringRef getCpu() const override { return "x86-64-v3"; }
  StringRef getFeatures() const override { return "+avxvnni,+fast-dpwssd"; }
  ArrayRef<StringLiteral> getRequiredFeatures() const override {
    static const StringLiteral features[] = {GPFQ_X86_64_V3, StringLiteral("avxvnni")};
    return features;
  }
};

class Avx2Target final : public X86Target {
public:
  StringRef getName() const override { return "avx2"; }
  int64_t getLanes() const override { return 8; }
  int64_t getVectorRegisters() const override { return 16; }
  TileShape getIntegerTile(const ContractionShape &shape) const override {
    // Unpacking fields in pieces needs the registers of a second vector.
    if (shape.pixels == 1)
      return {1, shape.fillsBytes() ? 6 : 2};
    // Vectors share the words of codes, which cost two instructions.
    if (shape.bits == 8 && shape.pixels >= 24)
      return {3, 4};
    return shape.fillsBytes() ? TileShape{4, 2} : TileShape{7, 1};
  }
  bool widensLevels(int32_t maxMagnitude) const override { return maxMagnitude > maxPairMagnitude; }
  int64_t getWordTileRows(int64_t vectors) const override {
    return vectors >= 4 ? 3 : vectors == 3 ? 4 : 6;
  }
  int64_t getByteTileRows(const ContractionShape &shape, int64_t vectors) const override {
    if (vectors == 1)
      return 6;
    // Bytes are widened for products with eight bits.
    return shape.bits < 8 ? 4 : vectors == 2 ? 3 : 2;
  }
  /// Counting takes registers that spill, but smaller tiles take more time.
  std::optional<TileShape> getSignTile(int64_t rows) const override {
    return rows == 1 ? TileShape{1, 4} : TileShape{4, 2};
  }
  TileShape getFloatTile(int64_t rows) const override {
    return rows == 1 ? TileShape{1, 8} : TileShape{6, 2};
  }
  /// Sharing codes wins more time than spills lose.
  PixelTile getDepthwiseTile(bool) const override { return {2, 2}; }
  int64_t getWinogradTiles() const override { return 12; }
  Value emitPairDot(OpBuilder &builder, Location loc, Value acc, Value codes,
                    Value levels) const override {
    Value sums =
        callIntrinsic(builder, loc, "llvm.x86.avx2.pmadd.wd", acc.getType(), {codes, levels});
    return arith::AddIOp::create(builder, loc, acc, sums);
  }
  bool prefersTopAligned() const override { return false; }
  bool packsCodes() const override { return true; }
  Value emitDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels,
                int32_t maxMagnitude) const override {
    return widensLevels(maxMagnitude) ? emitWordPairs(builder, loc, acc, codes, levels)
                                      : emitBytePairs(builder, loc, acc, codes, levels);
  }
  /// i16 sums of up to this many quads cannot overflow; for one there is nothing to win.
  int64_t getNarrowQuads(int32_t maxMagnitude) const override {
    int64_t quads = INT16_MAX / (2 * 255 * maxMagnitude);
    return quads > 1 ? quads : 0;
  }
  Value emitNarrowDot(OpBuilder &builder, Location loc, Value sum, Value codes,
                      Value levels) const override {
    Value pairs =
        callIntrinsic(builder, loc, "llvm.x86.avx2.pmadd.ub.sw", sum.getType(), {codes, levels});
    return arith::AddIOp::create(builder, loc, sum, pairs);
  }
  Value emitWiden(OpBuilder &builder, Location loc, Value acc, Value sum) const override {
    Value ones = splat(builder, loc, cast<VectorType>(sum.getType()), 1);
    Value quads = callIntrinsic(builder, loc, "llvm.x86.avx2.pmadd.wd", acc.getType(), {sum, ones});
    return arith::AddIOp::create(builder, loc, acc, quads);
  }
  Value emitRound(OpBuilder &builder, Location loc, Value floats) const override {
    return emitAvxRound(builder, loc, floats);
  }
  Value emitPackWords(OpBuilder &builder, Location loc, Value first, Value second) const override {
    return emitPack(builder, loc, "llvm.x86.avx2.packssdw", first, second);
  }
  Value emitPackBytes(OpBuilder &builder, Location loc, Value first, Value second) const override {
    return emitPack(builder, loc, "llvm.x86.avx2.packuswb", first, second);
  }
  StringRef getVectorConstraint() const override { return "x"; }
  StringRef getCpu() const override { return "x86-64-v3"; }
  ArrayRef<StringLiteral> getRequiredFeatures() const override {
    static const StringLiteral features[] = {GPFQ_X86_64_V3};
    return features;
  }

private:
  /// vpmaddubsw saturates the sum of two products at 2^15 - 1: 2 * 255 * 64 fits.
  static constexpr int32_t maxPairMagnitude = 64;

  /// Pairs of byte products as i16, then pairs of those as i32.
  Value emitBytePairs(OpBuilder &builder, Location loc, Value acc, Value codes,
                      Value levels) const {
    auto words = VectorType::get(16, builder.getI16Type());
    Value pairs = callIntrinsic(builder, loc, "llvm.x86.avx2.pmadd.ub.sw", words, {codes, levels});
    Value quads = callIntrinsic(builder, loc, "llvm.x86.avx2.pmadd.wd", acc.getType(),
                                {pairs, splat(builder, loc, words, 1)});
    return arith::AddIOp::create(builder, loc, acc, quads);
  }

  /// Even and odd bytes widened to i16: exact for any byte.
  Value emitWordPairs(OpBuilder &builder, Location loc, Value acc, Value codes,
                      Value levels) const {
    for (auto [factors, words] :
         llvm::zip_equal(emitCodeWords(builder, loc, codes), emitLevelWords(builder, loc, levels)))
      acc = emitPairDot(builder, loc, acc, factors, words);
    return acc;
  }
};

} // namespace

const KernelTarget &mlir::gpfq::getAvx512VnniTarget() {
  static const Avx512VnniTarget target;
  return target;
}

const KernelTarget &mlir::gpfq::getAvx512VpopcntdqTarget() {
  static const Avx512VpopcntdqTarget target;
  return target;
}

const KernelTarget &mlir::gpfq::getZnver4Target() {
  static const Znver4Target target;
  return target;
}

const KernelTarget &mlir::gpfq::getAvxVnniTarget() {
  static const AvxVnniTarget target;
  return target;
}

const KernelTarget &mlir::gpfq::getAvx2Target() {
  static const Avx2Target target;
  return target;
}
