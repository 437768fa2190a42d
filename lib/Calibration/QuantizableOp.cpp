// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/QuantizableOp.h"

#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::gpfq;

std::string QuantizableOp::name() {
  return layer ? layer.getName().str() : op->getName().getStringRef().str();
}

static bool isZero(Value value) {
  FloatAttr attribute;
  return value && matchPattern(value, m_Constant(&attribute)) && attribute.getValue().isZero();
}

/// Whether `pad` pads dimensions 1 and 2, and no other, with zeros.
static bool isSpatialZeroPad(tensor::PadOp pad) {
  if (!isZero(pad.getConstantPaddingValue()))
    return false;
  for (int64_t d = 0, rank = pad.getResultType().getRank(); d < rank; ++d) {
    int64_t low = pad.getStaticLow()[d], high = pad.getStaticHigh()[d];
    if (ShapedType::isDynamic(low) || ShapedType::isDynamic(high) || low < 0 || high < 0)
      return false;
    if (d != 1 && d != 2 && (low || high))
      return false;
  }
  return pad.getResultType().getRank() >= 3;
}

/// Whether a change of shape keeps dimensions 0, 1 and 2 as they are, so that padding commutes with
/// it.
static bool keepsImages(Operation *op) {
  auto from = cast<RankedTensorType>(op->getOperand(0).getType());
  auto to = cast<RankedTensorType>(op->getResult(0).getType());
  return from.getRank() >= 3 && to.getRank() >= 3 &&
         from.getShape().take_front(3) == to.getShape().take_front(3);
}

QuantizableOp::Source QuantizableOp::getSource(linalg::LinalgOp op) {
  Source source;
  source.value = op.getDpsInputs()[0];
  bool isImage = isa<linalg::ConvolutionOpInterface>(op.getOperation());
  bool isPadded = false;
  while (Operation *def = source.value.getDefiningOp()) {
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(def)) {
      isImage &= keepsImages(def);
      source.value = def->getOperand(0);
      continue;
    }
    auto pad = dyn_cast<tensor::PadOp>(def);
    if (pad && isImage && !isPadded && isSpatialZeroPad(pad)) {
      isPadded = true;
      source.padTop = pad.getStaticLow()[1];
      source.padBottom = pad.getStaticHigh()[1];
      source.padLeft = pad.getStaticLow()[2];
      source.padRight = pad.getStaticHigh()[2];
      source.value = pad.getSource();
      continue;
    }
    auto dequantize = dyn_cast<lowbit::DequantizeOp>(def);
    if (dequantize && !dequantize.getAlphabet() && !source.dequantize) {
      source.dequantize = dequantize;
      source.value = dequantize.getInput();
      continue;
    }
    break;
  }
  return source;
}

Value QuantizableOp::getActivation() {
  Value value = op.getDpsInputs()[0];
  while (Operation *def = value.getDefiningOp()) {
    auto pad = dyn_cast<tensor::PadOp>(def);
    bool isGrouping = isa<linalg::Conv2DNhwgcGfhwcOp>(op.getOperation()) &&
                      isa<tensor::ExpandShapeOp>(def) && keepsImages(def);
    if (!isGrouping && !(pad && isSpatialZeroPad(pad)))
      break;
    value = def->getOperand(0);
  }
  return value;
}

/// Permutation from the layout of the op's weights to output channel first, then kernel row, kernel
/// column, channel.
static SmallVector<int64_t> getWeightPermutation(Operation *op) {
  return llvm::TypeSwitch<Operation *, SmallVector<int64_t>>(op)
      .Case([](linalg::Conv2DNhwcFhwcOp) { return SmallVector<int64_t>{0, 1, 2, 3}; })
      .Case([](linalg::Conv2DNhwcHwcfOp) { return SmallVector<int64_t>{3, 0, 1, 2}; })
      .Case([](linalg::DepthwiseConv2DNhwcHwcOp) { return SmallVector<int64_t>{2, 0, 1}; })
      .Case([](linalg::Conv2DNhwgcGfhwcOp) { return SmallVector<int64_t>{0, 1, 2, 3, 4}; })
      .Case([](linalg::MatmulOp) { return SmallVector<int64_t>{1, 0}; })
      .Case([](linalg::BatchMatmulOp) { return SmallVector<int64_t>{1, 0}; })
      .Default([](Operation *) { return SmallVector<int64_t>(); });
}

/// The matrix that `weights`, of a batch_matmul, repeats; nothing when its batches differ.
static std::optional<ConstantTensor<float>> getBatch(ConstantTensor<float> weights) {
  int64_t size = weights.shape[1] * weights.shape[2];
  for (int64_t b = 1; b < weights.shape[0]; ++b)
    if (!std::equal(weights.values.begin(), weights.values.begin() + size,
                    weights.values.begin() + b * size))
      return std::nullopt;
  weights.values.resize(size);
  weights.shape.erase(weights.shape.begin());
  return weights;
}

