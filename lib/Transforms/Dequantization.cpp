// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Dequantization.h"

#include "gpfq/Support/Clip.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mlir::gpfq;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

namespace {

/// A value in the body of an elementwise op; if it is an integer, how its bits are read.
struct Scalar {
  Value value;
  bool isUnsigned = false;
};

/// (code - zeroPoint) * scale in the body of an elementwise op. The zero point may be absent, or a
/// float.
struct ScalarDequantization {
  Scalar code, zeroPoint;
  Value scale;
};

} // namespace

/// Looks through an extension, which says how the bits are to be read; without one, `isUnsigned`
/// does.
static Scalar skipExtension(Value value, bool isUnsigned) {
  if (auto extension = value.getDefiningOp<arith::ExtSIOp>())
    return {extension.getIn(), false};
  if (auto extension = value.getDefiningOp<arith::ExtUIOp>())
    return {extension.getIn(), true};
  return {value, isUnsigned};
}

/// float(code - zero point), or float(code) - zero point.
static bool matchDifference(Value value, ScalarDequantization &result) {
  if (auto difference = value.getDefiningOp<arith::SubFOp>()) {
    result.zeroPoint.value = difference.getRhs();
    value = difference.getLhs();
  }
  bool isUnsigned = false;
  if (auto conversion = value.getDefiningOp<arith::SIToFPOp>()) {
    value = conversion.getIn();
  } else if (auto conversion = value.getDefiningOp<arith::UIToFPOp>()) {
    isUnsigned = true;
    value = conversion.getIn();
  } else {
    return false;
  }
  if (auto difference = value.getDefiningOp<arith::SubIOp>()) {
    // Eight bits would wrap around, and a difference is signed.
    if (result.zeroPoint.value || isUnsigned || value.getType().getIntOrFloatBitWidth() <= 8)
      return false;
    result.zeroPoint = skipExtension(difference.getRhs(), false);
    value = difference.getLhs();
  }
  result.code = skipExtension(value, isUnsigned);
  return true;
}

