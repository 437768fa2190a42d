// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GPFQ_DIALECT_LOWBIT_IR_PACKEDWEIGHTS_H
#define GPFQ_DIALECT_LOWBIT_IR_PACKEDWEIGHTS_H

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "llvm/Support/MathExtras.h"
#include <vector>

namespace mlir::lowbit {

/// Part of a field: its bits from `bitInField` on, `width` of them, are those from `bitInByte` on
/// of bytes of a register of a step.
struct FieldPiece {
  int64_t registerIndex;
  unsigned bitInByte, width, bitInField;
};

/// Where each weight of a packed op is. The terms are those of `LayoutAttr`, whose documentation
/// has the format.
struct PackedGeometry {
  PackedGeometry(LayoutAttr layout, AlphabetAttr alphabet, int64_t groups = 1);
  explicit PackedGeometry(LowBitComputeOpInterface op);
  explicit PackedGeometry(PackOp op);

  /// Channel groups, and output channels in each.
  int64_t groups, channels;
  /// Runs of one output channel, and elements in each.
  int64_t runs, run;
  /// Elements at the end of each run that share quads with those of other runs; 0 if they do not.
  int64_t sharedElements;
  /// Lanes of a vector and vectors of a full panel.
  int64_t lanes, vectors;
  /// Bits of a field, and whether it stands for the odd level 2f + 1.
  unsigned bits;
  bool odd;
  FieldEncoding encoding;
  bool depthwise;
  /// Input channels where weights and input are bits, the elements of a run being bytes; else 0.
  int64_t signChannels;
  /// Tables of counts along y and x behind a panel of such weights.
  int64_t tableRows, tableColumns;
  int64_t quadsPerStep;
  /// What levels are shifted by beside what `encoding` does.
  unsigned levelShift = 0;
  /// True if bytes are widened to words: for a quad a register of those at even places of a lane
  /// and one of those at odd places.
  bool isWidened = false;

  /// Quads that one run has for itself, and their steps.
  int64_t getQuads() const { return llvm::divideCeil(run - sharedElements, 4); }
  int64_t getSteps() const { return llvm::divideCeil(getQuads(), quadsPerStep); }
  /// Quads of the elements that runs share, and their steps, which follow those of all runs.
  int64_t getSharedQuads() const { return llvm::divideCeil(runs * sharedElements, 4); }
  int64_t getSharedSteps() const { return llvm::divideCeil(getSharedQuads(), quadsPerStep); }
  /// Elements in the shared quad `quad`; the first is shared element 4 * quad.
  int64_t getSharedQuadSize(int64_t quad) const {
    return std::min<int64_t>(4, runs * sharedElements - 4 * quad);
  }
  /// Run of a shared element, and its place in the run.
  std::pair<int64_t, int64_t> getSharedElement(int64_t index) const {
    return {index / sharedElements, run - sharedElements + index % sharedElements};
  }
  int64_t getTotalQuads() const { return runs * getQuads() + getSharedQuads(); }
  /// Pairs of quads of one run whose bytes are all elements of their own.
  int64_t getPairs() const { return run / 8; }
  /// First element of a run that `quad` covers.
  int64_t getQuadStart(int64_t quad) const;
  /// Bytes of `quad` below this one repeat elements of the quad before; they are zero.
  int64_t getQuadSkip(int64_t quad) const { return 4 * quad - getQuadStart(quad); }
  /// One past the last byte of `quad` that is an element.
  int64_t getQuadEnd(int64_t quad) const;

  bool hasSigns() const { return encoding == FieldEncoding::Signs; }
  bool hasOffset() const { return encoding == FieldEncoding::Offset || isPaired() || isInPlace(); }
  bool isPaired() const { return encoding == FieldEncoding::Paired; }
  bool isInPlace() const { return encoding == FieldEncoding::InPlace; }
  /// Where fields are multiplied: at `getPlacesInByte(bits)`, or at bit 0 if they are unpacked.
  SmallVector<unsigned, 8> getPlaces() const;
  /// Index among them of the place of a quad of a step.
  int64_t getPlaceIndex(int64_t quadInStep) const;
  /// True if the highest bit of that field is one of its byte, so that its products are signed.
  bool isSignedInPlace(int64_t quadInStep) const;
  /// Where the field of a quad of a step is, the highest bits first.
  SmallVector<FieldPiece, 3> getPieces(int64_t quadInStep) const;
  /// Panels of depthwise weights for integer kernels: four vectors whose lanes are interleaved.
  bool isInterleaved() const { return depthwise && vectors == 4; }
  /// Channels of a full panel.
  int64_t getPanelChannels() const { return lanes * vectors; }
  int64_t getFullPanels() const {
    return isInterleaved() ? llvm::divideCeil(channels, getPanelChannels())
                           : channels / getPanelChannels();
  }
  /// Channels that are left after the full panels.
  int64_t getTailChannels() const { return isInterleaved() ? 0 : channels % getPanelChannels(); }
  /// First channel of a panel. The last interleaved panel overlaps the one before it if it would
  /// not be full.
  int64_t getPanelStart(int64_t panel) const;
  /// Channel of a lane, relative to the first of the panel.
  int64_t getChannelInPanel(int64_t vector, int64_t lane) const;
  /// Vectors of the last panel if it is not full.
  int64_t getTailVectors() const { return llvm::divideCeil(getTailChannels(), lanes); }

