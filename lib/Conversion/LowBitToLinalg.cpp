// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Conversion/LowBitToLinalg.h"

#include "ComputeOps.h"
#include "RowsToLinalg.h"
#include "gpfq/Conversion/Passes.h"
#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/Transforms/UnpackWeights.h"
#include "gpfq/Support/Padding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_LOWBITTOLINALGPASS
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

using utils::IteratorType;

//===----------------------------------------------------------------------===//
// quantize, dequantize
//===----------------------------------------------------------------------===//

/// An elementwise generic of `input` and a scale, which is read by `scaleMap` or, if constant,
/// stands in the body.
static Value createScaledGeneric(OpBuilder &builder, Location loc, Value input, Value scale,
                                 AffineMap scaleMap, RankedTensorType resultType,
                                 function_ref<Value(OpBuilder &, Value, Value)> body) {
  Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, input),
                                        resultType.getElementType());
  AffineMap identity = builder.getMultiDimIdentityMap(resultType.getRank());
  SmallVector<Value> inputs{input};
  SmallVector<AffineMap> maps{identity};
  std::optional<float> splat = getSplatFloat(scale);
  if (!splat) {
    inputs.push_back(scale);
    maps.push_back(scaleMap);
  }
  maps.push_back(identity);
  SmallVector<IteratorType> iterators(resultType.getRank(), IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, resultType, inputs, empty, maps, iterators,
      [&](OpBuilder &nested, Location, ValueRange args) {
        Value factor = splat ? buildFloat(nested, loc, *splat) : args[1];
        linalg::YieldOp::create(nested, loc, body(nested, args[0], factor));
      });
  return generic.getResult(0);
}

/// The map that reads the only element of a tensor of `rank`.
static AffineMap getSingleElementMap(MLIRContext *context, int64_t dims, int64_t rank) {
  SmallVector<AffineExpr> zeros(rank, getAffineConstantExpr(0, context));
  return AffineMap::get(dims, 0, zeros, context);
}

namespace {

struct LowerQuantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getType();
    AffineMap map =
        getSingleElementMap(getContext(), type.getRank(), op.getScale().getType().getRank());
    rewriter.replaceOp(op,
                       createScaledGeneric(rewriter, op.getLoc(), op.getInput(), op.getScale(), map,
                                           type, [&](OpBuilder &builder, Value x, Value scale) {
                                             if (op.getSign())
                                               return buildQuantizeSign(builder, op.getLoc(), x);
                                             return buildQuantize(builder, op.getLoc(), x, scale,
                                                                  op.getZeroPoint(), op.getMax());
                                           }));
    return success();
  }
};

struct LowerDequantize : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getType();
    AffineMap map =
        getSingleElementMap(getContext(), type.getRank(), op.getScale().getType().getRank());
    if (std::optional<int64_t> axis = op.getAxis())
      map = AffineMap::get(type.getRank(), 0, getAffineDimExpr(*axis, getContext()));
    if (std::optional<int64_t> blockAxis = op.getBlockAxis())
      map =
          AffineMap::get(type.getRank(), 0,
                         {getAffineDimExpr(*op.getAxis(), getContext()),
                          getAffineDimExpr(*blockAxis, getContext()).floorDiv(*op.getBlockSize())},
                         getContext());
    rewriter.replaceOp(
        op, createScaledGeneric(rewriter, op.getLoc(), op.getInput(), op.getScale(), map, type,
                                [&](OpBuilder &builder, Value q, Value scale) {
                                  if (op.getAlphabet())
                                    return buildDequantizeLevel(builder, op.getLoc(), q, scale);
                                  return buildDequantize(builder, op.getLoc(), q, scale,
                                                         op.getZeroPoint());
                                }));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Compute ops
//===----------------------------------------------------------------------===//

/// A contraction: the operands, the indexing maps of input, weights and accumulator, and the
/// iterators.
struct Contraction {
  Value input, weights;
  SmallVector<int64_t> shape;
  AffineMap inputMap, weightsMap, accumulatorMap;
  SmallVector<IteratorType> iterators;
  /// The weights are codes whose zero point is 128, not levels.
  bool areWeightsCodes = false;
};

} // namespace

