// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelTable.h"
#include "Winograd.h"
#include "gpfq/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_CONVERTLOWBITTOVECTOR
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// If `op` is a 1x1 convolution of stride 1 over dense images, and no pixels are apart at an edge,
/// all its pixels are rows of one matrix product. Returns the product, which replaces `op`, or
/// nothing.
static std::optional<MatmulOp> flattenPointwise(Conv2DOp op) {
  SmallVector<int64_t> kernel = op.getKernelShape();
  auto isOne = [](int64_t value) { return value == 1; };
  if (kernel[1] != 1 || kernel[2] != 1 || op.getGroups() != 1 ||
      !op.getLayoutAttr().getBorder().empty() || !llvm::all_of(op.getStrides(), isOne))
    return std::nullopt;
  SmallVector<ReassociationIndices> pixels = {{0, 1, 2}, {3}};
  auto resultShape = cast<MemRefType>(op.getInit().getType()).getShape();
  SmallVector<bool> collapse;
  for (Value operand : op->getOperands()) {
    auto type = cast<MemRefType>(operand.getType());
    ArrayRef<int64_t> shape = type.getShape();
    bool isChannelVector = shape.size() <= 1;
    bool isImage = shape.size() == 4 && (shape == resultShape || operand == op.getInput() ||
                                         llvm::all_of(shape.drop_back(), isOne));
    if (!isChannelVector &&
        !(isImage && memref::CollapseShapeOp::isGuaranteedCollapsible(type, pixels)))
      return std::nullopt;
    collapse.push_back(!isChannelVector);
  }
  OpBuilder builder(op);
  SmallVector<Value> operands;
  for (auto [operand, merge] : llvm::zip(op->getOperands(), collapse))
    operands.push_back(
        merge ? Value(memref::CollapseShapeOp::create(builder, op.getLoc(), operand, pixels))
              : operand);
  LayoutAttr layout = op.getLayoutAttr();
  auto flatLayout = LayoutAttr::get(op.getContext(), layout.getTarget(), layout.getLanes(),
                                    layout.getVectors(), layout.getEncoding(), layout.getRun(),
                                    {kernel[0], kernel[3]}, /*border=*/{}, layout.getTile());
  auto matmul =
      MatmulOp::create(builder, op.getLoc(), TypeRange(), operands[0], operands[1],
                       ArrayRef<Value>(operands).drop_front(2).drop_back(), operands.back(),
                       op.getAlphabetAttr(), op.getLayerAttr(), flatLayout, op.getInputMax());
  matmul.getEpilogue().takeBody(op.getEpilogue());
  op->erase();
  return matmul;
}

/// Checks that `op` works on buffers that a kernel can be called with.
static LogicalResult checkBuffers(Operation *op) {
  if (op->getNumResults() != 0)
    return op->emitOpError(
        "works on tensors; run one-shot-bufferize before convert-lowbit-to-vector");
  for (Type type : op->getOperandTypes())
    if (!getKernelArgumentType(type))
      return op->emitOpError("needs buffers of static shape and strides, got ") << type;
  return success();
}

static LogicalResult checkOp(LowBitComputeOpInterface op, StringRef target) {
  LayoutAttr layout = op.getLayoutAttr();
  if (!layout)
    return op->emitOpError("has weights that are not packed; run lowbit-pack before bufferization");
  if (!target.empty() && layout.getTarget() != target)
    return op->emitOpError("is packed for ")
           << layout.getTarget() << ", not for " << target << "; run lowbit-pack with this target";
  int64_t vectors = op.hasIntegerAccumulator() ? 4 : 1;
  if (isa<DepthwiseConv2DOp>(op) && layout.getVectors() != vectors)
    return op->emitOpError("a depthwise kernel of this type takes panels of ")
           << vectors << " vectors, got " << layout;
  if (auto conv = dyn_cast<Conv2DOp>(op.getOperation());
      conv && !llvm::all_of(conv.getPadding(), [](int64_t p) { return p == 0; }))
    return op->emitOpError("has padding; lowbit-pack turns it into a padded input");
  if (auto conv = dyn_cast<DepthwiseConv2DOp>(op.getOperation());
      conv && !llvm::all_of(conv.getPadding(), [](int64_t p) { return p == 0; }))
    return op->emitOpError("has padding; lowbit-pack turns it into a padded input");
  return success();
}

