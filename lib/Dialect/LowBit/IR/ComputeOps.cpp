// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shapes and operands of the compute ops, and of lowbit.pack.

#include "OpChecks.h"

#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::lowbit;

/// True if `from` broadcasts to `to` as in numpy.
static bool isBroadcastable(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  if (from.size() > to.size())
    return false;
  for (auto [a, b] : llvm::zip(llvm::reverse(from), llvm::reverse(to)))
    if (a != b && a != 1)
      return false;
  return true;
}

/// The checks that all compute ops share, given the result shape that the other operands imply.
static LogicalResult verifyCompute(LowBitComputeOpInterface op, ArrayRef<int64_t> expectedShape) {
  auto inputType = cast<ShapedType>(op.getInput().getType());
  auto weightsType = cast<ShapedType>(op.getWeights().getType());
  auto initType = cast<ShapedType>(op.getInit().getType());
  bool isTensor = isa<RankedTensorType>(initType);
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()) != isTensor)
      return op->emitOpError("operands must be all tensors or all memrefs");
  if (op->getNumResults() != (isTensor ? 1 : 0))
    return op->emitOpError("has one result on tensors and none on memrefs");
  if (isTensor && op->getResult(0).getType() != initType)
    return op->emitOpError("result type ")
           << op->getResult(0).getType() << " differs from that of the init, " << initType;
  SmallVector<int64_t> storedShape(expectedShape);
  if (op.yieldsBits()) {
    LayoutAttr layout = op.getLayoutAttr();
    if (!layout || isa<DepthwiseConv2DOp>(op) || storedShape.back() % 32 != 0 ||
        layout.getLanes() * layout.getVectors() % 8 != 0)
      return op->emitOpError("yields i1, which only a packed op does that is not depthwise and has "
                             "a multiple of 32 output channels, of 8 in a panel");
    storedShape.back() = getSignBytes(storedShape.back());
  }
  if (initType.getShape() != ArrayRef<int64_t>(storedShape))
    return op->emitOpError("init must have shape [") << storedShape << "], got " << initType;

  bool integer = inputType.getElementType().isInteger(8);
  if (!integer && !inputType.getElementType().isF32())
    return op->emitOpError("input elements must be i8 codes or f32, got ") << inputType;
  if (!weightsType.getElementType().isInteger(8))
    return op->emitOpError("weights must be i8, got ") << weightsType;

  Block &body = op.getEpilogue().front();
  auto *context = op->getContext();
  Type accumulator =
      integer ? Type(IntegerType::get(context, 32)) : Type(Float32Type::get(context));
  if (body.getNumArguments() != op.getFused().size() + 1)
    return op->emitOpError("the epilogue needs an accumulator and ")
           << op.getFused().size() << " argument(s) for the fused operands, got "
           << body.getNumArguments();
  if (body.getArgument(0).getType() != accumulator)
    return op->emitOpError("the accumulator must be ")
           << accumulator << ", got " << body.getArgument(0).getType();
  for (auto [operand, argument] : llvm::zip(op.getFused(), body.getArguments().drop_front())) {
    auto type = cast<ShapedType>(operand.getType());
    if (type.getElementType() != argument.getType())
      return op->emitOpError("fused operand of ")
             << type << " has a block argument of " << argument.getType();
    if (!isBroadcastable(type.getShape(), expectedShape))
      return op->emitOpError("fused operand of ")
             << type << " does not broadcast to [" << expectedShape << "]";
  }
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  Type stored = op.yieldsBits() ? IntegerType::get(context, 8)
                : yield         ? yield.getValue().getType()
                                : Type();
  if (!yield || stored != initType.getElementType())
    return op->emitOpError("the epilogue must end with lowbit.yield of ")
           << initType.getElementType();
  for (Operation &nested : body.without_terminator())
    if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(nested.getDialect()))
      return nested.emitOpError("is not an arith or math op; an epilogue takes no other");

  AlphabetAttr alphabet = op.getAlphabet();
  if (op.getInputMax() < 1 || op.getInputMax() > maxCode)
    return op->emitOpError("input_max is a code from 1 to 255, got ") << int32_t(op.getInputMax());
  if (op.hasSigns() && (!integer || !alphabet.isSigns()))
    return op->emitOpError("of signs takes bits and levels -1 and 1, got ")
           << inputType << " and " << alphabet;
  int64_t limit = getMaxReductionLength(alphabet.getMaxMagnitude());
  if (integer && op.getReductionLength() > limit)
    return op->emitOpError("the i32 accumulator can overflow: ")
           << op.getReductionLength() << " products of codes up to 255 and levels up to "
           << alphabet.getMaxMagnitude() << " exceed 2^31-1; at most " << limit
           << " are safe, so split the reduction or use a smaller alphabet";
  if (LayoutAttr layout = op.getLayoutAttr()) {
    unsigned bits = getFieldBits(alphabet);
    if (layout.getEncoding() == FieldEncoding::InPlace &&
        (!isa<MatmulOp>(op) || !integer || bits > 7 ||
         op.getReductionLength() > getMaxReductionLength(-INT8_MIN)))
      return op->emitOpError("fields in place are those of a matmul of codes and levels of 1 to 7 "
                             "bits, at most ")
             << getMaxReductionLength(-INT8_MIN) << " products long";
    if (layout.getEncoding() == FieldEncoding::Paired && !hasRoomForSums(op))
      return op->emitOpError("fields in pairs are those of a conv_2d or matmul of levels of 1 to 7 "
                             "bits and codes whose sums fit a byte, got input_max = ")
             << op.getInputMax() << " and " << alphabet;
    bool isBatched = isa<BatchMatmulOp>(op) && weightsType.getRank() == 2;
    if (weightsType.getRank() != (isBatched ? 2 : 1))
      return op->emitOpError("packed weights are a list of bytes, got ") << weightsType;
    int64_t bytes = PackedGeometry(op).getTotalBytes();
    if (weightsType.getShape().back() != bytes)
      return op->emitOpError("layout needs ")
             << bytes << " bytes of packed weights, got " << weightsType;
    return success();
  }
  // Codes, which are all levels of the alphabet.
  if (isa<BatchMatmulOp>(op))
    return success();
  return verifyLevels(op, op.getWeights(), alphabet);
}

