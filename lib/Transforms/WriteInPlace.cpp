// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Padding and concatenation without copies: the ops that compute an image, or parts of it, write
// into the buffer of the whole. Of a padded one only the border is filled.

#include "gpfq/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQWRITEINPLACE
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;

namespace {

/// A padding of static shape by a constant.
struct ConstantPad {
  SmallVector<int64_t> inner, outer, low;
  TypedAttr value;
};

/// A part of a tensor.
struct Box {
  Box(MLIRContext *context, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes)
      : offsets(getAsIndexOpFoldResult(context, offsets)),
        sizes(getAsIndexOpFoldResult(context, sizes)),
        strides(getAsIndexOpFoldResult(context, SmallVector<int64_t>(sizes.size(), 1))) {}

  Value extract(OpBuilder &builder, Location loc, Value whole) const {
    return tensor::ExtractSliceOp::create(builder, loc, whole, offsets, sizes, strides);
  }
  Value insert(OpBuilder &builder, Location loc, Value part, Value whole) const {
    return tensor::InsertSliceOp::create(builder, loc, part, whole, offsets, sizes, strides);
  }

  SmallVector<OpFoldResult> offsets, sizes, strides;
};

/// A tensor that is computed elsewhere, and its place in a whole.
struct Part {
  Value source;
  Box box;
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
    Box box(builder.getContext(), offsets, sizes);
    Value slab = box.extract(builder, loc, border);
    slab = linalg::FillOp::create(builder, loc, constant, slab).getResult(0);
    border = box.insert(builder, loc, slab, border);
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

/// The parts that `source`, at `offsets` of a whole, is concatenated of; itself if it is not.
static void collectParts(Value source, ArrayRef<int64_t> offsets, SmallVectorImpl<Part> &parts) {
  auto concat = source.getDefiningOp<tensor::ConcatOp>();
  if (!concat || !llvm::all_of(concat.getInputs().getTypes(), [](Type input) {
        return cast<RankedTensorType>(input).hasStaticShape();
      })) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(source.getType()).getShape();
    parts.push_back({source, Box(source.getContext(), offsets, shape)});
    return;
  }
  SmallVector<int64_t> inputOffsets(offsets);
  int64_t dim = concat.getDim();
  for (Value input : concat.getInputs()) {
    collectParts(input, inputOffsets, parts);
    inputOffsets[dim] += cast<RankedTensorType>(input.getType()).getDimSize(dim);
  }
}

/// Erases the concatenations that `value` is made by, where nothing uses them.
static void eraseUnusedConcat(Value value) {
  auto concat = value.getDefiningOp<tensor::ConcatOp>();
  if (!concat || !concat->use_empty())
    return;
  SmallVector<Value> inputs = llvm::to_vector(concat.getInputs());
  concat.erase();
  for (Value input : inputs)
    eraseUnusedConcat(input);
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

struct WriteInPlace : gpfq::impl::GPFQWriteInPlaceBase<WriteInPlace> {
  using GPFQWriteInPlaceBase::GPFQWriteInPlaceBase;

  void runOnOperation() override {
    SmallVector<tensor::PadOp> pads;
    getOperation().walk([&](tensor::PadOp op) { pads.push_back(op); });
    for (tensor::PadOp op : pads)
      if (std::optional<ConstantPad> pad = matchConstantPad(op))
        convert(op, *pad);
    // Upstream's elimination of empty tensors makes slices of the results of these.
    RewritePatternSet patterns(&getContext());
    tensor::populateDecomposeTensorConcatPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }

  void convert(tensor::PadOp op, const ConstantPad &pad) {
    Location loc = op.getLoc();
    SmallVector<Part> parts;
    collectParts(op.getSource(), pad.low, parts);
    // Parts with a writer come in the order in which these write, before the others.
    SmallVector<std::pair<DestinationStyleOpInterface, Part>> written;
    SmallVector<Part> copied;
    SmallPtrSet<Operation *, 4> writers;
    for (Part &part : parts) {
      DestinationStyleOpInterface writer = getWriter(part.source, op->getBlock());
      if (writer && writers.insert(writer).second)
        written.emplace_back(writer, std::move(part));
      else
        copied.push_back(std::move(part));
    }
    llvm::sort(written,
               [](const auto &a, const auto &b) { return a.first->isBeforeInBlock(b.first); });

    OpBuilder builder(written.empty() ? op.getOperation() : written.front().first.getOperation());
    Value padded = createBorder(builder, loc, pad, op.getResultType());
    for (auto &[writer, part] : written) {
      builder.setInsertionPoint(writer);
      writeInto(builder, writer, part.source, part.box.extract(builder, loc, padded));
      builder.setInsertionPointAfter(writer);
      padded = part.box.insert(builder, loc, part.source, padded);
    }
    builder.setInsertionPoint(op);
    for (const Part &part : copied)
      padded = part.box.insert(builder, loc, part.source, padded);
    numInPlace += written.size();
    numCopied += copied.size();
    op.replaceAllUsesWith(padded);
    Value source = op.getSource();
    op.erase();
    eraseUnusedConcat(source);
  }
};

} // namespace
