// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "QuantizedLayer.h"

#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

int64_t QuantizedLayer::getReductionLength() const {
  if (kind == LayerKind::DepthwiseConv2D)
    return levels.shape[0] * levels.shape[1];
  return int64_t(levels.values.size()) / getNumChannels() / blocks;
}

QuantizedLayer QuantizedLayer::getBlock(int64_t block) const {
  QuantizedLayer part = *this;
  part.blocks = 1;
  part.levelsValue = nullptr;
  part.init = nullptr;
  int64_t channels = getNumChannels(), depth = levels.shape.back(), size = depth / blocks;
  part.levels.shape.back() = size;
  part.levels.values.clear();
  for (int64_t row = 0; row < int64_t(levels.values.size()); row += depth)
    part.levels.values.insert(part.levels.values.end(), levels.values.begin() + row + block * size,
                              levels.values.begin() + row + (block + 1) * size);
  part.weightScales.clear();
  for (int64_t channel = 0; channel < channels; ++channel)
    part.weightScales.push_back(weightScales[channel * blocks + block]);
  if (block > 0)
    part.bias.assign(channels, 0.0f);
  return part;
}

std::vector<int64_t> QuantizedLayer::getLevelSums() const {
  std::vector<int64_t> sums(getNumChannels(), 0);
  int64_t channels = getNumChannels(), length = getReductionLength();
  bool channelsLast = kind == LayerKind::DepthwiseConv2D;
  for (auto [i, level] : llvm::enumerate(levels.values))
    sums[channelsLast ? i % channels : i / length] += level;
  return sums;
}

DequantizeOp mlir::gpfq::getWeightDequantize(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2)
    return {};
  Value source = op.getDpsInputs()[1];
  while (Value viewed = getViewSource(source))
    source = viewed;
  auto dequantize = source.getDefiningOp<DequantizeOp>();
  return dequantize && dequantize.getAlphabet() ? dequantize : DequantizeOp();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The scale of each level, in the shape of the operand of `op`.
static std::optional<ConstantTensor<float>> getScalePerLevel(DequantizeOp op) {
  std::optional<ConstantTensor<float>> scales = getConstantFloats(op.getScale());
  if (!scales)
    return std::nullopt;
  ConstantTensor<float> result;
  result.shape = llvm::to_vector(op.getInput().getType().getShape());
  result.values.resize(ShapedType::getNumElements(result.shape));
  for (auto [i, scale] : llvm::enumerate(result.values))
    scale = scales->values[op.getScaleIndex(int64_t(i))];
  return result;
}

/// The permutation that brings the weight of `op` to the shape of the lowbit op. Nothing for other
/// ops.
static std::optional<SmallVector<int64_t>> getWeightPermutation(linalg::LinalgOp op) {
  if (isa<linalg::Conv2DNhwcFhwcOp>(op))
    return SmallVector<int64_t>{0, 1, 2, 3};
  if (isa<linalg::Conv2DNhwcHwcfOp>(op))
    return SmallVector<int64_t>{3, 0, 1, 2};
  if (isa<linalg::Conv2DNhwgcGfhwcOp>(op))
    return SmallVector<int64_t>{0, 1, 2, 3, 4};
  if (isa<linalg::DepthwiseConv2DNhwcHwcOp>(op))
    return SmallVector<int64_t>{0, 1, 2};
  if (!isa<linalg::MatmulOp, linalg::BatchMatmulOp>(op))
    return std::nullopt;
  // The loops are [batch,] m, n, k; the weight is K x N, or N x K if the op says so.
  int64_t batch = isa<linalg::BatchMatmulOp>(op) ? 1 : 0;
  MLIRContext *context = op.getContext();
  auto isMap = [&](AffineMap map, ArrayRef<int64_t> dims) {
    SmallVector<AffineExpr> exprs;
    if (batch)
      exprs.push_back(getAffineDimExpr(0, context));
    for (int64_t d : dims)
      exprs.push_back(getAffineDimExpr(d + batch, context));
    return map == AffineMap::get(batch + 3, 0, exprs, context);
  };
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!isMap(maps[0], {0, 2}) || !isMap(maps[2], {0, 1}))
    return std::nullopt;
  SmallVector<int64_t> permutation;
  if (batch)
    permutation.push_back(0);
  if (isMap(maps[1], {2, 1}))
    permutation.append({batch + 1, batch});
  else if (isMap(maps[1], {1, 2}))
    permutation.append({batch, batch + 1});
  else
    return std::nullopt;
  return permutation;
}