static void
getComputeEffects(LowBitComputeOpInterface op,
                  SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<BaseMemRefType>(operand.get().getType()))
      continue;
    if (operand.get() == op.getInit() && operand.getOperandNumber() == op->getNumOperands() - 1)
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  }
}

/// Size of a convolution's result along one dimension, or nothing if the kernel does not fit.
static std::optional<int64_t> getConvSize(int64_t size, int64_t before, int64_t after,
                                          int64_t kernel, int64_t stride, int64_t dilation) {
  int64_t span = (kernel - 1) * dilation + 1;
  int64_t padded = size + before + after;
  if (padded < span)
    return std::nullopt;
  return (padded - span) / stride + 1;
}

/// Checks attributes of a convolution and computes its spatial result size.
template <typename ConvOp>
static FailureOr<std::pair<int64_t, int64_t>> verifyWindow(ConvOp op, int64_t kernelHeight,
                                                           int64_t kernelWidth) {
  auto inputType = cast<ShapedType>(op.getInput().getType());
  if (inputType.getRank() != 4 || !inputType.hasStaticShape())
    return op.emitOpError("input must be a static N x H x W x C, got ") << inputType;
  ArrayRef<int64_t> strides = op.getStrides(), dilations = op.getDilations(),
                    padding = op.getPadding();
  if (strides.size() != 2 || dilations.size() != 2 || padding.size() != 4)
    return op.emitOpError("needs 2 strides, 2 dilations and 4 paddings");
  if (llvm::any_of(strides, [](int64_t v) { return v < 1; }) ||
      llvm::any_of(dilations, [](int64_t v) { return v < 1; }))
    return op.emitOpError("strides and dilations must be positive");
  if (llvm::any_of(padding, [](int64_t v) { return v < 0; }))
    return op.emitOpError("padding must not be negative");
  auto isTooLarge = [](int64_t size) { return size > maxSize; };
  if (llvm::any_of(llvm::concat<const int64_t>(strides, dilations, padding), isTooLarge))
    return op.emitOpError("strides, dilations and padding must be at most ") << maxSize;
  if (failed(verifySizes([&] { return op.emitOpError(); }, "input", inputType.getShape())))
    return failure();
  if (op.getPaddingValue() > op.getInputMax())
    return op.emitOpError("padding value ")
           << int32_t(op.getPaddingValue()) << " is not a code from 0 to " << op.getInputMax();
  if (inputType.getElementType().isF32() && op.getPaddingValue() != 0)
    return op.emitOpError("a float input is padded with zero");
  std::optional<int64_t> height = getConvSize(inputType.getDimSize(1), padding[0], padding[1],
                                              kernelHeight, strides[0], dilations[0]);
  std::optional<int64_t> width = getConvSize(inputType.getDimSize(2), padding[2], padding[3],
                                             kernelWidth, strides[1], dilations[1]);
  if (!height || !width)
    return op.emitOpError("the kernel of ")
           << kernelHeight << " x " << kernelWidth << " does not fit in the padded input";
  return std::make_pair(*height, *width);
}

