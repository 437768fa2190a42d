// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "OpChecks.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/IR/PackedWeights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lowbit;

#include "gpfq/Dialect/LowBit/IR/LowBitDialect.cpp.inc"
#include "gpfq/Dialect/LowBit/IR/LowBitEnums.cpp.inc"
#include "gpfq/Dialect/LowBit/IR/LowBitInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "gpfq/Dialect/LowBit/IR/LowBitAttributes.cpp.inc"

void LowBitDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "gpfq/Dialect/LowBit/IR/LowBitAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "gpfq/Dialect/LowBit/IR/LowBitOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// AlphabetAttr
//===----------------------------------------------------------------------===//

static constexpr int32_t minStoredLevel = -128, maxStoredLevel = 127;

LogicalResult AlphabetAttr::verify(function_ref<InFlightDiagnostic()> emitError, AlphabetKind kind,
                                   ArrayRef<int32_t> values) {
  auto expectValues = [&](size_t count) -> LogicalResult {
    if (values.size() == count)
      return success();
    return emitError() << "alphabet '" << stringifyAlphabetKind(kind) << "' takes " << count
                       << " value(s), got " << values.size();
  };
  switch (kind) {
  case AlphabetKind::MidTread:
    if (failed(expectValues(1)))
      return failure();
    if (values[0] < 1 || values[0] > maxStoredLevel)
      return emitError() << "mid_tread takes K in 1..127, got " << values[0];
    return success();
  case AlphabetKind::MidRise:
    if (failed(expectValues(1)))
      return failure();
    if (values[0] < 1 || values[0] > 64)
      return emitError() << "mid_rise takes K in 1..64 (levels up to 127), got " << values[0];
    return success();
  case AlphabetKind::Range:
    if (failed(expectValues(2)))
      return failure();
    if (values[0] < minStoredLevel || values[1] > maxStoredLevel || values[0] >= values[1])
      return emitError() << "range takes -128 <= lo < hi <= 127, got " << values[0] << " and "
                         << values[1];
    return success();
  case AlphabetKind::Levels:
    if (values.size() < 2)
      return emitError() << "an alphabet needs at least two levels";
    for (auto [a, b] : llvm::zip(values.drop_back(), values.drop_front()))
      if (a >= b)
        return emitError() << "levels must be strictly ascending, got " << a << " before " << b;
    if (values.front() < minStoredLevel || values.back() > maxStoredLevel)
      return emitError() << "levels must lie in -128..127";
    return success();
  }
  llvm_unreachable("covered switch");
}

SmallVector<int32_t> AlphabetAttr::getLevels() const {
  SmallVector<int32_t> levels;
  switch (getKind()) {
  case AlphabetKind::MidTread:
    llvm::append_range(levels, llvm::seq_inclusive(-getValues()[0], getValues()[0]));
    break;
  case AlphabetKind::MidRise:
    for (int32_t level = getMinLevel(); level <= getMaxLevel(); level += 2)
      levels.push_back(level);
    break;
  case AlphabetKind::Range:
    llvm::append_range(levels, llvm::seq_inclusive(getValues()[0], getValues()[1]));
    break;
  case AlphabetKind::Levels:
    llvm::append_range(levels, getValues());
    break;
  }
  return levels;
}

int32_t AlphabetAttr::getMinLevel() const {
  switch (getKind()) {
  case AlphabetKind::MidTread:
    return -getValues()[0];
  case AlphabetKind::MidRise:
    return 1 - 2 * getValues()[0];
  case AlphabetKind::Range:
  case AlphabetKind::Levels:
    return getValues().front();
  }
  llvm_unreachable("covered switch");
}

int32_t AlphabetAttr::getMaxLevel() const {
  switch (getKind()) {
  case AlphabetKind::MidTread:
    return getValues()[0];
  case AlphabetKind::MidRise:
    return 2 * getValues()[0] - 1;
  case AlphabetKind::Range:
  case AlphabetKind::Levels:
    return getValues().back();
  }
  llvm_unreachable("covered switch");
}

int32_t AlphabetAttr::getMaxMagnitude() const {
  return std::max(std::abs(getMinLevel()), std::abs(getMaxLevel()));
}

int64_t AlphabetAttr::getNumLevels() const {
  switch (getKind()) {
  case AlphabetKind::MidTread:
  case AlphabetKind::Range:
    return int64_t(getMaxLevel()) - getMinLevel() + 1;
  case AlphabetKind::MidRise:
    return 2 * int64_t(getValues()[0]);
  case AlphabetKind::Levels:
    return getValues().size();
  }
  llvm_unreachable("covered switch");
}

unsigned AlphabetAttr::getBits() const { return std::max(1u, llvm::Log2_64_Ceil(getNumLevels())); }

