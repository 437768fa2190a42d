// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/CalibrationRun.h"
#include "gpfq/Calibration/Checkpoint.h"
#include "gpfq/Calibration/RangeObserver.h"
#include "gpfq/Calibration/StagedExecutor.h"
#include "gpfq/Conversion/MatrixProduct.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"
#include "gpfq/Support/Constants.h"
#include "gpfq/Support/Progress.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <mutex>
#include <thread>

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQQUANTIZEACTIVATIONS
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::ActivationScale;
using ::gpfq::RangeObserver;
using ::gpfq::RangeRule;

namespace {
/// A value to quantise, and the layers that read it.
struct Activation {
  Value value;
  SmallVector<unsigned> layers;
};

struct QuantizeActivationsPass
    : mlir::gpfq::impl::GPFQQuantizeActivationsBase<QuantizeActivationsPass> {
  using GPFQQuantizeActivationsBase::GPFQQuantizeActivationsBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    GPFQQuantizeActivationsBase::getDependentDialects(registry);
    StagedExecutor::registerDependencies(registry);
  }
  void runOnOperation() override;

private:
  /// Checks options; whether the mode is dynamic, and the rule for ranges.
  FailureOr<bool> isDynamic();
  FailureOr<RangeRule> getRule();
  LogicalResult observe(func::FuncOp function, MutableArrayRef<QuantizableOp> layers,
                        ArrayRef<Activation> activations, RangeRule rule,
                        MutableArrayRef<RangeObserver> observers);
  void quantizeRows(const Activation &activation, int maxCode);
  void quantizeProducts(func::FuncOp function);
  /// Signs where these can be all that the layers need, else codes up to `getMaxCode()`.
  ActivationScale chooseScale(const Activation &activation, MutableArrayRef<QuantizableOp> layers,
                              const RangeObserver &observer, RangeRule rule);
  /// The largest code, if codes are not signs.
  int getMaxCode(const Activation &activation, MutableArrayRef<QuantizableOp> layers) const;
  void quantize(const Activation &activation, const RangeObserver &observer, ActivationScale scale,
                int maxCode);
  void writeReport(func::FuncOp function, llvm::json::Array entries);
};
} // namespace

FailureOr<bool> QuantizeActivationsPass::isDynamic() {
  if (mode != "static" && mode != "dynamic")
    return getOperation().emitError("mode=") << mode << " is not static or dynamic";
  if (mode == "dynamic" && bits != 8)
    return getOperation().emitError("mode=dynamic has codes of 8 bits, got bits=") << int64_t(bits);
  if (max != 0 && (max < 1 || max > 255 || bits != 8))
    return getOperation().emitError("max=")
           << int64_t(max) << " is not in 1 to 255, with bits=8, or 0";
  if (mode == "static" && symmetric)
    return getOperation().emitError("symmetric is for mode=dynamic");
  return mode == "dynamic";
}

FailureOr<RangeRule> QuantizeActivationsPass::getRule() {
  if (bits < 1 || bits > 8)
    return getOperation().emitError("bits=") << int64_t(bits) << " is not in 1 to 8";
  if (percentile <= 50.0 || percentile > 100.0)
    return getOperation().emitError("percentile=") << double(percentile) << " is not in (50, 100]";
  if (range == "minmax")
    return RangeRule::MinMax;
  if (range == "percentile")
    return RangeRule::Percentile;
  if (range == "mse")
    return RangeRule::Mse;
  return getOperation().emitError("range=") << range << " is not minmax, percentile or mse";
}

/// The values to quantise; one may feed several layers.
static SmallVector<Activation> collectActivations(MutableArrayRef<QuantizableOp> layers) {
  SmallVector<Activation> result;
  for (auto [i, layer] : llvm::enumerate(layers)) {
    if (!layer.layer)
      continue;
    Value value = layer.getActivation();
    auto dequantize = value.getDefiningOp<lowbit::DequantizeOp>();
    if ((dequantize && dequantize.getInput().getDefiningOp<lowbit::QuantizeOp>()) ||
        value.getDefiningOp<lowbit::DequantizeRowsOp>())
      continue;
    auto *known = llvm::find_if(result, [&](const Activation &a) { return a.value == value; });
    if (known == result.end())
      result.push_back({value, {unsigned(i)}});
    else
      known->layers.push_back(unsigned(i));
  }
  return result;
}