/// Kernel shape from the layout or the type of the weights.
template <typename ComputeOp> static SmallVector<int64_t> kernelShape(ComputeOp op) {
  if (LayoutAttr layout = op.getLayoutAttr())
    return llvm::to_vector(layout.getKernel());
  return llvm::to_vector(cast<ShapedType>(op.getWeights().getType()).getShape());
}

static LogicalResult verifyKernel(LowBitComputeOpInterface op, size_t rank, StringRef form) {
  if (op.getKernelShape().size() != rank)
    return op->emitOpError("weights must be ") << form << ", got " << op.getWeights().getType();
  return verifySizes([&] { return op->emitOpError(); }, "weights", op.getKernelShape());
}

SmallVector<int64_t> Conv2DOp::getKernelShape() { return kernelShape(*this); }

int64_t Conv2DOp::getReductionLength() {
  SmallVector<int64_t> kernel = getKernelShape();
  return kernel[1] * kernel[2] * kernel[3];
}

LogicalResult Conv2DOp::verify() {
  LowBitComputeOpInterface compute(*this);
  if (failed(verifyKernel(compute, 4, "OC x KH x KW x C/groups")))
    return failure();
  SmallVector<int64_t> kernel = getKernelShape();
  FailureOr<std::pair<int64_t, int64_t>> size = verifyWindow(*this, kernel[1], kernel[2]);
  if (failed(size))
    return failure();
  auto inputType = cast<ShapedType>(getInput().getType());
  int64_t groups = getGroups();
  if (compute.hasSigns() && groups != 1)
    return emitOpError("of signs has one group, got ") << groups;
  int64_t depth = compute.hasSigns() ? getSignBytes(kernel[3]) : kernel[3];
  if (groups < 1 || kernel[0] % groups != 0 || depth * groups != inputType.getDimSize(3))
    return emitOpError("with ") << groups << " group(s), weights of shape [" << kernel
                                << "] do not fit an input of " << inputType.getDimSize(3)
                                << " channels";
  return verifyCompute(compute, {inputType.getDimSize(0), size->first, size->second, kernel[0]});
}

void Conv2DOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  getComputeEffects(*this, effects);
}

SmallVector<int64_t> DepthwiseConv2DOp::getKernelShape() { return kernelShape(*this); }

int64_t DepthwiseConv2DOp::getReductionLength() {
  SmallVector<int64_t> kernel = getKernelShape();
  return kernel[0] * kernel[1];
}

LogicalResult DepthwiseConv2DOp::verify() {
  LowBitComputeOpInterface compute(*this);
  if (failed(verifyKernel(compute, 3, "KH x KW x C")))
    return failure();
  SmallVector<int64_t> kernel = getKernelShape();
  FailureOr<std::pair<int64_t, int64_t>> size = verifyWindow(*this, kernel[0], kernel[1]);
  if (failed(size))
    return failure();
  auto inputType = cast<ShapedType>(getInput().getType());
  if (kernel[2] != inputType.getDimSize(3))
    return emitOpError("weights have ")
           << kernel[2] << " channels, the input " << inputType.getDimSize(3);
  return verifyCompute(compute, {inputType.getDimSize(0), size->first, size->second, kernel[2]});
}

void DepthwiseConv2DOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  getComputeEffects(*this, effects);
}

SmallVector<int64_t> MatmulOp::getKernelShape() { return kernelShape(*this); }

int64_t MatmulOp::getReductionLength() { return getKernelShape()[1]; }

LogicalResult MatmulOp::verify() {
  LowBitComputeOpInterface compute(*this);
  if (failed(verifyKernel(compute, 2, "N x K")))
    return failure();
  auto inputType = cast<ShapedType>(getInput().getType());
  if ((inputType.getRank() != 2 && inputType.getRank() != 3) || !inputType.hasStaticShape())
    return emitOpError("input must be a static M x K or B x M x K, got ") << inputType;
  SmallVector<int64_t> kernel = getKernelShape();
  int64_t depth = compute.hasSigns() ? getSignBytes(kernel[1]) : kernel[1];
  if (inputType.getShape().back() != depth)
    return emitOpError("weights reduce over ")
           << depth << " elements, the input has " << inputType.getShape().back();
  SmallVector<int64_t> shape = llvm::to_vector(inputType.getShape());
  shape.back() = kernel[0];
  return verifyCompute(compute, shape);
}

void MatmulOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  getComputeEffects(*this, effects);
}

//===----------------------------------------------------------------------===//
// Products of two activations
//===----------------------------------------------------------------------===//

AlphabetAttr BatchMatmulOp::getAlphabet() { return getCodeAlphabet(getContext()); }

SmallVector<int64_t> BatchMatmulOp::getKernelShape() {
  SmallVector<int64_t> shape = kernelShape(*this);
  return llvm::to_vector(ArrayRef<int64_t>(shape).take_back(2));
}

int64_t BatchMatmulOp::getReductionLength() { return getKernelShape().back(); }

LogicalResult BatchMatmulOp::verify() {
  auto inputType = cast<ShapedType>(getInput().getType());
  auto weightsType = cast<ShapedType>(getWeights().getType());
  int64_t rank = inputType.getRank();
  if ((rank != 2 && rank != 3) || !inputType.hasStaticShape())
    return emitOpError("input must be a static M x K or B x M x K, got ") << inputType;
  if (!inputType.getElementType().isInteger(8))
    return emitOpError("multiplies i8 codes, got ") << inputType;
  int64_t dimensions = getLayoutAttr() ? rank - 1 : rank;
  if (weightsType.getRank() != dimensions || !weightsType.hasStaticShape() ||
      (rank == 3 && weightsType.getDimSize(0) != inputType.getDimSize(0)))
    return emitOpError("weights must be ")
           << (getLayoutAttr() ? "packed bytes" : "N x K") << " for each matrix of the input, "
           << inputType << ", got " << weightsType;
  if (getLayoutAttr() && getLayoutAttr().getKernel().size() != 2)
    return emitOpError("layout needs a kernel of [N, K], got ") << getLayoutAttr();
  LowBitComputeOpInterface compute(*this);
  if (failed(verifyKernel(compute, 2, "N x K")))
    return failure();
  SmallVector<int64_t> kernel = getKernelShape();
  if (inputType.getShape().back() != kernel[1])
    return emitOpError("weights reduce over ")
           << kernel[1] << " elements, the input has " << inputType.getShape().back();
  SmallVector<int64_t> shape = llvm::to_vector(inputType.getShape());
  shape.back() = kernel[0];
  return verifyCompute(compute, shape);
}

void BatchMatmulOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  getComputeEffects(*this, effects);
}

LogicalResult PackOp::verify() {
  auto inputType = cast<ShapedType>(getInput().getType());
  auto initType = cast<ShapedType>(getInit().getType());
  bool isTensor = isa<RankedTensorType>(initType);
  if (isa<RankedTensorType>(inputType) != isTensor)
    return emitOpError("operands must be all tensors or all memrefs");
  if (getNumResults() != (isTensor ? 1 : 0))
    return emitOpError("has one result on tensors and none on memrefs");
  if (isTensor && getResult(0).getType() != initType)
    return emitOpError("result type ")
           << getResult(0).getType() << " differs from that of the init, " << initType;
  int64_t rank = inputType.getRank();
  if (!inputType.getElementType().isInteger(8) || (rank != 2 && rank != 3) ||
      !inputType.hasStaticShape())
    return emitOpError("takes static i8 codes, N x K or B x N x K, got ") << inputType;
  if (inputType.getShape().take_back(2) != getLayout().getKernel())
    return emitOpError("packs matrices of [")
           << getLayout().getKernel() << "] in this layout, got " << inputType;
  LayoutAttr layout = getLayout();
  if (layout.getRun() != layout.getKernel().back() || !llvm::isPowerOf2_64(layout.getLanes()) ||
      layout.getEncoding() != FieldEncoding::TopAligned)
    return emitOpError(
               "needs a top-aligned layout with a power of two of lanes, whose run is a row, "
               "got ")
           << layout;
  SmallVector<int64_t> shape(inputType.getShape().drop_back(2));
  shape.push_back(PackedGeometry(*this).getTotalBytes());
  if (!initType.getElementType().isInteger(8) || initType.getShape() != ArrayRef<int64_t>(shape))
    return emitOpError("needs an i8 init of shape [") << shape << "], got " << initType;
  return success();
}

void PackOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  getFirstReadEffects(*this, effects);
}
