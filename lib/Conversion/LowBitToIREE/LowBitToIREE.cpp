// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/LowBitToIREE.h"

#include "../ComputeOps.h"
#include "Weights.h"
#include "gpfq/Conversion/LowBitToLinalg.h"
#include "gpfq/Conversion/Passes.h"
#include "gpfq/Dialect/LowBit/Transforms/UnpackWeights.h"
#include "gpfq/Support/Padding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_LOWBITTOIREEPASS
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

using utils::IteratorType;

/// A code in u8 is this much above the s8 that has its place in the product.
static constexpr int32_t codeShift = 128;

static ArrayRef<int64_t> getShape(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// `body` of every element of `input`.
static Value mapElements(OpBuilder &builder, Location loc, Value input, Type elementType,
                         function_ref<Value(OpBuilder &, Value)> body) {
  Value empty = tensor::EmptyOp::create(builder, loc, getShape(input), elementType);
  AffineMap identity = builder.getMultiDimIdentityMap(getShape(input).size());
  SmallVector<IteratorType> iterators(getShape(input).size(), IteratorType::parallel);
  return linalg::GenericOp::create(builder, loc, empty.getType(), input, empty,
                                   {identity, identity}, iterators,
                                   [&](OpBuilder &nested, Location, ValueRange args) {
                                     linalg::YieldOp::create(nested, loc, body(nested, args[0]));
                                   })
      .getResult(0);
}

/// u8 codes to s8: code - 128, the code with its top bit flipped.
static Value shiftCodes(OpBuilder &builder, Location loc, Value codes) {
  return mapElements(builder, loc, codes, builder.getI8Type(), [&](OpBuilder &nested, Value code) {
    Value top = arith::ConstantOp::create(nested, loc, nested.getI8IntegerAttr(-codeShift));
    return arith::XOrIOp::create(nested, loc, code, top).getResult();
  });
}

static Value toFloat(OpBuilder &builder, Location loc, Value levels) {
  return mapElements(
      builder, loc, levels, builder.getF32Type(), [&](OpBuilder &nested, Value level) {
        return arith::SIToFPOp::create(nested, loc, nested.getF32Type(), level).getResult();
      });
}

static Value createZeros(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, Type type) {
  Value zero = arith::ConstantOp::create(builder, loc, cast<TypedAttr>(builder.getZeroAttr(type)));
  Value empty = tensor::EmptyOp::create(builder, loc, shape, type);
  return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
}

/// `value` with the same elements in `shape`, which splits or merges whole dimensions.
static Value reshape(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape() == shape)
    return value;
  RankedTensorType newType = type.clone(shape);
  if (shape.size() == type.getShape().size()) {
    // Neither splits nor merges: through one dimension.
    Value flat = reshape(builder, loc, value, {type.getNumElements()});
    return reshape(builder, loc, flat, shape);
  }
  bool expands = shape.size() > type.getShape().size();
  std::optional<SmallVector<ReassociationIndices>> reassociation =
      expands ? getReassociationIndicesForReshape(newType, type)
              : getReassociationIndicesForReshape(type, newType);
  if (!reassociation) {
    Value flat = reshape(builder, loc, value, {type.getNumElements()});
    return reshape(builder, loc, flat, shape);
  }
  if (expands)
    return tensor::ExpandShapeOp::create(builder, loc, newType, value, *reassociation);
  return tensor::CollapseShapeOp::create(builder, loc, newType, value, *reassociation);
}

/// The i32 tensor that makes up for shifted codes: 128 times the sum of the weights of each output
/// channel. `levels` has channels in its last dimension, or in the first and last if it is grouped.
static Value createCorrection(OpBuilder &builder, Location loc,
                              const ConstantTensor<int8_t> &levels, int64_t groups) {
  int64_t channels = levels.shape.back();
  int64_t rows = levels.values.size() / (groups * channels);
  SmallVector<int32_t> sums(groups * channels, 0);
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t c = 0; c < channels; ++c)
        sums[g * channels + c] += codeShift * levels.values[(g * rows + row) * channels + c];
  auto type = RankedTensorType::get({groups * channels}, builder.getI32Type());
  return arith::ConstantOp::create(builder, loc, DenseIntElementsAttr::get(type, ArrayRef(sums)));
}

