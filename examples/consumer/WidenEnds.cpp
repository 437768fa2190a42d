// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "WidenEnds.h"

namespace consumer {
#define GEN_PASS_DEF_WIDENENDS
#include "WidenEnds.h.inc"
} // namespace consumer

using namespace mlir;
using lowbit::AlphabetAttr;
using lowbit::LayerAttr;

namespace {

struct WidenEnds : consumer::impl::WidenEndsBase<WidenEnds> {
  using WidenEndsBase::WidenEndsBase;

  void runOnOperation() override {
    if (bits < 1 || bits > 8) {
      getOperation().emitError() << "bits=" << bits.getValue() << " is not in 1..8";
      return signalPassFailure();
    }
    SmallVector<Operation *> layers;
    getOperation().walk([&](Operation *op) {
      if (op->hasAttrOfType<LayerAttr>(lowbit::layerAttrName))
        layers.push_back(op);
    });
    if (layers.empty())
      return;
    widen(layers.front());
    widen(layers.back());
  }

private:
  void widen(Operation *op) {
    auto layer = op->getAttrOfType<LayerAttr>(lowbit::layerAttrName);
    if (layer.getAlphabet().getBits() >= bits)
      return;
    AlphabetAttr alphabet = AlphabetAttr::getDefault(&getContext(), bits);
    op->setAttr(lowbit::layerAttrName,
                LayerAttr::get(&getContext(), layer.getName(), alphabet, layer.getGranularity(),
                               layer.getBlockSize()));
    ++widened;
  }
};

} // namespace
