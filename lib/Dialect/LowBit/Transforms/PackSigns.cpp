// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/Transforms/PackSigns.h"

#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

using namespace mlir;
using namespace mlir::lowbit;

//===----------------------------------------------------------------------===//
// Which layers
//===----------------------------------------------------------------------===//

/// True if `value` is a constant 0 or 2 in i8.
static bool isSignCode(Value value) {
  APInt code;
  return value && matchPattern(value, m_ConstantInt(&code)) && (code == 0 || code == 2);
}

/// True if all elements of `codes` are 0 or 2.
static bool hasSignCodes(Value codes) {
  Operation *op = codes.getDefiningOp();
  if (!op)
    return false;
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([](QuantizeOp quantize) { return quantize.getSign(); })
      .Case([](LowBitComputeOpInterface compute) {
        return bool(matchSignBit(getYield(compute).getValue()));
      })
      .Case([](tensor::PadOp pad) {
        return isSignCode(pad.getConstantPaddingValue()) && hasSignCodes(pad.getSource());
      })
      .Case([](linalg::PoolingNhwcMaxUnsignedOp pool) {
        auto fill = pool.getOutputs()[0].getDefiningOp<linalg::FillOp>();
        return fill && isSignCode(fill.getInputs()[0]) && hasSignCodes(pool.getInputs()[0]);
      })
      .Case([](tensor::ConcatOp concat) { return llvm::all_of(concat.getInputs(), hasSignCodes); })
      .Case<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ExtractSliceOp,
            linalg::TransposeOp>([](Operation *move) { return hasSignCodes(move->getOperand(0)); })
      .Default([](Operation *) { return false; });
}

bool mlir::lowbit::multipliesSigns(LowBitComputeOpInterface op) {
  return op.hasIntegerAccumulator() && op.getAlphabet().isSigns() && hasSignCodes(op.getInput());
}

