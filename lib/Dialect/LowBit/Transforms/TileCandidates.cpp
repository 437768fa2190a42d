// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which tiles are worth measuring: a model of the cycles of a kernel. It knows one core that loads
// two registers and multiplies one a cycle, which is enough to drop the hopeless ones.

#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "gpfq/Dialect/LowBit/Transforms/PackSigns.h"
#include "gpfq/Dialect/LowBit/Transforms/TileTable.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;
using gpfq::KernelTarget;

/// Cycles from a dot product to one that adds to the same sums.
static constexpr double dotLatency = 4.0;
/// Cycles of the epilogue: for one vector of sums, and to begin and end a tile.
static constexpr double epilogueCycles = 5.0, tileCycles = 12.0;

namespace {
/// Output pixels that share weights, as an image; the rows of a matrix are one of height 1.
struct PixelGrid {
  explicit PixelGrid(LowBitComputeOpInterface op) {
    ArrayRef<int64_t> shape = cast<ShapedType>(op.getInit().getType()).getShape();
    bool isMatrix = isa<MatmulOp, BatchMatmulOp>(op);
    height = isMatrix ? 1 : shape[1];
    width = isMatrix ? shape[shape.size() - 2] : shape[2];
  }

  /// How many tiles of at most `limit` pixels the kernel generator cuts, which spans rows where
  /// images are narrow.
  int64_t countTiles(int64_t limit) const {
    int64_t rows = std::max<int64_t>(1, limit / width);
    return llvm::divideCeil(height, std::min(rows, height)) * llvm::divideCeil(width, limit);
  }

  int64_t getPixels() const { return height * width; }

  int64_t height, width;
};
} // namespace

int64_t lowbit::getPixels(LowBitComputeOpInterface op) { return PixelGrid(op).getPixels(); }

static int64_t getChannels(LowBitComputeOpInterface op) {
  auto conv = dyn_cast<Conv2DOp>(op.getOperation());
  return op.getKernelShape()[0] / (conv ? conv.getGroups() : 1);
}

static gpfq::ContractionShape getShape(LowBitComputeOpInterface op) {
  int64_t quads = (op.getReductionLength() + 3) / 4;
  return {getPixels(op), quads, getFieldBits(op.getAlphabet())};
}

KernelTile lowbit::getDefaultTile(LowBitComputeOpInterface op, const KernelTarget &target) {
  bool isInteger = op.hasIntegerAccumulator();
  KernelTile tile;
  if (isa<DepthwiseConv2DOp>(op.getOperation())) {
    tile.vectors = isInteger ? 4 : 1;
    return tile;
  }
  int64_t vectors = isInteger ? target.getIntegerTile(getShape(op)).vectors
                              : target.getFloatTile(getPixels(op)).vectors;
  int64_t channels = getChannels(op), lanes = target.getLanes();
  tile.vectors = std::min<int64_t>(vectors, llvm::divideCeil(channels, lanes));
  // One vector and a half: the half does better with a tile of its own.
  if (isInteger && target.hasHalfVectors() && channels > lanes && 2 * channels <= 3 * lanes)
    tile.vectors = 1;
  return tile;
}

/// Cycles of all products of one output channel group, roughly.
static double estimateCycles(LowBitComputeOpInterface op, const KernelTarget &target,
                             int64_t pixels, int64_t vectors, int64_t sources) {
  PixelGrid grid(op);
  double tiles = grid.countTiles(pixels);
  double rows = grid.getPixels() / tiles;
  double panels = std::ceil(double(getChannels(op)) / (target.getLanes() * vectors));
  double quads = std::ceil(op.getReductionLength() / (op.hasIntegerAccumulator() ? 4.0 : 1.0));
  double loads = (rows + double(vectors * sources)) / 2;
  double step = std::max({rows * vectors, loads, dotLatency});
  return panels * tiles * (quads * step + rows * vectors * epilogueCycles + tileCycles);
}

std::vector<KernelTile> lowbit::getTileCandidates(LowBitComputeOpInterface op,
                                                  const KernelTarget &target, size_t limit) {
  std::vector<KernelTile> candidates;
  // Counting bits has one tile for each target.
  if (multipliesSigns(op) && explainByteSigns(op, target).empty())
    return candidates;
  if (isa<DepthwiseConv2DOp>(op.getOperation())) {
    if (op.hasIntegerAccumulator())
      for (int64_t rows : {1, 2, 3, 4})
        for (int64_t columns : {2, 4})
          candidates.push_back({{rows, columns}, 4});
    candidates.resize(std::min(candidates.size(), limit));
    return candidates;
  }
  unsigned bits = getFieldBits(op.getAlphabet());
  // Registers that a field is in: of those that are in more, there are few.
  int64_t sources = 8 % bits == 0 ? 1 : 2;
  bool widens = bits == 8 && op.hasIntegerAccumulator() &&
                target.widensLevels(op.getAlphabet().getMaxMagnitude());
  PixelGrid grid(op);
  int64_t pixels = grid.getPixels();
  int64_t maxVectors =
      std::min<int64_t>(pixels == 1 ? 12 : 4, llvm::divideCeil(getChannels(op), target.getLanes()));
  std::vector<std::pair<double, KernelTile>> ranked;
  for (int64_t vectors = 1; vectors <= maxVectors; ++vectors)
    for (int64_t rows = 1; rows <= std::min<int64_t>(pixels, 14); ++rows) {
      // Packed weights and the unpacked ones beside the sums, and one register of inputs.
      // Words are operands in memory; there are two registers of codes, and a product.
      int64_t beside = widens ? 3 : vectors * int64_t(bits == 8 ? 1 : sources + 1) + 1;
      int64_t registers = rows * vectors + beside;
      if (registers > target.getVectorRegisters())
        continue;
      // Limits that cut the same tiles are one candidate, the least.
      if (rows > 1 && grid.countTiles(rows) == grid.countTiles(rows - 1))
        continue;
      ranked.push_back({estimateCycles(op, target, rows, vectors, sources), {{rows}, vectors}});
    }
  llvm::sort(ranked, [](const auto &a, const auto &b) {
    return std::tie(a.first, a.second.vectors, a.second.pixels) <
           std::tie(b.first, b.second.vectors, b.second.pixels);
  });
  ranked.resize(std::min(ranked.size(), limit));
  for (auto &[cycles, tile] : ranked)
    candidates.push_back(tile);
  return candidates;
}
