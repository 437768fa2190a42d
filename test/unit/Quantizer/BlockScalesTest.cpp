// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A step for each block of input channels.

#include "TestLayer.h"
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

namespace {
/// `taps` x `inputChannels` columns; blocks of four channels have weights of different sizes.
struct BlockLayer : TestLayer {
  explicit BlockLayer(unsigned seed) : TestLayer(seed) {
    RandomData random(seed + 77);
    inputChannels = 4 * random.integer(1, 5);
    columns = inputChannels * random.integer(1, 3);
    int64_t width = groups * columns;
    weights = random.normals(outputChannels * columns);
    for (size_t i = 0; i < weights.size(); ++i)
      weights[i] *= float(1 << i % columns % inputChannels / 4 % 3);
    x = random.activations(rows, width);
    heldOutX = random.activations(heldOutRows, width);
    xq = sharedInputs ? x : random.perturbed(x, 0.1f);
    heldOutXq = sharedInputs ? heldOutX : random.perturbed(heldOutX, 0.1f);
    accumulate();
  }
};
} // namespace

static LayerSpec makeBlockSpec(unsigned seed, int64_t block) {
  LayerSpec spec = makeSpec(seed);
  spec.granularity = Granularity::Block;
  spec.scaleBlock = block;
  return spec;
}

TEST(BlockScales, OneBlockIsAChannel) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    BlockLayer layer(seed);
    LayerSpec spec = makeBlockSpec(seed, layer.inputChannels);
    spec.method = seed % 2 ? Method::Qronos : Method::Gpfq;
    spec.alternations = 2;
    LayerResult blocks = *quantizeLayer(layer.problem(), spec);
    spec.granularity = Granularity::Channel;
    LayerResult channels = *quantizeLayer(layer.problem(), spec);
    EXPECT_EQ(blocks.levels, channels.levels);
    EXPECT_EQ(blocks.scales, channels.scales);
  }
}

TEST(BlockScales, RecursionIsThePathsWithTheStepOfTheColumn) {
  int64_t different = 0, size = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    BlockLayer layer(seed);
    LayerSpec spec = makeBlockSpec(seed, seed % 3 ? 4 : 2);
    spec.order = ColumnOrder::Natural;
    spec.sweeps = 0;
    spec.ridge = 0.0;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    ASSERT_EQ(int64_t(result.scales.size()),
              layer.outputChannels * layer.inputChannels / spec.scaleBlock);
    std::vector<int8_t> expected = layer.directRecursion(spec.alphabet, result);
    size += int64_t(expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      different += expected[i] != result.levels[i];
    for (int8_t level : result.levels)
      ASSERT_TRUE(spec.alphabet.contains(level));
  }
  // Arguments at the middle of two levels may go either way, and the rest of the neuron with them.
  EXPECT_LE(different, size / 200);
}

TEST(BlockScales, ReportedErrorsAreThoseOfTheRows) {
  for (unsigned seed = 0; seed < 20; ++seed)
    for (Method method : {Method::Gpfq, Method::Msq, Method::Optq, Method::Qronos, Method::Spfq}) {
      BlockLayer layer(seed);
      LayerSpec spec = makeBlockSpec(seed, 4);
      spec.method = method;
      spec.ridge = 0.1;
      spec.alternations = seed % 3;
      spec.biasCorrection = seed % 2;
      if (spec.biasCorrection)
        spec.scaleMatching = ScaleMatching::Variance;
      LayerResult result = *quantizeLayer(layer.problem(), spec);
      EXPECT_NEAR(result.report.inSampleError, layer.directError(result), 2e-3);
      EXPECT_NEAR(result.report.heldOutError, layer.directHeldOutError(result), 2e-3);
    }
}

TEST(BlockScales, AlternationNeverRaisesTheErrorAndBlocksPay) {
  double withBlocks = 0.0, withChannels = 0.0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    BlockLayer layer(seed);
    LayerSpec spec = makeBlockSpec(seed, 4);
    spec.alphabet = *Alphabet::midTread(3);
    spec.step = StepRule::Search;
    double error = quantizeLayer(layer.problem(), spec)->report.inSampleError;
    for (spec.alternations = 1; spec.alternations < 4; ++spec.alternations) {
      double next = quantizeLayer(layer.problem(), spec)->report.inSampleError;
      EXPECT_LE(next, error * (1.0 + 1e-5)) << seed;
      error = next;
    }
    withBlocks += error;
    spec.granularity = Granularity::Channel;
    withChannels += quantizeLayer(layer.problem(), spec)->report.inSampleError;
  }
  EXPECT_LT(withBlocks, withChannels);
}

TEST(BlockScales, LevelsDependNeitherOnBlocksOfTheRecursionNorOnThreads) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    BlockLayer layer(seed);
    LayerSpec spec = makeBlockSpec(seed, 4);
    spec.alternations = 1;
    LayerResult reference = *quantizeLayer(layer.problem(), spec);
    spec.blockSize = 1 + seed;
    ThreadPool pool(2);
    LayerResult other = *quantizeLayer(layer.problem(), spec, pool.parallelFor());
    EXPECT_EQ(other.levels, reference.levels);
    EXPECT_EQ(other.scales, reference.scales);
  }
}

TEST(BlockScales, BadBlocksGiveAMessage) {
  BlockLayer layer(0);
  auto message = [&](int64_t block, auto change) {
    LayerSpec spec = makeBlockSpec(0, block);
    change(spec);
    Result<LayerResult> result = quantizeLayer(layer.problem(), spec);
    return result ? std::string() : result.message();
  };
  auto nothing = [](LayerSpec &) {};
  EXPECT_NE(message(3 * layer.inputChannels, nothing).find("do not divide"), std::string::npos);
  EXPECT_NE(message(0, nothing).find("do not divide"), std::string::npos);
  EXPECT_NE(message(4, [](LayerSpec &spec) { spec.accumulator.bits = 16; }).find("one step"),
            std::string::npos);
  EXPECT_EQ(message(4, nothing), "");
  layer.inputChannels = layer.columns + 1;
  EXPECT_NE(message(1, nothing).find("input channels times the taps"), std::string::npos);
}
