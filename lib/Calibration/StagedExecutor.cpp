// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/StagedExecutor.h"

#include "mlir/IR/IRMapping.h"
#include <mutex>

using namespace mlir;
using namespace mlir::gpfq;
using ::gpfq::ConvShape;
using ::gpfq::Failure;
using ::gpfq::PackedWeights;
using ::gpfq::ValueStore;

namespace {
/// Memory that grows and is reused, aligned for the kernels.
class Scratch {
public:
  void *get(uint64_t bytes) {
    if (bytes > size) {
      memory.reset(static_cast<char *>(std::aligned_alloc(64, llvm::alignTo(bytes, 64))));
      size = bytes;
    }
    return memory.get();
  }

private:
  struct Free {
    void operator()(char *p) const { std::free(p); }
  };
  std::unique_ptr<char, Free> memory;
  uint64_t size = 0;
};

struct LayerWeights {
  PackedWeights packed;
  /// Of a depthwise layer: kernelHeight x kernelWidth x channels.
  std::vector<float> depthwise;
  std::vector<float> bias;
};
} // namespace

/// One side.
struct StagedExecutor::Network {
  OwningOpRef<func::FuncOp> function;
  StagedProgram program;
  std::vector<StageCompiler::Function> stages;
  std::vector<LayerWeights> weights;
  /// For each value that is live between two calls of advance(), one block for each sample.
  std::vector<std::vector<ValueStore::Block>> stored;
};

//===----------------------------------------------------------------------===//
// One sample
//===----------------------------------------------------------------------===//

/// The state of one thread while it takes one sample through some steps of one network.
class StagedExecutor::SampleRun {
public:
  void run(StagedExecutor &executor, Side side, int64_t sampleIndex, int64_t firstStep,
           int64_t endStep) {
    network = executor.networks[side].get();
    sample = sampleIndex;
    first = firstStep;
    end = endStep;
    pointers.assign(network->program.values.size(), nullptr);
    scratch.resize(pointers.size());
    for (int64_t step = first; step < end && !failure; ++step) {
      if (step > 0)
        for (unsigned layer : executor.schedule.cuts[step - 1])
          evaluate(executor, layer);
      callStage(executor, step);
    }
  }

  const float *getInput(StagedExecutor &executor, unsigned layer) {
    const StagedProgram::Operand &operand = network->program.layers[layer].input;
    return dequantize(executor, operand, dequantizedInput);
  }

  /// Null when the layer has none.
  const float *getShortcut(StagedExecutor &executor, unsigned layer) {
    const std::optional<StagedProgram::Operand> &operand = network->program.layers[layer].shortcut;
    return operand ? dequantize(executor, *operand, dequantizedShortcut) : nullptr;
  }

  /// The result `index` of the network.
  ArrayRef<float> getResult(StagedExecutor &executor, unsigned index) {
    unsigned value = network->program.results[index].value;
    const auto *elements = static_cast<const float *>(read(executor, value));
    return {elements, elements ? network->program.values[value].bytes / sizeof(float) : 0};
  }
  unsigned numResults() const { return unsigned(network->program.results.size()); }
  int64_t getSample() const { return sample; }

  /// Writes what is needed later, and frees what is not.
  void finish(StagedExecutor &executor) {
    for (auto [index, live] : llvm::enumerate(network->program.values)) {
      auto &blocks = network->stored[index];
      if (blocks.empty())
        continue;
      ValueStore::Block &block = blocks[sample];
      if (live.lastStep < end && block.bytes()) {
        executor.values.release(block);
        block = {};
      } else if (written.count(index) && !block.memory() && !failure) {
        failure = executor.values.write(block, pointers[index]);
      }
    }
    written.clear();
  }

  Failure failure;

private:
  const float *dequantize(StagedExecutor &executor, const StagedProgram::Operand &operand,
                          Scratch &memory) {
    const void *value = read(executor, operand.value);
    if (!value || !operand.isCode)
      return static_cast<const float *>(value);
    int64_t count = int64_t(network->program.values[operand.value].bytes);
    auto *result = static_cast<float *>(memory.get(count * sizeof(float)));
    const auto *codes = static_cast<const uint8_t *>(value);
    auto zeroPoint = float(operand.zeroPoint);
    for (int64_t i = 0; i < count; ++i)
      result[i] = (float(codes[i]) - zeroPoint) * operand.scale;
    return result;
  }

  const void *read(StagedExecutor &executor, unsigned index) {
    if (failure)
      return nullptr;
    if (pointers[index])
      return pointers[index];
    const StagedProgram::LiveValue &live = network->program.values[index];
    if (live.argument >= 0)
      return pointers[index] = const_cast<void *>(executor.data[live.argument].sample(sample));
    const ValueStore::Block &block = network->stored[index][sample];
    if (block.memory())
      return pointers[index] = block.memory();
    void *bytes = scratch[index].get(live.bytes);
    if ((failure = executor.values.read(block, bytes)))
      return nullptr;
    return pointers[index] = bytes;
  }

