// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelBuilder.h"

#include "gpfq/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_CONVERTLOWBITTOVECTOR
#include "gpfq/Conversion/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// `type` with its strides written out and any offset, so that equal layers at different places
/// share a kernel. Null if shape or strides are not static.
static MemRefType getKernelArgumentType(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  SmallVector<int64_t> strides;
  int64_t offset;
  if (!memref || !memref.hasStaticShape() || failed(memref.getStridesAndOffset(strides, offset)) ||
      llvm::any_of(strides, [](int64_t stride) { return ShapedType::isDynamic(stride); }))
    return {};
  auto layout = StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(memref.getShape(), memref.getElementType(), layout,
                         memref.getMemorySpace());
}

/// All that a kernel depends on: the op without its layer, the argument types, the epilogue and
/// what is known of its range.
static std::string getKernelKey(LowBitComputeOpInterface op, TypeRange arguments) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << op->getName();
  for (NamedAttribute attribute : op->getAttrs())
    if (attribute.getName() != "layer")
      os << ' ' << attribute.getName().strref() << '=' << attribute.getValue();
  for (Type argument : arguments)
    os << ',' << argument;
  // Values are numbered from the start of the region, so equal epilogues print alike.
  llvm::DenseMap<Value, unsigned> numbers;
  for (Value argument : op.getEpilogue().getArguments())
    numbers.try_emplace(argument, numbers.size());
  for (Operation &nested : op.getEpilogue().front()) {
    os << ';' << nested.getName() << nested.getAttrDictionary();
    for (Value operand : nested.getOperands())
      os << ' ' << numbers.lookup(operand);
    for (Type type : nested.getResultTypes())
      os << ':' << type;
    for (Value result : nested.getResults())
      numbers.try_emplace(result, numbers.size());
  }
  if (std::optional<CodeRounding> rounding = matchCodeRounding(op))
    os << (rounding->isBounded ? ";bounded" : ";unbounded");
  return key;
}

static std::string getKernelKey(Operation *op, TypeRange arguments) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << op->getName() << op->getAttrDictionary();
  for (Type argument : arguments)
    os << ',' << argument;
  return key;
}

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
                       op.getAlphabetAttr(), op.getLayerAttr(), flatLayout);
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