/// Multiply-adds of an op; those of a depthwise one take the time of four.
static int64_t countWork(LowBitComputeOpInterface op) {
  int64_t outputs = cast<MemRefType>(op.getInit().getType()).getNumElements();
  if (op.yieldsBits())
    outputs *= 8;
  SmallVector<int64_t> kernel = op.getKernelShape();
  if (isa<DepthwiseConv2DOp>(op))
    return 4 * outputs * kernel[0] * kernel[1];
  int64_t sum = 1;
  for (int64_t size : ArrayRef<int64_t>(kernel).drop_front())
    sum *= size;
  constexpr int64_t signsAtOnce = 4;
  return outputs * sum / (op.hasSigns() ? signsAtOnce : 1);
}

/// The multiply-adds that take the time of an op.
static int64_t countWork(QuantizeRowsOp op) {
  constexpr int64_t workOfElement = 32;
  return workOfElement * cast<MemRefType>(op.getInput().getType()).getNumElements();
}

static int64_t countWork(PackOp op) {
  constexpr int64_t workOfElement = 8;
  return workOfElement * cast<MemRefType>(op.getInput().getType()).getNumElements();
}

static int64_t countWork(PackSignsOp op) {
  constexpr int64_t workOfElement = 4;
  return workOfElement * cast<MemRefType>(op.getInput().getType()).getNumElements();
}

