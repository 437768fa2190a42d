// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_KERNELBUILDER_H
#define GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_KERNELBUILDER_H

#include "LoopBuilder.h"
#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "gpfq/Target/Target.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::gpfq {

/// Images are taken in blocks of about this size, which stay in the second-level cache while the
/// panels of channels go over them.
inline constexpr int64_t blockBytes = 128 * 1024;

/// The largest unpacked panel in the frame of a kernel, see docs/how-to-embed.md.
inline constexpr int64_t maxPanelStackBytes = 80 * 1024;

/// Packed weights in memory and where each of them is.
struct PackedBuffer {
  Value memref;
  lowbit::PackedGeometry geometry;
  /// Lane of each register at which the vectors of the kernel start.
  int64_t firstLane = 0;
};

/// What a panel is unpacked to.
enum class PanelForm {
  /// One quad after the other.
  Bytes,
  /// For each quad the words of the even bytes, and behind them those of the odd bytes.
  Words,
  /// Quads side by side in pairs, with the offsets that make the sums with codes an i8, if added to
  /// the first quad of a pair, and a u8.
  Pairs
};

/// An accumulator or what the epilogue makes of it: `vector` of its panel, with `valid` channels
/// from `position` on, the indices of the first in the result. In an interleaved panel these are
/// the position and channels of all its vectors.
struct StoredVector {
  Value value;
  SmallVector<Value> position;
  int64_t vector, valid;
  /// True if the accumulator started from the bias.
  bool hasBias = false;
  /// True if its first channel lies right behind the last one of the vector before, of the pixel
  /// before.
  bool followsPixel = false;
  /// Of an interleaved panel that holds several pixels with `valid` channels each: their number,
  /// and how many columns they are apart.
  int64_t pixels = 1, columnsApart = 0;
};

/// The end of an epilogue that rounds, shifts by the zero point and clamps to codes:
/// `u8(min(max(roundeven(value) + zeroPoint, 0), top))`.
struct CodeRounding {
  Value value;
  int64_t zeroPoint, top;
  /// True if `value` is known to be within the range of i32, which makes it finite too.
  bool isBounded;
};

/// The beginning of an epilogue that adds an i32 of each channel: (acc << shift) + operand.
struct BiasAddition {
  /// The addition and perhaps the shift before it.
  SmallVector<Operation *, 2> ops;
  int64_t operand;
  unsigned shift;
};

/// Builds what contraction and depthwise kernels share: loads of weights, the epilogue.
class KernelBuilder : public LoopBuilder {
public:
  /// `buffers` are the input, the weights, the fused operands and the init, in that order. With
  /// `emulateDot` the kernel has no instructions of the target.
  KernelBuilder(lowbit::LowBitComputeOpInterface op, OpBuilder &builder, ValueRange buffers,
                const KernelTarget &target, bool emulateDot);

  const KernelTarget &target;
  const bool isInteger;
  Value input, init;
  /// A buffer of bytes for `getCodeSumBytes`, and where in it they start.
  Value codeSums, codeSumsStart;
  PackedBuffer weights;

  /// Lanes of the vectors that the kernel computes with; those of the layout, or half of them.
  int64_t getLanes() const { return lanes; }
  void useLanes(int64_t count, int64_t first = 0) {
    lanes = count;
    weights.firstLane = first;
  }
  VectorType getVectorType(Type element) const { return VectorType::get(getLanes(), element); }
  VectorType getBytesType() { return VectorType::get(4 * getLanes(), getI8Type()); }
  VectorType getAccumulatorType();

  /// `index`, of which the optimiser knows nothing: loads that depend on it stay in their loop
  /// rather than in registers that its accumulators need. They also come after the computation of
  /// the vectors `before`.
  Value makeOpaque(Value index, ValueRange before = {});
  /// `vector`, of which the optimiser knows nothing.
  Value makeOpaqueVector(Value vector);

  using LoopBuilder::loadVector;
  /// The first `valid` elements of a vector of `getLanes()`, the rest zero.
  Value loadVector(Value memref, ArrayRef<Value> indices, int64_t valid) {
    return loadVector(memref, indices, valid, getLanes());
  }

