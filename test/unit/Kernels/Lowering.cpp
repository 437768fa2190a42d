// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Lowering.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace gpfq::test;
using namespace mlir;

/// From bufferized IR to the LLVM dialect.
static constexpr const char *upstreamLowering =
    "convert-linalg-to-loops,convert-bufferization-to-memref,"
    "convert-scf-to-cf,expand-strided-metadata,lower-affine,convert-vector-to-llvm,"
    "convert-math-to-llvm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,"
    "convert-func-to-llvm,convert-cf-to-llvm,convert-ub-to-llvm,canonicalize,"
    "reconcile-unrealized-casts";

namespace gpfq::test {

llvm::Expected<OwningOpRef<ModuleOp>> lowerToLLVMDialect(MLIRContext &context, StringRef source,
                                                         StringRef pipeline) {
  std::string messages;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      messages += diagnostic.str() + "\n";
    return success();
  });
  auto fail = [&](const char *stage) {
    return llvm::createStringError(std::string(stage) + ": " + messages);
  };
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  if (!module)
    return fail("parsing");
  PassManager manager(&context);
  if (failed(parsePassPipeline((pipeline + "," + upstreamLowering).str(), manager)))
    return fail("pipeline");
  if (failed(manager.run(*module)))
    return fail("lowering");
  return module;
}

} // namespace gpfq::test
