// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/Passes.h"

#include "AffineEvaluator.h"
#include "ChannelBias.h"
#include "ConstantView.h"
#include "gpfq/Support/Constants.h"
#include "gpfq/Transforms/FoldConstants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQFOLDBATCHNORM
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;

//===----------------------------------------------------------------------===//
// Affine ops
//===----------------------------------------------------------------------===//

namespace {

/// y = slopes[c] * x + offsets[c] for the output channels c.
struct ChannelAffine {
  std::vector<double> slopes, offsets;
};

} // namespace

/// What `op` does to the elements of its input `x` if that is affine, with constants that vary
/// along the channels only.
static std::optional<ChannelAffine> matchAffine(linalg::GenericOp op, OpOperand *x,
                                                const ChannelDims &channels) {
  if (op.getNumResults() != 1 || op.getNumParallelLoops() != op.getNumLoops() || op.isDpsInit(x) ||
      op.getResult(0).getType() != x->get().getType() ||
      !op.getMatchingIndexingMap(x).isIdentity() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return std::nullopt;

  SmallVector<std::optional<ConstantView>> views;
  SmallVector<SmallVector<int64_t>> strides;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    views.emplace_back();
    strides.emplace_back();
    if (operand == x)
      continue;
    std::optional<ConstantView> view = getConstantView(operand->get());
    if (!view)
      return std::nullopt;
    auto loopStrides = getLoopStrides(*view, op.getMatchingIndexingMap(operand));
    if (!loopStrides)
      return std::nullopt;
    auto shape = cast<RankedTensorType>(x->get().getType()).getShape();
    for (auto [loop, stride] : llvm::enumerate(*loopStrides))
      if (stride != 0 && shape[loop] != 1 && !llvm::is_contained(channels.dims, int64_t(loop)))
        return std::nullopt;
    views.back() = std::move(view);
    strides.back() = std::move(*loopStrides);
  }

  ChannelAffine affine;
  bool isAffine = true;
  SmallVector<std::optional<AffineScalar>> arguments(op.getBlock()->getNumArguments());
  forEachIndex(channels.sizes, [&](ArrayRef<int64_t> index) {
    if (!isAffine)
      return;
    for (auto [i, view] : llvm::enumerate(views)) {
      if (!view) {
        arguments[i] = AffineScalar::unknown();
        continue;
      }
      int64_t offset = 0;
      for (auto [dim, position] : llvm::zip_equal(channels.dims, index))
        offset += position * strides[i][dim];
      arguments[i] = AffineScalar::constant(view->values[offset]);
    }
    std::optional<AffineScalar> result = evaluateAffine(*op.getBlock(), arguments);
    isAffine = result && !result->isConstant && std::isfinite(result->slope) &&
               std::isfinite(result->offset);
    if (!isAffine)
      return;
    affine.slopes.push_back(result->slope);
    affine.offsets.push_back(result->offset);
  });
  return isAffine ? std::optional(std::move(affine)) : std::nullopt;
}

/// The channels in the result of `op`; nothing if a group of dimensions mixes them with others.
static std::optional<ChannelDims> collapseChannels(tensor::CollapseShapeOp op,
                                                   const ChannelDims &channels) {
  ChannelDims result;
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
    auto isChannel = [&](int64_t d) { return llvm::is_contained(channels.dims, d); };
    if (llvm::none_of(group, isChannel))
      continue;
    if (!llvm::all_of(group, isChannel))
      return std::nullopt;
    result.dims.push_back(dim);
    result.sizes.push_back(op.getResultType().getDimSize(dim));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// The dimensions of the result of `op`, a convolution or matmul of an input and a filter, that
/// tell its output channels apart: those that the filter has too, other than a batch.
static std::optional<ChannelDims> getChannelDims(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op->getNumResults() != 1 ||
      !(linalg::isaConvolutionOpInterface(op, /*allowEmptyConvolvedDims=*/true) ||
        linalg::isaContractionOpInterface(op)))
    return std::nullopt;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || !type.getElementType().isF32())
    return std::nullopt;
  AffineMap filterMap = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  AffineMap resultMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!filterMap.isProjectedPermutation() || !resultMap.isProjectedPermutation())
    return std::nullopt;
  SmallVector<unsigned> batch;
  if (linalg::isaContractionOpInterface(op))
    batch = llvm::to_vector(linalg::inferContractionDims(op)->batch);
  ChannelDims channels;
  for (auto [dim, expr] : llvm::enumerate(resultMap.getResults()))
    if (filterMap.isFunctionOfDim(resultMap.getDimPosition(dim)) &&
        !llvm::is_contained(batch, resultMap.getDimPosition(dim))) {
      channels.dims.push_back(dim);
      channels.sizes.push_back(type.getDimSize(dim));
    }
  return channels;
}

