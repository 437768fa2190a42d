// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/TileTuner.h"

#include "gpfq/Compiler/Output.h"
#include "gpfq/Conversion/ProfileLayers.h"
#include "gpfq/Dialect/LowBit/Transforms/TileTable.h"
#include "gpfq/Support/Progress.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Host.h"
#include <chrono>

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;
using Clock = std::chrono::steady_clock;

/// Candidates for a kernel beside the default.
static constexpr size_t maxCandidates = 8;
/// Each library runs so often, in turns, for so long; the least mean of a turn counts.
static constexpr int turns = 8;
static constexpr double turnSeconds = 0.02;
/// What a tile must gain before it replaces the default.
static constexpr double requiredSpeedup = 1.02;

namespace {

/// A kernel of the network and its tiles; the first is the default.
struct TunedKernel {
  std::vector<KernelTile> tiles;
  /// The least time of each tile so far.
  std::vector<double> microseconds;
  /// Counters of the profile.
  SmallVector<std::string> layers;
};

/// A profiled library of the network in this process.
class LoadedLibrary {
public:
  LoadedLibrary(LoadedLibrary &&) = default;

  static FailureOr<LoadedLibrary> load(StringRef path, const ModelInterface &interface,
                                       Location loc);

  /// Runs for about `seconds`; gives the mean microseconds of each layer.
  llvm::StringMap<double> measure(double seconds);

private:
  LoadedLibrary() = default;

  int32_t (*run)(const void *const *, void *const *, int64_t, void *) = nullptr;
  int32_t (*profile)(const char *const **, uint64_t **, uint64_t *) = nullptr;
  std::vector<std::unique_ptr<char[]>> buffers;
  SmallVector<void *> inputs, outputs;
  void *workspace = nullptr;
};

/// Tunes one network.
class TileTuner {
public:
  TileTuner(ModuleOp module, const CompilerOptions &options, const KernelTarget &target,
            const ModelInterface &interface)
      : module(module), options(options), target(target), interface(interface) {
    this->options.parallelism = Parallelism::None;
    this->options.profileClock = getClock(target.getTriple());
  }

  LogicalResult run();
  TileTable getTable() const;

private:
  void findKernels();
  size_t countRounds() const;
  FailureOr<LoadedLibrary> compile(size_t round);
  void record(size_t round, const llvm::StringMap<double> &microseconds);

  ModuleOp module;
  CompilerOptions options;
  const KernelTarget &target;
  ModelInterface interface;
  std::map<std::string, TunedKernel> kernels;
};

} // namespace

FailureOr<LoadedLibrary> LoadedLibrary::load(StringRef path, const ModelInterface &interface,
                                             Location loc) {
  std::string problem;
  // Stays loaded until the process ends: a few megabytes for each candidate.
  auto library = llvm::sys::DynamicLibrary::getPermanentLibrary(path.str().c_str(), &problem);
  if (!library.isValid())
    return emitError(loc) << "a library to be measured cannot be loaded: " << problem;
  LoadedLibrary result;
  auto find = [&](const char *suffix, auto &function) {
    using Function = std::remove_reference_t<decltype(function)>;
    std::string name = interface.symbol + suffix;
    function = reinterpret_cast<Function>(library.getAddressOfSymbol(name.c_str()));
    return function != nullptr;
  };
  if (!find("_run", result.run) || !find("_profile", result.profile))
    return emitError(loc, "a library to be measured has no functions to run and profile it");
  auto allocate = [&](int64_t bytes) -> void * {
    uint64_t alignment = interface.workspaceAlignment;
    result.buffers.push_back(std::make_unique<char[]>(bytes + alignment));
    return reinterpret_cast<void *>(
        llvm::alignAddr(result.buffers.back().get(), llvm::Align(alignment)));
  };
  for (const TensorInfo &tensor : interface.inputs)
    result.inputs.push_back(allocate(tensor.getSampleBytes()));
  for (const TensorInfo &tensor : interface.outputs)
    result.outputs.push_back(allocate(tensor.getSampleBytes()));
  result.workspace = allocate(interface.workspaceBytes);
  return result;
}

llvm::StringMap<double> LoadedLibrary::measure(double seconds) {
  const char *const *names = nullptr;
  uint64_t *ticks = nullptr, begin = 0, end = 0;
  int32_t layers = profile(&names, &ticks, &begin);
  std::fill_n(ticks, layers + 1, 0);
  auto started = Clock::now();
  std::chrono::duration<double> passed{};
  int64_t runs = 0;
  do {
    run(inputs.data(), outputs.data(), 1, workspace);
    ++runs;
    passed = Clock::now() - started;
  } while (passed.count() < seconds);
  profile(&names, &ticks, &end);
  double microsecondsPerTick = passed.count() * 1e6 / double(end - begin);
  llvm::StringMap<double> result;
  for (int32_t i = 0; i < layers; ++i)
    result[names[i]] += double(ticks[1 + i]) * microsecondsPerTick / double(runs);
  return result;
}

