// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LayerName.h"
#include "gpfq/Calibration/QuantizableOp.h"
#include "gpfq/Conversion/MatrixProduct.h"
#include "gpfq/Support/Constants.h"
#include "gpfq/Transforms/LayerPolicy.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQANNOTATELAYERS
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

namespace {

struct AnnotateLayers : mlir::gpfq::impl::GPFQAnnotateLayersBase<AnnotateLayers> {
  using GPFQAnnotateLayersBase::GPFQAnnotateLayersBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal())
      return;
    LayerSetting defaults;
    LayerPolicy policy;
    if (failed(readOptions(defaults, policy)))
      return signalPassFailure();

    uses.clear();
    position = 0;
    productPosition = 0;
    func.walk([&](linalg::LinalgOp op) { annotate(op, defaults, policy); });
    auto emitError = [&] { return func.emitError(); };
    if (failed(policy.verifyAllMatched(emitError)))
      return signalPassFailure();
    if (position == 0) {
      func.emitError("has no convolution or matmul with constant weights that can be quantised; "
                     "convolutions must be channels-last (run gpfq-channels-last)");
      return signalPassFailure();
    }
  }

private:
  LogicalResult readOptions(LayerSetting &defaults, LayerPolicy &policy) {
    auto emitError = [&] { return getOperation().emitError(); };
    if (weightBits < 1 || weightBits > 8)
      return emitError() << "weight-bits must be 1 to 8, got " << weightBits.getValue();
    defaults.alphabet = AlphabetAttr::getDefault(&getContext(), weightBits);
    if (!alphabet.empty()) {
      FailureOr<AlphabetAttr> parsed = parseLayerAlphabet(&getContext(), alphabet, emitError);
      if (failed(parsed))
        return failure();
      defaults.alphabet = *parsed;
    }
    std::optional<Granularity> parsed = symbolizeGranularity(granularity);
    if (!parsed)
      return emitError() << "granularity must be tensor, channel or block, got '" << granularity
                         << "'";
    defaults.granularity = *parsed;
    if (blockSize < 1)
      return emitError() << "block-size must be at least 1, got " << blockSize.getValue();
    defaults.blockSize = blockSize;
    if (products != "float" && products != "int8")
      return emitError() << "products must be float or int8, got '" << products << "'";
    if (!this->policy.empty()) {
      FailureOr<LayerPolicy> loaded = LayerPolicy::load(&getContext(), this->policy, emitError);
      if (failed(loaded))
        return failure();
      policy = std::move(*loaded);
    }
    if (!skip.empty())
      return policy.addSkip(skip, emitError);
    return success();
  }

  void annotate(linalg::LinalgOp op, const LayerSetting &defaults, LayerPolicy &policy) {
    if (!isLayer(op))
      return;
    std::string reason;
    std::optional<QuantizableOp> layer = QuantizableOp::match(op, reason);
    if (!layer && linalg::isaContractionOpInterface(op) &&
        !getConstantFloats(op.getDpsInputs()[1])) {
      annotateProduct(op);
      return;
    }
    if (!layer) {
      op->emitRemark("is not quantised: it ") << reason;
      ++numUnsupported;
      return;
    }
    std::string name = getGivenLayerName(op, getConstantFloats(op.getDpsInputs()[1])->name);
    if (name.empty())
      name = getPositionalLayerName(op, position);
    ++position;
    name = makeUnique(name);

    LayerSetting setting = defaults;
    policy.apply(name, setting);
    if (setting.skip) {
      ++numSkipped;
      return;
    }
    ++numAnnotated;
    checkBlocks(*layer, name, setting);
    int64_t block = setting.granularity == Granularity::Block ? setting.blockSize : 0;
    op->setAttr(layerAttrName,
                LayerAttr::get(&getContext(), name, setting.alphabet, setting.granularity, block));
  }

  /// `op` multiplies two activations.
  void annotateProduct(linalg::LinalgOp op) {
    ++numProducts;
    if (products == "float") {
      op->emitRemark("multiplies two activations, so it stays in float");
      return;
    }
    // A generic of the form of a named op becomes that op.
    if (auto generic = dyn_cast<linalg::GenericOp>(op.getOperation())) {
      IRRewriter rewriter(generic);
      FailureOr<linalg::LinalgOp> named = linalg::specializeGenericOp(rewriter, generic);
      if (succeeded(named))
        op = *named;
    }
    std::string reason;
    if (failed(matchMatrixProduct(op, reason))) {
      op->emitRemark("multiplies two activations and stays in float: ") << reason;
      return;
    }
    auto location = op->getLoc()->findInstanceOf<NameLoc>();
    std::string name =
        location ? location.getName().str() : "product_" + std::to_string(productPosition);
    ++productPosition;
    op->setAttr(productAttrName, StringAttr::get(&getContext(), makeUnique(name)));
    ++numIntegerProducts;
  }

  /// `name`, with a number behind it if another layer has it.
  std::string makeUnique(std::string name) {
    unsigned use = uses[name]++;
    return use > 0 ? name + "_" + std::to_string(use) : name;
  }

  /// Layers that blocks do not divide get a scale for each channel.
  static void checkBlocks(QuantizableOp &layer, StringRef name, LayerSetting &setting) {
    if (setting.granularity != Granularity::Block)
      return;
    int64_t channels = layer.shape.channelsPerGroup();
    bool isOneBlock = channels <= setting.blockSize;
    if (!isOneBlock && layer.shape.groups == 1 && channels % setting.blockSize == 0)
      return;
    setting.granularity = Granularity::Channel;
    if (isOneBlock)
      return;
    auto remark = layer.op->emitRemark("layer '") << name << "' has ";
    if (layer.shape.groups > 1)
      remark << layer.shape.groups << " channel groups";
    else
      remark << channels << " input channels, no multiple of " << setting.blockSize;
    remark << "; it gets one scale for each output channel";
  }

  /// Layers of each name.
  llvm::StringMap<unsigned> uses;
  /// Layers, and products of two activations, seen that can be quantised.
  unsigned position = 0, productPosition = 0;
};

} // namespace
