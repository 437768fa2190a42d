// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/Patterns.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;

namespace {

//===----------------------------------------------------------------------===//
// Linear forms
//===----------------------------------------------------------------------===//

/// One number, or one for each channel (the last dimension of the result).
struct Coefficient {
  std::vector<double> values;

  explicit Coefficient(double value) : values{value} {}
  explicit Coefficient(ArrayRef<float> floats) : values(floats.begin(), floats.end()) {}

  bool isAll(double value) const {
    return llvm::all_of(values, [&](double v) { return v == value; });
  }

  template <typename Function> void combine(const Coefficient &other, Function function) {
    if (values.size() == 1)
      values.resize(other.values.size(), values[0]);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = function(values[i], other.values[other.values.size() == 1 ? 0 : i]);
  }

  /// Rounded to f32; nothing if that is not finite.
  std::optional<std::vector<float>> round() const {
    std::vector<float> result(values.begin(), values.end());
    for (float value : result)
      if (!std::isfinite(value))
        return std::nullopt;
    return result;
  }
};

/// The sum of terms (value times coefficient) and of an offset.
struct LinearForm {
  llvm::SmallMapVector<Value, Coefficient, 4> terms;
  Coefficient offset{0.0};
  /// Ops that compute it as it stands, and divisions among them.
  int64_t operations = 0, divisions = 0;

  bool isConstant() const { return terms.empty(); }

  void add(const LinearForm &other, double sign) {
    auto function = [&](double a, double b) { return a + sign * b; };
    for (auto &[value, coefficient] : other.terms)
      terms.insert({value, Coefficient(0.0)}).first->second.combine(coefficient, function);
    offset.combine(other.offset, function);
    operations += other.operations;
    divisions += other.divisions;
  }

  template <typename Function> void scale(const LinearForm &constant, Function function) {
    for (auto &[value, coefficient] : terms)
      coefficient.combine(constant.offset, function);
    offset.combine(constant.offset, function);
  }

  /// Ops that `emit` makes.
  int64_t getCost() const {
    int64_t cost = int64_t(terms.size()) - 1 + !offset.isAll(0.0);
    for (auto &[value, coefficient] : terms)
      cost += !coefficient.isAll(1.0);
    return cost;
  }
};

} // namespace

/// The channel constants of a block argument: fused operands of one element, or of one a channel.
static std::optional<Coefficient> getCoefficient(LowBitComputeOpInterface op, Value value) {
  APFloat scalar(0.0f);
  if (matchPattern(value, m_ConstantFloat(&scalar)))
    return Coefficient(scalar.convertToDouble());
  Value operand = getFusedOperand(op, value);
  if (!operand || !value.getType().isF32())
    return std::nullopt;
  ArrayRef<int64_t> shape = cast<ShapedType>(operand.getType()).getShape();
  if (llvm::any_of(shape.drop_back(shape.empty() ? 0 : 1), [](int64_t size) { return size != 1; }))
    return std::nullopt;
  auto constant = gpfq::getConstantFloats(operand);
  if (!constant)
    return std::nullopt;
  return Coefficient(constant->values);
}

/// Writes `value` as a linear form. Values with several uses, other than the root, are terms.
static LinearForm getLinearForm(LowBitComputeOpInterface op, Value value, bool isRoot = true) {
  if (std::optional<Coefficient> constant = getCoefficient(op, value)) {
    LinearForm form;
    form.offset = *constant;
    return form;
  }
  auto makeTerm = [&] {
    LinearForm form;
    form.terms.insert({value, Coefficient(1.0)});
    return form;
  };
  Operation *definition = value.getDefiningOp();
  if (!definition || !(isRoot || value.hasOneUse()) ||
      !isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp>(definition))
    return makeTerm();
  LinearForm lhs = getLinearForm(op, definition->getOperand(0), false);
  LinearForm rhs;
  if (definition->getNumOperands() == 2)
    rhs = getLinearForm(op, definition->getOperand(1), false);
  if (isa<arith::NegFOp>(definition)) {
    lhs.scale(rhs, [](double a, double) { return -a; });
  } else if (isa<arith::AddFOp, arith::SubFOp>(definition)) {
    lhs.add(rhs, isa<arith::AddFOp>(definition) ? 1.0 : -1.0);
  } else if (isa<arith::DivFOp>(definition)) {
    if (!rhs.isConstant() || llvm::is_contained(rhs.offset.values, 0.0))
      return makeTerm();
    lhs.scale(rhs, [](double a, double b) { return a / b; });
    ++lhs.divisions;
  } else {
    if (lhs.isConstant())
      std::swap(lhs, rhs);
    if (!rhs.isConstant())
      return makeTerm();
    lhs.scale(rhs, [](double a, double b) { return a * b; });
  }
  ++lhs.operations;
  return lhs;
}

