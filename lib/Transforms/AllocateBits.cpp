// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/CalibrationRun.h"
#include "gpfq/Calibration/Checkpoint.h"
#include "gpfq/Calibration/LayerData.h"
#include "gpfq/Calibration/MomentSource.h"
#include "gpfq/Calibration/OutputError.h"
#include "gpfq/Quantizer/BitAllocation.h"
#include "gpfq/Support/Progress.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Regex.h"
#include <cmath>

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQALLOCATEBITS
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::Allocation;
using ::gpfq::AllocationChoice;
using ::gpfq::AllocationFrontier;
using ::gpfq::LayerResult;
using ::gpfq::LayerSpec;
using ::gpfq::MomentCollector;
using ::gpfq::Result;
using lowbit::AlphabetAttr;
using lowbit::LayerAttr;

/// Points of the frontier that the report has.
static constexpr int64_t frontierPoints = 24;

namespace {
/// Layers that share weights, and what each number of bits would make of them.
struct Unit {
  SmallVector<unsigned> members;
  int64_t weights = 0;
  /// By candidate.
  SmallVector<AlphabetAttr> alphabets;
  std::vector<LayerResult> results;
  SmallVector<double> errors;
};

struct AllocateBitsPass : mlir::gpfq::impl::GPFQAllocateBitsBase<AllocateBitsPass> {
  using GPFQAllocateBitsBase::GPFQAllocateBitsBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    GPFQAllocateBitsBase::getDependentDialects(registry);
    StagedExecutor::registerDependencies(registry);
  }
  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run();
  LogicalResult verifyOptions();
  FailureOr<std::vector<Unit>> collectUnits(MutableArrayRef<QuantizableOp> layers,
                                            const Schedule &schedule);
  LogicalResult quantizeCandidates(MutableArrayRef<QuantizableOp> layers, const Schedule &schedule,
                                   MomentSource &source, ::gpfq::ThreadPool &pool,
                                   MutableArrayRef<Unit> units);
  LogicalResult measureErrors(func::FuncOp network, MutableArrayRef<QuantizableOp> layers,
                              MomentSource &source, int64_t numSamples,
                              MutableArrayRef<Unit> units);
  /// Bits that all weights of the units may take.
  int64_t getBudget(ArrayRef<Unit> units);
  LogicalResult writeReport(MutableArrayRef<QuantizableOp> layers, ArrayRef<Unit> units,
                            const Allocation &chosen, ArrayRef<Allocation> frontier,
                            int64_t cachedUnits);
};
} // namespace

LogicalResult AllocateBitsPass::verifyOptions() {
  auto fail = [&](const Twine &text) { return getOperation().emitError() << text; };
  if ((averageBits > 0.0) == (budget > 0) || averageBits < 0.0 || budget < 0)
    return fail(
        "one of average-bits and budget says what the weights may take; it must be above 0");
  if (candidates.empty())
    candidates = {2, 3, 4, 8};
  for (int64_t bits : candidates)
    if (bits < 1 || bits > 8)
      return fail("candidates: " + Twine(bits) + " is not in 1 to 8");
  if (outputSamples < 1)
    return fail("output-samples is below 1");
  std::string message;
  if (!fixed.empty() && !llvm::Regex(fixed).isValid(message))
    return fail("fixed='" + fixed + "' is not a regular expression: " + message);
  return success();
}

FailureOr<std::vector<Unit>> AllocateBitsPass::collectUnits(MutableArrayRef<QuantizableOp> layers,
                                                            const Schedule &schedule) {
  std::vector<Unit> units;
  DenseMap<unsigned, size_t> unitOf;
  llvm::Regex keep("^(" + fixed + ")$");
  for (ArrayRef<unsigned> members : schedule.cuts) {
    unsigned first = members.front();
    if (!layers[first].layer)
      continue;
    if (auto source = schedule.reuses.find(first); source != schedule.reuses.end()) {
      size_t unit = unitOf.lookup(source->second);
      llvm::append_range(units[unit].members, members);
      unitOf[first] = unit;
      continue;
    }
    Unit unit;
    unit.members.assign(members.begin(), members.end());
    unit.weights = int64_t(layers[first].weights.size());
    bool isFixed = !fixed.empty() && llvm::any_of(members, [&](unsigned member) {
      return keep.match(layers[member].name());
    });
    if (isFixed)
      unit.alphabets.push_back(layers[first].layer.getAlphabet());
    else
      for (int64_t bits : candidates)
        unit.alphabets.push_back(AlphabetAttr::getDefault(&getContext(), unsigned(bits)));
    for (unsigned member : members)
      unitOf[member] = units.size();
    units.push_back(std::move(unit));
  }
  if (units.empty())
    return getOperation().emitError("has no op with ")
           << lowbit::layerAttrName << ", so there are no bits to allocate; run "
           << "gpfq-annotate-layers first";
  return units;
}

