// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packed kernels of every target against lowbit-to-linalg, bit for bit, over random layers and
// products of activations: 132, with GPFQ_LONG=1 ten times as many; GPFQ_SEED=n chooses others.
// Those of AArch64 are also run by an emulator.

#include "CrossModule.h"
#include "JitModule.h"
#include "KernelCase.h"
#include "gpfq/Dialect/LowBit/Transforms/TileTable.h"
#include "gpfq/Pipelines/Register.h"
#include "gpfq/Target/Target.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/TargetSelect.h"
#include <cstdlib>
#include <fstream>
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

/// Lowering to packed kernels. With `emulatesDot` they have no instructions of the target, with
/// `isSplit` they compute their results in up to five parts.
std::string getPackedPipeline(const mlir::gpfq::KernelTarget &target, bool isSplit,
                              bool emulatesDot, const std::string &tiles = "",
                              const std::string &kernels = "", const std::string &packing = "") {
  std::string name = target.getName().str();
  return "func.func(lowbit-pack{target=" + name + (tiles.empty() ? "" : " tiles=" + tiles) +
         packing + "}),lowbit-to-linalg{elementwise-only=1},cse," + bufferize +
         ",convert-lowbit-to-vector{target=" + name + (emulatesDot ? " emulate-dot=1" : "") +
         (isSplit ? " max-chunks=5 chunk-work=1" : "") + kernels +
         "},func.func(gpfq-linalg-to-loops),cse";
}

/// A module of random cases and what they should give.
struct Batch {
  std::vector<KernelCase> cases;
  std::string source;
  std::vector<std::vector<uint8_t>> want;
};

class RandomKernels : public PackedKernels {
protected:
  /// Calls `test` with each batch, which is the same in all tests of a run. The last ones quantise
  /// rows, then rows and columns, then signs.
  void visitBatches(function_ref<void(unsigned, const Batch &)> test) {
    std::mt19937 random(getSeed());
    unsigned plain = getModules(), rows = plain + plain / 2, products = 2 * plain;
    for (unsigned m = 0; m < 3 * plain; ++m) {
      Batch batch;
      for (unsigned i = 0; i < (m < plain ? casesPerModule : 8); ++i) {
        batch.cases.push_back(m < plain      ? makeRandomCase(random, m * casesPerModule + i)
                              : m < rows     ? makeRowsCase(random, i)
                              : m < products ? makeProductCase(random, i)
                                             : makeSignsCase(random, i));
        batch.source += batch.cases.back().function;
      }
      addExpected(batch);
      test(m, batch);
    }
  }

  /// Runs the cases of `batch` by `lowbit-to-linalg`.
  void addExpected(Batch &batch) {
    auto expected = compile(batch.source, std::string("lowbit-to-linalg,") + bufferize,
                            llvm::CodeGenOptLevel::None);
    ASSERT_TRUE(expected);
    batch.want = run(*expected, batch.cases);
  }

  /// A table of one of the candidates for each kernel of `source`.
  std::string chooseTiles(StringRef source, const mlir::gpfq::KernelTarget &target,
                          std::mt19937 &random) {
    lowbit::TileTable table;
    table.target = target.getName().str();
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
    module->walk([&](lowbit::LowBitComputeOpInterface op) {
      std::vector<lowbit::KernelTile> tiles = getTileCandidates(op, target, 100);
      if (!tiles.empty())
        table.entries[describeKernel(op)].tile = tiles[random() % tiles.size()];
    });
    return table.toJson();
  }

  /// Compares cases of each width that `makeCase` makes on the targets that `isWanted` takes.
  void expectAllWidthsEqual(KernelCase (*makeCase)(std::mt19937 &, unsigned),
                            function_ref<bool(const mlir::gpfq::KernelTarget &)> isWanted,
                            const std::string &kernels = "", const std::string &packing = "") {
    std::mt19937 random(getSeed());
    for (unsigned m = 0; m < getModules() / 2; ++m) {
      Batch batch;
      for (unsigned i = 0; i < 8; ++i) {
        batch.cases.push_back(makeCase(random, i));
        batch.source += batch.cases.back().function;
      }
      addExpected(batch);
      for (const mlir::gpfq::KernelTarget *target : mlir::gpfq::getKernelTargets()) {
        if (!isWanted(*target))
          continue;
        std::string pipeline =
            getPackedPipeline(*target, /*isSplit=*/m % 2 == 1, /*emulatesDot=*/!canExecute(*target),
                              /*tiles=*/"", kernels, packing);
        auto actual = compile(batch.source, pipeline, llvm::CodeGenOptLevel::Default);
        ASSERT_TRUE(actual);
        expectEqual(batch, *target, run(*actual, batch.cases));
      }
    }
  }