bool AlphabetAttr::containsLevel(int32_t level) const {
  if (level < getMinLevel() || level > getMaxLevel())
    return false;
  if (getKind() == AlphabetKind::MidRise)
    return level % 2 != 0;
  if (getKind() == AlphabetKind::Levels)
    return llvm::is_contained(getValues(), level);
  return true;
}

bool AlphabetAttr::isSigns() const { return getLevels() == ArrayRef<int32_t>{-1, 1}; }

AlphabetAttr AlphabetAttr::getDefault(MLIRContext *context, unsigned bits) {
  assert(bits >= 1 && bits <= 8 && "weights have 1 to 8 bits");
  if (bits <= 3)
    return get(context, AlphabetKind::MidRise, {1 << (bits - 1)});
  return get(context, AlphabetKind::MidTread, {(1 << (bits - 1)) - 1});
}

//===----------------------------------------------------------------------===//
// LayerAttr
//===----------------------------------------------------------------------===//

LogicalResult LayerAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef,
                                AlphabetAttr, Granularity granularity, int64_t blockSize) {
  if ((granularity == Granularity::Block) != (blockSize > 0) || blockSize < 0)
    return emitError()
           << "granularity block, and no other, has a positive number of input channels";
  return success();
}

//===----------------------------------------------------------------------===//
// LayoutAttr
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> getStoredKernel(ArrayRef<int64_t> kernel, FieldEncoding encoding) {
  SmallVector<int64_t> stored(kernel);
  if (encoding == FieldEncoding::Signs)
    stored.back() = getSignBytes(stored.back());
  return stored;
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef,
                                 int64_t lanes, int64_t vectors, FieldEncoding encoding,
                                 int64_t run, ArrayRef<int64_t> kernel, ArrayRef<int64_t> border,
                                 ArrayRef<int64_t> tile) {
  constexpr int64_t mostLanes = 64, mostVectors = 64;
  if (lanes < 1 || lanes > mostLanes || vectors < 1 || vectors > mostVectors || run < 1)
    return emitError() << "run must be positive, lanes and vectors from 1 to 64";
  if (kernel.size() < 2 || kernel.size() > 4 ||
      llvm::any_of(kernel, [](int64_t size) { return size < 1; }))
    return emitError() << "kernel must have 2 to 4 positive sizes";
  if (failed(verifySizes(emitError, "kernel", kernel)))
    return failure();
  size_t tileRank = kernel.size() == 3 ? 2 : 1;
  if (!tile.empty() && (tile.size() != tileRank ||
                        llvm::any_of(tile, [](int64_t size) { return size < 1 || size > 64; })))
    return emitError() << "tile must have " << tileRank << " sizes from 1 to 64";
  bool hasSigns = encoding == FieldEncoding::Signs;
  if (hasSigns && kernel.size() == 3)
    return emitError() << "a depthwise kernel has no signs";
  if (!border.empty() &&
      (!hasSigns || kernel.size() != 4 || border.size() != 4 ||
       llvm::any_of(border, [](int64_t size) { return size < 0 || size > maxSignBorder; })))
    return emitError() << "border is four sizes from 0 to " << maxSignBorder
                       << ", of a convolution of signs";
  SmallVector<int64_t> stored = ::getStoredKernel(kernel, encoding);
  int64_t outputs = kernel.size() == 3 ? kernel.back() : kernel.front();
  if (ShapedType::getNumElements(stored) / outputs % run != 0)
    return emitError() << "run " << run << " does not divide the reduction of the kernel";
  if (hasSigns && run % 4 != 0)
    return emitError() << "a run of signs is words of four bytes, got " << run << " bytes";
  return success();
}

SmallVector<int64_t> LayoutAttr::getStoredKernel() const {
  return ::getStoredKernel(getKernel(), getEncoding());
}

FailureOr<AlphabetAttr> mlir::lowbit::parseAlphabet(MLIRContext *context, StringRef text,
                                                    function_ref<InFlightDiagnostic()> emitError) {
  auto [kindText, valuesText] = text.split(':');
  std::optional<AlphabetKind> kind = symbolizeAlphabetKind(kindText);
  SmallVector<StringRef> parts;
  valuesText.split(parts, ':');
  SmallVector<int32_t> values(parts.size());
  bool areIntegers = llvm::all_of(llvm::zip(parts, values), [](auto pair) {
    return !std::get<0>(pair).getAsInteger(10, std::get<1>(pair));
  });
  if (!kind || !areIntegers)
    return emitError() << "'" << text
                       << "' is not an alphabet; write mid_tread:7, mid_rise:2, range:-8:7 or "
                          "levels:-3:0:1";
  auto alphabet = AlphabetAttr::getChecked(emitError, context, *kind, values);
  if (!alphabet)
    return failure();
  return alphabet;
}