/// The patches of `input`, which is padded, as rows of a matrix: M x K, or groups x M x K.
static Value createPatches(OpBuilder &builder, Conv2DOp op, Value input) {
  MLIRContext *context = op.getContext();
  Location loc = op.getLoc();
  ArrayRef<int64_t> result = getShape(op.getInit());
  SmallVector<int64_t> kernel = LowBitComputeOpInterface(op).getKernelShape();
  int64_t groups = op.getGroups(), height = kernel[1], width = kernel[2], channels = kernel[3];
  ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
  int64_t m = result[0] * result[1] * result[2], k = height * width * channels;
  bool pointwise = height == 1 && width == 1 && strides[0] == 1 && strides[1] == 1;
  if (pointwise && groups == 1)
    return reshape(builder, loc, input, {m, k});

  AffineExpr g, n, y, x, ky, kx, c;
  bindDims(context, g, n, y, x, ky, kx, c);
  AffineMap read = AffineMap::get(
      7, 0,
      {n, y * strides[0] + ky * dilations[0], x * strides[1] + kx * dilations[1], g * channels + c},
      context);
  SmallVector<int64_t> shape{groups, result[0], result[1], result[2], height, width, channels};
  Value empty = tensor::EmptyOp::create(builder, loc, shape,
                                        cast<ShapedType>(input.getType()).getElementType());
  SmallVector<IteratorType> iterators(7, IteratorType::parallel);
  auto copy = linalg::GenericOp::create(builder, loc, empty.getType(), input, empty,
                                        {read, builder.getMultiDimIdentityMap(7)}, iterators,
                                        [&](OpBuilder &nested, Location, ValueRange args) {
                                          linalg::YieldOp::create(nested, loc, args[0]);
                                        });
  SmallVector<int64_t> matrix{m, k};
  if (groups > 1)
    matrix.insert(matrix.begin(), groups);
  return reshape(builder, loc, copy.getResult(0), matrix);
}

namespace {

/// What the lowerings of the three ops have in common.
template <typename ComputeOp> struct LowerToIREE : OpRewritePattern<ComputeOp> {
  LowerToIREE(MLIRContext *context, bool packWeights)
      : OpRewritePattern<ComputeOp>(context, /*benefit=*/2), packWeights(packWeights) {}

  LogicalResult matchAndRewrite(ComputeOp op, PatternRewriter &rewriter) const override {
    LowBitComputeOpInterface compute(op);
    if (op->getNumResults() == 0 || op.getLayoutAttr())
      return rewriter.notifyMatchFailure(op, "is packed or works on memrefs");
    std::optional<ConstantTensor<int8_t>> levels = getConstantBytes(op.getWeights());
    if (!levels)
      return rewriter.notifyMatchFailure(op, "has weights that are not constant");
    std::optional<LevelPacking> packing;
    if (packWeights)
      packing = getLevelPacking(op.getAlphabet());
    Location loc = op.getLoc();
    Value correction, input = op.getInput();
    bool isInteger = compute.hasIntegerAccumulator();
    if (isInteger)
      input = shiftCodes(rewriter, loc, input);
    Value product = multiply(rewriter, op, input, *levels, packing, correction);
    product = reshape(rewriter, loc, product, getShape(op.getInit()));
    rewriter.replaceOp(op, createEpilogue(rewriter, compute, product, correction));
    return success();
  }

private:
  /// The accumulators, of the elements and order of the result. For integers `input` is shifted and
  /// `correction` is what has to be added for it.
  Value multiply(PatternRewriter &rewriter, ComputeOp op, Value input,
                 ConstantTensor<int8_t> levels, std::optional<LevelPacking> packing,
                 Value &correction) const;

  bool packWeights;
};

} // namespace

template <>
Value LowerToIREE<MatmulOp>::multiply(PatternRewriter &rewriter, MatmulOp op, Value input,
                                      ConstantTensor<int8_t> levels,
                                      std::optional<LevelPacking> packing,
                                      Value &correction) const {
  Location loc = op.getLoc();
  bool isInteger = cast<ShapedType>(input.getType()).getElementType().isInteger(8);
  ConstantTensor<int8_t> columns = transpose(levels, {1, 0});
  Value weights = createLevels(rewriter, loc, columns, packing);
  if (isInteger)
    correction = createCorrection(rewriter, loc, columns, /*groups=*/1);
  else
    weights = toFloat(rewriter, loc, weights);
  int64_t k = columns.shape[0], n = columns.shape[1];
  int64_t m = cast<ShapedType>(input.getType()).getNumElements() / k;
  Type type = isInteger ? Type(rewriter.getI32Type()) : Type(rewriter.getF32Type());
  Value rows = reshape(rewriter, loc, input, {m, k});
  Value zeros = createZeros(rewriter, loc, {m, n}, type);
  return linalg::MatmulOp::create(rewriter, loc, zeros.getType(), ValueRange{rows, weights}, zeros)
      .getResult(0);
}

