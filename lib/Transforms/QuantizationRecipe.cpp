// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/QuantizationRecipe.h"
#include "gpfq/Calibration/LayerData.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::ColumnOrder;
using ::gpfq::LambdaUnit;
using ::gpfq::LayerSpec;
using ::gpfq::Method;
using ::gpfq::Result;
using ::gpfq::ScaleMatching;
using ::gpfq::StepRule;
using ::gpfq::Threshold;

/// A value and its name among those of an option.
template <typename T> using Names = ArrayRef<std::pair<StringRef, T>>;

static const std::pair<StringRef, Method> methods[] = {{"gpfq", Method::Gpfq},
                                                       {"msq", Method::Msq},
                                                       {"optq", Method::Optq},
                                                       {"qronos", Method::Qronos},
                                                       {"spfq", Method::Spfq}};
static const std::pair<StringRef, StepRule> stepRules[] = {
    {"absmax", StepRule::AbsMax}, {"constant", StepRule::Constant}, {"search", StepRule::Search}};
static const std::pair<StringRef, ColumnOrder> orders[] = {{"norm", ColumnOrder::NormDescending},
                                                           {"natural", ColumnOrder::Natural}};
static const std::pair<StringRef, ScaleMatching> scaleMatchings[] = {
    {"none", ScaleMatching::None},
    {"least-squares", ScaleMatching::LeastSquares},
    {"variance", ScaleMatching::Variance}};
static const std::pair<StringRef, Threshold> thresholds[] = {
    {"none", Threshold::None}, {"soft", Threshold::Soft}, {"hard", Threshold::Hard}};
static const std::pair<StringRef, LambdaUnit> lambdaUnits[] = {
    {"step", LambdaUnit::Step}, {"radius", LambdaUnit::Radius}, {"weight", LambdaUnit::Weight}};
static const std::pair<StringRef, ResidualTargets> residualTargetNames[] = {
    {"false", ResidualTargets::None},
    {"clipped", ResidualTargets::Clipped},
    {"true", ResidualTargets::All}};
static const std::pair<StringRef, bool> flags[] = {{"true", true}, {"false", false}};

namespace {
/// Reads options into settings; keeps the first error.
class OptionReader {
public:
  /// Leaves `setting` as it is for "auto".
  template <typename T> void read(StringRef option, StringRef text, Names<T> names, T &setting) {
    if (text == "auto")
      return;
    for (auto [name, value] : names)
      if (text == name) {
        setting = value;
        return;
      }
    std::string known;
    for (auto [name, value] : names)
      known += (name + ", ").str();
    fail(option + "=" + text + " is not one of " + known + "auto");
  }

  template <typename T> void readNumber(StringRef option, StringRef text, T &setting) {
    if (text == "auto")
      return;
    T number{};
    bool isBad = false;
    if constexpr (std::is_floating_point_v<T>)
      isBad = text.getAsDouble(number);
    else
      isBad = text.getAsInteger(10, number);
    if (isBad || !(number >= T(0)))
      return fail(option + "=" + text + " is not a number of at least 0, or auto");
    setting = number;
  }

  void fail(const Twine &text) {
    if (message.empty())
      message = text.str();
  }

  std::string message;
};
} // namespace

