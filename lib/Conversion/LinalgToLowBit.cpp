// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/LinalgToLowBit.h"

#include "CodeRange.h"
#include "QuantizedLayer.h"
#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

bool mlir::gpfq::isQuantizedLayer(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && (op->hasAttr(layerAttrName) ||
                      (!isa<linalg::GenericOp>(op) && getWeightDequantize(linalgOp)));
}

std::string mlir::gpfq::explainFloatLayer(Operation *op, std::string &layer) {
  auto linalgOp = cast<linalg::LinalgOp>(op);
  if (auto attribute = op->getAttrOfType<LayerAttr>(layerAttrName))
    layer = attribute.getName().str();
  else if (DequantizeOp weights = getWeightDequantize(linalgOp))
    layer = weights.getLayer().value_or("").str();
  std::string reason;
  (void)getQuantizedLayer(linalgOp, reason);
  return reason;
}

/// Channels of a grouped convolution merged: N x H x W x G x C to N x H x W x GC.
static Value mergeChannels(OpBuilder &builder, Location loc, Value value) {
  if (cast<RankedTensorType>(value.getType()).getRank() != 5)
    return value;
  SmallVector<ReassociationIndices> reassociation{{0}, {1}, {2}, {3, 4}};
  return tensor::CollapseShapeOp::create(builder, loc, value, reassociation);
}

static SmallVector<int64_t> getWindow(Operation *op, StringRef name) {
  auto attribute = op->getAttrOfType<DenseIntElementsAttr>(name);
  return attribute ? llvm::to_vector(attribute.getValues<int64_t>()) : SmallVector<int64_t>{1, 1};
}

/// The channels of one of the blocks.
static Value sliceChannels(OpBuilder &builder, Location loc, Value value, int64_t block,
                           int64_t blocks) {
  if (blocks == 1)
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)),
      strides(type.getRank(), builder.getIndexAttr(1)), sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(builder.getIndexAttr(size));
  int64_t size = type.getShape().back() / blocks;
  sizes.back() = builder.getIndexAttr(size);
  offsets.back() = builder.getIndexAttr(block * size);
  return tensor::ExtractSliceOp::create(builder, loc, value, offsets, sizes, strides);
}

/// The op without its region.
static Operation *createComputeOp(OpBuilder &builder, linalg::LinalgOp op,
                                  const QuantizedLayer &layer, Value input, Value weights,
                                  ValueRange fused, Value init) {
  Location loc = op.getLoc();
  AlphabetAttr alphabet = DequantizeOp(layer.weights).getAlphabetAttr();
  StringAttr name = DequantizeOp(layer.weights).getLayerAttr();
  Type type = init.getType();
  uint32_t inputMax =
      layer.isInteger ? std::max<uint32_t>(getMaxCode(input), layer.inputZeroPoint) : maxCode;
  if (layer.kind == LayerKind::Matmul)
    return MatmulOp::create(builder, loc, type, input, weights, fused, init, alphabet, name,
                            LayoutAttr(), inputMax);
  SmallVector<int64_t> strides = getWindow(op, "strides"), dilations = getWindow(op, "dilations");
  int32_t zero = layer.inputZeroPoint;
  if (layer.kind == LayerKind::DepthwiseConv2D)
    return DepthwiseConv2DOp::create(builder, loc, type, input, weights, fused, init, strides,
                                     dilations, layer.padding, zero, alphabet, name, LayoutAttr());
  return Conv2DOp::create(builder, loc, type, input, weights, fused, init, strides, dilations,
                          layer.padding, zero, layer.groups, alphabet, name, LayoutAttr(),
                          inputMax);
}

namespace {

/// The fused operands of a compute op, and which block argument of the epilogue each of them is.
struct FusedOperands {
  SmallVector<Value> operands;
  /// Scale of the channel, and what is added: its bias and perhaps a tensor.
  unsigned scale = 0;
  SmallVector<unsigned> terms;
  /// Of the row; what is subtracted from the accumulator is `correction`, one for each channel,
  /// times the zero point if there is one.
  std::optional<unsigned> rowScale, zeroPoint, correction;

  unsigned add(Value operand) {
    operands.push_back(operand);
    return unsigned(operands.size());
  }