/// Number of trailing dimensions of the result that count output channels.
static int64_t getChannelDims(Operation *op) { return isa<linalg::Conv2DNhwgcGfhwcOp>(op) ? 2 : 1; }

/// The init operand as one value for each output channel, or empty.
static std::vector<float> getBias(linalg::LinalgOp op, int64_t outputChannels) {
  Value init = op.getDpsInits()[0];
  FloatAttr scalar;
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    if (matchPattern(fill.getInputs()[0], m_Constant(&scalar)))
      return std::vector<float>(outputChannels, scalar.getValue().convertToFloat());
  auto broadcast = init.getDefiningOp<linalg::BroadcastOp>();
  int64_t leading = cast<RankedTensorType>(init.getType()).getRank() - getChannelDims(op);
  if (broadcast &&
      broadcast.getDimensions() == ArrayRef<int64_t>(llvm::to_vector(llvm::seq<int64_t>(leading))))
    if (auto constant = getConstantFloats(broadcast.getInput()))
      return std::move(constant->values);
  auto constant = getConstantFloats(init);
  if (!constant)
    return {};
  for (size_t i = outputChannels; i < constant->values.size(); ++i)
    if (constant->values[i] != constant->values[i - outputChannels])
      return {};
  constant->values.resize(outputChannels);
  return std::move(constant->values);
}

static std::pair<int64_t, int64_t> getPair(Operation *op, StringRef attribute) {
  auto values = op->getAttrOfType<DenseIntElementsAttr>(attribute);
  if (!values)
    return {1, 1};
  auto numbers = llvm::to_vector(values.getValues<int64_t>());
  return {numbers[0], numbers[1]};
}

std::optional<QuantizableOp> QuantizableOp::match(linalg::LinalgOp op, std::string &reason) {
  auto fail = [&](const Twine &text) {
    reason = text.str();
    return std::nullopt;
  };
  SmallVector<int64_t> permutation = getWeightPermutation(op);
  if (permutation.empty())
    return fail(
        "is not a convolution or matmul that can be quantised; run gpfq-channels-last first");
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type || !type.getElementType().isF32())
      return fail("has an operand that is not an f32 tensor");
    if (!type.hasStaticShape())
      return fail(
          "has a dynamic shape; run gpfq-specialize-batch, or export the network with fixed sizes");
  }
  if (auto matmul = dyn_cast<linalg::MatmulOp>(op.getOperation());
      matmul && matmul.hasUserDefinedMaps())
    return fail("transposes an operand; transpose the constant instead");
  if (auto matmul = dyn_cast<linalg::BatchMatmulOp>(op.getOperation());
      matmul && matmul.hasUserDefinedMaps())
    return fail("transposes or broadcasts an operand; do so in an op of its own");
  std::optional<ConstantTensor<float>> constant = getConstantFloats(op.getDpsInputs()[1]);
  if (!constant)
    return fail("has weights that are not constant, so they cannot be quantised ahead of time");

  QuantizableOp result;
  result.op = op;
  result.layer = op->getAttrOfType<lowbit::LayerAttr>(lowbit::layerAttrName);
  ArrayRef<int64_t> input = cast<RankedTensorType>(op.getDpsInputs()[0].getType()).getShape();
  ::gpfq::ConvShape &shape = result.shape;
  if (isa<linalg::BatchMatmulOp>(op.getOperation())) {
    constant = getBatch(std::move(*constant));
    if (!constant)
      return fail("has different weights in each batch, and one matrix for all is supported");
  }
  ConstantTensor<float> weights = transpose(*constant, permutation);
  if (isa<linalg::MatmulOp, linalg::BatchMatmulOp>(op.getOperation())) {
    shape.inputChannels = input.back();
    shape.inputHeight = ShapedType::getNumElements(input.drop_back());
    shape.outputChannels = weights.shape[0];
  } else {
    Source source = getSource(op);
    shape.padTop = source.padTop;
    shape.padBottom = source.padBottom;
    shape.padLeft = source.padLeft;
    shape.padRight = source.padRight;
    if (input[0] != 1)
      return fail("has a batch of " + Twine(input[0]) + ", and calibration needs a batch of 1");
    shape.inputHeight = input[1] - shape.padTop - shape.padBottom;
    shape.inputWidth = input[2] - shape.padLeft - shape.padRight;
    shape.inputChannels = ShapedType::getNumElements(input.drop_front(3));
    std::tie(shape.strideHeight, shape.strideWidth) = getPair(op, "strides");
    std::tie(shape.dilationHeight, shape.dilationWidth) = getPair(op, "dilations");
    result.isDepthwise = isa<linalg::DepthwiseConv2DNhwcHwcOp>(op.getOperation());
    bool isGrouped = isa<linalg::Conv2DNhwgcGfhwcOp>(op.getOperation());
    shape.groups = result.isDepthwise ? shape.inputChannels : isGrouped ? weights.shape[0] : 1;
    shape.outputChannels = weights.shape[0] * (isGrouped ? weights.shape[1] : 1);
    ArrayRef<int64_t> kernel = ArrayRef(weights.shape).drop_front(isGrouped ? 2 : 1);
    shape.kernelHeight = kernel[0];
    shape.kernelWidth = kernel[1];
  }
  result.weights = std::move(weights.values);
  result.bias = getBias(op, shape.outputChannels);
  return result;
}