/// Multiplies the elements of `filter`, the filter of `op`, by the factors of their channels.
static void scaleFilter(linalg::LinalgOp op, const ChannelDims &channels, ArrayRef<double> factors,
                        ConstantTensor<float> &filter) {
  AffineMap filterMap = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  AffineMap resultMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<int64_t> strides(filter.shape.size(), 0);
  int64_t stride = 1;
  for (auto [dim, size] : llvm::reverse(llvm::zip_equal(channels.dims, channels.sizes))) {
    AffineExpr loop = resultMap.getResult(dim);
    strides[*filterMap.getResultPosition(loop)] = stride;
    stride *= size;
  }
  size_t i = 0;
  forEachIndex(filter.shape, [&](ArrayRef<int64_t> index) {
    int64_t channel = 0;
    for (auto [position, filterStride] : llvm::zip_equal(index, strides))
      channel += position * filterStride;
    filter.values[i] = float(filter.values[i] * factors[channel]);
    ++i;
  });
}

/// Folds the affine ops that follow `layer` into its filter and init operand. Returns how many.
static int64_t foldAffineUsers(linalg::LinalgOp layer) {
  std::optional<ChannelDims> channels = getChannelDims(layer);
  if (!channels)
    return 0;

  // Follow the single uses and compose what they do.
  ChannelAffine total{std::vector<double>(channels->getNumChannels(), 1),
                      std::vector<double>(channels->getNumChannels(), 0)};
  SmallVector<linalg::GenericOp> folded;
  ChannelDims current = *channels;
  Value base = layer->getResult(0), value = base;
  while (value.hasOneUse()) {
    OpOperand &use = *value.use_begin();
    auto collapse = dyn_cast<tensor::CollapseShapeOp>(use.getOwner());
    if (collapse && folded.empty()) {
      std::optional<ChannelDims> collapsed = collapseChannels(collapse, current);
      if (!collapsed)
        break;
      current = *collapsed;
      base = value = collapse.getResult();
      continue;
    }
    auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
    std::optional<ChannelAffine> affine;
    if (generic)
      affine = matchAffine(generic, &use, current);
    if (!affine)
      break;
    for (size_t c = 0; c < total.slopes.size(); ++c) {
      total.slopes[c] *= affine->slopes[c];
      total.offsets[c] = total.offsets[c] * affine->slopes[c] + affine->offsets[c];
    }
    folded.push_back(generic);
    value = generic.getResult(0);
  }
  if (folded.empty())
    return 0;

  std::optional<ChannelBias> bias = getChannelBias(layer.getDpsInits()[0], *channels);
  if (!bias)
    return 0;
  OpBuilder builder(layer);
  bool isScaled = llvm::any_of(total.slopes, [](double slope) { return slope != 1; });
  std::optional<ConstantTensor<float>> filter = getConstantFloats(layer.getDpsInputs()[1]);
  if (!filter)
    return 0;
  if (isScaled) {
    scaleFilter(layer, *channels, total.slopes, *filter);
    layer->setOperand(1, createFloatConstant(builder, layer.getDpsInputs()[1].getLoc(),
                                             filter->shape, filter->values, filter->name));
  }
  for (auto [c, value] : llvm::enumerate(bias->values))
    value = float(value * total.slopes[c] + total.offsets[c]);
  if (bias->name.empty() && !filter->name.empty())
    bias->name = filter->name + ".bias";
  layer.setDpsInitOperand(0,
                          createChannelBias(builder, layer.getLoc(),
                                            cast<RankedTensorType>(layer->getResult(0).getType()),
                                            *channels, *bias));
  value.replaceAllUsesWith(base);
  for (linalg::GenericOp generic : llvm::reverse(folded))
    generic.erase();
  return folded.size();
}

namespace {

struct FoldBatchNormPass : gpfq::impl::GPFQFoldBatchNormBase<FoldBatchNormPass> {
  using GPFQFoldBatchNormBase::GPFQFoldBatchNormBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    numConstants += foldConstantGenerics(func);
    for (Block &block : func.getBody()) {
      SmallVector<linalg::LinalgOp> layers = llvm::to_vector(block.getOps<linalg::LinalgOp>());
      // Folding erases generics only.
      llvm::erase_if(layers, llvm::IsaPred<linalg::GenericOp>);
      for (linalg::LinalgOp layer : layers)
        if (int64_t folded = foldAffineUsers(layer)) {
          ++numLayers;
          numFolded += folded;
        }
    }
    eraseDeadOps(func);
  }
};

} // namespace
