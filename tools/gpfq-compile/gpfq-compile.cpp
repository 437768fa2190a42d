// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Compiler/Compiler.h"
#include "gpfq/Pipelines/Register.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace mlir::gpfq;
namespace cl = llvm::cl;

static cl::OptionCategory outputCategory("Output");

static cl::opt<std::string> inputFile(cl::Positional, cl::Required, cl::desc("<network.mlir>"));
static cl::opt<std::string>
    outputFile("o", cl::Required, cl::value_desc("file"), cl::cat(outputCategory),
               cl::desc("libnet.so, libnet.a, net.o or, with --emit, a .mlir file"));
static cl::opt<std::string>
    symbolName("name", cl::value_desc("identifier"), cl::cat(outputCategory),
               cl::desc("Prefix of the C functions (default: from the output file)"));
static cl::opt<std::string> target("target", cl::init("host"), cl::cat(outputCategory),
                                   cl::desc("host, avx512vnni, avxvnni, avx2 or generic"));

static cl::opt<bool> keepFloat("float", cl::cat(outputCategory),
                               cl::desc("Compile the float network without quantising it"));

static constexpr const char *overview =
    R"(Compiles a network to a library with a C header, without a runtime.

  gpfq-compile net.mlir -o libnet.so                 the float network
)";

/// Reports errors and gives the exit status.
static LogicalResult compile(MLIRContext &context) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(inputFile, &error);
  if (!buffer) {
    llvm::errs() << "gpfq-compile: " << error << "\n";
    return failure();
  }
  context.printOpOnDiagnostic(false);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(buffer), SMLoc());
  SourceMgrDiagnosticHandler diagnostics(*sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return failure();
  FailureOr<ModelInterface> interface = readModelInterface(*module);
  if (failed(interface))
    return failure();
  interface->symbol = symbolName.empty() ? makeSymbolPrefix(outputFile) : symbolName.getValue();
  if (!isSymbolPrefix(interface->symbol))
    return emitError(module->getLoc()) << "--name: '" << symbolName << "' is not a C identifier";
  CompilerOptions options;
  options.target = target;
  if (failed(lowerNetwork(*module, options, *interface)))
    return failure();
  return writeLibrary(*module, options, *interface, outputFile);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  registerAllPasses();
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  cl::ParseCommandLineOptions(argc, argv, overview);
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  return succeeded(compile(context)) ? 0 : 1;
}