/// `value` with dimension `dim` split into `groups` and the rest.
static Value splitDim(OpBuilder &builder, Location loc, Value value, int64_t dim, int64_t groups) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape;
  SmallVector<ReassociationIndices> reassociation;
  for (auto [i, size] : llvm::enumerate(type.getShape())) {
    reassociation.push_back({int64_t(shape.size())});
    if (int64_t(i) == dim) {
      shape.push_back(groups);
      reassociation.back().push_back(shape.size());
    }
    shape.push_back(int64_t(i) == dim ? size / groups : size);
  }
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), value, reassociation);
}

/// Builds iterators: `parallel` parallel ones, then `reduction` reductions.
static SmallVector<IteratorType> getIterators(unsigned parallel, unsigned reduction) {
  SmallVector<IteratorType> iterators(parallel, IteratorType::parallel);
  iterators.append(reduction, IteratorType::reduction);
  return iterators;
}

static Contraction getContraction(OpBuilder &builder, Conv2DOp op, Value weights) {
  MLIRContext *context = op.getContext();
  Location loc = op.getLoc();
  ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
  Contraction result;
  result.input = padSpatial(builder, loc, op.getInput(), op.getPadding(), op.getPaddingValue());
  result.weights = weights;
  result.shape = llvm::to_vector(cast<ShapedType>(op.getInit().getType()).getShape());
  int64_t groups = op.getGroups();
  if (groups == 1) {
    AffineExpr n, y, x, oc, ky, kx, c;
    bindDims(context, n, y, x, oc, ky, kx, c);
    AffineExpr row = y * strides[0] + ky * dilations[0],
               column = x * strides[1] + kx * dilations[1];
    result.inputMap = AffineMap::get(7, 0, {n, row, column, c}, context);
    result.weightsMap = AffineMap::get(7, 0, {oc, ky, kx, c}, context);
    result.accumulatorMap = AffineMap::get(7, 0, {n, y, x, oc}, context);
    result.iterators = getIterators(4, 3);
    return result;
  }
  result.input = splitDim(builder, loc, result.input, 3, groups);
  result.weights = splitDim(builder, loc, result.weights, 0, groups);
  result.shape.back() /= groups;
  result.shape.insert(result.shape.begin() + 3, groups);
  AffineExpr n, y, x, g, oc, ky, kx, c;
  bindDims(context, n, y, x, g, oc, ky, kx, c);
  AffineExpr row = y * strides[0] + ky * dilations[0], column = x * strides[1] + kx * dilations[1];
  result.inputMap = AffineMap::get(8, 0, {n, row, column, g, c}, context);
  result.weightsMap = AffineMap::get(8, 0, {g, oc, ky, kx, c}, context);
  result.accumulatorMap = AffineMap::get(8, 0, {n, y, x, g, oc}, context);
  result.iterators = getIterators(5, 3);
  return result;
}

static Contraction getContraction(OpBuilder &builder, DepthwiseConv2DOp op, Value weights) {
  MLIRContext *context = op.getContext();
  ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations();
  Contraction result;
  result.input =
      padSpatial(builder, op.getLoc(), op.getInput(), op.getPadding(), op.getPaddingValue());
  result.weights = weights;
  result.shape = llvm::to_vector(cast<ShapedType>(op.getInit().getType()).getShape());
  AffineExpr n, y, x, c, ky, kx;
  bindDims(context, n, y, x, c, ky, kx);
  AffineExpr row = y * strides[0] + ky * dilations[0], column = x * strides[1] + kx * dilations[1];
  result.inputMap = AffineMap::get(6, 0, {n, row, column, c}, context);
  result.weightsMap = AffineMap::get(6, 0, {ky, kx, c}, context);
  result.accumulatorMap = AffineMap::get(6, 0, {n, y, x, c}, context);
  result.iterators = getIterators(4, 2);
  return result;
}