LogicalResult QuantizeActivationsPass::observe(func::FuncOp function,
                                               MutableArrayRef<QuantizableOp> layers,
                                               ArrayRef<Activation> activations, RangeRule rule,
                                               MutableArrayRef<RangeObserver> observers) {
  int64_t numSamples = samples;
  FailureOr<std::vector<::gpfq::CalibrationData>> data =
      openCalibrationData(function, llvm::to_vector(calibration), numSamples);
  if (failed(data))
    return failure();
  Schedule schedule = scheduleLayers(function, layers);
  ::gpfq::ThreadPool pool(threads);
  StagedExecutor::Options options;
  options.withQuantizedSide = false;
  options.samples = numSamples;
  auto executor = StagedExecutor::create(function, layers, schedule, *data, options, pool);
  if (failed(executor))
    return failure();

  DenseMap<unsigned, unsigned> observerOf;
  for (auto [i, activation] : llvm::enumerate(activations))
    observerOf[activation.layers.front()] = unsigned(i);
  std::vector<std::mutex> mutexes(observers.size());
  constexpr int64_t batch = 64;
  Progress progress("calibrating activations", numSamples, "sample");
  return (*executor)->advance(
      int64_t(schedule.cuts.size()) - 1, batch,
      [&](unsigned layer) { return observerOf.count(layer) > 0; },
      [&](int64_t, int64_t, StagedExecutor::Side, unsigned layer, const float *input,
          const float * /*shortcut*/) {
        const ::gpfq::ConvShape &shape = layers[layer].shape;
        int64_t count = shape.inputHeight * shape.inputWidth * shape.inputChannels;
        unsigned index = observerOf.lookup(layer);
        std::lock_guard<std::mutex> lock(mutexes[index]);
        observers[index].add(input, count);
      },
      [&](int64_t begin, int64_t count) { progress.update(begin + count); });
}

/// An entry of the report.
static llvm::json::Object describe(const Activation &activation,
                                   MutableArrayRef<QuantizableOp> layers,
                                   const RangeObserver &observer, ActivationScale scale,
                                   int maxCode) {
  llvm::json::Array names;
  for (unsigned layer : activation.layers)
    names.push_back(layers[layer].name());
  ::gpfq::ActivationUse use = observer.describe(scale, maxCode);
  return llvm::json::Object{
      {"layers", std::move(names)},
      {"scale", scale.scale},
      {"zero_point", scale.zeroPoint},
      {"max", scale.isSign ? 2 : maxCode},
      {"sign", scale.isSign},
      {"error", use.error},
      {"clipped", use.clipped},
      {"codes", llvm::json::Array(use.codes)},
      {"values", llvm::json::Object{{"low", observer.min()},
                                    {"high", observer.max()},
                                    {"counts", llvm::json::Array(use.values)}}}};
}

void QuantizeActivationsPass::writeReport(func::FuncOp function, llvm::json::Array entries) {
  if (report.empty())
    return;
  llvm::json::Object root{{"version", 1}, {"activations", std::move(entries)}};
  std::string text = llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root)));
  if (::gpfq::Failure failure = ::gpfq::writeFileAtomically(report, text)) {
    function.emitError() << *failure;
    signalPassFailure();
  }
}

/// Why a layer needs more of its input than signs; empty if it does not.
static std::string explainCodes(QuantizableOp &layer) {
  std::string name = "layer '" + layer.name() + "' ";
  if (!layer.layer.getAlphabet().isSigns())
    return name + "has weights other than -1 and 1";
  if (layer.isDepthwise)
    return name + "is depthwise";
  if (layer.groups() != 1)
    return name + "has groups";
  if (layer.shape.inputChannels < lowbit::minSignChannels)
    return name + "has fewer than " + std::to_string(lowbit::minSignChannels) + " input channels";
  return "";
}

