// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Options.h"

#include "gpfq/Compiler/ModelInterface.h"
#include "gpfq/Support/Progress.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"
#include <cstdlib>

using namespace mlir;
using namespace mlir::gpfq;
namespace cl = llvm::cl;

namespace {

constexpr const char *overview =
    R"(Quantises a network and compiles it to a library with a C header.

  gpfq-compile net.mlir --calibration=calib.npy --weight-bits=4 -o libnet.so
      libnet.so and libnet.h: 4-bit weights by GPFQ, 8-bit activations
  gpfq-compile bert.mlir --calibration=words.npy,mask.npy --activations=dynamic -o libbert.so
      activations quantised row by row when the library runs
  gpfq-compile net.mlir --calibration=calib.npy --activation-bits=0 -o libnet.a
      weights only; arithmetic stays in float
  gpfq-compile net.mlir --float -o net.o
      the float network
  gpfq-compile net.mlir --calibration=calib.npy --emit=quantized -o net.q.mlir
  gpfq-compile net.q.mlir --target=avx512vnni,avx2 -o libnet.so
      the same in two steps, with kernels for two kinds of CPU
)";

[[noreturn]] void fail(const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), "gpfq-compile") << message << "\n";
  std::exit(1);
}

/// All options. An object and not globals: the libraries below have an option `threads` of their
/// own, which has to go first.
struct Flags {
  cl::OptionCategory outputCategory{"Output"};
  cl::OptionCategory quantizeCategory{"Quantisation"};
  cl::OptionCategory dataCategory{"Calibration data and resources"};

  cl::opt<std::string> inputFile{cl::Positional, cl::Required, cl::desc("<network.mlir>")};

  cl::opt<std::string> outputFile{
      "o", cl::Required, cl::value_desc("file"), cl::cat(outputCategory),
      cl::desc("libnet.so, libnet.a or net.o; with --emit a .mlir file, or - for stdout")};
  cl::opt<EmitLevel> emitLevel{
      "emit", cl::init(EmitLevel::Library), cl::cat(outputCategory),
      cl::desc("Stop and write the network as MLIR:"),
      cl::values(
          clEnumValN(EmitLevel::Quantized, "quantized", "levels and scales, float arithmetic"),
          clEnumValN(EmitLevel::Integer, "integer", "integer layers with fused epilogues"),
          clEnumValN(EmitLevel::Packed, "packed", "weights packed for the target"),
          clEnumValN(EmitLevel::LLVM, "llvm", "the LLVM dialect"))};
  cl::list<std::string> targets{
      "target", cl::CommaSeparated, cl::value_desc("name,.."), cl::cat(outputCategory),
      cl::desc("host (default), znver4, avx512vpopcntdq, avx512vnni, avxvnni, "
               "avx2, aarch64-i8mm, aarch64-dotprod or generic; "
               "of several, the library runs the best that its CPU can")};
  cl::alias targetsAlias{"targets", cl::aliasopt(targets), cl::cat(outputCategory),
                         cl::desc("The same as --target"), cl::CommaSeparated};
  cl::opt<std::string> symbolName{
      "name", cl::value_desc("identifier"), cl::cat(outputCategory),
      cl::desc("Prefix of the C functions (default: libnet.so gives net)")};
  cl::opt<std::string> reportFile{"report", cl::value_desc("file"), cl::cat(outputCategory),
                                  cl::desc("Write layers, errors, sizes and times as JSON")};
  cl::opt<std::string> weightsFile{
      "export-weights", cl::value_desc("file"), cl::cat(outputCategory),
      cl::desc("Write levels, scales and alphabets of the layers as safetensors")};
  cl::opt<ProgressFormat> progress{
      "progress", cl::init(ProgressFormat::Auto), cl::cat(outputCategory),
      cl::desc("What is said on stderr about the work:"),
      cl::values(clEnumValN(ProgressFormat::Auto, "auto", "a line, on a terminal (default)"),
                 clEnumValN(ProgressFormat::Json, "json", "a JSON object on a line for each step"),
                 clEnumValN(ProgressFormat::None, "none", "nothing"))};
  cl::opt<bool> reference{"reference", cl::cat(outputCategory),
                          cl::desc("Plain loops instead of packed kernels: the same bits, slowly")};
  cl::opt<unsigned> optimization{"O", cl::Prefix, cl::init(3), cl::cat(outputCategory),
                                 cl::desc("Optimisation level, 0 to 3 (default 3)")};

