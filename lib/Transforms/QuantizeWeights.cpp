// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LayerDescription.h"
#include "TailRows.h"

#include "gpfq/Calibration/CalibrationRun.h"
#include "gpfq/Calibration/Checkpoint.h"
#include "gpfq/Calibration/LayerData.h"
#include "gpfq/Calibration/MomentSource.h"
#include "gpfq/Calibration/QuantizationReport.h"
#include "gpfq/Support/Progress.h"
#include "gpfq/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::gpfq {
#define GEN_PASS_DEF_GPFQQUANTIZEWEIGHTS
#include "gpfq/Transforms/Passes.h.inc"
} // namespace mlir::gpfq

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::Alphabet;
using ::gpfq::CalibrationData;
using ::gpfq::Checkpoint;
using ::gpfq::Failure;
using ::gpfq::LayerResult;
using ::gpfq::LayerSpec;
using ::gpfq::MomentCollector;
using ::gpfq::Result;

namespace {
struct QuantizeWeightsPass : mlir::gpfq::impl::GPFQQuantizeWeightsBase<QuantizeWeightsPass> {
  using GPFQQuantizeWeightsBase::GPFQQuantizeWeightsBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    GPFQQuantizeWeightsBase::getDependentDialects(registry);
    StagedExecutor::registerDependencies(registry);
  }
  void runOnOperation() override;

private:
  class Run;
};

/// The quantisation of one module; passes are copied, so their state is elsewhere.
class QuantizeWeightsPass::Run {
public:
  explicit Run(QuantizeWeightsPass &pass) : pass(pass) {}
  LogicalResult run();

private:
  LogicalResult readOptions();
  LogicalResult openCheckpoint();
  LogicalResult quantizeCut(int64_t cut);
  FailureOr<LayerResult> computeLevels(int64_t cut, ArrayRef<unsigned> members);
  std::string getSampling() const;
  LogicalResult createSource();
  LogicalResult exportWeights();
  void rewrite();

  QuantizeWeightsPass &pass;
  QuantizationRecipe recipe;
  func::FuncOp network;
  std::vector<CalibrationData> data;
  int64_t numSamples = 0;
  std::vector<QuantizableOp> layers;
  Schedule schedule;
  std::vector<std::optional<LayerResult>> results;
  std::optional<Checkpoint> store;
  std::unique_ptr<::gpfq::ThreadPool> pool;
  std::unique_ptr<MomentSource> source;
  QuantizationReport report;
};
} // namespace

LogicalResult QuantizeWeightsPass::Run::readOptions() {
  RecipeOptions options;
  options.recipe = pass.recipe;
  options.method = pass.method;
  options.step = pass.step;
  options.stepFactor = pass.stepFactor;
  options.order = pass.order;
  options.sweeps = pass.sweeps;
  options.tabuMoves = pass.tabuMoves;
  options.alternations = pass.alternations;
  options.clipRounds = pass.clipRounds;
  options.poolRounds = pass.poolRounds;
  options.scaleMatching = pass.scaleMatching;
  options.ridge = pass.ridge;
  options.refit = pass.refit;
  options.biasCorrection = pass.biasCorrection;
  options.residualTargets = pass.residualTargets;
  options.blockSize = pass.blockSize;
  options.threshold = pass.threshold;
  options.lambda = pass.lambda;
  options.lambdaUnit = pass.lambdaUnit;
  options.radiusQuantile = pass.radiusQuantile;
  options.accumulatorBits = pass.accumulatorBits;
  options.accumulatorTile = pass.accumulatorTile;
  options.seed = pass.seed;
  Result<QuantizationRecipe> created = QuantizationRecipe::create(options);
  if (!created)
    return pass.getOperation().emitError() << created.message();
  recipe = *created;
  // Without layers before it whose errors it could make up for.
  if (pass.inputs == "float" && recipe.residualTargets == ResidualTargets::Clipped)
    recipe.residualTargets = ResidualTargets::None;
  if (!(pass.heldOut >= 0.0 && pass.heldOut < 1.0))
    return pass.getOperation().emitError("held-out is not in [0, 1)");
  if (pass.maxRows < 1)
    return pass.getOperation().emitError("max-rows is below 1");
  if (pass.patches != "real" && pass.patches != "paper")
    return pass.getOperation().emitError("patches=")
           << pass.patches << " is not one of real, paper";
  if (pass.inputs != "quantized" && pass.inputs != "float")
    return pass.getOperation().emitError("inputs=")
           << pass.inputs << " is not one of quantized, float";
  if (!(pass.retainRate > 0.0 && pass.retainRate <= 1.0))
    return pass.getOperation().emitError("retain-rate is not in (0, 1]");
  if (pass.patches == "paper" && readsShortcut(recipe))
    return pass.getOperation().emitError("patches=paper has rows that the layer does not compute; "
                                         "it needs clip-rounds=0, pool-rounds=0 "
                                         "and residual-targets=false, as recipe=paper has them");
  return success();
}