/// A matrix product, whose weights are shared by the batch or not.
static Contraction getMatrixContraction(OpBuilder &builder, LowBitComputeOpInterface op,
                                        Value weights, bool areWeightsShared) {
  MLIRContext *context = op.getContext();
  Contraction result;
  result.input = op.getInput();
  result.weights = weights;
  result.shape = llvm::to_vector(cast<ShapedType>(op.getInit().getType()).getShape());
  unsigned batch = result.shape.size() - 2;
  AffineExpr m = builder.getAffineDimExpr(batch), n = builder.getAffineDimExpr(batch + 1),
             k = builder.getAffineDimExpr(batch + 2);
  SmallVector<AffineExpr> input, accumulator, columns;
  if (batch)
    input = accumulator = {builder.getAffineDimExpr(0)};
  if (!areWeightsShared)
    columns = input;
  input.append({m, k});
  accumulator.append({m, n});
  columns.append({n, k});
  result.inputMap = AffineMap::get(batch + 3, 0, input, context);
  result.weightsMap = AffineMap::get(batch + 3, 0, columns, context);
  result.accumulatorMap = AffineMap::get(batch + 3, 0, accumulator, context);
  result.iterators = getIterators(batch + 2, 1);
  return result;
}

static Contraction getContraction(OpBuilder &builder, MatmulOp op, Value weights) {
  return getMatrixContraction(builder, LowBitComputeOpInterface(op), weights,
                              /*areWeightsShared=*/true);
}

static Contraction getContraction(OpBuilder &builder, BatchMatmulOp op, Value weights) {
  Contraction result = getMatrixContraction(builder, LowBitComputeOpInterface(op), weights,
                                            /*areWeightsShared=*/false);
  result.areWeightsCodes = true;
  return result;
}

/// acc + input * weight in i32, or the fused f32 form. With `isCode` the weight is a code whose
/// zero point is 128.
static Value multiplyAccumulate(OpBuilder &builder, Location loc, Value input, Value level,
                                Value accumulator, bool isCode) {
  Type type = accumulator.getType();
  if (isa<FloatType>(type)) {
    Value weight = arith::SIToFPOp::create(builder, loc, type, level);
    return math::FmaOp::create(builder, loc, input, weight, accumulator);
  }
  Value code = arith::ExtUIOp::create(builder, loc, type, input);
  Value weight;
  if (isCode) {
    Value zeroPoint =
        arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(type, symmetricZeroPoint));
    Value wide = arith::ExtUIOp::create(builder, loc, type, level);
    weight = arith::SubIOp::create(builder, loc, wide, zeroPoint);
  } else {
    weight = arith::ExtSIOp::create(builder, loc, type, level);
  }
  Value product = arith::MulIOp::create(builder, loc, code, weight);
  return arith::AddIOp::create(builder, loc, accumulator, product);
}

static Value createAccumulator(OpBuilder &builder, Location loc, const Contraction &contraction,
                               Type type) {
  Value zero = arith::ConstantOp::create(builder, loc, cast<TypedAttr>(builder.getZeroAttr(type)));
  Value empty = tensor::EmptyOp::create(builder, loc, contraction.shape, type);
  Value filled = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  auto generic = linalg::GenericOp::create(
      builder, loc, filled.getType(), ValueRange{contraction.input, contraction.weights}, filled,
      {contraction.inputMap, contraction.weightsMap, contraction.accumulatorMap},
      contraction.iterators, [&](OpBuilder &nested, Location, ValueRange args) {
        linalg::YieldOp::create(nested, loc,
                                multiplyAccumulate(nested, loc, args[0], args[1], args[2],
                                                   contraction.areWeightsCodes));
      });
  return generic.getResult(0);
}

/// `value` reshaped to `type` by merging dimensions 3 and 4, the groups of a convolution, if it has
/// more.
static Value mergeGroups(OpBuilder &builder, Location loc, Value value, int64_t rank) {
  if (cast<RankedTensorType>(value.getType()).getRank() == rank)
    return value;
  SmallVector<ReassociationIndices> reassociation{{0}, {1}, {2}, {3, 4}};
  return tensor::CollapseShapeOp::create(builder, loc, value, reassociation);
}

