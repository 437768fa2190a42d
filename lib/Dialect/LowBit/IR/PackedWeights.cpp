// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"

#include "llvm/Support/Endian.h"
#include <numeric>

using namespace mlir;
using namespace mlir::lowbit;

AlphabetAttr mlir::lowbit::getCodeAlphabet(MLIRContext *context) {
  return AlphabetAttr::get(context, AlphabetKind::Range, {-128, 127});
}

static bool hasOnlyOddLevels(AlphabetAttr alphabet) {
  return llvm::all_of(alphabet.getLevels(), [](int32_t level) { return level % 2 != 0; });
}

/// (level - 1) / 2 of an odd level.
static int32_t halveOdd(int32_t level) { return (level - 1) / 2; }

unsigned mlir::lowbit::getFieldBits(AlphabetAttr alphabet) {
  int32_t low = alphabet.getMinLevel(), high = alphabet.getMaxLevel();
  if (hasOnlyOddLevels(alphabet)) {
    low = halveOdd(low);
    high = halveOdd(high);
  }
  unsigned bits = 1;
  while (low < -(1 << (bits - 1)) || high > (1 << (bits - 1)) - 1)
    ++bits;
  return bits;
}

bool mlir::lowbit::hasRoomForSums(LowBitComputeOpInterface op) {
  AlphabetAttr alphabet = op.getAlphabet();
  return isa<Conv2DOp, MatmulOp>(op) && op.hasIntegerAccumulator() && getFieldBits(alphabet) < 8 &&
         op.getInputMax() + alphabet.getSpan() <= maxCode;
}

/// Elements at the end of each of `runs` runs that share quads: those that fill no quad, if that
/// saves a tenth of all quads. Kernels gather them one by one, so there may not be many.
static int64_t getSharedElements(int64_t runs, int64_t run) {
  constexpr int64_t maxSharedQuads = 16;
  int64_t shared = run % 4;
  int64_t sharedQuads = llvm::divideCeil(runs * shared, 4);
  int64_t saved = shared > 0 ? runs - sharedQuads : 0;
  bool isWorthIt = 10 * saved >= runs * int64_t(llvm::divideCeil(run, 4));
  return saved > 0 && isWorthIt && sharedQuads <= maxSharedQuads ? shared : 0;
}

PackedGeometry::PackedGeometry(LayoutAttr layout, AlphabetAttr alphabet, int64_t groups)
    : groups(groups), run(layout.getRun()), lanes(layout.getLanes()), vectors(layout.getVectors()),
      bits(getFieldBits(alphabet)), odd(hasOnlyOddLevels(alphabet)), encoding(layout.getEncoding()),
      depthwise(layout.getKernel().size() == 3),
      signChannels(layout.hasSigns() ? layout.getKernel().back() : 0), tableRows(1),
      tableColumns(1) {
  if (hasSigns()) {
    bits = 8;
    odd = false;
  }
  if (ArrayRef<int64_t> border = layout.getBorder(); !border.empty()) {
    tableRows += border[0] + border[1];
    tableColumns += border[2] + border[3];
  }
  quadsPerStep = 8 / std::gcd(bits, 8u);
  SmallVector<int64_t> kernel = layout.getStoredKernel();
  int64_t outputs = depthwise ? kernel.back() : kernel.front();
  channels = outputs / groups;
  runs = ShapedType::getNumElements(kernel) / outputs / run;
  sharedElements = depthwise ? 0 : getSharedElements(runs, run);
}

static int64_t getGroups(LowBitComputeOpInterface op) {
  auto conv = dyn_cast<Conv2DOp>(op.getOperation());
  return conv ? conv.getGroups() : 1;
}

PackedGeometry::PackedGeometry(LowBitComputeOpInterface op)
    : PackedGeometry(op.getLayoutAttr(), op.getAlphabet(), ::getGroups(op)) {}

PackedGeometry::PackedGeometry(PackOp op)
    : PackedGeometry(op.getLayout(), getCodeAlphabet(op.getContext())) {}

int64_t PackedGeometry::getQuadStart(int64_t quad) const {
  bool overlaps = !depthwise && run >= 4;
  return overlaps ? std::min(4 * quad, run - 4) : 4 * quad;
}

int64_t PackedGeometry::getQuadEnd(int64_t quad) const {
  return std::min<int64_t>(4, run - getQuadStart(quad));
}

int64_t PackedGeometry::getPanelStart(int64_t panel) const {
  int64_t start = panel * getPanelChannels();
  return isInterleaved() ? std::max<int64_t>(0, std::min(start, channels - getPanelChannels()))
                         : start;
}

int64_t PackedGeometry::getChannelInPanel(int64_t vector, int64_t lane) const {
  return isInterleaved() ? 16 * (lane / 4) + 4 * vector + lane % 4 : vector * lanes + lane;
}