LogicalResult AllocateBitsPass::quantizeCandidates(MutableArrayRef<QuantizableOp> layers,
                                                   const Schedule &schedule, MomentSource &source,
                                                   ::gpfq::ThreadPool &pool,
                                                   MutableArrayRef<Unit> units) {
  LayerSpec spec;
  spec.step = ::gpfq::StepRule::Search;
  spec.ridge = 2.0;
  spec.biasCorrection = true;
  DenseMap<unsigned, Unit *> unitOf;
  for (Unit &unit : units)
    unitOf[unit.members.front()] = &unit;
  Progress progress("quantising candidates", int64_t(units.size()));
  int64_t done = 0;
  for (auto [cut, members] : llvm::enumerate(schedule.cuts)) {
    Unit *unit = unitOf.lookup(members.front());
    if (!unit)
      continue;
    QuantizableOp &layer = layers[members.front()];
    MomentCollector::Options collecting;
    collecting.maxRows = maxRows;
    collecting.needsG = spec.followsPath();
    collecting.seed = members.front();
    FailureOr<MomentSource::Moments> moments = source.collect(int64_t(cut), members, collecting);
    if (failed(moments))
      return failure();
    ::gpfq::LayerProblem problem = makeLayerProblem(layer);
    problem.training = &moments->training;
    for (AlphabetAttr attribute : unit->alphabets) {
      Result<::gpfq::Alphabet> alphabet = getAlphabet(attribute);
      if (!alphabet)
        return layer.op->emitError("layer '") << layer.name() << "': " << alphabet.message();
      spec.alphabet = *alphabet;
      setGranularity(layer.layer, spec);
      Result<LayerResult> result = ::gpfq::quantizeLayer(problem, spec, pool.parallelFor());
      if (!result)
        return layer.op->emitError("layer '")
               << layer.name() << "' cannot be quantised: " << result.message();
      unit->results.push_back(std::move(*result));
    }
    progress.update(++done);
  }
  return success();
}

LogicalResult AllocateBitsPass::measureErrors(func::FuncOp network,
                                              MutableArrayRef<QuantizableOp> layers,
                                              MomentSource &source, int64_t numSamples,
                                              MutableArrayRef<Unit> units) {
  FailureOr<StagedExecutor *> executor = source.getExecutor();
  if (failed(executor))
    return failure();
  auto error = OutputError::create(network, layers, **executor,
                                   std::min<int64_t>(numSamples, outputSamples));
  if (failed(error))
    return failure();
  Progress progress("measuring sensitivities", int64_t(units.size()));
  for (auto [i, unit] : llvm::enumerate(units)) {
    for (const LayerResult &result : unit.results) {
      FailureOr<double> measured = error->measure(unit.members, result);
      if (failed(measured))
        return failure();
      // Whatever makes the network diverge is worse than anything else.
      unit.errors.push_back(std::isfinite(*measured) ? *measured : 1e30);
    }
    unit.results.clear();
    progress.update(int64_t(i) + 1);
  }
  return success();
}

int64_t AllocateBitsPass::getBudget(ArrayRef<Unit> units) {
  if (budget > 0)
    return budget * 8;
  int64_t weights = 0;
  for (const Unit &unit : units)
    weights += unit.weights;
  return int64_t(double(weights) * averageBits);
}