  /// Where the value `index` is to be written.
  void *create(StagedExecutor &executor, unsigned index) {
    if (failure)
      return nullptr;
    const StagedProgram::LiveValue &live = network->program.values[index];
    if (live.lastStep < end)
      return pointers[index] = scratch[index].get(live.bytes);
    ::gpfq::Result<ValueStore::Block> block = executor.values.allocate(live.bytes);
    if (!block) {
      failure = block.message();
      return nullptr;
    }
    network->stored[index][sample] = *block;
    written.insert(index);
    return pointers[index] = block->memory() ? block->memory() : scratch[index].get(live.bytes);
  }

  void evaluate(StagedExecutor &executor, unsigned layer) {
    const StagedProgram::Layer &use = network->program.layers[layer];
    const float *input = getInput(executor, layer);
    const void *init = use.init < 0 ? nullptr : read(executor, use.init);
    auto *output = static_cast<float *>(create(executor, use.output));
    if (failure)
      return;
    const LayerWeights &weights = network->weights[layer];
    const ConvShape &shape = use.shape;
    const float *bias = weights.bias.empty() ? nullptr : weights.bias.data();
    if (executor.layers[layer].isDepthwise)
      ::gpfq::depthwiseConv2d(shape, input, weights.depthwise.data(), bias, output);
    else
      ::gpfq::conv2d(shape, input, weights.packed, bias, output);
    if (init)
      for (int64_t i = 0, count = executor.layers[layer].outputElements(); i < count; ++i)
        output[i] += static_cast<const float *>(init)[i];
  }

  void callStage(StagedExecutor &executor, int64_t number) {
    const StagedProgram::Step &step = network->program.steps[number];
    if (step.outputs.empty())
      return;
    arguments.clear();
    for (unsigned input : step.inputs)
      arguments.push_back(const_cast<void *>(read(executor, input)));
    for (unsigned output : step.outputs)
      arguments.push_back(create(executor, output));
    if (!failure)
      network->stages[number](arguments.data());
  }

  Network *network = nullptr;
  int64_t sample = 0, first = 0, end = 0;
  std::vector<void *> pointers, arguments;
  std::vector<Scratch> scratch;
  Scratch dequantizedInput, dequantizedShortcut;
  llvm::SmallDenseSet<unsigned> written;
};

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

StagedExecutor::StagedExecutor(func::FuncOp function, MutableArrayRef<QuantizableOp> layers,
                               const Schedule &schedule, ArrayRef<::gpfq::CalibrationData> data,
                               const Options &options, ::gpfq::ThreadPool &pool)
    : function(function), layers(layers), schedule(schedule), data(data), options(options),
      pool(pool), values(options.memoryBudget, options.temporaryDirectory) {}

StagedExecutor::~StagedExecutor() = default;

FailureOr<std::unique_ptr<StagedExecutor>>
StagedExecutor::create(func::FuncOp function, MutableArrayRef<QuantizableOp> layers,
                       const Schedule &schedule, ArrayRef<::gpfq::CalibrationData> data,
                       const Options &options, ::gpfq::ThreadPool &pool) {
  std::unique_ptr<StagedExecutor> executor(
      new StagedExecutor(function, layers, schedule, data, options, pool));
  if (failed(executor->prepare()))
    return failure();
  return std::move(executor);
}

/// Makes the float network of `function`: x for dequantize(quantize(x)).
static void dropActivationQuantization(func::FuncOp function) {
  for (auto dequantize : llvm::make_early_inc_range(function.getOps<lowbit::DequantizeOp>()))
    if (auto quantize = dequantize.getInput().getDefiningOp<lowbit::QuantizeOp>())
      dequantize.replaceAllUsesWith(quantize.getInput());
  for (auto dequantize : function.getOps<lowbit::DequantizeRowsOp>())
    if (auto quantize = dequantize.getCodes().getDefiningOp<lowbit::QuantizeRowsOp>())
      dequantize.replaceAllUsesWith(quantize.getInput());
}

LogicalResult StagedExecutor::prepareNetwork(Side side, ModuleOp stages) {
  auto network = std::make_unique<Network>();
  IRMapping mapping;
  network->function = cast<func::FuncOp>(function->clone(mapping));
  SmallVector<linalg::LinalgOp> ops;
  for (QuantizableOp &layer : layers)
    ops.push_back(cast<linalg::LinalgOp>(mapping.lookup(layer.op.getOperation())));
  if (side == Float)
    dropActivationQuantization(*network->function);
  FailureOr<StagedProgram> program =
      cutIntoStages(*network->function, ops, schedule, options.stages);
  if (failed(program))
    return failure();
  network->program = std::move(*program);
  for (auto [i, step] : llvm::enumerate(network->program.steps))
    if (!step.outputs.empty())
      outlineStage(stages, ("side" + Twine(side) + "_step" + Twine(i)).str(), network->program,
                   step);
  network->weights.resize(layers.size());
  network->stored.resize(network->program.values.size());
  networks.push_back(std::move(network));
  for (unsigned i = 0; i < layers.size(); ++i)
    setWeights(side, i, layers[i].weights, layers[i].bias);
  return success();
}

