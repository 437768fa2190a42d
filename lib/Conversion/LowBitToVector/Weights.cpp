// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights of a kernel: from packed registers to bytes, and the dot products with them.

#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

Value KernelBuilder::loadLevels(Value stepStart, int64_t vector, int64_t quadInStep,
                                RegisterCache &cache) {
  const PackedGeometry &g = weights.geometry;
  VectorType bytesType = getBytesType();
  VectorType lanesType = getVectorType(getI32Type());
  auto loadRegister = [&](int64_t registerIndex) -> Value {
    int64_t offset = (vector * g.getRegistersPerStep() + registerIndex) * g.getRegisterBytes();
    Value &loaded = cache[offset];
    if (!loaded)
      loaded = vector::LoadOp::create(*this, bytesType, weights.memref,
                                      ValueRange(add(stepStart, offset + 4 * weights.firstLane)));
    return loaded;
  };
  if (g.bits == 8)
    return loadRegister(quadInStep);
  bool topAligned = g.encoding == FieldEncoding::TopAligned;
  // Where the field begins in its byte.
  int64_t place = g.odd ? 1 : 0;
  if (g.isInPlace())
    place = g.getPlaces()[g.getPlaceIndex(quadInStep)];
  else if (topAligned)
    place = 8 - g.bits;
  Value field;
  for (const FieldPiece &stored : g.getPieces(quadInStep)) {
    Value piece = vector::BitCastOp::create(*this, lanesType, loadRegister(stored.registerIndex));
    int64_t bit = place + stored.bitInField, shift = bit - stored.bitInByte;
    if (shift > 0)
      piece = arith::ShLIOp::create(*this, piece, splat(lanesType, shift));
    else if (shift < 0)
      piece = arith::ShRUIOp::create(*this, piece, splat(lanesType, -shift));
    int64_t mask = (((1 << stored.width) - 1) << bit) * 0x01010101LL;
    piece = arith::AndIOp::create(*this, piece, splat(lanesType, mask));
    field = field ? Value(arith::OrIOp::create(*this, field, piece)) : piece;
  }
  if (topAligned && g.odd)
    field =
        arith::OrIOp::create(*this, field, splat(lanesType, (1 << (7 - g.bits)) * 0x01010101LL));
  Value bytes = vector::BitCastOp::create(*this, bytesType, field);
  if (g.hasOffset() && !g.isInPlace()) {
    int64_t offset = g.odd ? (1 << g.bits) - 1 : 1 << (g.bits - 1);
    bytes = arith::SubIOp::create(*this, bytes, splat(bytesType, offset));
  }
  return bytes;
}

Value KernelBuilder::emitPlainLevels(Value bytes, unsigned shift) {
  unsigned excess = weights.geometry.getShift();
  if (excess == shift)
    return bytes;
  VectorType lanesType = getVectorType(getI32Type());
  Value field = vector::BitCastOp::create(*this, lanesType, bytes);
  if (excess < shift) {
    int64_t mask = (0xff << (shift - excess) & 0xff) * 0x01010101LL;
    field = arith::ShLIOp::create(*this, field, splat(lanesType, shift - excess));
    field = arith::AndIOp::create(*this, field, splat(lanesType, mask));
    return vector::BitCastOp::create(*this, bytes.getType(), field);
  }
  excess -= shift;
  unsigned sign = 1u << (7 - excess);
  field = arith::ShRUIOp::create(*this, field, splat(lanesType, excess));
  field = arith::AndIOp::create(*this, field, splat(lanesType, (2 * sign - 1) * 0x01010101LL));
  field = arith::XOrIOp::create(*this, field, splat(lanesType, sign * 0x01010101LL));
  Value biased = vector::BitCastOp::create(*this, bytes.getType(), field);
  return arith::SubIOp::create(*this, biased, splat(getBytesType(), sign));
}

void KernelBuilder::storeLevelWords(Value levels, Value memref, Value at) {
  for (Value words : emitLevelWords(*this, getLoc(), levels)) {
    Value bytes = vector::BitCastOp::create(*this, getBytesType(), words);
    vector::StoreOp::create(*this, bytes, memref, ValueRange(at));
    at = add(at, weights.geometry.getRegisterBytes());
  }
}