  /// Registers that were loaded for one step, by their offset from its start.
  using RegisterCache = llvm::DenseMap<int64_t, Value>;
  /// The bytes `level << getShift()` of quad `quadInStep` of the step that starts at byte
  /// `stepStart`, for vector `vector` of its panel.
  Value loadLevels(Value stepStart, int64_t vector, int64_t quadInStep, RegisterCache &cache);
  /// Stores the words of the even bytes of `levels` and behind them those of the odd ones.
  void storeLevelWords(Value levels, Value memref, Value at);
  /// Loads what `storeLevelWords` has stored.
  std::array<Value, 2> loadLevelWords(Value memref, Value at);
  /// Adds the products of the words of codes and levels, the even ones and the odd ones.
  Value emitWordDot(Value acc, ArrayRef<Value> codes, ArrayRef<Value> levels);
  /// `level << shift` of bytes that `loadLevels` gives.
  Value emitPlainLevels(Value bytes, unsigned shift = 0);
  /// The geometry of the same weights as bytes `level << shift`, in vectors of `getLanes()`.
  lowbit::PackedGeometry getPlainGeometry(unsigned shift = 0) const;
  /// True if products take less time with words of a panel than with its bytes.
  bool widensLevels() const {
    return isInteger && !weights.geometry.hasSigns() && target.widensLevels(getMaxMagnitude());
  }
  /// A buffer in the frame of the kernel.
  Value allocate(int64_t elements, Type element);
  /// Vector `vector` of the table of signs at byte `at` of the weights.
  Value loadTable(Value at, int64_t vector);
  /// Has `unpackPanel` use the bytes of `memref` from `start` on instead of a buffer in the frame.
  void unpackTo(Value memref, Value start) {
    unpacked = memref;
    unpackedStart = start;
  }
  /// True if `unpackTo` has set one.
  bool hasPanelBuffer() const { return bool(unpackedStart); }
  /// Where in its buffer an unpacked panel starts.
  Value getUnpackedStart() { return unpackedStart ? unpackedStart : index(0); }
  /// Unpacks the panel of `vectors` vectors at byte `panelStart` to a buffer, in the form of 8-bit
  /// weights shifted by `shift`.
  PackedBuffer unpackPanel(Value panelStart, int64_t vectors, PanelForm form = PanelForm::Bytes,
                           unsigned shift = 0);
  /// acc + codes . levels of two quads that are a pair, less what `emitPairedCodes` gives for the
  /// codes and what it is for codes of 0. Levels are those of `PanelForm::Pairs`.
  Value emitPairedDot(Value acc, std::array<Value, 2> codes, std::array<Value, 2> levels);
  /// acc + the products of the codes of two quads, or vectors of quads, with each other.
  Value emitPairedCodes(Value acc, std::array<Value, 2> codes);
  /// `emitPairedCodes` of one lane of codes of 0.
  int64_t getPairedZero() const;
  /// The levels in byte `byte` of each lane of `levels` as f32.
  Value getFloatLevels(Value levels, int64_t byte);
  /// acc + codes . levels, or where these are signs acc - the ones in codes xor levels; the sum is
  /// narrow if `acc` is of i16.
  Value emitDot(Value acc, Value codes, Value levels);
  /// acc + the dot products of the pairs of i16 in each lane of `codes` and `levels`.
  Value emitPairDot(Value acc, Value codes, Value levels);
  /// True if `emitSignedDot` takes less time than `emitDot`.
  bool multipliesSignedCodes() const {
    return isInteger && !emulateDot && !weights.geometry.hasSigns() &&
           target.multipliesSignedCodes();
  }
  /// Codes less by 128.
  Value emitSignedCodes(Value codes);
  /// acc + codes . levels for signed codes.
  Value emitSignedDot(Value acc, Value codes, Value levels) {
    return target.emitSignedDot(*this, getLoc(), acc, codes, levels);
  }
  /// Quads that narrow sums can take; 0 if there is no use for them.
  int64_t getNarrowQuads() const;
  VectorType getWordsType() { return VectorType::get(2 * getLanes(), getI16Type()); }
  VectorType getNarrowType() { return getWordsType(); }
  /// Adds narrow sums to accumulators.
  SmallVector<Value> emitWiden(ValueRange acc, ValueRange sums);

