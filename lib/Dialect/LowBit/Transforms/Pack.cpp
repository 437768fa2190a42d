// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "gpfq/Dialect/LowBit/Transforms/PackSigns.h"
#include "gpfq/Dialect/LowBit/Transforms/Passes.h"
#include "gpfq/Dialect/LowBit/Transforms/TileTable.h"
#include "gpfq/Support/Constants.h"
#include "gpfq/Support/Padding.h"
#include "gpfq/Target/Target.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWBITPACK
#include "gpfq/Dialect/LowBit/Transforms/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using gpfq::KernelTarget;

/// Depthwise kernels of at most this many taps are unrolled whole; larger ones a kernel row at a
/// time.
static constexpr int64_t maxUnrolledTaps = 64;

/// Elements that lie side by side in the input and in one output channel's weights.
static int64_t getRun(LowBitComputeOpInterface op, ArrayRef<int64_t> kernel) {
  if (isa<DepthwiseConv2DOp>(op)) {
    int64_t taps = kernel[0] * kernel[1];
    return taps <= maxUnrolledTaps ? taps : kernel[1];
  }
  if (auto conv = dyn_cast<Conv2DOp>(op.getOperation())) {
    bool rowIsContiguous = conv.getGroups() == 1 && conv.getDilations()[1] == 1;
    return rowIsContiguous ? kernel[2] * kernel[3] : kernel[3];
  }
  return kernel[1];
}

/// True if there are registers for the sums of each place in a byte, for what they are multiplied
/// by and for the weights.
static bool canMultiplyInPlace(LowBitComputeOpInterface op, const KernelTarget &target,
                               int64_t vectors) {
  unsigned bits = getFieldBits(op.getAlphabet());
  int64_t places = getPlacesInByte(bits).size();
  return isa<MatmulOp>(op) && op.hasIntegerAccumulator() && getPixels(op) == 1 &&
         op.getReductionLength() <= getMaxReductionLength(-INT8_MIN) && target.prefersInPlace() &&
         bits < 8 && vectors * (places + 2) <= target.getVectorRegisters();
}

/// True if products of sums of codes and levels take less time than those of codes and levels.
static bool gainsFromPairs(LowBitComputeOpInterface op, const KernelTarget &target,
                           int64_t vectors) {
  constexpr int64_t minPixels = 32;
  if (vectors < 2 || getPixels(op) < minPixels)
    return false;
  SmallVector<int64_t> kernel = op.getKernelShape();
  int64_t run = getRun(op, kernel), runs = op.getReductionLength() / run;
  auto conv = dyn_cast<Conv2DOp>(op.getOperation());
  int64_t groups = conv ? conv.getGroups() : 1;
  int64_t sums = llvm::divideCeil(kernel[0] / groups, target.getLanes());
  constexpr double margin = 1.05;
  return margin * target.getPairedCost(runs, run, sums) < double(runs * (run / 8 * 2) * sums);
}

static bool prefersPaired(LowBitComputeOpInterface op, const KernelTarget &target, int64_t vectors,
                          PairedUse use) {
  return use != PairedUse::Never && target.getPairedTime() < 1.0 && hasRoomForSums(op) &&
         (use == PairedUse::Always || gainsFromPairs(op, target, vectors));
}

/// True if that would be so for `op` with fewer codes, as `gpfq-quantize-activations` makes them.
static bool lacksRoom(LowBitComputeOpInterface op, const KernelTarget &target, int64_t vectors) {
  return isa<Conv2DOp, MatmulOp>(op) && op.hasIntegerAccumulator() && !hasRoomForSums(op) &&
         target.getPairedTime() < 1.0 && op.getAlphabet().getSpan() <= maxReservedCodes &&
         gainsFromPairs(op, target, vectors);
}

