// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LayerName.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mlir::gpfq;

bool mlir::gpfq::isLayer(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return false;
  if (isa<linalg::ConvolutionOpInterface>(op))
    return !op->getName().getStringRef().contains("pooling");
  return linalg::isaContractionOpInterface(linalgOp);
}

std::string mlir::gpfq::getGivenLayerName(Operation *op, StringRef resource) {
  // A resource has a number behind its name for each time that a pass replaced it.
  SmallVector<StringRef> parts;
  if (llvm::Regex("^(.*)\\.weight(_[0-9]+)*$").match(resource, &parts))
    return parts[1].str();
  bool isAnonymous =
      resource.empty() || resource.starts_with("torch_tensor_") || resource.starts_with("constant");
  if (!isAnonymous)
    return resource.str();
  if (auto location = op->getLoc()->findInstanceOf<NameLoc>())
    return location.getName().str();
  return "";
}

std::string mlir::gpfq::getPositionalLayerName(Operation *op, unsigned position) {
  return (isa<linalg::ConvolutionOpInterface>(op) ? "conv_" : "linear_") + std::to_string(position);
}