  int64_t getRegisterBytes() const { return 4 * lanes; }
  /// Registers that one vector takes in a step.
  int64_t getRegistersPerStep() const { return bits * quadsPerStep / 8 * (isWidened ? 2 : 1); }
  int64_t getStepBytes(int64_t panelVectors) const {
    return panelVectors * getRegistersPerStep() * getRegisterBytes();
  }
  /// Of all runs; in a panel, tables follow.
  int64_t getFieldBytes(int64_t panelVectors) const {
    return (runs * getSteps() + getSharedSteps()) * getStepBytes(panelVectors);
  }
  int64_t getTableBytes(int64_t panelVectors) const {
    return hasSigns() ? panelVectors * getRegisterBytes() : 0;
  }
  int64_t getPanelBytes(int64_t panelVectors) const {
    return getFieldBytes(panelVectors) + tableRows * tableColumns * getTableBytes(panelVectors);
  }
  int64_t getGroupBytes() const {
    return getFullPanels() * getPanelBytes(vectors) + getPanelBytes(getTailVectors());
  }
  int64_t getTotalBytes() const { return groups * getGroupBytes(); }

  /// An unpacked byte is level << getShift().
  unsigned getShift() const {
    return levelShift + (encoding == FieldEncoding::TopAligned ? 8 - bits - (odd ? 1 : 0) : 0);
  }

  /// Field of a level and level of a field, where its place in the byte makes no difference.
  unsigned encode(int32_t level) const;
  int32_t decode(unsigned field) const;

  /// Index in the weights before packing of element `element` of run `run` of a channel of a group.
  int64_t getLevelIndex(int64_t group, int64_t channel, int64_t run, int64_t element) const;

private:
  /// Quads of a step whose fields are in one piece.
  int64_t getWholeFields() const { return bits * quadsPerStep / 8 * (8 / bits); }
  SmallVector<FieldPiece, 3> getSplitPieces(int64_t quadInStep) const;
};

/// The levels of codes less by 128: what `lowbit.pack` stores.
AlphabetAttr getCodeAlphabet(MLIRContext *context);

/// Bits of the field that stores a level of `alphabet`; at least `alphabet.getBits()`.
unsigned getFieldBits(AlphabetAttr alphabet);

/// The bits of a byte at which fields in place begin, lowest first. Each has a sum of its own.
SmallVector<unsigned, 8> getPlacesInByte(unsigned bits);

/// Levels are shifted for the sake of a bias (see lowbit-fuse) only if they remain within this: the
/// sum of two products with codes fits an i16.
inline constexpr int64_t maxShiftedLevel = 64;

/// True if the sum of a code of `op` and a level, less by the least one, fits a byte, so that
/// fields may be `paired`.
bool hasRoomForSums(LowBitComputeOpInterface op);

/// Codes that are given up for such sums at most: the span of levels of five bits.
inline constexpr int32_t maxReservedCodes = 30;

/// Layers with fewer input channels multiply signs as bytes: most of a word would be empty.
inline constexpr int64_t minSignChannels = 16;
/// Pixels at an edge of the result whose windows go over padding and have tables of their own.
inline constexpr int64_t maxSignBorder = 32767;

/// Bytes that hold the signs of `channels` channels: whole words of 32 bits.
inline int64_t getSignBytes(int64_t channels) { return 4 * llvm::divideCeil(channels, 32); }

/// The packed bytes of `levels`, which are row-major in the shape `kernel` of the layout. Those of
/// signs have no tables yet.
std::vector<int8_t> packLevels(const PackedGeometry &geometry, ArrayRef<int8_t> levels);

/// Writes `tables`, tableRows x tableColumns x channels, into the packed bytes of signs.
void writeTables(const PackedGeometry &geometry, ArrayRef<int32_t> tables,
                 MutableArrayRef<int8_t> bytes);

/// The inverse of `packLevels`.
std::vector<int8_t> unpackLevels(const PackedGeometry &geometry, ArrayRef<int8_t> bytes);

} // namespace mlir::lowbit

#endif // GPFQ_DIALECT_LOWBIT_IR_PACKEDWEIGHTS_H