SmallVector<unsigned, 8> mlir::lowbit::getPlacesInByte(unsigned bits) {
  SmallVector<unsigned, 8> places;
  for (unsigned place = 0; place + bits <= 8; place += bits)
    places.push_back(place);
  if (8 % bits != 0)
    places.push_back(8 - bits);
  return places;
}

SmallVector<unsigned, 8> PackedGeometry::getPlaces() const {
  return isInPlace() ? getPlacesInByte(bits) : SmallVector<unsigned, 8>{0};
}

int64_t PackedGeometry::getPlaceIndex(int64_t quadInStep) const {
  if (!isInPlace())
    return 0;
  int64_t perByte = 8 / bits;
  return quadInStep < getWholeFields() ? quadInStep % perByte : perByte;
}

bool PackedGeometry::isSignedInPlace(int64_t quadInStep) const {
  return isInPlace() && getPlaces()[getPlaceIndex(quadInStep)] + bits == 8;
}

/// Fields that do not fill a byte leave its highest bits over, of which the last quads of a step
/// are made. The highest bits of the j-th of these are what register j leaves; the rest come from
/// those that the registers behind leave, taken one after the other.
SmallVector<FieldPiece, 3> PackedGeometry::getSplitPieces(int64_t quadInStep) const {
  unsigned left = 8 % bits, first = 8 - left, rest = bits - left;
  int64_t whole = getWholeFields(), quad = quadInStep - whole, quads = quadsPerStep - whole;
  SmallVector<FieldPiece, 3> pieces = {{quad, first, left, rest}};
  for (int64_t bit = quad * (bits - left); rest > 0;) {
    unsigned at = bit % left, width = std::min(rest, left - at);
    rest -= width;
    pieces.push_back({quads + bit / left, first + at, width, rest});
    bit += width;
  }
  return pieces;
}

SmallVector<FieldPiece, 3> PackedGeometry::getPieces(int64_t quadInStep) const {
  if (quadInStep >= getWholeFields())
    return getSplitPieces(quadInStep);
  int64_t perByte = 8 / bits;
  return {{quadInStep / perByte, unsigned(quadInStep % perByte) * bits, bits, 0}};
}

unsigned PackedGeometry::encode(int32_t level) const {
  int32_t value = odd ? halveOdd(level) : level;
  if (hasOffset())
    value += 1 << (bits - 1);
  return value & ((1 << bits) - 1);
}

int32_t PackedGeometry::decode(unsigned field) const {
  int32_t half = 1 << (bits - 1);
  int32_t value = field;
  if (hasOffset())
    value -= half;
  else if (value >= half)
    value -= 2 * half;
  return odd ? 2 * value + 1 : value;
}

int64_t PackedGeometry::getLevelIndex(int64_t group, int64_t channel, int64_t run,
                                      int64_t element) const {
  int64_t reduction = run * this->run + element;
  if (depthwise)
    return reduction * channels + channel;
  return (group * channels + channel) * runs * this->run + reduction;
}

/// The bits of `piece` that are stored inverted, in its lowest bits: the sign of a field in place
/// whose product is signed.
static unsigned getInvertedBits(const PackedGeometry &g, int64_t quadInStep,
                                const FieldPiece &piece) {
  bool hasSign = g.isSignedInPlace(quadInStep) && piece.bitInField + piece.width == g.bits;
  return hasSign ? 1u << (piece.width - 1) : 0;
}

/// Calls `visit(levelIndex, byteIndex, piece, inverted)` for each piece of each field; bits
/// `inverted` of it are stored inverted. The level index of filling is -1.
template <typename Visitor> static void visitFields(const PackedGeometry &g, Visitor visit) {
  auto visitLane = [&](int64_t group, int64_t channel, int64_t vectorStart, int64_t stepBytes,
                       int64_t lane) {
    // Quads are counted from the first step; `getLevel` gives the level of a byte, or -1.
    auto visitQuad = [&](int64_t firstStep, int64_t quad,
                         function_ref<int64_t(int64_t byte)> getLevel) {
      int64_t start = vectorStart + (firstStep + quad / g.quadsPerStep) * stepBytes;
      int64_t quadInStep = quad % g.quadsPerStep;
      for (const FieldPiece &piece : g.getPieces(quadInStep)) {
        int64_t index = start + lane * 4 + piece.registerIndex * g.getRegisterBytes();
        unsigned inverted = getInvertedBits(g, quadInStep, piece);
        for (int64_t byte = 0; byte < 4; ++byte)
          visit(getLevel(byte), index + byte, piece, inverted);
      }
    };
    for (int64_t run = 0; run < g.runs; ++run)
      for (int64_t quad = 0; quad < g.getQuads(); ++quad)
        visitQuad(run * g.getSteps(), quad, [&](int64_t byte) -> int64_t {
          bool filling = byte < g.getQuadSkip(quad) || byte >= g.getQuadEnd(quad);
          return filling ? -1 : g.getLevelIndex(group, channel, run, g.getQuadStart(quad) + byte);
        });
    for (int64_t quad = 0; quad < g.getSharedQuads(); ++quad)
      visitQuad(g.runs * g.getSteps(), quad, [&](int64_t byte) -> int64_t {
        if (byte >= g.getSharedQuadSize(quad))
          return -1;
        auto [run, element] = g.getSharedElement(4 * quad + byte);
        return g.getLevelIndex(group, channel, run, element);
      });
  };
  for (int64_t group = 0; group < g.groups; ++group)
    for (int64_t panel = 0, full = g.getFullPanels(); panel <= full; ++panel) {
      int64_t vectors = panel < full ? g.vectors : g.getTailVectors();
      int64_t start = group * g.getGroupBytes() + panel * g.getPanelBytes(g.vectors);
      for (int64_t vector = 0; vector < vectors; ++vector)
        for (int64_t lane = 0; lane < g.lanes; ++lane) {
          int64_t channel = g.getPanelStart(panel) + g.getChannelInPanel(vector, lane);
          int64_t vectorStart = start + vector * g.getRegistersPerStep() * g.getRegisterBytes();
          if (channel < g.channels)
            visitLane(group, channel, vectorStart, g.getStepBytes(vectors), lane);
        }
    }
}

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