  cl::opt<Parallelism> parallelism{
      "parallel", cl::init(Parallelism::None), cl::cat(outputCategory),
      cl::desc("Threads of one run:"),
      cl::values(clEnumValN(Parallelism::None, "none", "the caller's alone (default)"),
                 clEnumValN(Parallelism::Host, "host", "those that the host hands in"),
                 clEnumValN(Parallelism::Pool, "pool",
                            "also a pool of the library's own, which needs the C library"))};

  cl::opt<std::string> tilesFile{"tiles", cl::value_desc("file"), cl::cat(outputCategory),
                                 cl::desc("Use the tiles of kernels that --tune has measured")};
  cl::opt<std::string> tuneFile{
      "tune", cl::value_desc("file"), cl::cat(outputCategory),
      cl::desc("Measure tiles of the kernels on this CPU, write those that are faster, and use "
               "them")};
  cl::opt<bool> profile{
      "profile", cl::cat(outputCategory),
      cl::desc("Count the ticks that each layer takes: NAME_profile, gpfq bench --layers")};

  cl::opt<bool> keepFloat{"float", cl::cat(quantizeCategory),
                          cl::desc("Compile the float network")};
  cl::opt<int> weightBits{"weight-bits", cl::init(4), cl::value_desc("n"),
                          cl::cat(quantizeCategory),
                          cl::desc("Bits of a weight, 1 to 8 (default 4); 0 is --float")};
  cl::opt<double> averageBits{
      "average-bits", cl::init(0.0), cl::value_desc("x"), cl::cat(quantizeCategory),
      cl::desc("Instead of --weight-bits: choose 2, 3, 4 or 8 bits for each layer, x on average")};
  cl::opt<int> activationBits{
      "activation-bits", cl::init(8), cl::value_desc("n"), cl::cat(quantizeCategory),
      cl::desc("Bits of an activation, 1 to 8 (default 8); 1: signs for layers with weights of 1 "
               "bit, 8 bits for others; 0 leaves them in float")};
  cl::opt<std::string> activations{
      "activations", cl::init("static"), cl::value_desc("mode"), cl::cat(quantizeCategory),
      cl::desc("Scales of activations: static (default), from the data; or dynamic, for each row "
               "of a matrix product when the library runs, for transformers")};
  cl::opt<std::string> products{
      "products", cl::init("float"), cl::value_desc("type"), cl::cat(quantizeCategory),
      cl::desc("Products of two activations, as in attention: float (default); or int8, quantised "
               "when the library runs")};
  cl::opt<std::string> alphabet{
      "alphabet", cl::value_desc("levels"), cl::cat(quantizeCategory),
      cl::desc("Levels of a weight, e.g. mid_rise:2; overrides --weight-bits")};
  cl::opt<std::string> granularity{
      "granularity", cl::init("channel"), cl::cat(quantizeCategory),
      cl::desc("What shares a scale: channel (default), an output channel; tensor; or block, "
               "--block-size input channels of one output channel")};
  cl::opt<int64_t> blockSize{"block-size", cl::init(32), cl::value_desc("n"),
                             cl::cat(quantizeCategory),
                             cl::desc("For --granularity=block (default 32)")};
  cl::opt<std::string> recipe{
      "recipe", cl::init("best"), cl::cat(quantizeCategory),
      cl::desc("How weights are chosen: best (default), or paper: the plain algorithm")};
  cl::opt<std::string> method{
      "method", cl::init("auto"), cl::cat(quantizeCategory),
      cl::desc("gpfq, optq, qronos, spfq, or msq: round to nearest (default: the recipe's)")};
  cl::opt<std::string> step{
      "step", cl::init("auto"), cl::cat(quantizeCategory),
      cl::desc("Size of the steps between levels: absmax, constant or search (default: the "
               "recipe's)")};
  cl::opt<std::string> quantizeOptions{
      "quantize-options", cl::value_desc("name=value .."), cl::cat(quantizeCategory),
      cl::desc("Further options of the pipeline gpfq-quantize, e.g. 'sweeps=4 refit=false'")};
  cl::opt<std::string> range{
      "range", cl::init("minmax"), cl::cat(quantizeCategory),
      cl::desc("Range of activations: minmax, percentile or mse (default minmax)")};
  cl::opt<double> percentile{"percentile", cl::init(99.99), cl::value_desc("p"),
                             cl::cat(quantizeCategory),
                             cl::desc("Percent of the values inside of the range (default 99.99)")};
  cl::opt<std::string> skip{"skip", cl::value_desc("regex"), cl::cat(quantizeCategory),
                            cl::desc("Layers left in float")};
  cl::opt<std::string> policy{"policy", cl::value_desc("file"), cl::cat(quantizeCategory),
                              cl::desc("Settings for single layers, JSON")};