void TileTuner::findKernels() {
  module.walk([&](LowBitComputeOpInterface op) {
    TunedKernel &kernel = kernels[describeKernel(op)];
    if (kernel.tiles.empty()) {
      kernel.tiles.push_back(getDefaultTile(op, target));
      llvm::append_range(kernel.tiles, getTileCandidates(op, target, maxCandidates));
      kernel.microseconds.assign(kernel.tiles.size(), std::numeric_limits<double>::infinity());
    }
    std::string name = *getProfiledName(op);
    if (!llvm::is_contained(kernel.layers, name))
      kernel.layers.push_back(name);
  });
}

size_t TileTuner::countRounds() const {
  size_t rounds = 0;
  for (const auto &[text, kernel] : kernels)
    rounds = std::max(rounds, kernel.tiles.size());
  return rounds;
}

FailureOr<LoadedLibrary> TileTuner::compile(size_t round) {
  Location loc = module.getLoc();
  TileTable table;
  table.target = target.getName().str();
  for (const auto &[text, kernel] : kernels)
    if (size_t choice = round % kernel.tiles.size())
      table.entries[text].tile = kernel.tiles[choice];
  SmallString<128> tablePath, libraryPath;
  std::error_code error = llvm::sys::fs::createTemporaryFile("gpfq-tiles", "json", tablePath);
  llvm::FileRemover removeTable(tablePath);
  if (!error)
    error = llvm::sys::fs::createTemporaryFile("gpfq-tune", "so", libraryPath);
  llvm::FileRemover removeLibrary(libraryPath);
  if (error)
    return emitError(loc) << "cannot make a temporary file: " << error.message();
  SmallString<128> headerPath(libraryPath);
  llvm::sys::path::replace_extension(headerPath, "h");
  llvm::FileRemover removeHeader(headerPath);
  FailureOr<OutputFile> tableFile = OutputFile::create(tablePath, loc);
  if (failed(tableFile) || failed(tableFile->write(table.toJson())) || failed(tableFile->keep()))
    return failure();
  options.tiles = tablePath.str();
  ModelInterface compiled = interface;
  SmallVector<LoweredNetwork> networks;
  networks.push_back({&target, module.clone()});
  ModuleOp network = *networks.front().module;
  if (failed(packLayers(network, options, target)) ||
      failed(lowerToLLVMDialect(network, options, target, compiled)) ||
      failed(writeLibrary(networks, options, compiled, libraryPath)))
    return failure();
  return LoadedLibrary::load(libraryPath, compiled, loc);
}

void TileTuner::record(size_t round, const llvm::StringMap<double> &microseconds) {
  for (auto &[text, kernel] : kernels) {
    double sum = 0.0;
    for (const std::string &layer : kernel.layers)
      sum += microseconds.lookup(layer);
    double &least = kernel.microseconds[round % kernel.tiles.size()];
    least = std::min(least, sum);
  }
}

LogicalResult TileTuner::run() {
  findKernels();
  std::vector<LoadedLibrary> libraries;
  size_t rounds = countRounds();
  Progress progress("tuning", rounds, "tile");
  for (size_t round = 0; round < rounds; ++round) {
    FailureOr<LoadedLibrary> library = compile(round);
    if (failed(library))
      return failure();
    libraries.push_back(std::move(*library));
    progress.update(round + 1);
  }
  for (int turn = 0; turn < turns; ++turn)
    for (auto [round, library] : llvm::enumerate(libraries))
      record(round, library.measure(turnSeconds));
  return success();
}

TileTable TileTuner::getTable() const {
  TileTable table;
  table.target = target.getName().str();
  table.cpu = llvm::sys::getHostCPUName().str();
  for (const auto &[text, kernel] : kernels) {
    size_t best = llvm::min_element(kernel.microseconds) - kernel.microseconds.begin();
    double before = kernel.microseconds.front(), after = kernel.microseconds[best];
    if (after * requiredSpeedup < before)
      table.entries[text] = {kernel.tiles[best], after, before};
  }
  return table;
}

LogicalResult mlir::gpfq::tuneTiles(ModuleOp module, const CompilerOptions &options,
                                    const KernelTarget &target, const ModelInterface &interface,
                                    StringRef tableFile) {
  if (!canRunOnHost(target))
    return emitError(module.getLoc()) << "tiles for '" << target.getName()
                                      << "' cannot be measured: this CPU cannot run its kernels";
  FailureOr<OutputFile> file = OutputFile::create(tableFile, module.getLoc());
  if (failed(file))
    return failure();
  TileTuner tuner(module, options, target, interface);
  if (failed(tuner.run()))
    return failure();
  return success(succeeded(file->write(tuner.getTable().toJson())) && succeeded(file->keep()));
}
