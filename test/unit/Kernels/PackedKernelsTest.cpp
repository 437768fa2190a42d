// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packed kernels of every target against lowbit-to-linalg, bit for bit, over random layers: 208
// comparisons, with GPFQ_LONG=1 ten times as many; GPFQ_SEED=n chooses others.

#include "JitModule.h"
#include "KernelCase.h"
#include "gpfq/Pipelines/Register.h"
#include "gpfq/Target/Target.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/TargetSelect.h"
#include <cstdlib>
#include <gtest/gtest.h>
#include <set>

using namespace gpfq::test;
using namespace mlir;

namespace {

constexpr const char *bufferize =
    "eliminate-empty-tensors,one-shot-bufferize{bufferize-function-boundaries=1 "
    "function-boundary-type-conversion=identity-layout-map},buffer-deallocation-pipeline";

/// Cases compiled together.
constexpr unsigned casesPerModule = 13;

unsigned getModules() { return std::getenv("GPFQ_LONG") ? 40 : 4; }

unsigned getSeed() {
  const char *seed = std::getenv("GPFQ_SEED");
  return seed ? std::atoi(seed) : 1;
}

class PackedKernels : public testing::Test {
protected:
  static void SetUpTestSuite() {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    mlir::gpfq::registerAllPasses();
  }

  PackedKernels() {
    DialectRegistry registry;
    mlir::gpfq::registerAllDialects(registry);
    registerAllToLLVMIRTranslations(registry);
    context.appendDialectRegistry(registry);
    context.disableMultithreading();
  }

  std::unique_ptr<JitModule> compile(StringRef source, StringRef pipeline,
                                     llvm::CodeGenOptLevel level) {
    llvm::Expected<std::unique_ptr<JitModule>> module =
        JitModule::compile(context, source, pipeline, level);
    if (module)
      return std::move(*module);
    ADD_FAILURE() << llvm::toString(module.takeError()) << "\n" << source.str();
    return nullptr;
  }

  std::vector<std::vector<uint8_t>> run(JitModule &module, ArrayRef<KernelCase> cases) {
    std::vector<std::vector<uint8_t>> results;
    for (const KernelCase &kernelCase : cases) {
      llvm::Expected<std::vector<uint8_t>> result = module.run(kernelCase);
      if (!result) {
        ADD_FAILURE() << llvm::toString(result.takeError());
        return {};
      }
      results.push_back(std::move(*result));
    }
    return results;
  }

  MLIRContext context;
};

/// True if code that the JIT makes for this CPU can contain the instructions of `target`: AVX-512
/// has 256-bit VNNI in an encoding of its own.
bool canExecute(const mlir::gpfq::KernelTarget &target) {
  auto avx512 = mlir::gpfq::getKernelTarget("avx512vnni", [] { return InFlightDiagnostic(); });
  return mlir::gpfq::canRunOnHost(target) ||
         (target.getName() == "avxvnni" && mlir::gpfq::canRunOnHost(**avx512));
}

/// Lowering to packed kernels; the dot products of a target that this CPU lacks are emulated. With
/// `isSplit` they compute their results in up to five parts.
std::string getPackedPipeline(const mlir::gpfq::KernelTarget &target, bool isSplit) {
  std::string name = target.getName().str();
  return "func.func(lowbit-pack{target=" + name + "})," + bufferize +
         ",convert-lowbit-to-vector{target=" + name + (canExecute(target) ? "" : " emulate-dot=1") +
         (isSplit ? " max-chunks=5 chunk-work=1" : "") + "},cse";
}

TEST_F(PackedKernels, EqualReference) {
  std::string reference = std::string("lowbit-to-linalg,") + bufferize;
  std::mt19937 random(getSeed());
  std::set<unsigned> widths;
  std::set<std::string> kinds;
  for (unsigned m = 0; m < getModules(); ++m) {
    std::vector<KernelCase> cases;
    std::string source;
    for (unsigned i = 0; i < casesPerModule; ++i) {
      cases.push_back(makeRandomCase(random, m * casesPerModule + i));
      source += cases.back().function;
      widths.insert(cases.back().bits);
      kinds.insert(cases.back().kind + (cases.back().floatInput ? " f32" : " i8"));
    }
    auto expected = compile(source, reference, llvm::CodeGenOptLevel::None);
    ASSERT_TRUE(expected);
    std::vector<std::vector<uint8_t>> want = run(*expected, cases);
    for (const mlir::gpfq::KernelTarget *target : mlir::gpfq::getKernelTargets()) {
      auto actual = compile(source, getPackedPipeline(*target, /*isSplit=*/m % 2 == 1),
                            llvm::CodeGenOptLevel::Default);
      ASSERT_TRUE(actual);
      std::vector<std::vector<uint8_t>> got = run(*actual, cases);
      ASSERT_EQ(want.size(), got.size());
      for (auto [i, kernelCase] : llvm::enumerate(cases))
        EXPECT_TRUE(want[i] == got[i]) << target->getName().str() << ": " << kernelCase.description;
    }
  }
  // Every kind of kernel and every width was covered.
  EXPECT_EQ(kinds.size(), 6u);
  EXPECT_EQ(widths.size(), 8u);
}

} // namespace