LogicalResult StagedExecutor::prepare() {
  OwningOpRef<ModuleOp> stages = ModuleOp::create(function.getLoc());
  if (failed(prepareNetwork(Float, *stages)) ||
      (options.withQuantizedSide && failed(prepareNetwork(Quantized, *stages))))
    return failure();
  FailureOr<std::unique_ptr<StageCompiler>> compiled = StageCompiler::compile(std::move(stages));
  if (failed(compiled))
    return failure();
  compiler = std::move(*compiled);
  for (auto [side, network] : llvm::enumerate(networks)) {
    for (auto [i, step] : llvm::enumerate(network->program.steps)) {
      network->stages.push_back(nullptr);
      if (step.outputs.empty())
        continue;
      auto stage = compiler->lookup(("side" + Twine(side) + "_step" + Twine(i)).str());
      if (failed(stage))
        return function.emitError("has a stage that cannot be linked for the calibration run");
      network->stages.back() = *stage;
    }
  }
  return success();
}

void StagedExecutor::setWeights(Side side, unsigned layer, ArrayRef<float> weights,
                                ArrayRef<float> bias) {
  LayerWeights &result = networks[side]->weights[layer];
  const ConvShape &shape = layers[layer].shape;
  result.bias.assign(bias.begin(), bias.end());
  if (!layers[layer].isDepthwise) {
    result.packed = ::gpfq::packConvWeights(shape, weights.data());
    return;
  }
  int64_t taps = shape.kernelHeight * shape.kernelWidth, channels = shape.outputChannels;
  result.depthwise.resize(weights.size());
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t t = 0; t < taps; ++t)
      result.depthwise[t * channels + c] = weights[c * taps + t];
}

bool StagedExecutor::hasShortcut(unsigned layer) const {
  return llvm::all_of(networks, [&](const std::unique_ptr<Network> &network) {
    return network->program.layers[layer].shortcut.has_value();
  });
}

//===----------------------------------------------------------------------===//
// All samples
//===----------------------------------------------------------------------===//

LogicalResult
StagedExecutor::runSteps(int64_t first, int64_t end, int64_t samples, int64_t batch,
                         llvm::function_ref<void(SampleRun &run, int64_t slot, Side side)> observer,
                         BatchEnd batchEnd) {
  for (auto &network : networks)
    for (auto [index, live] : llvm::enumerate(network->program.values))
      if (live.argument < 0 && live.lastStep >= end && network->stored[index].empty())
        network->stored[index].resize(options.samples);

  // Each thread takes a state that is not in use.
  std::mutex mutex;
  std::vector<std::unique_ptr<SampleRun>> idle;
  Failure failure;
  auto runSample = [&](int64_t sample, int64_t slot) {
    std::unique_ptr<SampleRun> run;
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (failure)
        return;
      if (!idle.empty()) {
        run = std::move(idle.back());
        idle.pop_back();
      }
    }
    if (!run)
      run = std::make_unique<SampleRun>();
    for (unsigned side = 0; side < networks.size(); ++side) {
      run->run(*this, Side(side), sample, first, end);
      observer(*run, slot, Side(side));
      run->finish(*this);
    }
    std::lock_guard<std::mutex> lock(mutex);
    if (run->failure && !failure)
      failure = run->failure;
    idle.push_back(std::move(run));
  };
  for (int64_t begin = 0; begin < samples; begin += batch) {
    int64_t count = std::min(batch, samples - begin);
    pool.run(count, [&](int64_t slot) { runSample(begin + slot, slot); });
    if (failure)
      return function.emitError() << *failure;
    batchEnd(begin, count);
  }
  for (auto &network : networks)
    for (auto [index, live] : llvm::enumerate(network->program.values))
      if (live.lastStep < end)
        network->stored[index] = {};
  return success();
}

LogicalResult StagedExecutor::advance(int64_t cut, int64_t batch,
                                      llvm::function_ref<bool(unsigned layer)> isObserved,
                                      Observer observer, BatchEnd batchEnd) {
  int64_t first = nextStep, end = cut + 1;
  nextStep = end;
  auto observe = [&](SampleRun &run, int64_t slot, Side side) {
    for (int64_t step = first; step < end; ++step)
      for (unsigned layer : schedule.cuts[step])
        if (isObserved(layer))
          if (const float *input = run.getInput(*this, layer))
            observer(run.getSample(), slot, side, layer, input,
                     hasShortcut(layer) ? run.getShortcut(*this, layer) : nullptr);
  };
  return runSteps(first, end, options.samples, batch, observe, batchEnd);
}

LogicalResult StagedExecutor::evaluate(int64_t samples, ResultObserver observer) {
  // What advance() kept is no longer needed.
  for (auto &network : networks)
    for (auto &blocks : network->stored) {
      for (ValueStore::Block &block : blocks)
        if (block.bytes())
          values.release(block);
      blocks = {};
    }
  auto observe = [&](SampleRun &run, int64_t, Side side) {
    for (unsigned result = 0; result < run.numResults(); ++result)
      observer(run.getSample(), side, result, run.getResult(*this, result));
  };
  return runSteps(0, int64_t(schedule.cuts.size()) + 1, samples, samples, observe,
                  [](int64_t, int64_t) {});
}