/// The levels of each tap, `depth` of them, as bits.
static std::vector<int8_t> getSignBits(ArrayRef<int8_t> levels, int64_t depth) {
  int64_t bytes = getSignBytes(depth);
  std::vector<int8_t> bits(levels.size() / depth * bytes, int8_t(0));
  for (auto [i, level] : llvm::enumerate(levels))
    if (int64_t channel = i % depth; level > 0)
      bits[i / depth * bytes + channel / 8] |= int8_t(1 << channel % 8);
  return bits;
}

/// The inverse of `getSignBits`.
static std::vector<int8_t> getSignLevels(ArrayRef<int8_t> bits, int64_t depth) {
  int64_t bytes = getSignBytes(depth);
  std::vector<int8_t> levels(bits.size() / bytes * depth);
  for (auto [i, level] : llvm::enumerate(levels)) {
    int64_t channel = i % depth;
    level = bits[i / depth * bytes + channel / 8] >> channel % 8 & 1 ? 1 : -1;
  }
  return levels;
}

void mlir::lowbit::writeTables(const PackedGeometry &g, ArrayRef<int32_t> tables,
                               MutableArrayRef<int8_t> bytes) {
  for (int64_t panel = 0, full = g.getFullPanels(); panel <= full; ++panel) {
    int64_t vectors = panel < full ? g.vectors : g.getTailVectors();
    int64_t first = panel * g.getPanelChannels();
    int64_t count = std::min(vectors * g.lanes, g.channels - first);
    int64_t start = panel * g.getPanelBytes(g.vectors) + g.getFieldBytes(vectors);
    for (int64_t table = 0; table < g.tableRows * g.tableColumns; ++table)
      for (int64_t channel = 0; channel < count; ++channel)
        llvm::support::endian::write32le(
            &bytes[start + table * g.getTableBytes(vectors) + 4 * channel],
            tables[table * g.channels + first + channel]);
  }
}

//===----------------------------------------------------------------------===//
// All encodings
//===----------------------------------------------------------------------===//

std::vector<int8_t> mlir::lowbit::packLevels(const PackedGeometry &geometry,
                                             ArrayRef<int8_t> levels) {
  std::vector<int8_t> bits;
  if (geometry.hasSigns())
    levels = bits = getSignBits(levels, geometry.signChannels);
  std::vector<int8_t> bytes(geometry.getTotalBytes(), int8_t(0));
  visitFields(geometry, [&](int64_t level, int64_t byte, FieldPiece piece, unsigned inverted) {
    // An odd alphabet has no zero: there the kernel clears the codes.
    int32_t value = level >= 0 ? levels[level] : geometry.odd ? 1 : 0;
    unsigned stored = geometry.encode(value) >> piece.bitInField & ((1u << piece.width) - 1);
    bytes[byte] = int8_t(uint8_t(bytes[byte]) | (stored ^ inverted) << piece.bitInByte);
  });
  return bytes;
}

std::vector<int8_t> mlir::lowbit::unpackLevels(const PackedGeometry &geometry,
                                               ArrayRef<int8_t> bytes) {
  int64_t count = geometry.groups * geometry.channels * geometry.runs * geometry.run;
  std::vector<unsigned> fields(count, 0);
  visitFields(geometry, [&](int64_t level, int64_t byte, FieldPiece piece, unsigned inverted) {
    if (level < 0)
      return;
    unsigned stored = uint8_t(bytes[byte]) >> piece.bitInByte & ((1u << piece.width) - 1);
    fields[level] |= (stored ^ inverted) << piece.bitInField;
  });
  std::vector<int8_t> levels(count);
  for (auto [level, field] : llvm::zip_equal(levels, fields))
    level = int8_t(geometry.decode(field));
  if (geometry.hasSigns())
    return getSignLevels(levels, geometry.signChannels);
  return levels;
}