  static void expectEqual(const Batch &batch, const mlir::gpfq::KernelTarget &target,
                          const std::vector<std::vector<uint8_t>> &got) {
    ASSERT_EQ(batch.want.size(), got.size());
    for (auto [i, kernelCase] : llvm::enumerate(batch.cases))
      EXPECT_TRUE(batch.want[i] == got[i])
          << target.getName().str() << ": " << kernelCase.description;
  }
};

TEST_F(RandomKernels, EqualReference) {
  std::set<std::string> widths, kinds;
  visitBatches([&](unsigned m, const Batch &batch) {
    for (const KernelCase &kernelCase : batch.cases) {
      std::string input = kernelCase.quantizesRows    ? " rows"
                          : kernelCase.quantizesSigns ? " signs"
                          : kernelCase.floatInput     ? " f32"
                                                      : " i8";
      widths.insert(std::to_string(kernelCase.bits) + input);
      kinds.insert(kernelCase.kind + input);
    }
    for (const mlir::gpfq::KernelTarget *target : mlir::gpfq::getKernelTargets()) {
      std::string pipeline =
          getPackedPipeline(*target, /*isSplit=*/m % 2 == 1, /*emulatesDot=*/!canExecute(*target));
      auto actual = compile(batch.source, pipeline, llvm::CodeGenOptLevel::Default);
      ASSERT_TRUE(actual);
      expectEqual(batch, *target, run(*actual, batch.cases));
    }
  });
  // Every kind of kernel and every width was covered.
  EXPECT_EQ(kinds.size(), 10u);
  EXPECT_EQ(widths.size(), 25u);
}

TEST_F(RandomKernels, EqualReferenceWithChosenTiles) {
  llvm::SmallString<128> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("tiles", "json", path));
  llvm::FileRemover remove(path);
  std::mt19937 random(getSeed());
  visitBatches([&](unsigned m, const Batch &batch) {
    for (const mlir::gpfq::KernelTarget *target : mlir::gpfq::getKernelTargets()) {
      if (!canExecute(*target))
        continue;
      std::ofstream(path.c_str()) << chooseTiles(batch.source, *target, random);
      std::string pipeline = getPackedPipeline(*target, /*isSplit=*/m % 2 == 1,
                                               /*emulatesDot=*/false, path.str().str());
      auto actual = compile(batch.source, pipeline, llvm::CodeGenOptLevel::Default);
      ASSERT_TRUE(actual);
      expectEqual(batch, *target, run(*actual, batch.cases));
    }
  });
}

TEST_F(RandomKernels, EqualReferenceByWinograd) {
  expectAllWidthsEqual(
      makeWinogradCase, [](const auto &target) { return target.getWinogradTiles() > 0; },
      " winograd=always");
}

TEST_F(RandomKernels, EqualReferenceWithFieldsInPlace) {
  expectAllWidthsEqual(makeOneRowCase, [](const auto &target) { return target.prefersInPlace(); });
}

TEST_F(RandomKernels, EqualReferenceInPairs) {
  auto multipliesPairs = [](const auto &target) { return target.getPairedTime() < 1.0; };
  expectAllWidthsEqual(makePairedCase, multipliesPairs, "", " paired=always");
  expectAllWidthsEqual(makeRowsCase, multipliesPairs, "", " paired=always");
}

TEST_F(RandomKernels, EqualReferenceWithLongSums) {
  expectAllWidthsEqual(makeLongCase, [](const auto &) { return true; });
}

TEST_F(RandomKernels, EqualReferenceOnAArch64) {
  std::optional<EmulatedCpu> cpu = EmulatedCpu::findAArch64();
  if (!cpu)
    GTEST_SKIP() << "no aarch64-linux-gnu-gcc or qemu-aarch64 (Debian: gcc-aarch64-linux-gnu, "
                    "qemu-user)";
  visitBatches([&](unsigned m, const Batch &batch) {
    for (const mlir::gpfq::KernelTarget *target : mlir::gpfq::getKernelTargets()) {
      if (!target->getTriple().starts_with("aarch64"))
        continue;
      auto got = runEmulated(
          context, *target, *cpu, batch.source,
          getPackedPipeline(*target, /*isSplit=*/m % 2 == 1, /*emulatesDot=*/false), batch.cases);
      if (!got) {
        ADD_FAILURE() << llvm::toString(got.takeError());
        continue;
      }
      expectEqual(batch, *target, *got);
    }
  });
}

} // namespace