namespace {

struct ConvertLowBitToVectorPass
    : gpfq::impl::ConvertLowBitToVectorBase<ConvertLowBitToVectorPass> {
  using ConvertLowBitToVectorBase::ConvertLowBitToVectorBase;

  void runOnOperation() override {
    if (chunkWork < 1) {
      getOperation().emitError("chunk-work must be at least 1");
      return signalPassFailure();
    }
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<LowBitComputeOpInterface, QuantizeRowsOp, PackOp, PackSignsOp>(op))
        ops.push_back(op);
    });
    KernelTable kernels(getOperation(), maxChunks, chunkWork);
    for (Operation *op : ops) {
      if (failed(checkBuffers(op)))
        return signalPassFailure();
      if (auto rows = dyn_cast<QuantizeRowsOp>(op))
        convertMove(rows, kernels, buildQuantizeRowsKernel);
      else if (auto pack = dyn_cast<PackOp>(op))
        convertMove(pack, kernels, buildPackKernel);
      else if (auto signs = dyn_cast<PackSignsOp>(op))
        convertMove(signs, kernels, buildPackSignsKernel);
      else if (failed(convert(cast<LowBitComputeOpInterface>(op), kernels)))
        return signalPassFailure();
    }
    numKernels += kernels.getNumKernels();
    numSplit += kernels.getNumSplit();
  }

  /// An op that multiplies nothing: `build` makes its kernel.
  template <typename OpTy>
  void convertMove(OpTy op, KernelTable &kernels, void (*build)(LoopBuilder &, OpTy, ValueRange)) {
    replaceByCall(op, kernels, [&](OpBuilder &bodyBuilder, ValueRange buffers, auto split) {
      LoopBuilder loops(op.getLoc(), bodyBuilder);
      split(loops);
      build(loops, op, buffers);
      return loops.getNumChunks();
    });
  }

  /// Replaces `op` by a call of its kernel, which `build` fills unless an equal op has had it. Its
  /// last argument is a workspace, if that is not empty.
  template <typename OpTy>
  void replaceByCall(OpTy op, KernelTable &kernels, BuildKernelBody build,
                     int64_t workspaceBytes = 0) {
    OpBuilder builder(op);
    SmallVector<Value> arguments = castOperands(builder, op);
    Value workspace;
    if (workspaceBytes > 0) {
      workspace = memref::AllocOp::create(builder, op.getLoc(),
                                          MemRefType::get(workspaceBytes, builder.getI8Type()),
                                          builder.getI64IntegerAttr(64));
      arguments.push_back(castBuffer(builder, op.getLoc(), workspace));
    }
    std::string key = getKernelKey(op, ValueRange(arguments).getTypes());
    std::string name = ("lowbit_" + Twine(op->getName().stripDialect())).str();
    kernels.call(builder, op.getLoc(), {key, name, countWork(op), build}, arguments);
    if (workspace)
      memref::DeallocOp::create(builder, op.getLoc(), workspace);
    op->erase();
    ++numConverted;
  }

  LogicalResult convert(LowBitComputeOpInterface op, KernelTable &kernels) {
    std::string wanted = target;
    if (wanted == "host") {
      FailureOr<const KernelTarget *> host =
          getKernelTarget(wanted, [&] { return op->emitError(); });
      wanted = (*host)->getName().str();
    }
    if (failed(checkOp(op, wanted)))
      return failure();
    FailureOr<const KernelTarget *> found =
        getKernelTarget(op.getLayoutAttr().getTarget(), [&] { return op->emitError(); });
    if (failed(found))
      return failure();
    if (op.getLayoutAttr().getLanes() != (*found)->getLanes())
      return op->emitOpError("layout has ")
             << op.getLayoutAttr().getLanes() << " lanes, " << (*found)->getName() << " has "
             << (*found)->getLanes();
    if (op.hasSigns() && !(*found)->getSignTile(1))
      return op->emitOpError("has signs as bits, which kernels for ")
             << (*found)->getName() << " do not count; lowbit-pack leaves them bytes";
    if (auto conv = dyn_cast<Conv2DOp>(op.getOperation()))
      if (std::optional<MatmulOp> matmul = flattenPointwise(conv))
        op = cast<LowBitComputeOpInterface>(matmul->getOperation());
    if (!isa<DepthwiseConv2DOp>(op) && op.hasIntegerAccumulator() &&
        readsInputByElement(op, cast<MemRefType>(op.getInput().getType()))) {
      ++numByElement;
      op->emitRemark("slow kernel: runs of the input are not four or more adjacent bytes");
    }

    if (auto conv = dyn_cast<Conv2DOp>(op.getOperation());
        conv && usesWinograd(conv, **found, kernels.getMostChunks(countWork(op)) > 1)) {
      convertToWinograd(conv, **found, emulateDot, countWork(op) / 2, kernels);
      ++numConverted;
      ++numWinograd;
      return success();
    }
    // Each chunk has a panel of its own.
    constexpr int64_t mostPanels = 8;
    int64_t panels = std::clamp<int64_t>(kernels.getMostChunks(countWork(op)), 1, mostPanels);
    bool isDepthwise = isa<DepthwiseConv2DOp>(op);
    int64_t panelBytes = isDepthwise ? 0 : getPanelBufferBytes(op, **found);
    int64_t sumBytes = isDepthwise ? 0 : getCodeSumBytes(op);
    int64_t workspaceBytes = panels * (panelBytes + sumBytes);
    replaceByCall(
        op, kernels,
        [&](OpBuilder &bodyBuilder, ValueRange buffers, auto split) {
          ValueRange operands = buffers.take_front(op->getNumOperands());
          KernelBuilder body(op, bodyBuilder, operands, **found, emulateDot);
          split(body);
          if (workspaceBytes > 0) {
            body.limitChunks(panels);
            Value part = body.isSplit() ? body.getChunk() : body.index(0);
            Value start = body.scale(part, panelBytes + sumBytes);
            if (panelBytes > 0)
              body.unpackTo(buffers.back(), start);
            if (sumBytes > 0)
              std::tie(body.codeSums, body.codeSumsStart) =
                  std::pair(buffers.back(), body.add(start, panelBytes));
          }
          buildBody(body, op);
          return body.getNumChunks();
        },
        workspaceBytes);
    return success();
  }

  /// A tile of the layout is for the direct kernel.
  bool usesWinograd(Conv2DOp op, const KernelTarget &target, bool isSplit) const {
    if (winograd == WinogradUse::Never || !canUseWinograd(op, target))
      return false;
    return winograd == WinogradUse::Always ||
           (op.getLayoutAttr().getTile().empty() && prefersWinograd(op, target, isSplit));
  }

  static void buildBody(KernelBuilder &kernel, LowBitComputeOpInterface op) {
    if (auto conv = dyn_cast<Conv2DOp>(op.getOperation()))
      buildContractionKernel(kernel, conv);
    else if (auto depthwise = dyn_cast<DepthwiseConv2DOp>(op.getOperation()))
      buildDepthwiseKernel(kernel, depthwise);
    else if (auto product = dyn_cast<BatchMatmulOp>(op.getOperation()))
      buildContractionKernel(kernel, product);
    else
      buildContractionKernel(kernel, cast<MatmulOp>(op.getOperation()));
  }
};

} // namespace