/// Top-aligned products are 2^shift times larger; they must still fit an i32 accumulator.
static FieldEncoding chooseEncoding(LowBitComputeOpInterface op, const KernelTarget &target,
                                    int64_t vectors, PairedUse paired) {
  if (canMultiplyInPlace(op, target, vectors))
    return FieldEncoding::InPlace;
  if (prefersPaired(op, target, vectors, paired))
    return FieldEncoding::Paired;
  bool odd = llvm::all_of(op.getAlphabet().getLevels(), [](int32_t level) { return level % 2; });
  unsigned shift = 8 - getFieldBits(op.getAlphabet()) - (odd ? 1 : 0);
  if (shift == 0)
    return FieldEncoding::TopAligned;
  if (!target.prefersTopAligned() || !op.hasIntegerAccumulator())
    return FieldEncoding::Offset;
  int32_t magnitude = op.getAlphabet().getMaxMagnitude() << shift;
  return op.getReductionLength() <= getMaxReductionLength(magnitude) ? FieldEncoding::TopAligned
                                                                     : FieldEncoding::Offset;
}

/// The layout of weights that multiply bits.
static LayoutAttr getSignLayout(LowBitComputeOpInterface op, const KernelTarget &target) {
  SmallVector<int64_t> kernel = op.getKernelShape(), stored(kernel);
  stored.back() = getSignBytes(stored.back());
  int64_t vectors = std::min<int64_t>(target.getSignTile(getPixels(op))->vectors,
                                      llvm::divideCeil(kernel[0], target.getLanes()));
  return LayoutAttr::get(op->getContext(), target.getName(), target.getLanes(), vectors,
                         FieldEncoding::Signs, getRun(op, stored), kernel, getSignBorder(op));
}

static LayoutAttr chooseLayout(LowBitComputeOpInterface op, const KernelTarget &target,
                               const TileTable &table, PairedUse paired) {
  KernelTile tile = getDefaultTile(op, target);
  SmallVector<int64_t> kernel = op.getKernelShape();
  if (const KernelTile *measured = table.lookup(op)) {
    tile.pixels = measured->pixels;
    // Depthwise panels go with the kernel generator.
    if (tile.pixels.size() == 1)
      tile.vectors = measured->vectors;
  }
  return LayoutAttr::get(op->getContext(), target.getName(), target.getLanes(), tile.vectors,
                         chooseEncoding(op, target, tile.vectors, paired), getRun(op, kernel),
                         kernel,
                         /*border=*/{}, tile.pixels);
}

/// Replaces the padding of a convolution by a padded input.
template <typename ConvOp> static void materializePadding(OpBuilder &builder, ConvOp op) {
  Value padded =
      gpfq::padSpatial(builder, op.getLoc(), op.getInput(), op.getPadding(), op.getPaddingValue());
  if (padded == op.getInput())
    return;
  op.getInputMutable().assign(padded);
  op.setPadding({0, 0, 0, 0});
  op.setPaddingValue(0);
}

namespace {

struct LowBitPackPass : lowbit::impl::LowBitPackBase<LowBitPackPass> {
  using LowBitPackBase::LowBitPackBase;

  void runOnOperation() override {
    FailureOr<const KernelTarget *> found =
        gpfq::getKernelTarget(target, [&] { return getOperation().emitError(); });
    if (failed(found))
      return signalPassFailure();
    TileTable table;
    if (!tiles.empty()) {
      auto read = TileTable::read(tiles, **found, [&] { return getOperation().emitError(); });
      if (failed(read))
        return signalPassFailure();
      table = std::move(*read);
    }
    SmallVector<LowBitComputeOpInterface> ops;
    getOperation().walk([&](LowBitComputeOpInterface op) {
      if (isa<RankedTensorType>(op.getInit().getType()) && !op.getLayoutAttr())
        ops.push_back(op);
    });
    // Before any producer yields bits.
    SmallVector<bool> signs;
    for (LowBitComputeOpInterface op : ops)
      signs.push_back(usesSigns(op, **found));
    for (auto [op, hasSigns] : llvm::zip(ops, signs)) {
      if (auto product = dyn_cast<BatchMatmulOp>(op.getOperation()))
        packAtRunTime(product, **found, table);
      else
        pack(op, **found, table, hasSigns);
    }
    bitsOfCodes.clear();
    getOperation().walk([](PackSignsOp op) { packSignsInEpilogue(op); });
  }