  /// The operands for the scales and zero points of rows. Where all zero points are known the
  /// correction has them in it.
  void addRows(PatternRewriter &rewriter, const QuantizedLayer &layer) {
    DequantizeRowsOp rows = layer.rows;
    auto quantize = rows.getCodes().getDefiningOp<QuantizeRowsOp>();
    int32_t factor = quantize && quantize.getSymmetric() ? symmetricZeroPoint : 1;
    SmallVector<int32_t> sums;
    for (int64_t sum : layer.getLevelSums())
      sums.push_back(int32_t(factor * sum));
    auto type = RankedTensorType::get({int64_t(sums.size())}, rewriter.getI32Type());
    correction = add(arith::ConstantOp::create(rewriter, rows.getLoc(),
                                               DenseIntElementsAttr::get(type, ArrayRef(sums))));
    if (factor == 1)
      zeroPoint = add(rows.getZeroPoints());
    rowScale = add(rows.getScales());
  }
};

/// Creates the compute op with the epilogue
///
///     acc * (s_w s_x) + (bias - z s_w s_x sum(levels)) [+ init]
///
/// whose constants are computed in double precision and rounded once; or, where each row m has a
/// scale and a zero point of its own,
///
///     (acc - z_m sum(levels)) * s_m * s_w + bias [+ init]
///
/// with the difference in i32, where it is exact. A layer with scales for
/// blocks of input channels becomes one op for each block, on the channels of that block; the
/// result of the blocks so far is what the next one adds last.
struct ConvertLayer : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    if (isa<linalg::GenericOp>(op) || !op.hasPureTensorSemantics() || !getWeightDequantize(op))
      return failure();
    std::string reason;
    FailureOr<QuantizedLayer> found = getQuantizedLayer(op, reason);
    if (failed(found))
      return rewriter.notifyMatchFailure(op, reason);
    QuantizedLayer &layer = *found;
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
    if (shape.size() == 5)
      shape = {shape[0], shape[1], shape[2], shape[3] * shape[4]};
    Value input = mergeChannels(rewriter, loc, layer.input);
    Value result = layer.init ? mergeChannels(rewriter, loc, layer.init) : Value();
    for (int64_t block = 0; block < layer.blocks; ++block)
      result = createBlock(rewriter, op, layer.blocks == 1 ? layer : layer.getBlock(block),
                           sliceChannels(rewriter, loc, input, block, layer.blocks), result, shape);
    if (type.getRank() == 5) {
      SmallVector<ReassociationIndices> reassociation{{0}, {1}, {2}, {3, 4}};
      result = tensor::ExpandShapeOp::create(rewriter, loc, type, result, reassociation);
    }
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  /// The compute op of one block; `addend`, if there is one, is added last.
  static Value createBlock(PatternRewriter &rewriter, linalg::LinalgOp op,
                           const QuantizedLayer &layer, Value input, Value addend,
                           ArrayRef<int64_t> shape) {
    Location loc = op.getLoc();
    std::string name = DequantizeOp(layer.weights).getLayer().value_or("layer").str();
    int64_t channels = layer.getNumChannels();
    std::vector<float> scale(channels), offset(channels);
    for (auto [i, sum] : llvm::enumerate(layer.getLevelSums())) {
      double exact = double(layer.weightScales[i]) * layer.inputScale;
      scale[i] = exact;
      offset[i] = layer.bias[i] - exact * layer.inputZeroPoint * sum;
    }
    Value weights = layer.levelsValue;
    if (!weights)
      weights = createByteConstant(rewriter, loc, layer.levels.shape, layer.levels.values,
                                   name + ".levels");
    FusedOperands fused;
    if (layer.rows)
      fused.addRows(rewriter, layer);
    fused.scale = fused.add(createFloatConstant(rewriter, loc, {channels}, scale, name + ".scale"));
    fused.terms.push_back(
        fused.add(createFloatConstant(rewriter, loc, {channels}, offset, name + ".bias")));
    if (addend)
      fused.terms.push_back(fused.add(addend));
    Value init = tensor::EmptyOp::create(rewriter, loc, shape, rewriter.getF32Type());
    Operation *compute = createComputeOp(rewriter, op, layer, input, weights, fused.operands, init);
    OpBuilder::InsertionGuard guard(rewriter);
    buildEpilogue(rewriter, compute, layer.isInteger, fused);
    return compute->getResult(0);
  }

  static void buildEpilogue(PatternRewriter &rewriter, Operation *op, bool isInteger,
                            const FusedOperands &fused) {
    Location loc = op->getLoc();
    Type f32 = rewriter.getF32Type();
    SmallVector<Type> types{isInteger ? Type(rewriter.getI32Type()) : f32};
    for (Value operand : fused.operands)
      types.push_back(getElementTypeOrSelf(operand.getType()));
    Block *body = rewriter.createBlock(&op->getRegion(0), {}, types,
                                       SmallVector<Location>(types.size(), loc));
    Value value = body->getArgument(0);
    if (fused.correction) {
      Value correction = body->getArgument(*fused.correction);
      if (fused.zeroPoint)
        correction =
            arith::MulIOp::create(rewriter, loc, body->getArgument(*fused.zeroPoint), correction);
      value = arith::SubIOp::create(rewriter, loc, value, correction);
    }
    if (isInteger)
      value = arith::SIToFPOp::create(rewriter, loc, f32, value);
    if (fused.rowScale)
      value = arith::MulFOp::create(rewriter, loc, value, body->getArgument(*fused.rowScale));
    value = arith::MulFOp::create(rewriter, loc, value, body->getArgument(fused.scale));
    for (unsigned term : fused.terms)
      value = arith::AddFOp::create(rewriter, loc, value, body->getArgument(term));
    lowbit::YieldOp::create(rewriter, loc, value);
  }
};

} // namespace

void mlir::gpfq::populateLinalgToLowBitPatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertLayer>(patterns.getContext());
}