namespace {

template <typename ComputeOp> struct LowerCompute : OpRewritePattern<ComputeOp> {
  LowerCompute(MLIRContext *context, UnpackWeightsFn unpack)
      : OpRewritePattern<ComputeOp>(context), unpack(std::move(unpack)) {}

  LogicalResult matchAndRewrite(ComputeOp op, PatternRewriter &rewriter) const override {
    LowBitComputeOpInterface compute(op);
    if (op->getNumResults() == 0)
      return rewriter.notifyMatchFailure(op, "works on memrefs");
    if (compute.hasSigns() || compute.yieldsBits())
      return rewriter.notifyMatchFailure(op, "works on bits");
    Value weights = op.getWeights();
    if (op.getLayoutAttr()) {
      FailureOr<Value> unpacked = failure();
      if (unpack)
        unpacked = unpack(rewriter, compute);
      if (failed(unpacked))
        return rewriter.notifyMatchFailure(op, "weights cannot be unpacked");
      weights = *unpacked;
    }
    Contraction contraction = getContraction(rewriter, op, weights);
    Value accumulator = createAccumulator(rewriter, op.getLoc(), contraction,
                                          op.getEpilogue().getArgument(0).getType());
    int64_t rank = cast<RankedTensorType>(op.getInit().getType()).getRank();
    accumulator = mergeGroups(rewriter, op.getLoc(), accumulator, rank);
    rewriter.replaceOp(op, createEpilogue(rewriter, compute, accumulator));
    return success();
  }

  UnpackWeightsFn unpack;
};

struct LowBitToLinalgPass : gpfq::impl::LowBitToLinalgPassBase<LowBitToLinalgPass> {
  using LowBitToLinalgPassBase::LowBitToLinalgPassBase;

  void runOnOperation() override {
    auto isLowBit = [&](Operation *op) {
      return isa<QuantizeOp, DequantizeOp, DequantizeRowsOp>(op) ||
             (!elementwiseOnly &&
              isa<LowBitComputeOpInterface, QuantizeRowsOp, PackOp, PackSignsOp>(op));
    };
    int64_t before = 0, after = 0;
    getOperation()->walk([&](Operation *op) { before += isLowBit(op); });
    RewritePatternSet patterns(&getContext());
    if (elementwiseOnly)
      populateLowBitElementwiseToLinalgPatterns(patterns);
    else
      populateLowBitToLinalgPatterns(patterns, lowbit::unpackWeights);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    getOperation()->walk([&](PackOp op) {
      if (isOpTriviallyDead(op))
        op->erase();
    });
    getOperation()->walk([&](Operation *op) {
      if (!isLowBit(op))
        return;
      ++after;
      auto compute = dyn_cast<LowBitComputeOpInterface>(op);
      if (isa<PackOp>(op) && op->getNumResults() > 0)
        op->emitOpError("is read by an op that is not a lowbit.batch_matmul of its layout");
      else if (isa<PackSignsOp>(op) || (compute && (compute.hasSigns() || compute.yieldsBits())))
        op->emitOpError("works on bits; run lowbit-to-linalg before lowbit-pack");
      else if (compute && compute.getLayoutAttr())
        op->emitOpError("has packed weights in a layout that cannot be unpacked: ")
            << compute.getLayoutAttr();
      else
        op->emitOpError("works on memrefs; run lowbit-to-linalg before bufferization");
    });
    numLowered += before - after;
    if (after)
      signalPassFailure();
  }
};

} // namespace

void mlir::gpfq::populateLowBitElementwiseToLinalgPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerQuantize, LowerDequantize>(patterns.getContext());
  populateDequantizeRowsToLinalgPatterns(patterns);
}

void mlir::gpfq::populateLowBitToLinalgPatterns(RewritePatternSet &patterns,
                                                UnpackWeightsFn unpack) {
  MLIRContext *context = patterns.getContext();
  populateLowBitElementwiseToLinalgPatterns(patterns);
  populateQuantizeRowsToLinalgPatterns(patterns);
  patterns.add<LowerCompute<Conv2DOp>, LowerCompute<DepthwiseConv2DOp>, LowerCompute<MatmulOp>,
               LowerCompute<BatchMatmulOp>>(context, unpack);
}