/// A generated function. With more than one chunk its last argument is the number of a chunk.
struct Kernel {
  func::FuncOp function;
  int64_t chunks = 1;
};

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
    SymbolTable symbols(getOperation());
    llvm::StringMap<Kernel> kernels;
    for (Operation *op : ops) {
      if (failed(checkBuffers(op)))
        return signalPassFailure();
      if (auto rows = dyn_cast<QuantizeRowsOp>(op))
        convertMove(rows, symbols, kernels, buildQuantizeRowsKernel);
      else if (auto pack = dyn_cast<PackOp>(op))
        convertMove(pack, symbols, kernels, buildPackKernel);
      else if (auto signs = dyn_cast<PackSignsOp>(op))
        convertMove(signs, symbols, kernels, buildPackSignsKernel);
      else if (failed(convert(cast<LowBitComputeOpInterface>(op), symbols, kernels)))
        return signalPassFailure();
    }
  }

  /// An op that multiplies nothing: `build` makes its kernel.
  template <typename OpTy>
  void convertMove(OpTy op, SymbolTable &symbols, llvm::StringMap<Kernel> &kernels,
                   void (*build)(LoopBuilder &, OpTy, ValueRange)) {
    replaceByCall(op, symbols, kernels,
                  [&](OpBuilder &bodyBuilder, ValueRange buffers, auto split) {
                    LoopBuilder loops(op.getLoc(), bodyBuilder);
                    split(loops);
                    build(loops, op, buffers);
                    return loops.getNumChunks();
                  });
  }

  /// What fills the function of a kernel: calls the function that it is given with its builder
  /// before, and returns the number of chunks.
  using BuildBody =
      function_ref<int64_t(OpBuilder &, ValueRange, function_ref<void(LoopBuilder &)>)>;

  /// Replaces `op` by a call of its kernel, which `build` fills unless an equal op has had it.
  template <typename OpTy>
  void replaceByCall(OpTy op, SymbolTable &symbols, llvm::StringMap<Kernel> &kernels,
                     BuildBody build) {
    OpBuilder builder(op);
    SmallVector<Value> arguments = castOperands(builder, op);
    TypeRange types = ValueRange(arguments).getTypes();
    Kernel &kernel = kernels[getKernelKey(op, types)];
    if (!kernel.function)
      kernel = buildKernel(op, types, countWork(op), symbols, build);
    callKernel(builder, op->getLoc(), kernel, arguments);
    op->erase();
    ++numConverted;
  }

  /// The operands of `op`, of the types that kernels take.
  static SmallVector<Value> castOperands(OpBuilder &builder, Operation *op) {
    SmallVector<Value> arguments;
    for (Value operand : op->getOperands())
      arguments.push_back(memref::CastOp::create(
          builder, op->getLoc(), getKernelArgumentType(operand.getType()), operand));
    return arguments;
  }

  LogicalResult convert(LowBitComputeOpInterface op, SymbolTable &symbols,
                        llvm::StringMap<Kernel> &kernels) {
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

    replaceByCall(op, symbols, kernels,
                  [&](OpBuilder &bodyBuilder, ValueRange buffers, auto split) {
                    KernelBuilder body(op, bodyBuilder, buffers, **found, emulateDot);
                    split(body);
                    buildBody(body, op);
                    return body.getNumChunks();
                  });
    return success();
  }

  void callKernel(OpBuilder &builder, Location loc, const Kernel &kernel,
                  SmallVectorImpl<Value> &arguments) {
    if (kernel.chunks == 1) {
      func::CallOp::create(builder, loc, kernel.function, arguments);
      return;
    }
    ++numSplit;
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value chunks = arith::ConstantIndexOp::create(builder, loc, kernel.chunks);
    scf::ParallelOp::create(builder, loc, zero, chunks, one,
                            [&](OpBuilder &nested, Location loc, ValueRange chunk) {
                              arguments.append(chunk.begin(), chunk.end());
                              func::CallOp::create(nested, loc, kernel.function, arguments);
                            });
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

  /// Makes the function for `op`.
  Kernel buildKernel(Operation *op, TypeRange arguments, int64_t work, SymbolTable &symbols,
                     BuildBody build) {
    OpBuilder builder(&getContext());
    std::string name = ("lowbit_" + Twine(op->getName().stripDialect())).str();
    auto function =
        func::FuncOp::create(builder, op->getLoc(), name, builder.getFunctionType(arguments, {}));
    function.setPrivate();
    // Equal layers share a kernel, and LLVM's time is more than linear in the size of a function.
    function->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
    function->setAttr("llvm.linkage",
                      LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal));
    symbols.insert(function);
    Block *body = function.addEntryBlock();
    builder.setInsertionPointToStart(body);
    int64_t mostChunks = std::min<int64_t>(maxChunks, work / chunkWork);
    SmallVector<Value> buffers(body->getArguments());
    int64_t chunks = build(builder, buffers, [&](LoopBuilder &loops) {
      if (mostChunks > 1)
        loops.splitIntoChunks(body->addArgument(loops.getIndexType(), op->getLoc()), mostChunks);
    });
    builder.setInsertionPointToEnd(body);
    func::ReturnOp::create(builder, op->getLoc());
    if (mostChunks > 1 && chunks == 1) {
      builder.setInsertionPointToStart(body);
      Value zero = arith::ConstantIndexOp::create(builder, op->getLoc(), 0);
      body->getArguments().back().replaceAllUsesWith(zero);
      body->eraseArgument(body->getNumArguments() - 1);
    }
    function.setType(builder.getFunctionType(body->getArgumentTypes(), {}));
    ++numKernels;
    return {function, chunks};
  }
};

} // namespace
