// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/ModelInterface.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::gpfq;

int64_t TensorInfo::getSampleBytes() const {
  int64_t bytes = kind == ElementKind::I64                               ? 8
                  : kind == ElementKind::F32 || kind == ElementKind::I32 ? 4
                                                                         : 1;
  for (int64_t size : shape)
    bytes *= ShapedType::isDynamic(size) ? 1 : size;
  return bytes;
}

static std::optional<ElementKind> getElementKind(Type type) {
  if (type.isF32())
    return ElementKind::F32;
  if (type.isUnsignedInteger(8))
    return ElementKind::U8;
  if (type.isInteger(8))
    return ElementKind::I8;
  if (type.isInteger(32))
    return ElementKind::I32;
  if (type.isInteger(64))
    return ElementKind::I64;
  return std::nullopt;
}

static FailureOr<TensorInfo> readTensor(func::FuncOp func, Type type, const Twine &name) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  std::optional<ElementKind> kind = tensor ? getElementKind(tensor.getElementType()) : std::nullopt;
  if (!kind)
    return func.emitError() << name << " has type " << type
                            << "; a library takes and gives ranked tensors of f32, i8, i32 or i64";
  for (int64_t d = 1; d < tensor.getRank(); ++d)
    if (tensor.isDynamicDim(d))
      return func.emitError()
             << name << " has type " << type << ": dimension " << d
             << " is dynamic; only the first (batch) may be; export the network for "
                "a fixed size";
  return TensorInfo{name.str(), *kind, llvm::to_vector(tensor.getShape())};
}

/// A function that gpfq-specialize-batch has seen names the tensors whose batch was dynamic.
static void restoreDynamicBatch(func::FuncOp model, ModelInterface &interface) {
  auto dynamic = model->getAttrOfType<DictionaryAttr>("gpfq.dynamic_batch");
  if (!dynamic)
    return;
  auto restore = [&](StringRef name, SmallVectorImpl<TensorInfo> &tensors) {
    if (auto positions = dynamic.getAs<DenseI64ArrayAttr>(name))
      for (int64_t i : positions.asArrayRef())
        if (i >= 0 && i < int64_t(tensors.size()) && !tensors[i].shape.empty())
          tensors[i].shape[0] = ShapedType::kDynamic;
  };
  restore("arguments", interface.inputs);
  restore("results", interface.outputs);
}

FailureOr<ModelInterface> mlir::gpfq::readModelInterface(ModuleOp module) {
  func::FuncOp model;
  for (func::FuncOp func : module.getOps<func::FuncOp>()) {
    if (!func.isPublic() || func.isDeclaration())
      continue;
    if (model) {
      InFlightDiagnostic diagnostic =
          func.emitError("the module has two public functions; a library is made of one: "
                         "make the others private");
      diagnostic.attachNote(model.getLoc()) << "the other one is here";
      return diagnostic;
    }
    model = func;
  }
  if (!model)
    return module.emitError("the module has no public function to compile");
  if (!model.getBody().hasOneBlock())
    return model.emitError("the function has control flow; a network must be one block");

  ModelInterface result;
  for (auto [i, type] : llvm::enumerate(model.getArgumentTypes())) {
    FailureOr<TensorInfo> info = readTensor(model, type, "input" + Twine(i));
    if (failed(info))
      return failure();
    result.inputs.push_back(*info);
  }
  for (auto [i, type] : llvm::enumerate(model.getResultTypes())) {
    FailureOr<TensorInfo> info = readTensor(model, type, "output" + Twine(i));
    if (failed(info))
      return failure();
    result.outputs.push_back(*info);
  }
  if (result.outputs.empty())
    return model.emitError("the function has no result");

  restoreDynamicBatch(model, result);
  auto isDynamic = [](const TensorInfo &t) {
    return !t.shape.empty() && ShapedType::isDynamic(t.shape[0]);
  };
  auto all = llvm::concat<const TensorInfo>(result.inputs, result.outputs);
  result.dynamicBatch = llvm::any_of(all, isDynamic);
  if (result.dynamicBatch && !llvm::all_of(all, isDynamic))
    return model.emitError(
        "the first dimension of some arguments or results is dynamic and that of "
        "others is not; the batch must be dynamic in all or in none");
  return result;
}

std::string mlir::gpfq::makeSymbolPrefix(StringRef outputFile) {
  StringRef stem = llvm::sys::path::stem(outputFile);
  stem.consume_front("lib");
  std::string symbol;
  for (char c : stem)
    symbol += llvm::isAlnum(c) ? c : '_';
  if (symbol.empty() || llvm::isDigit(symbol[0]))
    symbol.insert(0, "net");
  return symbol;
}

bool mlir::gpfq::isSymbolPrefix(StringRef text) {
  return !text.empty() && !llvm::isDigit(text[0]) &&
         llvm::all_of(text, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}
