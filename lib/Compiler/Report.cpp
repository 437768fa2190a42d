// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/Report.h"

#include "gpfq/Conversion/ProfileLayers.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/SHA256.h"
#include <sys/resource.h>

using namespace mlir;
using namespace mlir::gpfq;

std::string mlir::gpfq::computeSha256(StringRef bytes) {
  llvm::SHA256 hash;
  hash.update(bytes);
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

int64_t mlir::gpfq::countFloatConstantBytes(ModuleOp module) {
  llvm::DenseSet<Attribute> seen;
  int64_t bytes = 0;
  module.walk([&](arith::ConstantOp op) {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (type && isa<FloatType>(type.getElementType()) && seen.insert(op.getValue()).second)
      bytes += type.getNumElements() * int64_t(type.getElementTypeBitWidth() / 8);
  });
  return bytes;
}

/// The name of a layer: of its annotation, of its location, or of the op.
static std::string getLayerName(linalg::LinalgOp op) {
  if (auto layer = op->getAttrOfType<lowbit::LayerAttr>("lowbit.layer"))
    return layer.getName().str();
  if (auto named = op.getLoc()->findInstanceOf<NameLoc>())
    return named.getName().str();
  return op->getName().getStringRef().str();
}

std::vector<std::string> mlir::gpfq::findFloatLayers(ModuleOp module) {
  std::vector<std::string> names;
  module.walk([&](linalg::LinalgOp op) {
    bool isPooling = op->getName().getStringRef().starts_with("linalg.pooling");
    if (!isPooling &&
        (linalg::isaConvolutionOpInterface(op) || linalg::isaContractionOpInterface(op)))
      names.push_back(getLayerName(op));
  });
  return names;
}

static int64_t countBytes(Value value) {
  auto type = cast<ShapedType>(value.getType());
  return type.getNumElements() * int64_t(llvm::divideCeil(type.getElementTypeBitWidth(), 8));
}

std::vector<CompiledLayer> mlir::gpfq::describeLayers(ModuleOp module) {
  std::vector<CompiledLayer> layers;
  module.walk([&](lowbit::LowBitComputeOpInterface op) {
    std::string name = *getProfiledName(op);
    auto known = llvm::find_if(layers, [&](const CompiledLayer &l) { return l.name == name; });
    if (known == layers.end())
      known = layers.insert(known, {name, 0, 0, 0, op.hasIntegerAccumulator()});
    auto styled = cast<DestinationStyleOpInterface>(op.getOperation());
    Value init = styled.getDpsInits()[0];
    // Those of a product of two activations are no weights.
    if (!isa<lowbit::BatchMatmulOp>(op))
      known->weightBytes += countBytes(op.getWeights());
    known->activationBytes += countBytes(styled.getDpsInputs()[0]) + countBytes(init);
    known->multiplyAdds +=
        cast<ShapedType>(init.getType()).getNumElements() * op.getReductionLength();
  });
  return layers;
}

FailureOr<std::string> mlir::gpfq::formatReport(const CompilationReport &report,
                                                ArrayRef<std::string> parts, Location loc) {
  llvm::json::Object root{{"version", 1}, {"layers", llvm::json::Array()}};
  for (const std::string &part : parts) {
    llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(part);
    if (!parsed)
      return emitError(loc) << "cannot read back the report of the quantisation: "
                            << llvm::toString(parsed.takeError());
    if (!parsed->getAsObject())
      return emitError(loc, "the report of the quantisation is not a JSON object");
    for (auto &[key, value] : *parsed->getAsObject())
      root[key] = std::move(value);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  llvm::json::Object totals{{"weight_bytes", report.weightBytes},
                            {"float_weight_bytes", report.floatWeightBytes},
                            {"workspace_bytes", report.workspaceBytes},
                            {"live_bytes", report.liveBytes},
                            // Linux counts in KiB.
                            {"peak_memory_bytes", int64_t(usage.ru_maxrss) * 1024},
                            {"quantize_seconds", report.quantizeSeconds},
                            {"compile_seconds", report.compileSeconds},
                            {"float_left", llvm::json::Array(report.floatLeft)}};
  llvm::json::Array layers;
  for (const CompiledLayer &layer : report.compiledLayers)
    layers.push_back(llvm::json::Object{{"name", layer.name},
                                        {"weight_bytes", layer.weightBytes},
                                        {"activation_bytes", layer.activationBytes},
                                        {"multiply_adds", layer.multiplyAdds},
                                        {"arithmetic", layer.isInteger ? "integer" : "float"}});
  root["model_sha256"] = report.modelSha256;
  root["compiled_layers"] = std::move(layers);
  root["totals"] = std::move(totals);
  return llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root))).str();
}
