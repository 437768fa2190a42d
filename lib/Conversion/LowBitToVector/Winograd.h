// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 3x3 convolutions of stride 1 by Winograd's minimal filtering F(4x4, 3x3), in integers and
// exactly.
//
// Four by four output pixels of a channel take 36 products instead of 144 (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", CVPR 2016). With d the 6x6 codes of one input
// channel, w the 3x3 levels, all in integers,
//
//   576 (w * d) = A^T (sum over input channels of (G w G^T) . (B^T d B)) A
//
//   G = |  6  0  0 |   B^T = | 4  0 -5  0  1  0 |   A^T = | 1  1  1  1  1  0 |
//       | -4 -4 -4 |         | 0 -4 -4  1  1  0 |         | 0  1 -1  2 -2  0 |
//       | -4  4 -4 |         | 0  4 -4 -1  1  0 |         | 0  1  1  4  4  0 |
//       |  1  2  4 |         | 0 -2 -1  2  1  0 |         | 0  1 -1  8 -8  2 |
//       |  1 -2  4 |         | 0  2 -1 -2  1  0 |
//       |  0  0 12 |         | 0  4  0 -5  0  1 |
//
// where G has the usual denominators as factors, but for a 2 that A takes. Codes of 8 bits and
// levels of up to 8 become i16: |B^T d B| <= 50 * 255 and |G w G^T| <= 144 * 128. Sums are modulo
// 2^32. As 576 = 64 * 9 and 9 has an inverse modulo 2^32, the result is exact wherever it is below
// 2^25.

#ifndef GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_WINOGRAD_H
#define GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_WINOGRAD_H

#include "KernelTable.h"

namespace mlir::gpfq {

/// Output pixels of a tile along each dimension, and input pixels that it reads.
inline constexpr int64_t winogradOutputs = 4, winogradInputs = 6;
/// Products of a tile for each pair of channels.
inline constexpr int64_t winogradPositions = winogradInputs * winogradInputs;

/// The sizes of a convolution by Winograd's algorithm and how its work is cut.
class WinogradShape {
public:
  /// Of `op` in a kernel of at most `mostChunks` chunks.
  WinogradShape(lowbit::Conv2DOp op, const KernelTarget &target, int64_t mostChunks);

  int64_t batch, height, width;
  int64_t inputHeight, inputWidth;
  int64_t inputChannels, outputChannels;
  /// Lanes of a vector, and vectors of output channels.
  int64_t lanes, vectors;
  /// Tiles of an image along each dimension; the last may reach over the edge.
  int64_t tileRows, tileColumns;
  /// Tiles of all images, row-major, in the groups that one loop keeps in registers.
  SmallVector<TileRange, 2> groups;
  /// Panels, and groups, of which a chunk has some of each.
  LoopParts panelParts, groupParts;
  /// True if a chunk transforms all of its levels first, and codes group by group; otherwise, as
  /// the only one, all codes, and levels vector by vector. What is larger is transformed as it is
  /// needed.
  bool keepsLevels;

  int64_t getNumTiles() const { return batch * tileRows * tileColumns; }
  int64_t getNumChunks() const { return panelParts.getNum() * groupParts.getNum(); }
  /// Tiles of the largest group.
  int64_t getGroupTiles() const { return groups[0].size; }
  /// i16 elements of the transformed codes of a tile. Those of a group are `[position][tile][input
  /// channel]`, with room for the largest, channels in the order of `ChannelPiece`.
  int64_t getCodesSize() const { return winogradPositions * inputChannels; }
  /// i16 elements of the transformed levels of a vector of output channels: `[position][pair of
  /// input channels][lane][2]`. Positions, which are written together, would be a multiple of 4096
  /// bytes apart without a gap of one pair.
  int64_t getLevelsSize() const { return winogradPositions * getPositionSize(); }
  int64_t getPositionSize() const { return lanes * (inputChannels + 2); }
  /// i16 elements that a chunk has for levels, and for both.
  int64_t getChunkLevelsSize() const;
  int64_t getChunkSize() const;
  /// Estimated time of a layer in one chunk, in products of two registers.
  double estimateCost() const;

private:
  int64_t getChunkVectors() const { return panelParts.size * panelVectors; }
  int64_t panelVectors;
};

/// Where a tile is: its image, its row and column in the grid of tiles, and its first output pixel,
/// which is its first input pixel too.
struct WinogradTile {
  Value image, row, column, y, x;
};
/// The place of tile `tile` of all images.
WinogradTile getWinogradTile(LoopBuilder &builder, const WinogradShape &shape, Value tile);

/// True if `op`, packed and on buffers, has kernels by Winograd's algorithm, whose result is exact.
bool canUseWinograd(lowbit::Conv2DOp op, const KernelTarget &target);
/// True if these are estimated to take less time than the direct kernel, on several threads if
/// `isSplit`.
bool prefersWinograd(lowbit::Conv2DOp op, const KernelTarget &target, bool isSplit);

/// Replaces `op` by a call of its kernel, for whose chunks there is a buffer of transformed codes
/// and levels. `work` is that of KernelSource.
void convertToWinograd(lowbit::Conv2DOp op, const KernelTarget &target, bool emulateDot,
                       int64_t work, KernelTable &kernels);

/// The transforms of codes and levels, kernels that layers of equal shape share.
class WinogradTransforms {
public:
  WinogradTransforms(lowbit::Conv2DOp op, const KernelTarget &target, bool emulateDot,
                     const WinogradShape &shape, KernelTable &kernels)
      : op(op), target(target), emulateDot(emulateDot), shape(shape), kernels(kernels) {}

  /// Transforms the codes of the input of `builder` for the `size` tiles of a group from `start`
  /// on, to those of `to` that begin at `first`.
  void callCodes(KernelBuilder &builder, Value start, Value size, Value to, Value first);
  /// Transforms the levels of vector `vector` of an unpacked panel of `vectors` vectors, to those
  /// of `to` that begin at `first`.
  void callLevels(KernelBuilder &builder, const PackedBuffer &panel, int64_t vectors, Value vector,
                  Value to, Value first);

private:
  /// Calls a kernel that reads the first argument and writes the second.
  void call(KernelBuilder &builder, StringRef name, const std::string &key,
            ArrayRef<Value> arguments, function_ref<void(KernelBuilder &, ValueRange)> build);

  lowbit::Conv2DOp op;
  const KernelTarget &target;
  bool emulateDot;
  const WinogradShape &shape;
  KernelTable &kernels;
};

/// Builds the body of a kernel. `workspace` has a part for each chunk; `state` is that of
/// WorkspaceParts, if there is more than one. A thread comes back to the levels that its chunk
/// before has transformed.
void buildWinogradKernel(KernelBuilder &builder, const WinogradShape &shape,
                         WinogradTransforms &transforms, Value workspace, Value state);

} // namespace mlir::gpfq

#endif // GPFQ_LIB_CONVERSION_LOWBITTOVECTOR_WINOGRAD_H
