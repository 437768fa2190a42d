// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/CalibrationRun.h"

#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Support/Gathers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::CalibrationData;
using ::gpfq::ElementType;
using ::gpfq::Failure;

FailureOr<func::FuncOp> mlir::gpfq::getNetwork(ModuleOp module) {
  SmallVector<func::FuncOp> all, visible;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    all.push_back(function);
    if (function.isPublic())
      visible.push_back(function);
  }
  if (all.size() == 1)
    return all.front();
  if (visible.size() == 1)
    return visible.front();
  return module.emitError("has ")
         << visible.size()
         << " public functions with a body, and one is expected, the network; "
            "make the others private";
}

/// The type of data for an argument that verifyCalibratable() accepts.
static ElementType getElementType(Type type) {
  if (type.isInteger(64))
    return ElementType::I64;
  if (type.isInteger(32))
    return ElementType::I32;
  return type.isInteger(8) ? ElementType::I8 : ElementType::F32;
}

FailureOr<std::vector<CalibrationData>> mlir::gpfq::openCalibrationData(func::FuncOp function,
                                                                        ArrayRef<std::string> files,
                                                                        int64_t &samples) {
  size_t arguments = function.getNumArguments();
  if (files.size() != arguments)
    return function.emitError("has ")
           << arguments << " argument" << (arguments == 1 ? "" : "s") << ", and " << files.size()
           << " calibration files are given; name one for each, separated by "
              "commas: calibration=a.npy,b.npy";
  std::vector<CalibrationData> result;
  for (auto [path, argument] : llvm::zip(files, function.getArgumentTypes())) {
    auto type = cast<RankedTensorType>(argument);
    ::gpfq::Result<CalibrationData> data =
        CalibrationData::open(path, getElementType(type.getElementType()));
    if (!data)
      return function.emitError() << data.message();
    ArrayRef<int64_t> shape = type.getShape();
    if (Failure failure = data->checkShape({shape.begin(), shape.end()}))
      return function.emitError() << *failure;
    result.push_back(std::move(*data));
  }
  int64_t available = result.empty() ? 0 : result.front().samples();
  for (const CalibrationData &data : result)
    if (data.samples() != available)
      return function.emitError("calibration files '")
             << result.front().path() << "' and '" << data.path() << "' have " << available
             << " and " << data.samples()
             << " samples; sample i of one goes with sample i of the other";
  if (samples < 0 || samples > available)
    return function.emitError() << samples
                                << " samples are asked for, and the calibration files have "
                                << available;
  if (samples == 0)
    samples = available;
  for (auto [i, data] : llvm::enumerate(result)) {
    Failure failure = data.checkFinite(samples);
    if (std::optional<IndexBounds> bounds = getIndexBounds(function, unsigned(i)))
      failure = data.checkRange(samples, bounds->low, bounds->high);
    if (failure)
      return function.emitError() << *failure;
  }
  return result;
}

std::string mlir::gpfq::hashRun(func::FuncOp function, ArrayRef<CalibrationData> data,
                                int64_t samples, bool withLayerAttributes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto addBytes = [&](ArrayRef<uint8_t> bytes) {
    llvm::XXH128_hash_t hash = llvm::xxh3_128bits(bytes);
    os << llvm::format_hex_no_prefix(hash.high64, 16) << llvm::format_hex_no_prefix(hash.low64, 16);
  };
  // The text without the bytes of constants, then those.
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(/*largeElementLimit=*/16);
  if (withLayerAttributes) {
    function->print(os, flags);
  } else {
    OwningOpRef<func::FuncOp> copy(function.clone());
    copy->walk([](Operation *op) { op->removeAttr(lowbit::layerAttrName); });
    (*copy)->print(os, flags);
  }
  function.walk([&](arith::ConstantOp op) {
    if (auto dense = dyn_cast<DenseElementsAttr>(op.getValue())) {
      ArrayRef<char> raw = dense.getRawData();
      addBytes(ArrayRef(reinterpret_cast<const uint8_t *>(raw.data()), raw.size()));
    } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue())) {
      if (AsmResourceBlob *blob = resource.getRawHandle().getBlob()) {
        ArrayRef<char> raw = blob->getData();
        addBytes(ArrayRef(reinterpret_cast<const uint8_t *>(raw.data()), raw.size()));
      }
    }
  });
  for (const CalibrationData &file : data)
    addBytes(ArrayRef(reinterpret_cast<const uint8_t *>(file.sample(0)),
                      size_t(samples * file.sampleBytes())));
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(ArrayRef(reinterpret_cast<const uint8_t *>(text.data()), text.size()));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}