/// The values of a coefficient in the epilogue: a constant, or a new fused operand.
static Value emitCoefficient(PatternRewriter &rewriter, LowBitComputeOpInterface op,
                             ArrayRef<float> values, StringRef role) {
  if (llvm::all_equal(values))
    return buildFloat(rewriter, op.getLoc(), values[0]);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  std::string name = op.getLayerAttr() ? (op.getLayerAttr().getValue() + "." + role).str() : "";
  Value tensor =
      gpfq::createFloatConstant(rewriter, op.getLoc(), {int64_t(values.size())}, values, name);
  return addFusedOperand(op, tensor);
}

/// Computes `form`: the terms in order, then the offset after the first, so that acc * scale + bias
/// stays together. Null if a coefficient overflows f32.
static Value emitLinearForm(PatternRewriter &rewriter, LowBitComputeOpInterface op,
                            const LinearForm &form) {
  Location loc = op.getLoc();
  std::optional<std::vector<float>> offset = form.offset.round();
  SmallVector<std::vector<float>> factors;
  for (auto &[value, coefficient] : form.terms) {
    std::optional<std::vector<float>> factor = coefficient.round();
    if (!factor || !offset)
      return {};
    factors.push_back(*factor);
  }
  Value sum;
  for (auto [term, factor] : llvm::zip(form.terms, factors)) {
    Value value = term.first;
    if (!term.second.isAll(1.0))
      value = arith::MulFOp::create(rewriter, loc, value,
                                    emitCoefficient(rewriter, op, factor, "scale"));
    if (sum)
      value = arith::AddFOp::create(rewriter, loc, sum, value);
    else if (!form.offset.isAll(0.0))
      value = arith::AddFOp::create(rewriter, loc, value,
                                    emitCoefficient(rewriter, op, *offset, "bias"));
    sum = value;
  }
  return sum;
}

/// Replaces the topmost op of each linear expression where that saves ops or divisions.
static bool collectLinearForms(PatternRewriter &rewriter, LowBitComputeOpInterface op) {
  SmallVector<Operation *> roots;
  for (Operation &nested : op.getEpilogue().front().without_terminator())
    if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp>(nested))
      roots.push_back(&nested);
  for (Operation *root : llvm::reverse(roots)) {
    LinearForm form = getLinearForm(op, root->getResult(0));
    if (form.isConstant() || (form.getCost() >= form.operations && form.divisions == 0) ||
        form.getCost() > form.operations)
      continue;
    rewriter.setInsertionPoint(root);
    Value value = emitLinearForm(rewriter, op, form);
    if (!value)
      continue;
    rewriter.replaceOp(root, value);
    return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Clips
//===----------------------------------------------------------------------===//

namespace {

/// max(value, bound) or min(value, bound) with a constant bound, in any of its spellings.
struct Clip {
  Value value;
  float bound;
  bool isMax;
};

} // namespace

static std::optional<float> getConstant(Value value) {
  APFloat constant(0.0f);
  if (!value.getType().isF32() || !matchPattern(value, m_ConstantFloat(&constant)))
    return std::nullopt;
  return constant.convertToFloat();
}

static std::optional<Clip> getClip(Operation *op) {
  if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MinimumFOp, arith::MinNumFOp>(op)) {
    bool isMax = isa<arith::MaximumFOp, arith::MaxNumFOp>(op);
    for (auto [value, bound] : {std::pair(0, 1), std::pair(1, 0)})
      if (std::optional<float> constant = getConstant(op->getOperand(bound)))
        return Clip{op->getOperand(value), *constant, isMax};
    return std::nullopt;
  }
  auto select = dyn_cast<arith::SelectOp>(op);
  auto compare = select ? select.getCondition().getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
  if (!compare)
    return std::nullopt;
  Value lhs = compare.getLhs(), rhs = compare.getRhs();
  bool straight = select.getTrueValue() == lhs && select.getFalseValue() == rhs;
  bool swapped = select.getTrueValue() == rhs && select.getFalseValue() == lhs;
  if (!straight && !swapped)
    return std::nullopt;
  bool greater;
  switch (compare.getPredicate()) {
  case arith::CmpFPredicate::OGT:
  case arith::CmpFPredicate::OGE:
  case arith::CmpFPredicate::UGT:
  case arith::CmpFPredicate::UGE:
    greater = true;
    break;
  case arith::CmpFPredicate::OLT:
  case arith::CmpFPredicate::OLE:
  case arith::CmpFPredicate::ULT:
  case arith::CmpFPredicate::ULE:
    greater = false;
    break;
  default:
    return std::nullopt;
  }
  if (std::optional<float> bound = getConstant(rhs))
    return Clip{lhs, *bound, greater == straight};
  if (std::optional<float> bound = getConstant(lhs))
    return Clip{rhs, *bound, greater != straight};
  return std::nullopt;
}