Value QuantizableOp::createDequantizedWeights(OpBuilder &builder,
                                              const ::gpfq::LayerResult &result) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getDpsInputs()[1].getType());
  bool isBatched = isa<linalg::BatchMatmulOp>(op.getOperation());
  SmallVector<int64_t> shape(type.getShape());
  if (isBatched)
    shape.erase(shape.begin());

  // From output channel first to the layout of the op.
  SmallVector<int64_t> permutation = getWeightPermutation(op);
  ConstantTensor<int8_t> levels;
  for (int64_t p : permutation)
    levels.shape.push_back(shape[p]);
  levels.values.assign(result.levels.begin(), result.levels.end());
  SmallVector<int64_t> inverse(permutation.size());
  for (auto [i, p] : llvm::enumerate(permutation))
    inverse[p] = int64_t(i);
  levels = transpose(levels, inverse);

  std::optional<int64_t> axis, blockAxis;
  bool isGrouped = isa<linalg::Conv2DNhwgcGfhwcOp>(op.getOperation());
  bool isPerChannel =
      result.scales.size() > 1 || layer.getGranularity() != lowbit::Granularity::Tensor;
  if (isPerChannel)
    axis = inverse[0] == 0 ? 0 : int64_t(shape.size()) - 1;
  // Input channels are the last dimension of [OC, KH, KW, C] and [OC, K].
  if (layer.getGranularity() == lowbit::Granularity::Block)
    blockAxis = permutation.back();
  if (isGrouped) {
    // [G, F, H, W, C] has no single axis of output channels: dequantise [G*F, H, W, C].
    levels.shape[1] *= levels.shape[0];
    levels.shape.erase(levels.shape.begin());
  }
  bool isSingleBatch = isBatched && type.getDimSize(0) == 1;
  if (isSingleBatch) {
    levels.shape.insert(levels.shape.begin(), 1);
    for (std::optional<int64_t> *dim : {&axis, &blockAxis})
      if (*dim)
        ++**dim;
  }
  std::string name = this->name();
  Value codes = createByteConstant(builder, loc, levels.shape, levels.values, name + ".levels");
  SmallVector<int64_t> scaleShape{int64_t(result.scales.size())};
  if (blockAxis)
    scaleShape = {this->shape.outputChannels, scaleShape[0] / this->shape.outputChannels};
  Value scales = createFloatConstant(builder, loc, scaleShape, result.scales, name + ".scales");
  auto floatType = RankedTensorType::get(levels.shape, builder.getF32Type());
  Value weights = lowbit::DequantizeOp::create(
      builder, loc, floatType, codes, scales, builder.getI32IntegerAttr(0),
      axis ? builder.getI64IntegerAttr(*axis) : IntegerAttr(),
      blockAxis ? builder.getI64IntegerAttr(*blockAxis) : IntegerAttr(), layer.getAlphabet(),
      builder.getStringAttr(name));
  if (isGrouped)
    weights = tensor::ExpandShapeOp::create(builder, loc, type, weights,
                                            ArrayRef<ReassociationIndices>{{0, 1}, {2}, {3}, {4}});
  if (isBatched && !isSingleBatch) {
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), builder.getF32Type());
    weights = linalg::BroadcastOp::create(builder, loc, weights, empty, ArrayRef<int64_t>{0})
                  ->getResult(0);
  }
  return weights;
}

void QuantizableOp::addToBias(OpBuilder &builder, ArrayRef<float> delta) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(getInitOperand().getType());
  std::vector<float> sum(delta.begin(), delta.end());
  for (size_t i = 0; i < bias.size(); ++i)
    sum[i] += bias[i];
  int64_t leading = type.getRank() - getChannelDims(op);
  Value constant =
      createFloatConstant(builder, loc, type.getShape().drop_front(leading), sum, name() + ".bias");
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), builder.getF32Type());
  Value init = linalg::BroadcastOp::create(builder, loc, constant, empty,
                                           llvm::to_vector(llvm::seq<int64_t>(leading)))
                   ->getResult(0);
  if (bias.empty())
    init =
        linalg::AddOp::create(builder, loc, ValueRange{getInitOperand(), init}, ValueRange{empty})
            ->getResult(0);
  op.setDpsInitOperand(0, init);
}