  cl::list<std::string> calibration{
      "calibration", cl::CommaSeparated, cl::value_desc("file.npy,.."), cl::cat(dataCategory),
      cl::desc(
          "Inputs of the network, one file for each argument (data.npz:NAME for one of several "
          "arrays); axis 0 is the sample")};
  cl::opt<int64_t> samples{"samples", cl::init(0), cl::value_desc("n"), cl::cat(dataCategory),
                           cl::desc("Use the first n samples (default all)")};
  cl::opt<double> heldOut{"held-out", cl::init(0.1), cl::value_desc("fraction"),
                          cl::cat(dataCategory),
                          cl::desc("Samples kept to measure errors with (default 0.1)")};
  cl::opt<unsigned> threads{"threads", cl::init(0), cl::value_desc("n"), cl::cat(dataCategory),
                            cl::desc("Threads of the quantisation (default: all CPUs)")};
  cl::opt<uint64_t> memoryBudget{
      "memory-budget", cl::init(uint64_t(3) << 29), cl::value_desc("bytes"), cl::cat(dataCategory),
      cl::desc("Activations above this go to a temporary file (default 1.5 GiB)")};
  cl::opt<std::string> checkpoint{"checkpoint", cl::value_desc("folder"), cl::cat(dataCategory),
                                  cl::desc("Keep finished layers here and go on from them")};
};

/// Checks of single options that no pass makes, and of combinations.
void checkFlags(const Flags &flags) {
  if (flags.weightBits < 0 || flags.weightBits > 8)
    fail("--weight-bits must be 0 (float) to 8");
  if (flags.activationBits < 0 || flags.activationBits > 8)
    fail("--activation-bits must be 0 (float) to 8");
  if (flags.activations != "static" && flags.activations != "dynamic")
    fail("--activations must be static or dynamic");
  if (flags.activations == "dynamic" && flags.activationBits != 8)
    fail("--activations=dynamic has 8 bits; leave out --activation-bits");
  if (flags.products != "float" && flags.products != "int8")
    fail("--products must be float or int8");
  if (flags.products == "int8" && flags.activationBits == 0)
    fail("--products=int8 quantises activations; leave out --activation-bits=0");
  if (flags.products == "int8" && flags.calibration.empty())
    fail("--products=int8 is a part of the quantisation: give --calibration=FILE");
  if (flags.optimization > 3)
    fail("-O must be 0 to 3");
  if (!flags.tilesFile.empty() && !flags.tuneFile.empty())
    fail("--tune makes a table of its own: leave out --tiles");
  if (flags.reference && !(flags.tilesFile.empty() && flags.tuneFile.empty()))
    fail("--reference has no kernels: leave out --tiles and --tune");
  if (flags.targets.size() > 1 && !(flags.tilesFile.empty() && flags.tuneFile.empty()))
    fail("tiles are of one target; give one with --target");
  if (flags.samples < 0)
    fail("--samples must not be negative");
  if (flags.heldOut < 0 || flags.heldOut >= 1)
    fail("--held-out must be at least 0 and below 1");
  if ((flags.keepFloat || flags.weightBits == 0) && !flags.calibration.empty())
    fail("a float network needs no --calibration; leave out --float or --calibration");
  if (!flags.weightsFile.empty() && flags.calibration.empty())
    fail("--export-weights writes what a quantisation finds: give --calibration=FILE");
  if (!flags.symbolName.empty() && !isSymbolPrefix(flags.symbolName))
    fail("--name: '" + flags.symbolName + "' is not a C identifier");
  llvm::StringRef extension = llvm::sys::path::extension(flags.outputFile);
  if (flags.emitLevel != EmitLevel::Library && flags.outputFile != "-" && extension != ".mlir")
    fail("--emit writes MLIR: give -o a .mlir file, or - for stdout");
  if (flags.emitLevel == EmitLevel::Library && extension != ".so" && extension != ".a" &&
      extension != ".o")
    fail("cannot tell what '" + flags.outputFile +
         "' should be: give it the extension .so, .a or .o, or use --emit");
}

} // namespace

