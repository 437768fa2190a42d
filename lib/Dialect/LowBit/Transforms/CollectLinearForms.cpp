// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "EpilogueUtils.h"
#include "gpfq/Dialect/LowBit/IR/Arithmetic.h"
#include "gpfq/Dialect/LowBit/IR/Epilogue.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Dialect/LowBit/Transforms/Patterns.h"
#include "gpfq/Support/Clip.h"
#include "gpfq/Support/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/MapVector.h"
#include <algorithm>
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

std::optional<std::vector<float>> mlir::lowbit::getChannelConstants(LowBitComputeOpInterface op,
                                                                    Value value) {
  if (std::optional<float> scalar = gpfq::getConstantFloat(value))
    return std::vector<float>{*scalar};
  Value operand = getFusedOperand(op, value);
  if (!operand || !value.getType().isF32())
    return std::nullopt;
  ArrayRef<int64_t> shape = cast<ShapedType>(operand.getType()).getShape();
  if (llvm::any_of(shape.drop_back(shape.empty() ? 0 : 1), [](int64_t size) { return size != 1; }))
    return std::nullopt;
  auto constant = gpfq::getConstantFloats(operand);
  return constant ? std::optional(constant->values) : std::nullopt;
}

std::string mlir::lowbit::getConstantName(LowBitComputeOpInterface op, StringRef role) {
  return op.getLayerAttr() ? (op.getLayerAttr().getValue() + "." + role).str() : "";
}

/// Writes `value` as a linear form. Values with several uses, other than the root, are terms.
static LinearForm getLinearForm(LowBitComputeOpInterface op, Value value, bool isRoot = true) {
  if (std::optional<std::vector<float>> constants = getChannelConstants(op, value)) {
    LinearForm form;
    form.offset = Coefficient(*constants);
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
  Value tensor = gpfq::createFloatConstant(rewriter, op.getLoc(), {int64_t(values.size())}, values,
                                           getConstantName(op, role));
  return addFusedOperand(op, tensor);
}

/// True if `value` is the accumulator or its conversion to f32.
static bool isAccumulator(LowBitComputeOpInterface op, Value value) {
  if (auto conversion = value.getDefiningOp<arith::SIToFPOp>())
    value = conversion.getIn();
  return value == op.getEpilogue().getArgument(0);
}

/// Computes `form`: acc * scale + offset + other terms. Null if a coefficient overflows f32.
static Value emitLinearForm(PatternRewriter &rewriter, LowBitComputeOpInterface op,
                            const LinearForm &form) {
  Location loc = op.getLoc();
  std::optional<std::vector<float>> offset = form.offset.round();
  SmallVector<std::pair<Value, std::vector<float>>> terms;
  for (auto &[value, coefficient] : form.terms) {
    std::optional<std::vector<float>> factor = coefficient.round();
    if (!factor || !offset)
      return {};
    terms.push_back({value, *factor});
  }
  auto *first = llvm::find_if(terms, [&](auto &term) { return isAccumulator(op, term.first); });
  if (first != terms.end())
    std::rotate(terms.begin(), first, first + 1);
  Value sum;
  for (auto &[term, factor] : terms) {
    Value value = term;
    if (!llvm::all_of(factor, [](float f) { return f == 1.0f; }))
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

namespace {

struct CollectLinearForms : OpInterfaceRewritePattern<LowBitComputeOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(LowBitComputeOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() == 0 || !collectLinearForms(rewriter, op))
      return failure();
    // The operands may have changed.
    rewriter.modifyOpInPlace(op, [] {});
    return success();
  }
};

} // namespace

void mlir::lowbit::populateCollectLinearFormsPatterns(RewritePatternSet &patterns) {
  patterns.add<CollectLinearForms>(patterns.getContext());
}