/// True if kernels for `layer` may take less time where a code and a level fit a byte. Levels of up
/// to five bits leave most codes; with few products for a pixel there is nothing to win.
static bool gainsFromRoom(QuantizableOp &layer) {
  constexpr int64_t minOutputs = 32, minProducts = 6144;
  int64_t outputs = layer.shape.outputChannels / layer.groups();
  return !layer.isDepthwise && layer.layer.getAlphabet().getSpan() <= lowbit::maxReservedCodes &&
         outputs >= minOutputs && outputs * layer.columns() >= minProducts;
}

int QuantizeActivationsPass::getMaxCode(const Activation &activation,
                                        MutableArrayRef<QuantizableOp> layers) const {
  if (max != 0)
    return int(max);
  if (bits != 8 && bits != 1)
    return (1 << bits) - 1;
  int reserved = 0;
  for (unsigned layer : activation.layers)
    if (gainsFromRoom(layers[layer]))
      reserved = std::max(reserved, layers[layer].layer.getAlphabet().getSpan());
  return lowbit::maxCode - reserved;
}

ActivationScale QuantizeActivationsPass::chooseScale(const Activation &activation,
                                                     MutableArrayRef<QuantizableOp> layers,
                                                     const RangeObserver &observer,
                                                     RangeRule rule) {
  int maxCode = getMaxCode(activation, layers);
  if (bits != 1)
    return observer.scale(rule, percentile, maxCode);
  std::string reason;
  for (unsigned layer : activation.layers)
    if (reason.empty())
      reason = explainCodes(layers[layer]);
  if (reason.empty() && observer.min() >= 0.0f)
    reason = "it is never negative in the calibration data";
  if (reason.empty()) {
    ++numSigns;
    return observer.signScale();
  }
  ++numNotSigns;
  emitRemark(activation.value.getLoc(), "keeps 8 bits: ") << reason;
  return observer.scale(rule, percentile, maxCode);
}

void QuantizeActivationsPass::quantize(const Activation &activation, const RangeObserver &observer,
                                       ActivationScale scale, int maxCode) {
  Value value = activation.value;
  if (observer.min() == 0.0f && observer.max() == 0.0f)
    emitRemark(value.getLoc(), "is 0 in all calibration data; its scale is set to 1");
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  Value scaleValue = createFloatConstant(builder, loc, {1}, {scale.scale});
  auto codes = lowbit::QuantizeOp::create(builder, loc, type.clone(builder.getI8Type()), value,
                                          scaleValue, uint32_t(scale.zeroPoint),
                                          scale.isSign ? lowbit::maxCode : maxCode, scale.isSign);
  auto floats = lowbit::DequantizeOp::create(
      builder, loc, type, codes, scaleValue, builder.getI32IntegerAttr(scale.zeroPoint),
      IntegerAttr(), IntegerAttr(), lowbit::AlphabetAttr(), StringAttr());
  value.replaceAllUsesExcept(floats, codes);
  ++numQuantized;
}

/// The floats of `value` after its rows have been quantised.
static Value createRowPair(OpBuilder &builder, Value value, bool isSymmetric,
                           uint32_t maxCode = lowbit::maxCode) {
  Location loc = value.getLoc();
  auto codes = lowbit::QuantizeRowsOp::create(builder, loc, value, isSymmetric, maxCode);
  return lowbit::DequantizeRowsOp::create(builder, loc, value.getType(), codes.getResult(0),
                                          codes.getResult(1), codes.getResult(2));
}

void QuantizeActivationsPass::quantizeRows(const Activation &activation, int maxCode) {
  Value value = activation.value;
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  // Symmetric codes have 128 in the middle.
  Value floats = createRowPair(builder, value, symmetric, symmetric ? lowbit::maxCode : maxCode);
  // Other uses, as a residual sum, keep the floats: no code is stored for them.
  value.replaceUsesWithIf(floats, [](OpOperand &use) {
    auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
    return op && op->hasAttr(lowbit::layerAttrName) && op.isDpsInput(&use);
  });
  ++numDynamic;
}