/// True if only `op`, and the comparison of a selection, use `value`.
static bool isUsedOnlyBy(Value value, Operation *op) {
  auto select = dyn_cast<arith::SelectOp>(op);
  Operation *compare = select ? select.getCondition().getDefiningOp() : nullptr;
  return llvm::all_of(value.getUsers(),
                      [&](Operation *user) { return user == op || user == compare; }) &&
         (!compare || compare->hasOneUse());
}

/// clip(x) * c -> clip'(x * c) and clip(x) / c -> clip'(x / c) for a constant c > 0 where the clip
/// has no other use and x is computed by a linear op, which then takes up the factor.
static bool pushScaleThroughClip(PatternRewriter &rewriter, LowBitComputeOpInterface op) {
  for (Operation &nested : op.getEpilogue().front()) {
    if (!isa<arith::MulFOp, arith::DivFOp>(nested))
      continue;
    std::optional<float> factor = getConstant(nested.getOperand(1));
    Operation *definition = nested.getOperand(0).getDefiningOp();
    if (!factor || !(*factor > 0.0f) || !definition || !definition->hasOneUse())
      continue;
    std::optional<Clip> clip = getClip(definition);
    if (!clip || !clip->value.getDefiningOp() || !isUsedOnlyBy(clip->value, definition))
      continue;
    bool isDivision = isa<arith::DivFOp>(nested);
    float bound = isDivision ? clip->bound / *factor : clip->bound * *factor;
    rewriter.setInsertionPoint(&nested);
    Location loc = nested.getLoc();
    Value constant = nested.getOperand(1), scaled;
    if (isDivision)
      scaled = arith::DivFOp::create(rewriter, loc, clip->value, constant);
    else
      scaled = arith::MulFOp::create(rewriter, loc, clip->value, constant);
    Value limit = buildFloat(rewriter, loc, bound);
    // Unordered: NaN is passed on, as by the common spellings of ReLU.
    auto predicate = clip->isMax ? arith::CmpFPredicate::UGT : arith::CmpFPredicate::ULT;
    Value inside = arith::CmpFOp::create(rewriter, loc, predicate, scaled, limit);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(&nested, inside, scaled, limit);
    return true;
  }
  return false;
}

/// max(roundeven(max(x, 0)), 0) -> max(roundeven(x), 0), which ends a ReLU with zero point 0.
static bool dropClipBeforeClamp(PatternRewriter &rewriter, LowBitComputeOpInterface op) {
  for (Operation &nested : op.getEpilogue().front()) {
    std::optional<Clip> outer = getClip(&nested);
    auto round = outer ? outer->value.getDefiningOp<math::RoundEvenOp>() : math::RoundEvenOp();
    Operation *inner = round ? round.getOperand().getDefiningOp() : nullptr;
    std::optional<Clip> clip = inner ? getClip(inner) : std::nullopt;
    if (!clip || !outer->isMax || !clip->isMax || outer->bound != 0.0f || clip->bound != 0.0f ||
        !isUsedOnlyBy(outer->value, &nested))
      continue;
    rewriter.modifyOpInPlace(round, [&] { round->setOperand(0, clip->value); });
    return true;
  }
  return false;
}

namespace {

struct SimplifyEpilogue : OpInterfaceRewritePattern<LowBitComputeOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(LowBitComputeOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() == 0)
      return failure();
    if (!pushScaleThroughClip(rewriter, op) && !collectLinearForms(rewriter, op) &&
        !dropClipBeforeClamp(rewriter, op))
      return failure();
    // The operands may have changed.
    rewriter.modifyOpInPlace(op, [] {});
    return success();
  }
};

} // namespace

void mlir::lowbit::populateSimplifyEpiloguePatterns(RewritePatternSet &patterns) {
  patterns.add<SimplifyEpilogue>(patterns.getContext());
}
