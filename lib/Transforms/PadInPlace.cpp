// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Padding without copies: the op that computes an image writes it into the padded buffer, of which
// only the border is filled.

#include "gpfq/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQPADINPLACE
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

namespace {

/// A padding of static shape by a constant.
struct ConstantPad {
  SmallVector<int64_t> inner, outer, low;
  TypedAttr value;

  /// The part of the padded tensor that holds the source.
  struct Box {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  Box getBox(MLIRContext *context, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes) const {
    return {getAsIndexOpFoldResult(context, offsets), getAsIndexOpFoldResult(context, sizes),
            getAsIndexOpFoldResult(context, SmallVector<int64_t>(outer.size(), 1))};
  }
};

} // namespace

static std::optional<ConstantPad> matchConstantPad(tensor::PadOp op) {
  ConstantPad pad;
  Value value = op.getConstantPaddingValue();
  auto isStatic = [](int64_t size) { return !ShapedType::isDynamic(size); };
  if (!value || !matchPattern(value, m_Constant(&pad.value)) ||
      !op.getSourceType().hasStaticShape() || !op.getResultType().hasStaticShape() ||
      !llvm::all_of(op.getStaticLow(), isStatic))
    return std::nullopt;
  pad.inner = llvm::to_vector(op.getSourceType().getShape());
  pad.outer = llvm::to_vector(op.getResultType().getShape());
  pad.low = llvm::to_vector(op.getStaticLow());
  return pad;
}

/// A new tensor of the padded shape, of which all but the place of the source is filled.
static Value createBorder(OpBuilder &builder, Location loc, const ConstantPad &pad,
                          RankedTensorType type) {
  Value border = bufferization::AllocTensorOp::create(builder, loc, type, ValueRange());
  Value constant = arith::ConstantOp::create(builder, loc, pad.value);
  // Slabs before and behind the source along each dimension, as thick as the padding; along the
  // dimensions before, they leave out what those have filled.
  SmallVector<int64_t> offsets(pad.outer.size(), 0), sizes(pad.outer);
  auto fill = [&] {
    if (llvm::is_contained(sizes, 0))
      return;
    ConstantPad::Box box = pad.getBox(builder.getContext(), offsets, sizes);
    Value slab =
        tensor::ExtractSliceOp::create(builder, loc, border, box.offsets, box.sizes, box.strides);
    slab = linalg::FillOp::create(builder, loc, constant, slab).getResult(0);
    border = tensor::InsertSliceOp::create(builder, loc, slab, border, box.offsets, box.sizes,
                                           box.strides);
  };
  for (auto [dim, inner, outer, low] : llvm::enumerate(pad.inner, pad.outer, pad.low)) {
    offsets[dim] = 0;
    sizes[dim] = low;
    fill();
    offsets[dim] = low + inner;
    sizes[dim] = outer - low - inner;
    fill();
    offsets[dim] = low;
    sizes[dim] = inner;
  }
  return border;
}

/// The op that writes `source` into a buffer which is nothing before, but for a fill; null if there
/// is none.
static DestinationStyleOpInterface getWriter(Value source, Block *block) {
  auto writer = source.getDefiningOp<DestinationStyleOpInterface>();
  if (!writer || writer->getBlock() != block)
    return {};
  Value init = writer.getTiedOpOperand(cast<OpResult>(source))->get();
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    init = fill.getOutputs()[0];
  return init.getDefiningOp<tensor::EmptyOp>() ? writer : DestinationStyleOpInterface();
}

/// Lets `writer`, which has computed `source`, write into `slice` instead of a buffer of its own.
static void writeInto(OpBuilder &builder, DestinationStyleOpInterface writer, Value source,
                      Value slice) {
  OpOperand *init = writer.getTiedOpOperand(cast<OpResult>(source));
  if (auto fill = init->get().getDefiningOp<linalg::FillOp>())
    slice = linalg::FillOp::create(builder, fill.getLoc(), fill.getInputs()[0], slice).getResult(0);
  init->set(slice);
}

namespace {

struct PadInPlace : gpfq::impl::GPFQPadInPlaceBase<PadInPlace> {
  using GPFQPadInPlaceBase::GPFQPadInPlaceBase;

  void runOnOperation() override {
    SmallVector<tensor::PadOp> pads;
    getOperation().walk([&](tensor::PadOp op) { pads.push_back(op); });
    for (tensor::PadOp op : pads)
      if (std::optional<ConstantPad> pad = matchConstantPad(op))
        convert(op, *pad);
  }

  void convert(tensor::PadOp op, const ConstantPad &pad) {
    Location loc = op.getLoc();
    Value source = op.getSource();
    ConstantPad::Box box = pad.getBox(&getContext(), pad.low, pad.inner);
    DestinationStyleOpInterface writer = getWriter(source, op->getBlock());
    OpBuilder builder(writer ? writer.getOperation() : op.getOperation());
    Value border = createBorder(builder, loc, pad, op.getResultType());
    if (writer) {
      Value slice =
          tensor::ExtractSliceOp::create(builder, loc, border, box.offsets, box.sizes, box.strides);
      writeInto(builder, writer, source, slice);
      builder.setInsertionPointAfter(writer);
      ++numInPlace;
    } else {
      ++numCopied;
    }
    Value padded = tensor::InsertSliceOp::create(builder, loc, source, border, box.offsets,
                                                 box.sizes, box.strides);
    op.replaceAllUsesWith(padded);
    op.erase();
  }
};

} // namespace
