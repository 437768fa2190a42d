// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Options.h"

#include "gpfq/Compiler/Compiler.h"
#include "gpfq/Compiler/Output.h"
#include "gpfq/Compiler/Report.h"
#include "gpfq/Compiler/TileTuner.h"
#include "gpfq/Dialect/LowBit/IR/LowBit.h"
#include "gpfq/Pipelines/Register.h"
#include "gpfq/Support/Progress.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"
#include <chrono>
#include <climits>
#include <csignal>
#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace mlir;
using namespace mlir::gpfq;

namespace {

/// One run of the compiler.
class Compilation {
public:
  Compilation(const CommandLine &commandLine, MLIRContext &context)
      : commandLine(commandLine), context(context), start(Clock::now()) {}

  LogicalResult run();

private:
  using Clock = std::chrono::steady_clock;

  LogicalResult parse();
  LogicalResult checkOutput();
  LogicalResult checkLevel();
  LogicalResult quantize();
  LogicalResult lower();
  LogicalResult writeModule(ModuleOp network);
  LogicalResult writeReport();

  void announce(StringRef stage) { announceTask(stage, secondsSince(start)); }
  static double secondsSince(Clock::time_point time) {
    return std::chrono::duration<double>(Clock::now() - time).count();
  }

  const CommandLine &commandLine;
  MLIRContext &context;
  Clock::time_point start;
  OwningOpRef<ModuleOp> module;
  llvm::SourceMgr sources;
  std::optional<SourceMgrDiagnosticHandler> diagnostics;
  SmallVector<const KernelTarget *> targets;
  ModelInterface interface;
  CompilationReport report;
  /// What the passes of the quantisation have written.
  std::vector<std::string> reportParts;
  bool isQuantized = false;
  /// Of --export-weights; kept when everything else is in place.
  std::optional<OutputFile> weights;
};

LogicalResult Compilation::parse() {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(commandLine.inputFile, &error);
  if (!buffer) {
    llvm::WithColor::error(llvm::errs(), "gpfq-compile") << error << "\n";
    return failure();
  }
  report.modelSha256 = computeSha256(buffer->getBuffer());
  sources.AddNewSourceBuffer(std::move(buffer), SMLoc());
  diagnostics.emplace(sources, &context);
  module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return failure();
  FailureOr<ModelInterface> read = readModelInterface(*module);
  if (failed(read))
    return failure();
  interface = *read;
  interface.symbol = commandLine.symbol;
  report.floatWeightBytes = countFloatConstantBytes(*module);
  return success();
}

/// Can the output be written, and for these targets? Better known before the quantisation than
/// after it.
LogicalResult Compilation::checkOutput() {
  auto found = getKernelTargets(commandLine.targets, [&] { return emitError(module->getLoc()); });
  if (failed(found))
    return failure();
  targets = std::move(*found);
  if (targets.size() > 1 &&
      (commandLine.emit == EmitLevel::Packed || commandLine.emit == EmitLevel::LLVM))
    return emitError(module->getLoc(),
                     "--emit=packed and --emit=llvm are of one target; give one with --target");
  return success(commandLine.outputFile == "-" ||
                 succeeded(OutputFile::create(commandLine.outputFile, module->getLoc())));
}

/// Is there something to quantise, and the data for it?
LogicalResult Compilation::checkLevel() {
  isQuantized = module
                    ->walk([](Operation *op) {
                      return isa<lowbit::LowBitDialect>(op->getDialect()) ? WalkResult::interrupt()
                                                                          : WalkResult::advance();
                    })
                    .wasInterrupted();
  if (isQuantized && commandLine.hasCalibration)
    return emitError(module->getLoc(), "the network is quantised already: leave out --calibration");
  if (!isQuantized && !commandLine.hasCalibration && !commandLine.keepFloat)
    return emitError(module->getLoc(),
                     "quantisation needs data: give --calibration=FILE, or --float to compile the "
                     "network as it is");
  return success();
}

LogicalResult Compilation::quantize() {
  if (isQuantized)
    return success();
  auto started = Clock::now();
  QuantizeOptions options;
  options.copyOptionValuesFrom(commandLine.quantize);
  SmallVector<OutputFile, 2> parts;
  if (!commandLine.reportFile.empty() && commandLine.hasCalibration) {
    auto createPart = [&](StringRef suffix,
                          mlir::detail::PassOptions::Option<std::string> &option) {
      FailureOr<OutputFile> file =
          OutputFile::create(commandLine.reportFile + suffix.str(), module->getLoc());
      if (failed(file))
        return failure();
      option = file->getTemporaryPath().str();
      parts.push_back(std::move(*file));
      return success();
    };
    if (failed(createPart(".layers", options.report)) ||
        (options.activationBits != 0 &&
         failed(createPart(".activations", options.activationReport))))
      return failure();
  }
  if (!commandLine.weightsFile.empty()) {
    FailureOr<OutputFile> file = OutputFile::create(commandLine.weightsFile, module->getLoc());
    if (failed(file))
      return failure();
    weights.emplace(std::move(*file));
    options.exportFile = weights->getTemporaryPath().str();
  }
  announce(commandLine.hasCalibration ? "quantising" : "preparing");
  LogicalResult result = runPipeline(*module, [&](OpPassManager &pm) {
    if (commandLine.hasCalibration)
      buildQuantizePipeline(pm, options);
    else
      buildPreparePipeline(pm, options);
  });
  if (succeeded(result))
    for (const OutputFile &part : parts) {
      auto text = llvm::MemoryBuffer::getFile(part.getTemporaryPath());
      if (!text)
        return emitError(module->getLoc())
               << "cannot read '" << part.getTemporaryPath() << "': " << text.getError().message();
      reportParts.push_back((*text)->getBuffer().str());
    }
  report.quantizeSeconds = secondsSince(started);
  return result;
}

LogicalResult Compilation::lower() {
  CompilerOptions options;
  options.reference = commandLine.reference;
  options.optimization = commandLine.optimization;
  options.parallelism = commandLine.parallelism;
  options.tiles = commandLine.tilesFile;
  if (commandLine.profile)
    options.profileClock = getClock(getTriple(targets));
  auto started = Clock::now();
  announce("lowering");
  if (commandLine.emit == EmitLevel::Quantized)
    return writeModule(*module);
  if (failed(lowerToIntegerLayers(*module)))
    return failure();
  report.floatLeft = findFloatLayers(*module);
  if (commandLine.emit == EmitLevel::Integer)
    return writeModule(*module);
  if (!commandLine.tuneFile.empty()) {
    if (failed(tuneTiles(*module, options, *targets.front(), interface, commandLine.tuneFile)))
      return failure();
    options.tiles = commandLine.tuneFile;
  }
  SmallVector<LoweredNetwork> networks;
  for (const KernelTarget *target : targets) {
    networks.push_back({target, module->clone()});
    ModuleOp network = *networks.back().module;
    if (failed(packLayers(network, options, *target)))
      return failure();
    // Sizes are those for the first target, which has the best kernels.
    if (report.compiledLayers.empty())
      report.compiledLayers = describeLayers(network);
    if (commandLine.emit == EmitLevel::Packed)
      return writeModule(network);
    if (failed(lowerToLLVMDialect(network, options, *target, interface)))
      return failure();
    if (commandLine.emit == EmitLevel::LLVM)
      return writeModule(network);
  }
  report.weightBytes = interface.weightBytes;
  report.workspaceBytes = interface.workspaceBytes;
  report.liveBytes = interface.liveBytes;
  announce("generating code");
  LogicalResult written = writeLibrary(networks, options, interface, commandLine.outputFile);
  report.compileSeconds = secondsSince(started);
  return written;
}

LogicalResult Compilation::writeModule(ModuleOp network) {
  if (commandLine.outputFile == "-") {
    network.print(llvm::outs());
    return success();
  }
  FailureOr<OutputFile> file = OutputFile::create(commandLine.outputFile, module->getLoc());
  if (failed(file))
    return failure();
  std::string text;
  llvm::raw_string_ostream stream(text);
  network.print(stream);
  return success(succeeded(file->write(text)) && succeeded(file->keep()));
}

LogicalResult Compilation::writeReport() {
  if (commandLine.reportFile.empty())
    return success();
  FailureOr<std::string> text = formatReport(report, reportParts, module->getLoc());
  FailureOr<OutputFile> file = OutputFile::create(commandLine.reportFile, module->getLoc());
  return success(succeeded(text) && succeeded(file) && succeeded(file->write(*text)) &&
                 succeeded(file->keep()));
}

LogicalResult Compilation::run() {
  if (failed(parse()) || failed(checkOutput()) || failed(checkLevel()) || failed(quantize()) ||
      failed(lower()) || failed(writeReport()) || (weights && failed(weights->keep())))
    return failure();
  announce("wrote " + commandLine.outputFile);
  return success();
}

} // namespace

/// Activations of a layer take the memory of those before it: if that went back to the system, it
/// would be cleared page by page when it is used again.
static void keepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20); // The most that there is.
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

int main(int argc, char **argv) {
  keepFreedMemory();
  llvm::InitLLVM init(argc, argv);
  // A limit on the size of files is an error of the write, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  CommandLine commandLine;
  parseCommandLine(argc, argv, commandLine);
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  return succeeded(Compilation(commandLine, context).run()) ? 0 : 1;
}