std::array<Value, 2> KernelBuilder::loadLevelWords(Value memref, Value at) {
  std::array<Value, 2> words;
  for (auto [i, loaded] : llvm::enumerate(words)) {
    Value place = add(at, int64_t(i) * weights.geometry.getRegisterBytes());
    Value bytes = vector::LoadOp::create(*this, getBytesType(), memref, ValueRange(place));
    loaded = vector::BitCastOp::create(*this, getWordsType(), bytes);
  }
  return words;
}

Value KernelBuilder::emitWordDot(Value acc, ArrayRef<Value> codes, ArrayRef<Value> levels) {
  for (auto [factors, words] : llvm::zip_equal(codes, levels))
    acc = emitPairDot(acc, factors, words);
  return acc;
}

PackedGeometry KernelBuilder::getPlainGeometry(unsigned shift) const {
  PackedGeometry plain = weights.geometry;
  plain.bits = 8;
  plain.odd = false;
  plain.quadsPerStep = 1;
  plain.encoding = FieldEncoding::TopAligned;
  plain.levelShift = shift;
  plain.lanes = lanes;
  return plain;
}

Value KernelBuilder::allocate(int64_t elements, Type element) {
  InsertionGuard guard(*this);
  setInsertionPointToStart(entry);
  auto type = MemRefType::get({elements}, element);
  return memref::AllocaOp::create(*this, type, getI64IntegerAttr(64));
}

PackedBuffer KernelBuilder::unpackPanel(Value panelStart, int64_t vectors, PanelForm form,
                                        unsigned shift) {
  const PackedGeometry &packed = weights.geometry;
  PackedGeometry plain = getPlainGeometry(shift);
  plain.isWidened = form == PanelForm::Words;
  if (form == PanelForm::Pairs)
    plain.quadsPerStep = 2;
  if (!unpacked) {
    // Full panels come first: the last one is no larger.
    unpacked = allocate(plain.getPanelBytes(vectors), getI8Type());
  }
  int64_t registers = plain.getRegistersPerStep(), registersOfQuad = plain.isWidened ? 2 : 1;
  // `quads` quads of step `step`, of all runs, which go to the steps from `to` on. `getElements`
  // gives the bytes of one that are elements.
  auto unpackQuads = [&](Value step, Value to, int64_t quads, int64_t pairedQuads,
                         auto getElements) {
    Value from = add(panelStart, scale(step, packed.getStepBytes(vectors)));
    to = add(getUnpackedStart(), scale(to, plain.getStepBytes(vectors)));
    RegisterCache cache;
    SmallVector<Value> before;
    for (int64_t q = 0; q < quads; ++q) {
      // One quad after the other, in few registers.
      from = makeOpaque(from, before);
      before.clear();
      auto [skip, end] = getElements(q);
      uint64_t filled =
          llvm::maskTrailingOnes<uint32_t>(8 * end) & ~llvm::maskTrailingOnes<uint32_t>(8 * skip);
      int64_t stepOfQuad = q / plain.quadsPerStep, quadInStep = q % plain.quadsPerStep;
      for (int64_t v = 0; v < vectors; ++v) {
        Value levels = emitPlainLevels(loadLevels(from, v, q, cache), shift);
        if (packed.odd && filled != ~0u) {
          // An odd alphabet has no zero to fill up with.
          VectorType lanes = getVectorType(getI32Type());
          Value masked = arith::AndIOp::create(
              *this, vector::BitCastOp::create(*this, lanes, levels), splat(lanes, filled));
          levels = vector::BitCastOp::create(*this, getBytesType(), masked);
        }
        if (q < pairedQuads)
          levels = addToBytes(levels, getPairOffset(quadInStep));
        int64_t place = (stepOfQuad * vectors + v) * registers + quadInStep * registersOfQuad;
        Value at = add(to, place * plain.getRegisterBytes());
        if (plain.isWidened)
          storeLevelWords(levels, unpacked, at);
        else
          vector::StoreOp::create(*this, levels, unpacked, ValueRange(at));
        before.push_back(levels);
      }
    }
  };
  int64_t plainSteps = packed.quadsPerStep / plain.quadsPerStep;
  auto unpackStep = [&](Value run, Value step, int64_t firstStep, int64_t quads) {
    Value to = add(scale(run, plain.getSteps()), scale(step, plainSteps));
    int64_t firstQuad = firstStep * packed.quadsPerStep;
    int64_t pairedQuads = form == PanelForm::Pairs ? plain.getPairs() * 2 - firstQuad : 0;
    unpackQuads(add(scale(run, packed.getSteps()), step), to, quads, pairedQuads, [&](int64_t q) {
      int64_t quad = firstQuad + q;
      return std::pair(packed.getQuadSkip(quad), packed.getQuadEnd(quad));
    });
  };
  int64_t fullSteps = packed.run / 4 / packed.quadsPerStep;
  buildLoop(packed.runs, [&](Value run) {
    buildLoop(fullSteps, [&](Value step) { unpackStep(run, step, 0, packed.quadsPerStep); });
    unpackStep(run, index(fullSteps), fullSteps,
               packed.getQuads() - fullSteps * packed.quadsPerStep);
  });
  for (int64_t first = 0; first < packed.getSharedQuads(); first += packed.quadsPerStep)
    unpackQuads(index(packed.runs * packed.getSteps() + first / packed.quadsPerStep),
                index(packed.runs * plain.getSteps() + first / plain.quadsPerStep),
                std::min(packed.quadsPerStep, packed.getSharedQuads() - first), 0, [&](int64_t q) {
                  return std::pair(int64_t(0), packed.getSharedQuadSize(first + q));
                });
  return {unpacked, plain};
}