/// Drops the batch dimension of a weight whose slices are equal.
template <typename T> static bool dropBatch(ConstantTensor<T> &tensor) {
  int64_t size = tensor.values.size() / tensor.shape[0];
  for (size_t i = size; i < tensor.values.size(); ++i)
    if (tensor.values[i] != tensor.values[i - size])
      return false;
  tensor.values.resize(size);
  tensor.shape.erase(tensor.shape.begin());
  return true;
}

static LogicalResult readWeights(linalg::LinalgOp op, QuantizedLayer &layer, std::string &reason) {
  auto fail = [&](const char *why) {
    reason = why;
    return failure();
  };
  std::optional<SmallVector<int64_t>> permutation = getWeightPermutation(op);
  if (!permutation)
    return fail("there is no lowbit form of this op");
  Value operand = op.getDpsInputs()[1];
  std::optional<ConstantTensor<int8_t>> sourceLevels = getConstantBytes(layer.weights.getInput());
  std::optional<ConstantTensor<float>> sourceScales = getScalePerLevel(layer.weights);
  if (!sourceLevels || !sourceScales)
    return fail("its levels or scales are not constant");
  std::optional<ConstantTensor<int8_t>> levels =
      applyViews(operand, layer.weights.getResult(), *sourceLevels);
  std::optional<ConstantTensor<float>> scales =
      applyViews(operand, layer.weights.getResult(), *sourceScales);
  if (!levels || !scales)
    return fail("its weight has a dynamic shape");
  *levels = transpose(*levels, *permutation);
  *scales = transpose(*scales, *permutation);
  if (isa<linalg::BatchMatmulOp>(op) && !(dropBatch(*levels) && dropBatch(*scales)))
    return fail("its weight differs between the elements of the batch");
  if (isa<linalg::Conv2DNhwgcGfhwcOp>(op)) {
    layer.groups = levels->shape[0];
    levels->shape[1] *= layer.groups;
    levels->shape.erase(levels->shape.begin());
  }
  bool channelsLast = layer.kind == LayerKind::DepthwiseConv2D;
  if (layer.weights.getBlockAxis()) {
    if (channelsLast || layer.groups > 1)
      return fail("its channel groups have scales for blocks of input channels");
    layer.blocks = layer.weights.getScale().getType().getDimSize(1);
  }
  int64_t channels = channelsLast ? levels->shape.back() : levels->shape.front();
  int64_t length = int64_t(levels->values.size()) / channels;
  int64_t depth = channelsLast ? 1 : levels->shape.back();
  if (depth % layer.blocks != 0)
    return fail("its blocks do not divide its input channels");
  layer.weightScales.assign(channels * layer.blocks, 0.0f);
  for (auto [i, scale] : llvm::enumerate(scales->values)) {
    int64_t index = channelsLast ? i % channels
                                 : i / length * layer.blocks + i % depth / (depth / layer.blocks);
    // Scales are positive.
    if (layer.weightScales[index] == 0.0f)
      layer.weightScales[index] = scale;
    else if (layer.weightScales[index] != scale)
      return fail("its weight scales are not one for each output channel, or each of its blocks");
  }
  layer.levels = std::move(*levels);
  if (layer.levels.shape == sourceLevels->shape && layer.levels.values == sourceLevels->values)
    layer.levelsValue = layer.weights.getInput();
  return success();
}

//===----------------------------------------------------------------------===//
// Input
//===----------------------------------------------------------------------===//

/// True if `op` splits the channels, and nothing else, of an N x H x W x C tensor.
static bool splitsChannels(tensor::ExpandShapeOp op) {
  SmallVector<ReassociationIndices> reassociation = op.getReassociationIndices();
  return op.getSrcType().getRank() == 4 && op.getResultType().getRank() == 5 &&
         reassociation.back().size() == 2;
}

/// Adds a pad of the spatial dimensions by the constant `value` to `padding`.
static bool absorbPad(tensor::PadOp op, float value, SmallVectorImpl<int64_t> &padding) {
  ArrayRef<int64_t> low = op.getStaticLow(), high = op.getStaticHigh();
  Value constant = op.getConstantPaddingValue();
  if (low.size() < 4 || !op.getLow().empty() || !op.getHigh().empty() || !constant)
    return false;
  for (size_t i = 0; i < low.size(); ++i)
    if (i == 1 || i == 2 ? low[i] < 0 || high[i] < 0 : low[i] != 0 || high[i] != 0)
      return false;
  APFloat real(0.0f);
  APInt code;
  if (matchPattern(constant, m_ConstantFloat(&real))) {
    if (real.convertToDouble() != value)
      return false;
  } else if (!matchPattern(constant, m_ConstantInt(&code)) ||
             double(code.getZExtValue()) != value) {
    return false;
  }
  padding[0] += low[1];
  padding[1] += high[1];
  padding[2] += low[2];
  padding[3] += high[2];
  return true;
}