  /// Lets a `lowbit.pack` make the panels of the second operand, which is an activation.
  void packAtRunTime(BatchMatmulOp op, const KernelTarget &kernelTarget, const TileTable &table) {
    OpBuilder builder(op);
    LayoutAttr layout = chooseLayout(op, kernelTarget, table, paired);
    auto type = cast<RankedTensorType>(op.getWeights().getType());
    SmallVector<int64_t> shape(type.getShape().drop_back(2));
    shape.push_back(PackedGeometry(layout, op.getAlphabet()).getTotalBytes());
    Value init = tensor::EmptyOp::create(builder, op.getLoc(), shape, builder.getI8Type());
    auto pack = PackOp::create(builder, op.getLoc(), TypeRange(init.getType()), op.getWeights(),
                               init, layout);
    op.getWeightsMutable().assign(pack.getResult(0));
    op.setLayoutAttr(layout);
    ++packedAtRunTime;
    measuredTiles += !layout.getTile().empty();
  }

  /// True if `op` multiplies signs as bits; if it does as bytes, remarks why.
  bool usesSigns(LowBitComputeOpInterface op, const KernelTarget &kernelTarget) {
    if (!multipliesSigns(op))
      return false;
    std::string reason = explainByteSigns(op, kernelTarget);
    if (reason.empty())
      return true;
    ++signsAsBytes;
    op->emitRemark() << "layer " << op.getLayerAttr() << " multiplies signs as bytes: " << reason;
    return false;
  }

  /// The bits of `codes`, packed once.
  Value getBits(OpBuilder &builder, Value codes) {
    Value &bits = bitsOfCodes[codes];
    if (!bits)
      bits = packSigns(builder, codes);
    return bits;
  }

  void pack(LowBitComputeOpInterface op, const KernelTarget &kernelTarget, const TileTable &table,
            bool hasSigns) {
    std::optional<gpfq::ConstantTensor<int8_t>> levels = gpfq::getConstantBytes(op.getWeights());
    if (!levels) {
      ++notPacked;
      op->emitRemark("not packed: the weights are not constant");
      return;
    }
    OpBuilder builder(op);
    LayoutAttr layout =
        hasSigns ? getSignLayout(op, kernelTarget) : chooseLayout(op, kernelTarget, table, paired);
    auto conv = dyn_cast<Conv2DOp>(op.getOperation());
    PackedGeometry geometry(layout, op.getAlphabet(), conv ? conv.getGroups() : 1);
    std::vector<int8_t> bytes = packLevels(geometry, levels->values);
    if (hasSigns) {
      writeTables(geometry, getSignTables(op, geometry, layout.getBorder(), levels->values), bytes);
      op->setOperand(0, getBits(builder, op.getInput()));
      if (conv)
        conv.setPaddingValue(0);
      ++countedSigns;
    }
    std::string name = levels->name.empty() ? "" : levels->name + ".packed";
    Value packedWeights =
        gpfq::createByteConstant(builder, op->getLoc(), {int64_t(bytes.size())}, bytes, name);
    Operation *unpacked = op.getWeights().getDefiningOp();
    op->setOperand(1, packedWeights);
    if (isOpTriviallyDead(unpacked))
      unpacked->erase();
    if (conv) {
      conv.setLayoutAttr(layout);
      materializePadding(builder, conv);
    } else if (auto depthwise = dyn_cast<DepthwiseConv2DOp>(op.getOperation())) {
      depthwise.setLayoutAttr(layout);
      materializePadding(builder, depthwise);
    } else {
      cast<MatmulOp>(op.getOperation()).setLayoutAttr(layout);
    }
    ++packed;
    measuredTiles += !layout.getTile().empty();
    numPaired += layout.getEncoding() == FieldEncoding::Paired;
    if (paired == PairedUse::Faster && !hasSigns &&
        lacksRoom(op, kernelTarget, layout.getVectors())) {
      ++numWithoutRoom;
      op->emitRemark() << "layer " << op.getLayerAttr() << " has input codes up to "
                       << op.getInputMax() << "; with codes up to "
                       << maxCode - op.getAlphabet().getSpan()
                       << ", which gpfq-quantize-activations makes, kernels would multiply less";
    }
    packedBytes += bytes.size();
  }

  llvm::DenseMap<Value, Value> bitsOfCodes;
};

} // namespace