Value KernelBuilder::getFloatLevels(Value levels, int64_t byte) {
  VectorType lanesType = getVectorType(getI32Type());
  Value level = vector::BitCastOp::create(*this, lanesType, levels);
  if (byte < 3)
    level = arith::ShLIOp::create(*this, level, splat(lanesType, 24 - 8 * byte));
  level = arith::ShRSIOp::create(*this, level, splat(lanesType, 24 + weights.geometry.getShift()));
  return arith::SIToFPOp::create(*this, getVectorType(getF32Type()), level);
}

int32_t KernelBuilder::getMaxMagnitude() const {
  return LowBitComputeOpInterface(op).getAlphabet().getMaxMagnitude()
         << weights.geometry.getShift();
}

Value KernelBuilder::emitCount(Value acc, Value bits) {
  if (!emulateDot && target.countsBitsOfLanes()) {
    Value lanesOfBits = vector::BitCastOp::create(*this, acc.getType(), bits);
    return arith::SubIOp::create(*this, acc, math::CtPopOp::create(*this, lanesOfBits));
  }
  Value counts = math::CtPopOp::create(*this, bits), minus = splat(getBytesType(), -1);
  if (emulateDot)
    return emitPortableDot(*this, getLoc(), acc, counts, minus);
  if (acc.getType() == getNarrowType())
    return target.emitNarrowDot(*this, getLoc(), acc, counts, minus);
  if (target.multipliesSignedCodes())
    return target.emitSignedDot(*this, getLoc(), acc, counts, minus);
  return target.emitDot(*this, getLoc(), acc, counts, minus, /*maxMagnitude=*/1);
}

Value KernelBuilder::loadTable(Value at, int64_t vector) {
  int64_t offset = vector * weights.geometry.getRegisterBytes();
  Value bytes =
      vector::LoadOp::create(*this, getBytesType(), weights.memref, ValueRange(add(at, offset)));
  return vector::BitCastOp::create(*this, getAccumulatorType(), bytes);
}

Value KernelBuilder::emitDot(Value acc, Value codes, Value levels) {
  if (weights.geometry.hasSigns())
    return emitCount(acc, arith::XOrIOp::create(*this, codes, levels));
  if (emulateDot)
    return emitPortableDot(*this, getLoc(), acc, codes, levels);
  if (acc.getType() == getNarrowType())
    return target.emitNarrowDot(*this, getLoc(), acc, codes, levels);
  return target.emitDot(*this, getLoc(), acc, codes, levels, getMaxMagnitude());
}

Value KernelBuilder::emitPairDot(Value acc, Value codes, Value levels) {
  return emulateDot ? emitPortablePairDot(*this, getLoc(), acc, codes, levels)
                    : target.emitPairDot(*this, getLoc(), acc, codes, levels);
}

Value KernelBuilder::emitSignedCodes(Value codes) {
  return arith::XOrIOp::create(*this, codes, splat(getBytesType(), 0x80));
}

int64_t KernelBuilder::getNarrowQuads() const {
  return isInteger && !emulateDot ? target.getNarrowQuads(getMaxMagnitude()) : 0;
}

SmallVector<Value> KernelBuilder::emitWiden(ValueRange acc, ValueRange sums) {
  SmallVector<Value> result;
  for (auto [wide, narrow] : llvm::zip_equal(acc, sums))
    result.push_back(target.emitWiden(*this, getLoc(), wide, narrow));
  return result;
}