template <>
Value LowerToIREE<Conv2DOp>::multiply(PatternRewriter &rewriter, Conv2DOp op, Value input,
                                      ConstantTensor<int8_t> levels,
                                      std::optional<LevelPacking> packing,
                                      Value &correction) const {
  Location loc = op.getLoc();
  bool isInteger = cast<ShapedType>(input.getType()).getElementType().isInteger(8);
  int64_t groups = op.getGroups(), channels = levels.shape[0] / groups;
  int64_t height = levels.shape[1], width = levels.shape[2], depth = levels.shape[3];
  int64_t k = height * width * depth;
  ArrayRef<int64_t> result = getShape(op.getInit());
  int64_t m = result[0] * result[1] * result[2];
  Type type = isInteger ? Type(rewriter.getI32Type()) : Type(rewriter.getF32Type());

  // groups x K x channels, without the first if there is one group.
  levels.shape = {groups, channels, k};
  ConstantTensor<int8_t> columns = transpose(levels, {0, 2, 1});
  if (isInteger)
    correction = createCorrection(rewriter, loc, columns, groups);
  if (groups == 1)
    columns.shape.erase(columns.shape.begin());
  Value weights = createLevels(rewriter, loc, columns, packing);
  if (!isInteger)
    weights = toFloat(rewriter, loc, weights);
  Value padded = padSpatial(rewriter, loc, input, op.getPadding(),
                            isInteger ? op.getPaddingValue() - codeShift : 0);

  if (!isInteger && groups == 1) {
    Value filter = reshape(rewriter, loc, weights, {height, width, depth, channels});
    Value zeros = createZeros(rewriter, loc, result, type);
    return linalg::Conv2DNhwcHwcfOp::create(rewriter, loc, zeros.getType(),
                                            ValueRange{padded, filter}, zeros,
                                            rewriter.getI64VectorAttr(op.getStrides()),
                                            rewriter.getI64VectorAttr(op.getDilations()))
        .getResult(0);
  }
  Value patches = createPatches(rewriter, op, padded);
  if (groups == 1) {
    Value zeros = createZeros(rewriter, loc, {m, channels}, type);
    return linalg::MatmulOp::create(rewriter, loc, zeros.getType(), ValueRange{patches, weights},
                                    zeros)
        .getResult(0);
  }
  Value zeros = createZeros(rewriter, loc, {groups, m, channels}, type);
  Value product = linalg::BatchMatmulOp::create(rewriter, loc, zeros.getType(),
                                                ValueRange{patches, weights}, zeros)
                      .getResult(0);
  Value empty = tensor::EmptyOp::create(rewriter, loc, {m, groups, channels}, type);
  return linalg::TransposeOp::create(rewriter, loc, product, empty, ArrayRef<int64_t>{1, 0, 2})
      ->getResult(0);
}

template <>
Value LowerToIREE<DepthwiseConv2DOp>::multiply(PatternRewriter &rewriter, DepthwiseConv2DOp op,
                                               Value input, ConstantTensor<int8_t> levels,
                                               std::optional<LevelPacking> packing,
                                               Value &correction) const {
  Location loc = op.getLoc();
  bool isInteger = cast<ShapedType>(input.getType()).getElementType().isInteger(8);
  SmallVector<int64_t> filterShape = levels.shape;
  levels.shape = {filterShape[0] * filterShape[1], filterShape[2]};
  Value weights = createLevels(rewriter, loc, levels, packing);
  if (isInteger)
    correction = createCorrection(rewriter, loc, levels, /*groups=*/1);
  else
    weights = toFloat(rewriter, loc, weights);
  weights = reshape(rewriter, loc, weights, filterShape);
  Type type = isInteger ? Type(rewriter.getI32Type()) : Type(rewriter.getF32Type());
  Value padded = padSpatial(rewriter, loc, input, op.getPadding(),
                            isInteger ? op.getPaddingValue() - codeShift : 0);
  Value zeros = createZeros(rewriter, loc, getShape(op.getInit()), type);
  return linalg::DepthwiseConv2DNhwcHwcOp::create(rewriter, loc, zeros.getType(),
                                                  ValueRange{padded, weights}, zeros,
                                                  rewriter.getI64VectorAttr(op.getStrides()),
                                                  rewriter.getI64VectorAttr(op.getDilations()))
      .getResult(0);
}

namespace {

struct LowBitToIREEPass : gpfq::impl::LowBitToIREEPassBase<LowBitToIREEPass> {
  using LowBitToIREEPassBase::LowBitToIREEPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateLowBitToIREEPatterns(patterns, packWeights);
    populateLowBitToLinalgPatterns(patterns, lowbit::unpackWeights);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    WalkResult result = getOperation()->walk<WalkOrder::PreOrder>([](Operation *op) {
      if (!isa_and_nonnull<LowBitDialect>(op->getDialect()))
        return WalkResult::advance();
      op->emitOpError("cannot be lowered for IREE: it works on memrefs, or its packed weights have "
                      "a layout that cannot be unpacked");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace

void mlir::gpfq::populateLowBitToIREEPatterns(RewritePatternSet &patterns, bool packWeights) {
  patterns.add<LowerToIREE<Conv2DOp>, LowerToIREE<DepthwiseConv2DOp>, LowerToIREE<MatmulOp>>(
      patterns.getContext(), packWeights);
}
