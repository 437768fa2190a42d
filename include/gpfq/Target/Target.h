// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_TARGET_TARGET_H
#define GPFQ_TARGET_TARGET_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::gpfq {

/// Size of the block of accumulators that an inner loop keeps in registers: `rows` output pixels
/// (or rows of a matrix) times `vectors` vectors of output channels.
struct TileShape {
  int64_t rows;
  int64_t vectors;
};

/// What the choice of a tile of an integer kernel depends on.
struct ContractionShape {
  /// Output pixels (or rows of a matrix) that share weights.
  int64_t pixels;
  /// Products of one sum, in fours.
  int64_t quads;
  /// Of a weight.
  unsigned bits;

  /// False if some fields of the packed weights are in pieces (see LayoutAttr).
  bool fillsBytes() const { return 8 % bits == 0; }
};

/// A block of output pixels.
struct PixelTile {
  int64_t rows;
  int64_t columns;
};

/// What a kernel generator needs to know about an instruction set. The only code that names one is
/// in lib/Target.
class KernelTarget {
public:
  virtual ~KernelTarget() = default;

  /// Name for `--target=`, for the `target` field of a layout and for messages.
  virtual StringRef getName() const = 0;
  /// i32 elements of a vector register.
  virtual int64_t getLanes() const = 0;
  virtual int64_t getVectorRegisters() const = 0;
  /// The tile for integer kernels; a single row takes more vectors, to hide latency.
  virtual TileShape getIntegerTile(const ContractionShape &shape) const = 0;
  /// Rows of a tile of `vectors` vectors whose weights are bytes in memory, so that nothing is
  /// unpacked for it. Few where reductions are short: the epilogue of one tile then overlaps the
  /// products of the next.
  virtual int64_t getByteTileRows(const ContractionShape &shape, int64_t vectors) const = 0;
  /// The tile for kernels of `rows` output rows in all that multiply signs by counting bits;
  /// nothing if products of bytes take less time.
  virtual std::optional<TileShape> getSignTile(int64_t rows) const { return std::nullopt; }
  /// The tile for f32 kernels.
  virtual TileShape getFloatTile(int64_t rows) const = 0;
  /// Output pixels of a tile of integer depthwise kernels. Each takes an accumulator and two packed
  /// results; more registers hold codes if the kernel has more than one quad a row.
  virtual PixelTile getDepthwiseTile(bool isOneQuad) const = 0;
  /// True if the target has its instructions for vectors of half the lanes too, and these can take
  /// less time.
  virtual bool hasHalfVectors() const { return false; }

  /// True if the dot product is exact for any signed byte, so that b-bit weights may be unpacked to
  /// the top of their byte (as w * 2^(8-b), without a sign extension) and the accumulator shifted
  /// back at the end.
  virtual bool prefersTopAligned() const = 0;

  /// True if for one row, where there are registers for a sum of each place in a byte, fields of
  /// less than 8 bits take less time in place than unpacked (see LayoutAttr).
  virtual bool prefersInPlace() const { return false; }

  /// The time of half the products of quads, of sums of codes and levels (the encoding `paired` of
  /// LayoutAttr), in that of all products; 1 if the additions take what the products save.
  virtual double getPairedTime() const { return 1.0; }
  /// What the sums of codes cost that such products need for each pixel with `runs` runs of `run`
  /// codes: vectors along each run, and a reduction. In products of two registers.
  double getCodeSumCost(int64_t runs, int64_t run) const {
    constexpr double vectorCost = 2.5, reductionCost = 8.0;
    return double(runs * llvm::divideCeil(run, 4 * getLanes())) * vectorCost + reductionCost;
  }
  /// What all products of a pixel with `vectors` vectors cost, as such products.
  double getPairedCost(int64_t runs, int64_t run, int64_t vectors) const {
    double quads = double(runs) * (run / 8 * 2);
    return (getPairedTime() * quads + 1.0) * vectors + getCodeSumCost(runs, run);
  }
  /// Rows of a tile of `vectors` vectors for such products.
  virtual int64_t getPairedTileRows(int64_t vectors) const {
    llvm_unreachable("target without products of sums");
  }