/// How rows are chosen, in words.
std::string QuantizeWeightsPass::Run::getSampling() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "held-out=" << double(pass.heldOut) << " max-rows=" << int64_t(pass.maxRows)
     << " patches=" << pass.patches << " retain-rate=" << double(pass.retainRate)
     << " exact-moments=" << bool(pass.exactMoments);
  return text;
}

LogicalResult QuantizeWeightsPass::Run::createSource() {
  MomentSource::Options options;
  if (pass.inputs == "float")
    options.inputs = MomentSource::Inputs::FloatWeights;
  options.stages.withShortcuts = readsShortcut(recipe);
  options.samples = numSamples;
  options.memoryBudget = pass.memoryBudget;
  options.cache = pass.cache;
  options.sampling = getSampling();
  auto created = MomentSource::create(network, layers, schedule, data, options, *pool);
  if (failed(created))
    return failure();
  source = std::move(*created);
  return success();
}

LogicalResult QuantizeWeightsPass::Run::openCheckpoint() {
  if (pass.checkpoint.empty())
    return success();
  std::string key;
  llvm::raw_string_ostream os(key);
  os << "gpfq-quantize-weights 1\nrun " << hashRun(network, data, numSamples) << "\noptions "
     << recipe.str() << " samples=" << numSamples << " " << getSampling()
     << " inputs=" << pass.inputs << " kernels=" << ::gpfq::floatIsaName(::gpfq::floatIsa())
     << "\n";
  Result<Checkpoint> opened = Checkpoint::open(pass.checkpoint, key);
  if (!opened)
    return network.emitError() << opened.message();
  store = std::move(*opened);
  return success();
}

FailureOr<LayerResult> QuantizeWeightsPass::Run::computeLevels(int64_t cut,
                                                               ArrayRef<unsigned> members) {
  QuantizableOp &layer = layers[members.front()];
  MomentCollector::Options options;
  options.heldOut = ::gpfq::SampleFraction(pass.heldOut);
  options.maxRows = pass.maxRows;
  options.patches = pass.patches == "paper" ? ::gpfq::Patches::Paper : ::gpfq::Patches::Real;
  options.retainRate = pass.retainRate;
  options.needsG = recipe.spec.followsPath();
  options.isExact = pass.exactMoments;
  options.seed = members.front();
  // A tail belongs to one layer, and to one whose output has no other addend.
  if (members.size() == 1 && !layer.bias.empty()) {
    LayerTail tail = LayerTail::match(layer.op->getResult(0));
    bool hasShortcut = false;
    if (tail.shortcut && readsShortcut(recipe)) {
      FailureOr<StagedExecutor *> executor = source->getExecutor();
      if (failed(executor))
        return failure();
      hasShortcut = (*executor)->hasShortcut(members.front());
    }
    readTail(layer, tail, hasShortcut, recipe, options);
  }
  ::gpfq::ParallelFor parallelFor = pool->parallelFor();
  FailureOr<MomentSource::Moments> moments = source->collect(cut, members, options);
  if (failed(moments))
    return failure();
  pass.numDeadInputs += reportDead(layer, moments->training);

  Result<Alphabet> alphabet = getAlphabet(layer.layer.getAlphabet());
  if (!alphabet)
    return layer.op->emitError("layer '") << layer.name() << "': " << alphabet.message();
  LayerSpec layerSpec = recipe.getLayerSpec(*alphabet, layer.layer);
  bool readsCodes = setInputRange(layer, layerSpec.accumulator);
  ::gpfq::LayerProblem problem = makeLayerProblem(layer);
  problem.training = &moments->training;
  problem.heldOut = moments->heldOut.rows > 0 ? &moments->heldOut : nullptr;
  ::gpfq::ClippedRows clipped;
  ::gpfq::PooledRows pooled;
  if (options.isPooled) {
    pooled = moments->collector->keptSamples();
    problem.pooled = &pooled;
  } else if (options.keptBytes > 0) {
    clipped = moments->collector->keptRows();
    problem.clipped = &clipped;
  }
  Result<LayerResult> result = ::gpfq::quantizeLayer(problem, layerSpec, parallelFor);
  if (!result)
    return layer.op->emitError("layer '")
           << layer.name() << "' cannot be quantised: " << result.message();
  if (!readsCodes)
    result->report.accumulatorBits = 0;
  return std::move(*result);
}