/// Looks from the input of a layer through pads, the split of the channels and `dequantize`.
static void readInput(Value input, QuantizedLayer &layer) {
  bool isConvolution = layer.kind != LayerKind::Matmul;
  if (auto rows = input.getDefiningOp<DequantizeRowsOp>(); rows && !isConvolution) {
    layer.isInteger = true;
    layer.rows = rows;
    layer.input = rows.getCodes();
    return;
  }
  while (Operation *op = input.getDefiningOp()) {
    if (auto dequantize = dyn_cast<DequantizeOp>(op)) {
      std::optional<float> scale = getSplatFloat(dequantize.getScale());
      if (layer.isInteger || dequantize.getAlphabet() || !scale)
        break;
      layer.isInteger = true;
      layer.inputScale = *scale;
      layer.inputZeroPoint = dequantize.getZeroPoint();
    } else if (auto pad = dyn_cast<tensor::PadOp>(op)) {
      float zero = layer.isInteger ? layer.inputZeroPoint : 0.0f;
      if (!isConvolution || !absorbPad(pad, zero, layer.padding))
        break;
    } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
      if (!isConvolution || !splitsChannels(expand))
        break;
    } else {
      break;
    }
    input = op->getOperand(0);
  }
  layer.input = input;
}

//===----------------------------------------------------------------------===//
// Init
//===----------------------------------------------------------------------===//

/// The number that `linalg.fill` puts into `value`, perhaps reshaped.
static std::optional<float> getFilledFloat(Value value) {
  while (Value viewed = getViewSource(value))
    value = viewed;
  auto fill = value.getDefiningOp<linalg::FillOp>();
  APFloat constant(0.0f);
  if (!fill || !matchPattern(fill.getInputs()[0], m_ConstantFloat(&constant)))
    return std::nullopt;
  return constant.convertToFloat();
}

/// Reads the init: a constant a channel, or any tensor.
static void readInit(Value init, QuantizedLayer &layer) {
  int64_t channels = layer.getNumChannels();
  if (std::optional<float> filled = getFilledFloat(init)) {
    layer.bias.assign(channels, *filled);
    return;
  }
  std::optional<ConstantTensor<float>> constant = getConstantFloats(init);
  if (constant && int64_t(constant->values.size()) % channels == 0) {
    bool repeats = true;
    for (size_t i = channels; i < constant->values.size() && repeats; ++i)
      repeats = constant->values[i] == constant->values[i - channels];
    if (repeats) {
      layer.bias.assign(constant->values.begin(), constant->values.begin() + channels);
      return;
    }
  }
  layer.bias.assign(channels, 0.0f);
  layer.init = init;
}

FailureOr<QuantizedLayer> mlir::gpfq::getQuantizedLayer(linalg::LinalgOp op, std::string &reason) {
  QuantizedLayer layer;
  layer.weights = getWeightDequantize(op);
  if (!layer.weights) {
    reason = "its weight is not quantised";
    return failure();
  }
  if (isa<linalg::DepthwiseConv2DNhwcHwcOp>(op))
    layer.kind = LayerKind::DepthwiseConv2D;
  else if (isa<linalg::MatmulOp, linalg::BatchMatmulOp>(op))
    layer.kind = LayerKind::Matmul;
  else
    layer.kind = LayerKind::Conv2D;
  if (failed(readWeights(op, layer, reason)))
    return failure();
  readInput(op.getDpsInputs()[0], layer);
  readInit(op.getDpsInits()[0], layer);
  if (!cast<RankedTensorType>(layer.input.getType()).hasStaticShape()) {
    reason = "its input has a dynamic shape";
    return failure();
  }
  int64_t limit = getMaxReductionLength(layer.weights.getAlphabetAttr().getMaxMagnitude());
  if (layer.isInteger && layer.getReductionLength() > limit) {
    reason = "the i32 accumulator can overflow: its reduction length " +
             std::to_string(layer.getReductionLength()) + " exceeds " + std::to_string(limit);
    return failure();
  }
  return layer;
}
