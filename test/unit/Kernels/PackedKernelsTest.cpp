// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packed kernels against lowbit-to-linalg, bit for bit, over random layers. GPFQ_LONG=1 runs ten times as many;
// GPFQ_SEED=n chooses others.

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

class PackedKernels : public testing::TestWithParam<const char *> {
protected:
  static void SetUpTestSuite() {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    static bool registered = (mlir::gpfq::registerAllPasses(), true);
    (void)registered;
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

  MLIRContext context;
};

TEST_P(PackedKernels, EqualReference) {
  auto found = mlir::gpfq::getKernelTarget(
      GetParam(), [&] { return emitError(UnknownLoc::get(&context)); });
  ASSERT_TRUE(succeeded(found));
  bool native = mlir::gpfq::canRunOnHost(**found);
  std::string target = GetParam();
  std::string packed = "func.func(lowbit-pack{target=" + target + "})," + bufferize +
                       ",convert-lowbit-to-vector{target=" + target +
                       (native ? "" : " emulate-dot=1") + "}";
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
    auto actual = compile(source, packed, llvm::CodeGenOptLevel::Default);
    ASSERT_TRUE(expected && actual);
    for (const KernelCase &kernelCase : cases) {
      auto want = expected->run(kernelCase), got = actual->run(kernelCase);
      ASSERT_TRUE(bool(want)) << llvm::toString(want.takeError());
      ASSERT_TRUE(bool(got)) << llvm::toString(got.takeError());
      EXPECT_TRUE(*want == *got) << target << ": " << kernelCase.description;
    }
  }
  // Every kind of kernel and every width was covered.
  EXPECT_EQ(kinds.size(), 6u);
  EXPECT_EQ(widths.size(), 8u);
}

INSTANTIATE_TEST_SUITE_P(Targets, PackedKernels,
                         testing::Values("avx512vnni", "avxvnni", "avx2", "generic"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