  /// Vectors of the fused operands that only depend on the channel, read once a tile.
  using FusedCache = llvm::DenseMap<std::pair<int64_t, int64_t>, Value>;
  /// Reads fused operands that only depend on the channel, for the `vectors` vectors of a panel of
  /// `valid` channels.
  FusedCache loadChannelOperands(Value channel, int64_t vectors, int64_t valid);
  /// True if a fused operand depends on more than the channel.
  bool readsPixels() const;
  /// The shift that levels need for accumulators to start from the bias; nothing if there is none.
  std::optional<unsigned> getBiasShift() const;
  /// True if accumulators can start from the bias with the levels as they are.
  bool canStartFromBias() const;
  /// The fused operand that is the bias.
  int64_t getBiasOperand() const { return biasAddition->operand; }
  /// The bias for the `vectors` vectors of a panel of `valid` channels.
  SmallVector<Value> loadBias(Value channel, int64_t vectors, int64_t valid);
  /// What the epilogue yields for an accumulator; i32 codes if the target packs them.
  Value emitElement(const StoredVector &place, const FusedCache &cache);
  /// True if elements are i32 codes, which wait as words in half of the registers.
  bool packsCodes() const { return codeRounding.has_value(); }
  /// Packs the codes of two vectors, once.
  Value packWords(Value first, Value second);
  /// Stores elements, all vectors of an interleaved panel together.
  void storeElements(ArrayRef<StoredVector> elements);
  /// Lets vectors that follow each other be stored as one across pixels, if panels have all
  /// channels of a pixel and these lie side by side. Returns true if so.
  bool mergePixels();

private:
  /// acc - the ones in each lane of `bits`.
  Value emitCount(Value acc, Value bits);
  /// Stores the elements of several pixels.
  void storePixels(Value all, const StoredVector &place);
  /// Stores elements that are bits.
  void storeBits(ArrayRef<StoredVector> elements);
  /// The largest |level| of unpacked bytes.
  int32_t getMaxMagnitude() const;
  /// What the levels of the first or second quad of a pair are increased by.
  int64_t getPairOffset(int64_t quadInPair) const;
  /// `bytes + offset`, modulo 2^8.
  Value addToBytes(Value bytes, int64_t offset);
  bool isInterleaved() const { return weights.geometry.isInterleaved(); }
  Value loadFused(int64_t operand, ArrayRef<Value> position, int64_t valid, int64_t size);
  /// The operand for each vector of a panel of `valid` channels.
  SmallVector<Value> loadFusedPanel(int64_t operand, ArrayRef<Value> position, int64_t vectors,
                                    int64_t valid);
  /// What the epilogue yields for an accumulator and the fused operands, or what it rounds to codes
  /// if the target packs those.
  Value applyEpilogue(Value acc, ValueRange operands, bool hasBias);
  Value roundCode(Value value);
  /// Up to four vectors of codes as bytes in the order of channels.
  Value packCodes(SmallVector<Value> codes);

  lowbit::LowBitComputeOpInterface op;
  SmallVector<Value> fused;
  bool emulateDot;
  int64_t lanes;
  std::optional<CodeRounding> codeRounding;
  std::optional<BiasAddition> biasAddition;
  /// The buffer of `unpackPanel`, and where in it panels start if not at its first byte.
  Value unpacked, unpackedStart;
  /// The result with pixels and channels as one dimension; null if they are stored apart.
  Value mergedInit;
  llvm::DenseMap<std::pair<Value, Value>, Value> packedWords;
};

/// The rounding to codes at the end of the epilogue, if there is one.
std::optional<CodeRounding> matchCodeRounding(lowbit::LowBitComputeOpInterface op);

/// The addition of a bias to the accumulator, if nothing else in the epilogue reads that.
std::optional<BiasAddition> matchBiasAddition(lowbit::LowBitComputeOpInterface op);

/// The panels of the output channels of a group: the full ones, and what is left.
SmallVector<TileRange, 2> getPanelRanges(const lowbit::PackedGeometry &geometry);

/// The elements of the global that a buffer is, or is a view of; null if it is no constant.
Attribute getConstantBuffer(Value memref);

/// A bound on the magnitude of a scalar of the epilogue that proves it to be finite; else infinity.
double getEpilogueBound(lowbit::LowBitComputeOpInterface op, Value value);

/// True if the kernel of `op` reads its input a byte at a time: runs of fewer than four elements,
/// or an input whose runs do not lie side by side.
bool readsInputByElement(lowbit::LowBitComputeOpInterface op, MemRefType inputType);

/// Bytes that one chunk of a kernel of `op`, a contraction, needs for a panel of words or pairs
/// that is too large for the stack, which `unpackTo` takes; 0 if there are none.
int64_t getPanelBufferBytes(lowbit::LowBitComputeOpInterface op, const KernelTarget &target);

/// Bytes that it needs for sums of codes of all pixels, beyond what the stack takes, in
/// `KernelBuilder::codeSums`.
int64_t getCodeSumBytes(lowbit::LowBitComputeOpInterface op);

/// Builds the body of a kernel at the insertion point of `builder`.
void buildContractionKernel(KernelBuilder &builder, lowbit::Conv2DOp op);
void buildContractionKernel(KernelBuilder &builder, lowbit::MatmulOp op);
void buildContractionKernel(KernelBuilder &builder, lowbit::BatchMatmulOp op);
void buildDepthwiseKernel(KernelBuilder &builder, lowbit::DepthwiseConv2DOp op);
/// The same for `op` on `buffers`: the input, codes, scales, zero points and perhaps sums.
void buildQuantizeRowsKernel(LoopBuilder &builder, lowbit::QuantizeRowsOp op, ValueRange buffers);
/// The same for `op` on `buffers`: the codes and the packed bytes.
void buildPackKernel(LoopBuilder &builder, lowbit::PackOp op, ValueRange buffers);
/// The same for `op` on `buffers`: the input and the bits.
void buildPackSignsKernel(LoopBuilder &builder, lowbit::PackSignsOp op, ValueRange buffers);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_KERNELBUILDER_H