Result<QuantizationRecipe> QuantizationRecipe::create(const RecipeOptions &options) {
  QuantizationRecipe recipe;
  LayerSpec &spec = recipe.spec;
  OptionReader reader;
  if (options.recipe == "best") {
    spec.method = Method::Qronos;
    spec.refit = true;
    spec.step = StepRule::Search;
    spec.sweeps = 2;
    spec.tabuMoves = 1500;
    spec.alternations = 2;
    spec.clipRounds = 4;
    spec.scaleMatching = ScaleMatching::Variance;
    spec.ridge = 2.0;
    spec.biasCorrection = true;
    recipe.residualTargets = ResidualTargets::Clipped;
  } else if (options.recipe == "paper") {
    spec.method = Method::Gpfq;
    spec.step = StepRule::Constant;
    spec.order = ColumnOrder::Natural;
    spec.sweeps = 0;
  } else {
    reader.fail("recipe=" + options.recipe + " is not best or paper");
  }
  reader.read<Method>("method", options.method, methods, spec.method);
  // The baseline is memoryless in any recipe.
  if (spec.method == Method::Msq) {
    spec.step = StepRule::AbsMax;
    spec.biasCorrection = spec.refit = false;
    recipe.residualTargets = ResidualTargets::None;
    spec.tabuMoves = spec.alternations = spec.clipRounds = spec.poolRounds = 0;
    spec.scaleMatching = ScaleMatching::None;
  }
  reader.read<StepRule>("step", options.step, stepRules, spec.step);
  reader.read<ColumnOrder>("order", options.order, orders, spec.order);
  reader.readNumber("sweeps", options.sweeps, spec.sweeps);
  reader.readNumber("alternations", options.alternations, spec.alternations);
  reader.readNumber("clip-rounds", options.clipRounds, spec.clipRounds);
  reader.readNumber("pool-rounds", options.poolRounds, spec.poolRounds);
  reader.read<ScaleMatching>("scale-matching", options.scaleMatching, scaleMatchings,
                             spec.scaleMatching);
  reader.read<Threshold>("threshold", options.threshold, thresholds, spec.threshold);
  reader.readNumber("lambda", options.lambda, spec.lambda);
  reader.read<LambdaUnit>("lambda-unit", options.lambdaUnit, lambdaUnits, spec.lambdaUnit);
  recipe.isLambdaLeastLevel = spec.threshold == Threshold::Hard && options.lambda == "auto";
  if (spec.threshold == Threshold::Soft && options.lambda == "auto")
    reader.fail("threshold=soft needs lambda");
  if (spec.threshold == Threshold::None && options.lambda != "auto")
    reader.fail("lambda needs threshold=soft or threshold=hard");
  if (!(options.radiusQuantile > 0.0 && options.radiusQuantile <= 1.0))
    reader.fail("radius-quantile is not in (0, 1]");
  spec.radiusQuantile = options.radiusQuantile;
  if (options.accumulatorBits != 0 && (options.accumulatorBits < 2 || options.accumulatorBits > 32))
    reader.fail("accumulator-bits is not 0 or 2 to 32");
  if (options.accumulatorTile < 0)
    reader.fail("accumulator-tile is below 0");
  recipe.isTabuSearchOptional = options.tabuMoves == "auto";
  // A search keeps to neither.
  if (spec.threshold != Threshold::None || options.accumulatorBits != 0)
    spec.tabuMoves = 0;
  reader.readNumber("tabu-moves", options.tabuMoves, spec.tabuMoves);
  spec.accumulator.bits = options.accumulatorBits;
  spec.accumulator.tile = options.accumulatorTile;
  recipe.isScaleMatchingOptional = options.scaleMatching == "auto";
  reader.readNumber("ridge", options.ridge, spec.ridge);
  reader.read<bool>("refit", options.refit, flags, spec.refit);
  reader.read<bool>("bias-correction", options.biasCorrection, flags, spec.biasCorrection);
  reader.read<ResidualTargets>("residual-targets", options.residualTargets, residualTargetNames,
                               recipe.residualTargets);
  if (!(options.stepFactor > 0.0))
    reader.fail("step-factor is not above 0");
  if (options.blockSize < 1)
    reader.fail("block-size is below 1");
  spec.stepFactor = options.stepFactor;
  spec.blockSize = options.blockSize;
  spec.seed = uint64_t(options.seed);
  if (!reader.message.empty())
    return Result<QuantizationRecipe>::failure(reader.message);
  return recipe;
}

LayerSpec QuantizationRecipe::getLayerSpec(const ::gpfq::Alphabet &alphabet,
                                           lowbit::LayerAttr layer) const {
  LayerSpec result = spec;
  result.alphabet = alphabet;
  setGranularity(layer, result);
  constexpr int64_t fewLevels = 8, someLevels = 16;
  // With more levels than these a search takes its time for little.
  if (isTabuSearchOptional && alphabet.size() > someLevels)
    result.tabuMoves = 0;
  // Least squares shrinks the outputs of few levels; with more, matching costs more than it gives.
  if (isScaleMatchingOptional &&
      (alphabet.size() > fewLevels || result.granularity == ::gpfq::Granularity::Tensor ||
       (spec.scaleMatching == ScaleMatching::Variance && !spec.biasCorrection)))
    result.scaleMatching = ScaleMatching::None;
  if (isLambdaLeastLevel) {
    auto positive = llvm::find_if(alphabet.levels(), [](int8_t level) { return level > 0; });
    result.lambda = positive == alphabet.levels().end() ? 0.0 : *positive;
    result.lambdaUnit = LambdaUnit::Step;
  }
  return result;
}

template <typename T> static StringRef getName(Names<T> names, T value) {
  for (auto [name, candidate] : names)
    if (candidate == value)
      return name;
  llvm_unreachable("value without a name");
}

std::string QuantizationRecipe::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  // What getLayerSpec leaves out is other than what was asked for.
  auto orNot = [](bool isOptional) { return isOptional ? "-or-none" : ""; };
  os << "method=" << getName<Method>(methods, spec.method)
     << " step=" << getName<StepRule>(stepRules, spec.step) << " step-factor=" << spec.stepFactor
     << " order=" << getName<ColumnOrder>(orders, spec.order) << " sweeps=" << spec.sweeps
     << " tabu-moves=" << spec.tabuMoves << orNot(isTabuSearchOptional)
     << " alternations=" << spec.alternations << " clip-rounds=" << spec.clipRounds
     << " pool-rounds=" << spec.poolRounds
     << " scale-matching=" << getName<ScaleMatching>(scaleMatchings, spec.scaleMatching)
     << orNot(isScaleMatchingOptional) << " ridge=" << spec.ridge
     << " refit=" << getName<bool>(flags, spec.refit)
     << " bias-correction=" << getName<bool>(flags, spec.biasCorrection)
     << " residual-targets=" << getName<ResidualTargets>(residualTargetNames, residualTargets)
     << " threshold=" << getName<Threshold>(thresholds, spec.threshold)
     << " lambda=" << (isLambdaLeastLevel ? "least-level" : std::to_string(spec.lambda))
     << " lambda-unit=" << getName<LambdaUnit>(lambdaUnits, spec.lambdaUnit)
     << " radius-quantile=" << spec.radiusQuantile << " accumulator-bits=" << spec.accumulator.bits
     << " accumulator-tile=" << spec.accumulator.tile << " seed=" << spec.seed;
  return text;
}