/// Rows of the first operand, columns of the second one, which are symmetric.
void QuantizeActivationsPass::quantizeProducts(func::FuncOp function) {
  DenseMap<Value, Value> rows;
  function.walk([&](linalg::LinalgOp op) {
    std::string reason;
    FailureOr<MatrixProduct> product = failure();
    if (op->hasAttr(lowbit::productAttrName))
      product = matchMatrixProduct(op, reason);
    Value left = op.getDpsInputs().empty() ? Value() : op.getDpsInputs()[0];
    if (failed(product) || left.getDefiningOp<lowbit::DequantizeRowsOp>())
      return;
    Location loc = op.getLoc();
    OpBuilder builder(op);
    Value &leftRows = rows[left];
    if (!leftRows) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfterValue(left);
      leftRows = createRowPair(builder, left, symmetric);
    }
    op->setOperand(0, leftRows);
    Value right = op.getDpsInputs()[1];
    if (product->isRightTransposed) {
      op->setOperand(1, createRowPair(builder, right, /*isSymmetric=*/true));
    } else {
      Value columns = transposeMatrices(builder, loc, right);
      columns = createRowPair(builder, columns, /*isSymmetric=*/true);
      op->setOperand(1, transposeMatrices(builder, loc, columns));
    }
    ++numProducts;
  });
}

void QuantizeActivationsPass::runOnOperation() {
  FailureOr<func::FuncOp> function = getNetwork(getOperation());
  FailureOr<bool> dynamic = isDynamic();
  FailureOr<RangeRule> rule = getRule();
  if (failed(function) || failed(dynamic) || failed(rule) || failed(verifyCalibratable(*function)))
    return signalPassFailure();
  FailureOr<std::vector<QuantizableOp>> layers = collectQuantizableOps(*function);
  if (failed(layers))
    return signalPassFailure();
  SmallVector<Activation> activations = collectActivations(*layers);
  if (llvm::none_of(*layers, [](const QuantizableOp &layer) { return bool(layer.layer); })) {
    function->emitError("has no op with ")
        << lowbit::layerAttrName
        << ", so there is nothing to quantise; run gpfq-annotate-layers first";
    return signalPassFailure();
  }
  quantizeProducts(*function);
  if (*dynamic)
    llvm::erase_if(activations, [&](const Activation &activation) {
      linalg::LinalgOp reader = (*layers)[activation.layers.front()].op;
      if (!isa<linalg::MatmulOp, linalg::BatchMatmulOp>(reader.getOperation()))
        return false;
      quantizeRows(activation, getMaxCode(activation, *layers));
      return true;
    });
  if (activations.empty())
    return writeReport(*function, {});
  // The report alone needs but a sample of the values; 7 shares no factor with numbers of channels.
  bool isSample = *rule == RangeRule::MinMax && bits != 1;
  std::vector<RangeObserver> observers(
      activations.size(), RangeObserver(!isSample || !report.empty(), isSample ? 7 : 1));
  if (failed(observe(*function, *layers, activations, *rule, observers)))
    return signalPassFailure();
  llvm::json::Array entries;
  for (auto [activation, observer] : llvm::zip(activations, observers)) {
    if (observer.hasNonFinite()) {
      emitError(activation.value.getLoc(),
                "becomes NaN or infinite for some calibration sample; check the "
                "network and the preprocessing of the data");
      return signalPassFailure();
    }
    ActivationScale scale = chooseScale(activation, *layers, observer, *rule);
    int maxCode = getMaxCode(activation, *layers);
    quantize(activation, observer, scale, maxCode);
    if (!report.empty())
      entries.push_back(describe(activation, *layers, observer, scale, maxCode));
  }
  writeReport(*function, std::move(entries));
}
