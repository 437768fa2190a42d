// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/MomentSource.h"

#include "gpfq/Calibration/CalibrationRun.h"
#include "gpfq/Calibration/LayerData.h"
#include "gpfq/Calibration/OutputError.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::Failure;
using ::gpfq::LayerResult;
using ::gpfq::MomentCache;
using ::gpfq::Result;

FailureOr<std::unique_ptr<MomentSource>>
MomentSource::create(func::FuncOp function, MutableArrayRef<QuantizableOp> layers,
                     const Schedule &schedule, ArrayRef<::gpfq::CalibrationData> data,
                     const Options &options, ::gpfq::ThreadPool &pool) {
  std::unique_ptr<MomentSource> source(
      new MomentSource(function, layers, schedule, data, options, pool));
  source->differingInputs = llvm::BitVector(layers.size());
  if (options.inputs != Inputs::Float)
    source->differingInputs =
        getDifferingInputs(function, layers, options.inputs == Inputs::Quantized);
  if (!options.cache.empty()) {
    std::string key;
    llvm::raw_string_ostream os(key);
    os << "gpfq-moments 2\nrun "
       << hashRun(function, data, options.samples, /*withLayerAttributes=*/false)
       << "\nsampling samples=" << options.samples << " " << options.sampling
       << " kernels=" << ::gpfq::floatIsaName(::gpfq::floatIsa()) << "\n";
    Result<MomentCache> opened = MomentCache::open(options.cache, key);
    if (!opened)
      return function.emitError() << opened.message();
    source->cache = std::move(*opened);
  }
  return std::move(source);
}

FailureOr<StagedExecutor *> MomentSource::getExecutor() {
  if (executor)
    return executor.get();
  StagedExecutor::Options running;
  // With equal inputs everywhere both sides would do the same.
  running.withQuantizedSide = options.inputs == Inputs::Quantized || differingInputs.any();
  running.stages = options.stages;
  running.samples = options.samples;
  running.memoryBudget = options.memoryBudget;
  auto created = StagedExecutor::create(function, layers, schedule, data, running, pool);
  if (failed(created))
    return failure();
  executor = std::move(*created);
  for (auto &[layer, result] : pending)
    setWeights(layer, result);
  pending.clear();
  return executor.get();
}

void MomentSource::setWeights(unsigned layer, const LayerResult &result) {
  executor->setWeights(StagedExecutor::Quantized, layer, dequantizeWeights(layers[layer], result),
                       correctBias(layers[layer], result));
}

template <typename T> static void addHash(llvm::raw_ostream &os, const std::vector<T> &values) {
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(
      ArrayRef(reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(T)));
  os << llvm::utohexstr(hash.high64) << '.' << llvm::utohexstr(hash.low64) << ' ';
}

void MomentSource::setResult(unsigned layer, const LayerResult &result) {
  if (options.inputs != Inputs::Quantized)
    return;
  if (cache) {
    llvm::raw_string_ostream os(resultHashes[layer]);
    addHash(os, result.levels);
    addHash(os, result.scales);
    addHash(os, result.biasDelta);
  }
  if (executor)
    setWeights(layer, result);
  else
    pending.emplace_back(layer, result);
}

std::string MomentSource::getState(ArrayRef<unsigned> members, bool isShared) const {
  std::string state = isShared ? "shared" : "differing";
  llvm::BitVector upstream(layers.size());
  for (unsigned member : members) {
    state += " " + std::to_string(member);
    upstream |= schedule.dependencies[member];
  }
  std::string results;
  for (unsigned layer : upstream.set_bits())
    results += std::to_string(layer) + " " + resultHashes[layer] + "\n";
  bool isFloat = llvm::all_of(upstream.set_bits(),
                              [&](unsigned layer) { return resultHashes[layer].empty(); });
  if (isFloat)
    return state;
  llvm::raw_string_ostream os(state);
  os << " after ";
  addHash(os, std::vector<char>(results.begin(), results.end()));
  return state;
}

FailureOr<MomentSource::Moments>
MomentSource::collect(int64_t cut, ArrayRef<unsigned> members,
                      ::gpfq::MomentCollector::Options collecting) {
  collecting.samples = options.samples;
  collecting.sharedInputs =
      llvm::none_of(members, [&](unsigned member) { return differingInputs.test(member); });
  Moments moments;
  unsigned first = members.front();
  // What a shortcut adds to the moments depends on more than the layer's inputs.
  bool isCacheable = cache && !collecting.targetsShortcut;
  std::string state;
  if (isCacheable) {
    state = getState(members, collecting.sharedInputs);
    if (!collecting.sharedInputs && !collecting.needsG)
      state += " without path";
    if (collecting.isPooled)
      state += " of whole images";
    Result<bool> loaded = cache->load(first, state, moments.training, moments.heldOut);
    if (!loaded)
      return layers[first].op->emitError() << loaded.message();
    cached += *loaded;
    if (*loaded && collecting.keptBytes == 0)
      return std::move(moments);
    collecting.withMoments = !*loaded;
  }
  auto running = getExecutor();
  if (failed(running))
    return failure();
  auto collector = collectMoments(**running, cut, layers, members, collecting, options.memoryBudget,
                                  pool.parallelFor());
  if (failed(collector))
    return failure();
  moments.collector = std::move(*collector);
  if (!collecting.withMoments)
    return std::move(moments);
  ++collected;
  moments.training = moments.collector->takeTraining();
  moments.heldOut = moments.collector->takeHeldOut();
  if (isCacheable)
    if (Failure failure = cache->store(first, state, moments.training, moments.heldOut))
      return layers[first].op->emitError() << *failure;
  return std::move(moments);
}
