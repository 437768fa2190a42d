// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where Winograd's algorithm takes less time than the direct kernel, how its work is cut, and the
// call of its kernel.

#include "Winograd.h"

#include "ChunkSplit.h"
#include "WorkspaceParts.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// Of the transforms of a tile of a register of input channels, of the levels of a register, and of
/// the sums of a tile of a vector, in products of two registers. Measured on Zen 4.
static constexpr int64_t inputCost = 330, levelsCost = 220, outputCost = 200;

WinogradShape::WinogradShape(Conv2DOp op, const KernelTarget &target, int64_t mostChunks)
    : lanes(target.getLanes()) {
  ArrayRef<int64_t> input = cast<MemRefType>(op.getInput().getType()).getShape();
  auto resultType = cast<MemRefType>(op.getInit().getType());
  ArrayRef<int64_t> result = resultType.getShape();
  batch = result[0];
  height = result[1];
  width = result[2];
  outputChannels = result[3];
  inputHeight = input[1];
  inputWidth = input[2];
  inputChannels = input[3];
  vectors = llvm::divideCeil(outputChannels, lanes);
  tileRows = llvm::divideCeil(height, winogradOutputs);
  tileColumns = llvm::divideCeil(width, winogradOutputs);
  // Each chunk has a buffer. Groups are chosen for even shares.
  constexpr int64_t mostBuffers = 8;
  int64_t numGroups = llvm::divideCeil(getNumTiles(), target.getWinogradTiles());
  if (mostChunks > 1)
    numGroups = std::min<int64_t>(llvm::alignTo(numGroups, mostBuffers), getNumTiles());
  groups = cutInTiles(getNumTiles(), numGroups);

  PackedGeometry geometry(op);
  panelVectors = geometry.vectors;
  ContractionLoops loops;
  loops.quads = winogradPositions * inputChannels / 2;
  // A thread transforms levels once, whatever its chunks.
  loops.registerCost = 0;
  loops.pixelCost = double(inputCost * inputChannels) / (4.0 * lanes * loops.quads);
  constexpr int64_t cacheLine = 64;
  int64_t panelBits = geometry.getPanelChannels() * resultType.getElementTypeBitWidth();
  loops.panelsOfLine = llvm::divideCeil(8 * cacheLine, panelBits);
  loops.panels.append(geometry.getFullPanels(), panelVectors);
  if (int64_t tail = geometry.getTailVectors())
    loops.panels.push_back(tail);
  for (const TileRange &range : groups)
    loops.tiles.append(range.count, range.size);
  loops.mostTiles = loops.tiles.size();
  ChunkSplit split = chooseSplit(loops, std::min(mostChunks, mostBuffers));
  panelParts = {int64_t(loops.panels.size()), split.panels};
  groupParts = {int64_t(loops.tiles.size()), split.tiles};
  keepsLevels = getNumChunks() > 1 || vectors * getLevelsSize() <= getNumTiles() * getCodesSize();
}

int64_t WinogradShape::getChunkLevelsSize() const {
  return (keepsLevels ? std::min(getChunkVectors(), vectors) : 1) * getLevelsSize();
}

int64_t WinogradShape::getChunkSize() const {
  int64_t tiles = (keepsLevels ? 1 : groupParts.size) * getGroupTiles();
  return getChunkLevelsSize() + tiles * getCodesSize();
}

double WinogradShape::estimateCost() const {
  double tiles = getNumTiles(), channels = inputChannels, count = vectors;
  return tiles * count * (winogradPositions * channels / 2 + outputCost) +
         tiles * channels / (4.0 * lanes) * inputCost + count * channels / 4 * levelsCost;
}

/// The levels of `op`, an output channel after the other; empty if they are not constant.
static std::vector<int8_t> getConstantLevels(Conv2DOp op) {
  Attribute value = getConstantBuffer(op.getWeights());
  PackedGeometry geometry(op);
  if (auto elements = dyn_cast_or_null<DenseIntElementsAttr>(value))
    return unpackLevels(geometry, llvm::to_vector(elements.getValues<int8_t>()));
  if (auto resource = dyn_cast_or_null<DenseI8ResourceElementsAttr>(value))
    if (std::optional<ArrayRef<int8_t>> bytes = resource.tryGetAsArrayRef())
      return unpackLevels(geometry, *bytes);
  return {};
}