void mlir::gpfq::parseCommandLine(int argc, char **argv, CommandLine &commandLine) {
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  // lld's own number of threads, which is of no use here.
  if (cl::Option *upstream = cl::getRegisteredOptions().lookup("threads"))
    upstream->removeArgument();
  static Flags flags;
  cl::HideUnrelatedOptions({&flags.outputCategory, &flags.quantizeCategory, &flags.dataCategory});
  cl::ParseCommandLineOptions(argc, argv, overview);
  checkFlags(flags);

  commandLine.inputFile = flags.inputFile;
  commandLine.outputFile = flags.outputFile;
  commandLine.reportFile = flags.reportFile;
  commandLine.weightsFile = flags.weightsFile;
  setProgressFormat(flags.progress);
  commandLine.symbol =
      flags.symbolName.empty() ? makeSymbolPrefix(flags.outputFile) : flags.symbolName.getValue();
  commandLine.targets.assign(flags.targets.begin(), flags.targets.end());
  if (commandLine.targets.empty())
    commandLine.targets.push_back("host");
  commandLine.emit = flags.emitLevel;
  commandLine.reference = flags.reference;
  commandLine.keepFloat = flags.keepFloat || flags.weightBits == 0;
  commandLine.optimization = flags.optimization;
  commandLine.parallelism = flags.parallelism;
  commandLine.profile = flags.profile;
  commandLine.tilesFile = flags.tilesFile;
  commandLine.tuneFile = flags.tuneFile;
  commandLine.hasCalibration = !flags.calibration.empty();

  QuantizeOptions &quantize = commandLine.quantize;
  quantize.weightBits = commandLine.keepFloat ? 0 : flags.weightBits.getValue();
  quantize.activationBits = commandLine.keepFloat ? 0 : flags.activationBits.getValue();
  quantize.averageBits = flags.averageBits;
  quantize.activations = flags.activations;
  quantize.products = flags.products;
  quantize.alphabet = flags.alphabet;
  quantize.granularity = flags.granularity;
  quantize.blockSize = flags.blockSize;
  quantize.skip = flags.skip;
  quantize.policy = flags.policy;
  quantize.recipe = flags.recipe;
  quantize.method = flags.method;
  quantize.step = flags.step;
  quantize.range = flags.range;
  quantize.percentile = flags.percentile;
  for (const std::string &file : flags.calibration)
    quantize.calibration.push_back(file);
  quantize.samples = flags.samples;
  quantize.heldOut = flags.heldOut;
  quantize.threads = flags.threads;
  quantize.memoryBudget = flags.memoryBudget;
  quantize.checkpoint = flags.checkpoint;
  if (failed(quantize.parseFromString(flags.quantizeOptions.getValue())))
    fail("--quantize-options: not options of the pipeline gpfq-quantize");
}