LogicalResult AllocateBitsPass::writeReport(MutableArrayRef<QuantizableOp> layers,
                                            ArrayRef<Unit> units, const Allocation &chosen,
                                            ArrayRef<Allocation> frontier, int64_t cachedUnits) {
  using llvm::json::Array;
  using llvm::json::Object;
  auto toJson = [&](const Allocation &allocation) {
    Array bits;
    for (auto [unit, choice] : llvm::zip_equal(units, allocation.choices))
      bits.push_back(unit.alphabets[choice].getBits());
    return Object{{"weight_bytes", double(allocation.size) / 8.0},
                  {"predicted_error", std::sqrt(allocation.error)},
                  {"bits", std::move(bits)}};
  };
  Array entries, points;
  for (const Unit &unit : units) {
    Array names, choices;
    for (unsigned member : unit.members)
      names.push_back(layers[member].name());
    for (auto [alphabet, error] : llvm::zip_equal(unit.alphabets, unit.errors))
      choices.push_back(Object{{"bits", alphabet.getBits()}, {"output_error", std::sqrt(error)}});
    entries.push_back(Object{
        {"layers", std::move(names)}, {"weights", unit.weights}, {"choices", std::move(choices)}});
  }
  for (const Allocation &point : frontier)
    points.push_back(toJson(point));
  Object root{{"version", 1},
              {"cached", cachedUnits},
              {"units", std::move(entries)},
              {"chosen", toJson(chosen)},
              {"frontier", std::move(points)}};
  std::string text = llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root)));
  if (::gpfq::Failure failure = ::gpfq::writeFileAtomically(report, text))
    return getOperation().emitError() << *failure;
  return success();
}

LogicalResult AllocateBitsPass::run() {
  FailureOr<func::FuncOp> network = getNetwork(getOperation());
  if (failed(network) || failed(verifyOptions()) || failed(verifyCalibratable(*network)))
    return failure();
  FailureOr<std::vector<QuantizableOp>> layers = collectQuantizableOps(*network);
  if (failed(layers))
    return failure();
  int64_t numSamples = samples;
  FailureOr<std::vector<::gpfq::CalibrationData>> data =
      openCalibrationData(*network, llvm::to_vector(calibration), numSamples);
  if (failed(data))
    return failure();
  Schedule schedule = scheduleLayers(*network, *layers);
  FailureOr<std::vector<Unit>> units = collectUnits(*layers, schedule);
  if (failed(units))
    return failure();
  ::gpfq::ThreadPool pool(threads);
  MomentSource::Options options;
  options.inputs = MomentSource::Inputs::Float;
  // One compiled network serves both the moments and the results.
  options.stages.withResults = true;
  options.samples = numSamples;
  options.memoryBudget = memoryBudget;
  options.cache = cache;
  options.sampling = "max-rows=" + std::to_string(maxRows) + " allocation";
  auto source = MomentSource::create(*network, *layers, schedule, *data, options, pool);
  if (failed(source) || failed(quantizeCandidates(*layers, schedule, **source, pool, *units)) ||
      failed(measureErrors(*network, *layers, **source, numSamples, *units)))
    return failure();
  numCached += unsigned((*source)->numCached());
  int64_t cachedUnits = (*source)->numCached();

  std::vector<std::vector<AllocationChoice>> choices;
  for (const Unit &unit : *units) {
    choices.emplace_back();
    for (auto [alphabet, error] : llvm::zip_equal(unit.alphabets, unit.errors))
      choices.back().push_back({unit.weights * int64_t(alphabet.getBits()), error});
  }
  AllocationFrontier frontier(choices);
  Result<Allocation> best = frontier.best(getBudget(*units));
  if (!best)
    return network->emitError("bits do not fit the budget: ")
           << best.message() << " (in bits); raise it, or allow fewer bits in candidates";
  int64_t weights = 0;
  for (auto [unit, choice] : llvm::zip_equal(*units, best->choices)) {
    weights += unit.weights;
    for (unsigned member : unit.members) {
      LayerAttr old = (*layers)[member].layer;
      (*layers)[member].op->setAttr(lowbit::layerAttrName,
                                    LayerAttr::get(&getContext(), old.getName(),
                                                   unit.alphabets[choice], old.getGranularity(),
                                                   old.getBlockSize()));
      ++numLayers;
    }
  }
  network->emitRemark("weights take ")
      << llvm::divideCeil(best->size, 8) << " bytes, "
      << llvm::formatv("{0:f2}", double(best->size) / double(weights)).str()
      << " bits on average; predicted relative error of the outputs: "
      << llvm::formatv("{0:f4}", std::sqrt(best->error)).str();
  if (!report.empty())
    return writeReport(*layers, *units, *best, frontier.points(frontierPoints), cachedUnits);
  return success();
}