LogicalResult QuantizeWeightsPass::Run::quantizeCut(int64_t cut) {
  ArrayRef<unsigned> members = schedule.cuts[cut];
  unsigned first = members.front();
  QuantizableOp &layer = layers[first];
  // Layers that stay float are evaluated on the way to the next one.
  if (!layer.layer)
    return success();
  auto start = std::chrono::steady_clock::now();
  LayerResult result;
  bool isResumed = false, isReuse = false;
  int64_t cachedBefore = source->numCached();
  if (auto source = schedule.reuses.find(first); source != schedule.reuses.end()) {
    layer.op->emitRemark("layer '")
        << layer.name() << "' has the weights of '" << layers[source->second].name()
        << "', whose result it depends on; it takes over the levels";
    result = *results[source->second];
    result.biasDelta.clear();
    isReuse = true;
  } else if (store) {
    Result<bool> loaded = store->load(first, result);
    if (!loaded)
      return layer.op->emitError() << loaded.message();
    isResumed = *loaded;
    pass.numResumed += isResumed;
  }
  if (!isResumed && !isReuse) {
    FailureOr<LayerResult> computed = computeLevels(cut, members);
    if (failed(computed))
      return failure();
    result = std::move(*computed);
    if (store)
      if (Failure failure = store->store(first, result))
        return layer.op->emitError() << *failure;
  }
  for (unsigned member : members) {
    const ::gpfq::ConvShape &shape = layers[member].shape;
    LayerReportEntry entry;
    entry.name = layers[member].name();
    entry.shape = {shape.outputChannels, shape.kernelHeight, shape.kernelWidth,
                   shape.channelsPerGroup()};
    entry.bits = layer.layer.getAlphabet().getBits();
    if (Result<Alphabet> alphabet = getAlphabet(layer.layer.getAlphabet())) {
      entry.alphabet = alphabet->str();
      entry.countWeights(layers[member].weights, result, alphabet->levels());
    }
    entry.report = result.report;
    entry.isResumed = isResumed;
    entry.isCached = source->numCached() > cachedBefore;
    entry.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    report.layers.push_back(std::move(entry));
    source->setResult(member, result);
    results[member] = result;
    ++pass.numQuantized;
  }
  return success();
}

LogicalResult QuantizeWeightsPass::Run::exportWeights() {
  if (pass.exportFile.empty())
    return success();
  std::vector<QuantizedWeights> exported;
  for (auto [layer, entry] : llvm::zip_first(layers, results)) {
    if (!entry)
      continue;
    FailureOr<QuantizedWeights> weights = describeQuantizedWeights(layer, *entry);
    if (failed(weights))
      return failure();
    exported.push_back(std::move(*weights));
  }
  if (Failure failure = writeQuantizedWeights(pass.exportFile, exported))
    return network.emitError() << *failure;
  return success();
}

void QuantizeWeightsPass::Run::rewrite() {
  // Layers of one cut read one dequantised constant when their operands have the same type.
  for (ArrayRef<unsigned> members : schedule.cuts) {
    DenseMap<std::pair<Type, StringAttr>, Value> created;
    for (unsigned member : members) {
      if (!results[member])
        continue;
      QuantizableOp &layer = layers[member];
      OpBuilder builder(layer.op);
      Value &weights =
          created[{layer.op.getDpsInputs()[1].getType(), layer.op->getName().getIdentifier()}];
      // Members are in program order, so the first one dominates the others.
      if (!weights)
        weights = layer.createDequantizedWeights(builder, *results[member]);
      layer.op->setOperand(layer.op.getDpsInputOperand(1)->getOperandNumber(), weights);
      if (!results[member]->biasDelta.empty())
        layer.addToBias(builder, results[member]->biasDelta);
      layer.op->removeAttr(lowbit::layerAttrName);
    }
  }
}

LogicalResult QuantizeWeightsPass::Run::run() {
  FailureOr<func::FuncOp> function = getNetwork(pass.getOperation());
  if (failed(function) || failed(readOptions()) || failed(verifyCalibratable(*function)))
    return failure();
  network = *function;
  FailureOr<std::vector<QuantizableOp>> collected = collectQuantizableOps(network);
  if (failed(collected))
    return failure();
  layers = std::move(*collected);
  results.assign(layers.size(), std::nullopt);
  int64_t annotated = llvm::count_if(layers, [](const QuantizableOp &l) { return bool(l.layer); });
  if (!annotated)
    return network.emitError("has no op with ")
           << lowbit::layerAttrName
           << ", so there is nothing to quantise; run gpfq-annotate-layers first";
  numSamples = pass.samples;
  FailureOr<std::vector<CalibrationData>> opened =
      openCalibrationData(network, llvm::to_vector(pass.calibration), numSamples);
  if (failed(opened))
    return failure();
  data = std::move(*opened);
  if (failed(openCheckpoint()))
    return failure();

  Progress progress("quantising", annotated);
  schedule = scheduleLayers(network, layers);
  pool = std::make_unique<::gpfq::ThreadPool>(pass.threads);
  if (failed(createSource()))
    return failure();
  for (int64_t cut = 0; cut < int64_t(schedule.cuts.size()); ++cut) {
    if (failed(quantizeCut(cut)))
      return failure();
    progress.update(int64_t(report.layers.size()));
  }
  pass.numCached += unsigned(source->numCached());
  source.reset();
  for (QuantizableOp &layer : layers) {
    if (layer.layer)
      continue;
    ++pass.numFloat;
    layer.op->emitRemark("carries no ") << lowbit::layerAttrName << " and stays float";
  }
  if (failed(exportWeights()))
    return failure();
  rewrite();
  if (!pass.report.empty())
    if (Failure failure = report.write(pass.report))
      return network.emitError() << *failure;
  return success();
}

void QuantizeWeightsPass::runOnOperation() {
  if (failed(Run(*this).run()))
    signalPassFailure();
}