/// True if the sums of `op` are below 2^25 whatever its input, and transformed levels are i16.
static bool isExact(Conv2DOp op) {
  constexpr int64_t largestSum = ((int64_t(1) << 25) - 1) / 255;
  int64_t magnitude = op.getAlphabet().getMaxMagnitude(), length = op.getReductionLength();
  if (magnitude > 128)
    return false;
  if (magnitude * length <= largestSum)
    return true;
  std::vector<int8_t> levels = getConstantLevels(op);
  for (ArrayRef<int8_t> rest = levels; !rest.empty(); rest = rest.drop_front(length)) {
    int64_t positive = 0, negative = 0;
    for (int64_t level : rest.take_front(length))
      (level > 0 ? positive : negative) += level;
    if (std::max(positive, -negative) > largestSum)
      return false;
  }
  return !levels.empty();
}

/// True if `op` has the form that the kernels take.
static bool isSupported(Conv2DOp op) {
  auto isOne = [](int64_t value) { return value == 1; };
  SmallVector<int64_t> kernel = op.getKernelShape();
  PackedGeometry geometry(op);
  auto inputType = cast<MemRefType>(op.getInput().getType());
  return op.hasIntegerAccumulator() && !op.hasSigns() && !op.yieldsBits() && kernel[1] == 3 &&
         kernel[2] == 3 && llvm::all_of(op.getStrides(), isOne) &&
         llvm::all_of(op.getDilations(), isOne) && op.getGroups() == 1 && !geometry.isInPlace() &&
         geometry.getSharedQuads() == 0 && inputType.getShape().back() % 16 == 0 &&
         hasUnitInnerStride(inputType);
}

bool mlir::gpfq::canUseWinograd(Conv2DOp op, const KernelTarget &target) {
  if (target.getWinogradTiles() == 0 || !isSupported(op))
    return false;
  constexpr int64_t taps = 9;
  int64_t channels = cast<MemRefType>(op.getInput().getType()).getShape().back();
  return taps * channels * PackedGeometry(op).getPanelChannels() <= maxPanelStackBytes &&
         isExact(op);
}

bool mlir::gpfq::prefersWinograd(Conv2DOp op, const KernelTarget &target, bool isSplit) {
  WinogradShape shape(op, target, /*mostChunks=*/1);
  double pixels = double(shape.batch) * shape.height * shape.width;
  PackedGeometry geometry(op);
  bool isPaired = geometry.isPaired();
  double direct =
      pixels * (isPaired ? target.getPairedCost(geometry.runs, geometry.run, shape.vectors)
                         : double(shape.vectors * 9 * shape.inputChannels / 4));
  // Threads transform the same levels, each for itself, which counts where there is little else to
  // do, or where these do not fit the second-level cache.
  constexpr double minSplitCost = 1e6;
  constexpr int64_t maxSplitLevels = 1024 * 1024;
  if (isSplit && (direct < minSplitCost || shape.vectors * shape.getLevelsSize() > maxSplitLevels))
    return false;
  // For what the estimate of the plain direct kernel leaves out.
  double margin = isPaired ? 1.0 : 1.1;
  return margin * shape.estimateCost() < direct;
}

void mlir::gpfq::convertToWinograd(Conv2DOp op, const KernelTarget &target, bool emulateDot,
                                   int64_t work, KernelTable &kernels) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  WinogradShape shape(op, target, std::max<int64_t>(1, kernels.getMostChunks(work)));
  auto type = MemRefType::get(shape.getNumChunks() * shape.getChunkSize(), builder.getI16Type());
  Value workspace = memref::AllocOp::create(builder, loc, type, builder.getI64IntegerAttr(64));
  SmallVector<Value> arguments = castOperands(builder, op);
  arguments.push_back(castBuffer(builder, loc, workspace));
  Value state;
  if (shape.getNumChunks() > 1) {
    state = WorkspaceParts::makeState(builder, loc, shape.getNumChunks());
    arguments.push_back(castBuffer(builder, loc, state));
  }
  constexpr StringLiteral name = "lowbit_conv_2d_winograd";
  std::string key = getKernelKey(cast<LowBitComputeOpInterface>(op.getOperation()),
                                 ValueRange(arguments).getTypes());
  kernels.call(builder, loc,
               {name.str() + key, name.str(), work,
                [&](OpBuilder &bodyBuilder, ValueRange buffers, auto split) {
                  size_t operands = op->getNumOperands();
                  KernelBuilder body(op, bodyBuilder, buffers.take_front(operands), target,
                                     emulateDot);
                  split(body);
                  WinogradTransforms transforms(op, target, emulateDot, shape, kernels);
                  buildWinogradKernel(body, shape, transforms, buffers[operands],
                                      state ? buffers[operands + 1] : Value());
                  return body.getNumChunks();
                }},
               arguments);
  memref::DeallocOp::create(builder, loc, workspace);
  if (state)
    memref::DeallocOp::create(builder, loc, state);
  op->erase();
}