  /// acc + sum over the four bytes of each lane of codes (unsigned) * levels (signed).
  /// `acc` is `vector<lanes x i32>`, `codes` and `levels` are `vector<4*lanes x i8>`;
  /// `maxMagnitude` bounds |levels|. The result is exact modulo 2^32.
  virtual Value emitDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels,
                        int32_t maxMagnitude) const = 0;

  /// True if `emitDot` widens levels this large, and codes, to words. Kernels then do better to
  /// widen the levels of a panel once, for `emitPairDot`.
  virtual bool widensLevels(int32_t maxMagnitude) const { return false; }
  /// Rows of a tile of `vectors` vectors whose weights are words in memory.
  virtual int64_t getWordTileRows(int64_t vectors) const {
    llvm_unreachable("target that multiplies bytes");
  }

  /// True if the target counts the ones of 32-bit lanes by one instruction. Others count them in
  /// bytes, which `emitDot` sums.
  virtual bool countsBitsOfLanes() const { return false; }

  /// True if the target multiplies signed codes, and `emitDot` is `emitSignedDot` with corrections:
  /// a kernel whose rows share levels subtracts 128 from the codes (flips their top bits) and adds
  /// 128 times the sum of the levels once.
  virtual bool multipliesSignedCodes() const { return false; }
  /// `emitDot` for signed codes.
  virtual Value emitSignedDot(OpBuilder &builder, Location loc, Value acc, Value codes,
                              Value levels) const {
    llvm_unreachable("target without products of signed codes");
  }

  /// How many quads of bytes may be summed by `emitNarrowDot` before `emitWiden`, for |levels| <=
  /// `maxMagnitude`; 0 if the target has no use for it.
  virtual int64_t getNarrowQuads(int32_t maxMagnitude) const { return 0; }
  /// sum + the dot products of the two byte pairs of each lane, where `sum` is `vector<2*lanes x
  /// i16>`.
  virtual Value emitNarrowDot(OpBuilder &builder, Location loc, Value sum, Value codes,
                              Value levels) const {
    llvm_unreachable("target without narrow sums");
  }
  /// acc + the two halves of each lane of `sum`.
  virtual Value emitWiden(OpBuilder &builder, Location loc, Value acc, Value sum) const {
    llvm_unreachable("target without narrow sums");
  }

  /// Tiles of Winograd's algorithm whose accumulators an inner loop keeps in registers; 0 if the
  /// target has no `emitPairDot`, or nothing to win by it.
  virtual int64_t getWinogradTiles() const { return 0; }
  /// acc + the dot product of the two i16 in each lane of `codes` and `levels`, modulo 2^32. `acc`
  /// is `vector<lanes x i32>`, the others are `vector<2*lanes x i16>`.
  virtual Value emitPairDot(OpBuilder &builder, Location loc, Value acc, Value codes,
                            Value levels) const {
    llvm_unreachable("target without products of pairs");
  }

  /// True if the target has `emitRound`, `emitPackWords` and `emitPackBytes`.
  virtual bool packsCodes() const { return false; }
  /// The i32 nearest to each f32, the even one of two; negative for one that is NaN or less than
  /// all i32. Other values must fit.
  virtual Value emitRound(OpBuilder &builder, Location loc, Value floats) const {
    llvm_unreachable("target without rounding");
  }
  /// Packs with saturation: `emitPackWords` two vectors of i32 to one of i16, `emitPackBytes` two
  /// of those to one of u8. Four vectors with interleaved lanes (see LayoutAttr) come out in the
  /// order of channels.
  virtual Value emitPackWords(OpBuilder &builder, Location loc, Value first, Value second) const {
    llvm_unreachable("target without packs");
  }
  virtual Value emitPackBytes(OpBuilder &builder, Location loc, Value first, Value second) const {
    llvm_unreachable("target without packs");
  }

  /// Letter of a vector register in the constraints of inline assembly; empty if it is not known.
  virtual StringRef getVectorConstraint() const { return ""; }

  /// Arguments for llvm::Target::createTargetMachine. An empty triple is that of the process, or of
  /// other targets of the same library.
  virtual StringRef getTriple() const { return ""; }
  virtual StringRef getCpu() const = 0;
  virtual StringRef getFeatures() const { return ""; }
  /// CPU features, in LLVM's spelling, without which the code must not run.
  virtual ArrayRef<StringLiteral> getRequiredFeatures() const = 0;
};

/// `emitDot` in plain arithmetic of `lanes` lanes: correct on every target.
Value emitPortableDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels);

/// `emitPairDot` in plain arithmetic.
Value emitPortablePairDot(OpBuilder &builder, Location loc, Value acc, Value codes, Value levels);

/// The even and the odd bytes of `codes`, which are unsigned, as words: vectors of half the
/// elements.
std::array<Value, 2> emitCodeWords(OpBuilder &builder, Location loc, Value codes);
/// The same for `levels`, which are signed.
std::array<Value, 2> emitLevelWords(OpBuilder &builder, Location loc, Value levels);

/// The elements of four vectors with interleaved lanes (see LayoutAttr) in one vector, in the order
/// of channels.
Value emitDeinterleave(OpBuilder &builder, Location loc, ArrayRef<Value> vectors);

/// The target called `name`; `host` is the best that this CPU can run. An unknown name is an error
/// that lists the known ones.
FailureOr<const KernelTarget *> getKernelTarget(StringRef name,
                                                function_ref<InFlightDiagnostic()> emitError);

/// The targets with these names, each once, the fastest first. They must be of one architecture.
FailureOr<SmallVector<const KernelTarget *>>
getKernelTargets(ArrayRef<std::string> names, function_ref<InFlightDiagnostic()> emitError);

/// The triple of targets of one architecture; empty for that of the process.
StringRef getTriple(ArrayRef<const KernelTarget *> targets);

/// The intrinsic of LLVM that reads a clock of constant rate on machines of `triple`, in any
/// process; an empty triple is that of this process.
StringRef getClock(StringRef triple);

/// All targets, those of an architecture the fastest first; the last, `generic`, runs anywhere.
ArrayRef<const KernelTarget *> getKernelTargets();

/// True if this CPU has all required features of `target`.
bool canRunOnHost(const KernelTarget &target);

} // namespace mlir::gpfq

#endif // GPFQ_TARGET_TARGET_H