static std::optional<ScalarDequantization> matchDequantization(Value value) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return std::nullopt;
  for (auto [codes, scale] : {std::pair(product.getLhs(), product.getRhs()),
                              std::pair(product.getRhs(), product.getLhs())}) {
    ScalarDequantization result;
    result.scale = scale;
    if (matchDifference(codes, result))
      return result;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

namespace {

/// Reads the values in the body of an elementwise op that do not depend on its variable inputs.
class BodyReader {
public:
  explicit BodyReader(linalg::GenericOp op) : op(op) {}

  /// One result of static shape, in the order of the loops.
  bool isElementwise() const {
    if (op.getNumResults() != 1 || op.getNumParallelLoops() != op.getNumLoops() ||
        !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
      return false;
    auto type = dyn_cast<RankedTensorType>(op.getResultTypes()[0]);
    return type && type.hasStaticShape() && type.getElementType().isF32();
  }
  Value getYielded() const { return op.getBlock()->getTerminator()->getOperand(0); }
  ArrayRef<int64_t> getShape() const {
    return cast<RankedTensorType>(op.getResultTypes()[0]).getShape();
  }

  /// The operand of which `value` is the element; null if it is none.
  OpOperand *getOperand(Value value) const {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != op.getBlock() ||
        argument.getArgNumber() >= op.getNumDpsInputs())
      return nullptr;
    return op.getDpsInputOperand(argument.getArgNumber());
  }

  /// The integers that `scalar` takes, row-major over the shape of its operand.
  std::optional<ConstantTensor<int32_t>> getIntegers(Scalar scalar) const {
    OpOperand *operand = getOperand(scalar.value);
    if (!operand)
      return std::nullopt;
    std::optional<ConstantTensor<int8_t>> bytes = getConstantBytes(operand->get());
    if (!bytes)
      return scalar.isUnsigned ? std::nullopt : getConstantIntegers(operand->get());
    ConstantTensor<int32_t> result{bytes->shape, {}, bytes->name};
    for (int8_t byte : bytes->values)
      result.values.push_back(scalar.isUnsigned ? int32_t(uint8_t(byte)) : int32_t(byte));
    return result;
  }

  /// What `scalar` is at each index, its strides being those of the loops; an absent one is 0.
  std::optional<ConstantView> getElements(Scalar scalar) const {
    if (!scalar.value)
      return getUniform(0.0f);
    APInt integer;
    if (matchPattern(scalar.value, m_ConstantInt(&integer)))
      return getUniform(scalar.isUnsigned ? float(integer.getZExtValue())
                                          : float(integer.getSExtValue()));
    if (std::optional<float> constant = getConstantFloat(scalar.value))
      return getUniform(*constant);
    OpOperand *operand = getOperand(scalar.value);
    if (!operand)
      return std::nullopt;
    std::optional<ConstantView> view = getConstantView(operand->get());
    if (!view) {
      std::optional<ConstantTensor<int32_t>> integers = getIntegers(scalar);
      if (!integers)
        return std::nullopt;
      view.emplace();
      view->shape = integers->shape;
      view->strides = computeStrides(integers->shape);
      view->values.assign(integers->values.begin(), integers->values.end());
    }
    std::optional<SmallVector<int64_t>> strides =
        getLoopStrides(*view, op.getMatchingIndexingMap(operand));
    if (!strides)
      return std::nullopt;
    view->shape = llvm::to_vector(getShape());
    view->strides = std::move(*strides);
    return view;
  }

  /// The one value of `scalar` at all indices.
  std::optional<float> getOne(Scalar scalar) const {
    std::optional<ConstantView> view = getElements(scalar);
    if (!view || view->values.empty() || !llvm::all_equal(view->values))
      return std::nullopt;
    return view->values[0];
  }

private:
  ConstantView getUniform(float value) const {
    ConstantView view;
    view.shape = llvm::to_vector(getShape());
    view.strides.assign(view.shape.size(), 0);
    view.values = {value};
    return view;
  }

  mutable linalg::GenericOp op; // a handle, whose accessors are not const
};

} // namespace

/// Looks through integer bounds of `scalar`, which narrow `low` and `high`. False if a bound is not
/// constant or reads the bits in the other way.
static bool peelClips(const BodyReader &reader, Scalar &scalar, int32_t &low, int32_t &high) {
  while (Operation *op = scalar.value.getDefiningOp()) {
    bool isMax = isa<arith::MaxSIOp, arith::MaxUIOp>(op);
    if (!isMax && !isa<arith::MinSIOp, arith::MinUIOp>(op))
      return true;
    if (isa<arith::MaxUIOp, arith::MinUIOp>(op) != scalar.isUnsigned)
      return false;
    std::optional<float> bound = reader.getOne({op->getOperand(1), scalar.isUnsigned});
    if (!bound)
      return false;
    // Outer bounds are applied last.
    if (isMax)
      low = std::min(std::max(low, int32_t(*bound)), high);
    else
      high = std::max(std::min(high, int32_t(*bound)), low);
    scalar.value = op->getOperand(0);
  }
  return true;
}

/// What an elementwise op yields, if that is a dequantisation.
static std::optional<ScalarDequantization> matchYieldedDequantization(const BodyReader &reader) {
  return reader.isElementwise() ? matchDequantization(reader.getYielded()) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

std::optional<DequantizedConstant> mlir::gpfq::matchDequantizedConstant(linalg::GenericOp op) {
  BodyReader reader(op);
  std::optional<ScalarDequantization> scalar = matchYieldedDequantization(reader);
  if (!scalar)
    return std::nullopt;
  int32_t low = std::numeric_limits<int32_t>::min(), high = std::numeric_limits<int32_t>::max();
  if (!peelClips(reader, scalar->code, low, high))
    return std::nullopt;
  OpOperand *operand = reader.getOperand(scalar->code.value);
  if (!operand || !op.getMatchingIndexingMap(operand).isIdentity())
    return std::nullopt;
  std::optional<ConstantTensor<int32_t>> codes = reader.getIntegers(scalar->code);
  std::optional<ConstantView> zeroPoint = reader.getElements(scalar->zeroPoint),
                              scale = reader.getElements({scalar->scale});
  if (!codes || !zeroPoint || !scale)
    return std::nullopt;

  DequantizedConstant result;
  result.shape = llvm::to_vector(reader.getShape());
  result.name = std::move(codes->name);
  result.levels.assign(codes->values.begin(), codes->values.end());
  result.scale = std::move(*scale);
  int64_t element = 0;
  forEachIndex(result.shape, [&](ArrayRef<int64_t> index) {
    int64_t &level = result.levels[element++];
    level = std::clamp<int64_t>(level, low, high) - int64_t(zeroPoint->at(index));
  });
  return result;
}

std::vector<float> DequantizedConstant::evaluate() const {
  std::vector<float> values;
  values.reserve(levels.size());
  forEachIndex(shape, [&](ArrayRef<int64_t> index) {
    values.push_back(float(levels[values.size()]) * scale.at(index));
  });
  return values;
}

/// The largest divisor of the size of `dim` such that the elements of `view` are equal along runs
/// of that length.
static int64_t getRunLength(const ConstantView &view, int64_t dim) {
  int64_t size = view.shape[dim], run = size;
  if (!view.variesAlong(dim))
    return size;
  forEachIndex(view.shape, [&](ArrayRef<int64_t> index) {
    if (run == 1 || index[dim] == 0)
      return;
    SmallVector<int64_t> before = llvm::to_vector(index);
    --before[dim];
    if (view.at(index) != view.at(before))
      run = std::gcd(run, index[dim]);
  });
  return run;
}

std::optional<ScaleLayout> mlir::gpfq::getScaleLayout(const DequantizedConstant &constant) {
  const ConstantView &view = constant.scale;
  SmallVector<std::pair<int64_t, int64_t>, 2> varying; // dimension, length of a run
  for (int64_t dim = 0; dim < int64_t(view.shape.size()); ++dim)
    if (int64_t run = getRunLength(view, dim); run != view.shape[dim])
      varying.emplace_back(dim, run);

  ScaleLayout layout;
  SmallVector<int64_t> index(view.shape.size(), 0);
  if (varying.size() > 2)
    return std::nullopt;
  if (varying.size() < 2) {
    if (!varying.empty())
      layout.axis = varying[0].first;
    int64_t count = layout.axis ? view.shape[*layout.axis] : 1;
    for (int64_t i = 0; i < count; ++i) {
      if (layout.axis)
        index[*layout.axis] = i;
      layout.values.push_back(view.at(index));
    }
    layout.shape = {count};
    return layout;
  }
  // Weights have output channels first, but for matmul.
  if (varying[1].second == 1)
    std::swap(varying[0], varying[1]);
  auto [blockAxis, size] = varying[1];
  layout.axis = varying[0].first;
  layout.blockAxis = blockAxis;
  if (size == 1)
    return std::nullopt;
  layout.shape = {view.shape[*layout.axis], view.shape[blockAxis] / size};
  for (index[*layout.axis] = 0; index[*layout.axis] < layout.shape[0]; ++index[*layout.axis])
    for (index[blockAxis] = 0; index[blockAxis] < view.shape[blockAxis]; index[blockAxis] += size)
      layout.values.push_back(view.at(index));
  return layout;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// clamp(roundeven(x / scale) + zero point, low, high) as an i8 in the body.
static std::optional<FakeQuantization> matchQuantization(const BodyReader &reader, Scalar code) {
  FakeQuantization result;
  result.low = code.isUnsigned ? 0 : -128;
  result.high = code.isUnsigned ? 255 : 127;
  if (!code.value.getType().isInteger(8) || !peelClips(reader, code, result.low, result.high))
    return std::nullopt;
  Operation *conversion = code.value.getDefiningOp();
  if (!conversion ||
      !(code.isUnsigned ? isa<arith::FPToUIOp>(conversion) : isa<arith::FPToSIOp>(conversion)))
    return std::nullopt;

  Value value = conversion->getOperand(0);
  std::optional<float> low, high;
  while (Operation *op = value.getDefiningOp()) {
    std::optional<Clip> clip = matchClip(op);
    std::optional<float> &bound = clip && clip->isMax ? low : high;
    if (!clip || bound)
      break;
    bound = clip->bound;
    value = clip->value;
  }
  // Without bounds the conversion is undefined outside of the type.
  if (!low || !high || *low > *high || *low < (code.isUnsigned ? 0.0f : -128.0f) ||
      *high > (code.isUnsigned ? 255.0f : 127.0f) || *low != std::floor(*low) ||
      *high != std::floor(*high))
    return std::nullopt;
  std::tie(result.low, result.high) =
      std::pair(std::clamp(int32_t(*low), result.low, result.high),
                std::clamp(int32_t(*high), result.low, result.high));

  result.inputZeroPoint = 0;
  if (auto sum = value.getDefiningOp<arith::AddFOp>()) {
    std::optional<float> zeroPoint = reader.getOne({sum.getRhs()});
    if (!zeroPoint || *zeroPoint != std::floor(*zeroPoint))
      return std::nullopt;
    result.inputZeroPoint = int32_t(*zeroPoint);
    value = sum.getLhs();
  }
  auto round = value.getDefiningOp<math::RoundEvenOp>();
  auto quotient = round ? round.getOperand().getDefiningOp<arith::DivFOp>() : arith::DivFOp();
  std::optional<float> scale = quotient ? reader.getOne({quotient.getRhs()}) : std::nullopt;
  OpOperand *operand = quotient ? reader.getOperand(quotient.getLhs()) : nullptr;
  if (!scale || !operand)
    return std::nullopt;
  result.inputScale = *scale;
  result.input = operand->get();
  return result;
}

std::optional<FakeQuantization> mlir::gpfq::matchFakeQuantization(linalg::GenericOp op) {
  BodyReader reader(op);
  std::optional<ScalarDequantization> scalar = matchYieldedDequantization(reader);
  if (!scalar)
    return std::nullopt;
  std::optional<FakeQuantization> result = matchQuantization(reader, scalar->code);
  std::optional<float> scale = reader.getOne({scalar->scale}),
                       zeroPoint = reader.getOne(scalar->zeroPoint);
  if (!result || !scale || !zeroPoint)
    return std::nullopt;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (operand->get() == result->input && !op.getMatchingIndexingMap(operand).isIdentity())
      return std::nullopt;
  result->scale = *scale;
  result->zeroPoint = int32_t(*zeroPoint);
  return result;
}