std::string mlir::lowbit::explainByteSigns(LowBitComputeOpInterface op,
                                           const gpfq::KernelTarget &target) {
  if (isa<DepthwiseConv2DOp>(op))
    return "it is depthwise";
  int64_t channels = op.getKernelShape().back();
  if (channels < minSignChannels)
    return "it has " + std::to_string(channels) + " input channels, fewer than " +
           std::to_string(minSignChannels);
  if (auto conv = dyn_cast<Conv2DOp>(op.getOperation())) {
    if (conv.getGroups() != 1)
      return "it has groups";
    SmallVector<int64_t> border = getSignBorder(op);
    if (llvm::any_of(border, [](int64_t size) { return size > maxSignBorder; }))
      return "more than " + std::to_string(maxSignBorder) + " pixels at an edge read padding";
    // Its tables would not be even.
    if (channels % 2 != 0 && conv.getPaddingValue() % 2 != 0 && !border.empty())
      return "it pads an odd number of input channels";
  }
  if (!target.getSignTile(1))
    return "counting bits takes more time on " + target.getName().str();
  return "";
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

namespace {
/// One dimension of a window that goes over padding.
struct Window {
  int64_t input, output, kernel, stride, dilation, before;

  bool isInside(int64_t pixel, int64_t tap) const {
    int64_t at = pixel * stride + tap * dilation - before;
    return at >= 0 && at < input;
  }
  bool isInside(int64_t pixel) const { return isInside(pixel, 0) && isInside(pixel, kernel - 1); }
  /// How many pixels at the edges have taps outside of the input.
  std::pair<int64_t, int64_t> getBorder() const {
    int64_t first = 0, last = 0;
    while (first < output - 1 && !isInside(first))
      ++first;
    while (first + last < output - 1 && !isInside(output - 1 - last))
      ++last;
    return {first, last};
  }
  /// A pixel that has table `index`.
  static int64_t getPixel(int64_t index, int64_t first, int64_t last, int64_t output) {
    return index <= first ? index : output - 1 - last + (index - first);
  }
};
} // namespace

/// The window of a convolution along y or x.
static Window getWindow(Conv2DOp op, int64_t dim) {
  ArrayRef<int64_t> input = cast<ShapedType>(op.getInput().getType()).getShape();
  ArrayRef<int64_t> output = cast<ShapedType>(op.getInit().getType()).getShape();
  return {input[1 + dim],       output[1 + dim],        op.getKernelShape()[1 + dim],
          op.getStrides()[dim], op.getDilations()[dim], op.getPadding()[2 * dim]};
}

SmallVector<int64_t> mlir::lowbit::getSignBorder(LowBitComputeOpInterface op) {
  auto conv = dyn_cast<Conv2DOp>(op.getOperation());
  // Padding with the code 0 has bits that are counted like any other.
  if (!conv || conv.getPaddingValue() == 0 ||
      llvm::all_of(conv.getPadding(), [](int64_t amount) { return amount == 0; }))
    return {};
  auto [top, bottom] = getWindow(conv, 0).getBorder();
  auto [left, right] = getWindow(conv, 1).getBorder();
  return {top, bottom, left, right};
}

std::vector<int32_t> mlir::lowbit::getSignTables(LowBitComputeOpInterface op,
                                                 const PackedGeometry &g, ArrayRef<int64_t> border,
                                                 ArrayRef<int8_t> levels) {
  int64_t depth = g.signChannels, length = op.getReductionLength();
  std::vector<int32_t> tables(g.tableRows * g.tableColumns * g.channels);
  for (int64_t channel = 0; channel < g.channels; ++channel) {
    ArrayRef<int8_t> filter = levels.slice(channel * length, length);
    auto sum = [](ArrayRef<int8_t> part) { return std::accumulate(part.begin(), part.end(), 0); };
    for (int64_t table = 0; table < g.tableRows * g.tableColumns; ++table)
      tables[table * g.channels + channel] = length + sum(filter);
    if (border.empty())
      continue;
    auto conv = cast<Conv2DOp>(op.getOperation());
    Window rows = getWindow(conv, 0), columns = getWindow(conv, 1);
    for (int64_t table = 0; table < g.tableRows * g.tableColumns; ++table) {
      int64_t y = Window::getPixel(table / g.tableColumns, border[0], border[1], rows.output);
      int64_t x = Window::getPixel(table % g.tableColumns, border[2], border[3], columns.output);
      for (int64_t tap = 0; tap < rows.kernel * columns.kernel; ++tap)
        if (!rows.isInside(y, tap / columns.kernel) || !columns.isInside(x, tap % columns.kernel))
          tables[table * g.channels + channel] +=
              int32_t(conv.getPaddingValue()) * sum(filter.slice(tap * depth, depth));
    }
  }
  for (int32_t &twice : tables)
    twice /= 2;
  return tables;
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

Value mlir::lowbit::packSigns(OpBuilder &builder, Value codes) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(codes);
  Location loc = codes.getLoc();
  if (auto quantize = codes.getDefiningOp<QuantizeOp>())
    return PackSignsOp::create(builder, loc, quantize.getInput()).getResult(0);
  // Whole words stay what they are where pixels are merged.
  auto collapse = codes.getDefiningOp<tensor::CollapseShapeOp>();
  if (collapse && collapse.getSrcType().getShape().back() % 32 == 0) {
    Value bits = packSigns(builder, collapse.getSrc());
    return tensor::CollapseShapeOp::create(builder, loc, bits, collapse.getReassociationIndices());
  }
  return PackSignsOp::create(builder, loc, codes).getResult(0);
}

bool mlir::lowbit::packSignsInEpilogue(PackSignsOp op) {
  auto producer = op.getInput().getDefiningOp<LowBitComputeOpInterface>();
  if (!producer || !producer.getLayoutAttr() || isa<DepthwiseConv2DOp>(producer) ||
      !op.getInput().hasOneUse())
    return false;
  LayoutAttr layout = producer.getLayoutAttr();
  Value bit = matchSignBit(getYield(producer).getValue());
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  // A panel of channels is stored as whole bytes, and all panels together as whole words.
  if (!bit || layout.getKernel().front() % 32 != 0 ||
      layout.getLanes() * layout.getVectors() % 8 != 0)
    return false;
  OpBuilder builder(producer);
  Value init =
      tensor::EmptyOp::create(builder, op.getLoc(), type.getShape(), type.getElementType());
  producer->setOperand(producer->getNumOperands() - 1, init);
  producer->getResult(0).setType(type);
  getYield(producer)->setOperand(0, bit);
  op.getResult(0).replaceAllUsesWith(producer->getResult(0));
  op->erase();
  return true;
}
