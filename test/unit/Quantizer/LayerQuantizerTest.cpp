// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestLayer.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

TEST(LayerQuantizer, GramFormIsThePathFollowingRecursion) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    TestLayer layer(seed);
    if (seed % 5 == 3)
      layer.addShift(seed);
    LayerSpec spec = makeSpec(seed);
    spec.order = ColumnOrder::Natural;
    spec.sweeps = 0;
    Result<LayerResult> result = quantizeLayer(layer.problem(), spec);
    ASSERT_TRUE(result) << result.message();
    EXPECT_EQ(result->levels, layer.directRecursion(spec.alphabet, *result)) << "seed " << seed;
  }
}

TEST(LayerQuantizer, ReportedErrorsAreThoseOfTheRows) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    TestLayer layer(seed);
    if (seed % 3 == 0)
      layer.addShift(seed);
    LayerSpec spec = makeSpec(seed);
    spec.biasCorrection = seed % 4 >= 2;
    Result<LayerResult> result = quantizeLayer(layer.problem(), spec);
    ASSERT_TRUE(result) << result.message();
    double inSample = layer.directError(*result);
    double heldOut = layer.directHeldOutError(*result);
    EXPECT_NEAR(result->report.inSampleError, inSample, 2e-3 * inSample + 1e-4) << "seed " << seed;
    EXPECT_NEAR(result->report.heldOutError, heldOut, 2e-3 * heldOut + 1e-4) << "seed " << seed;
  }
}

TEST(LayerQuantizer, LevelsDependNeitherOnBlocksNorOnThreads) {
  ThreadPool pool(2);
  for (unsigned seed = 0; seed < 20; ++seed) {
    TestLayer layer(seed);
    LayerSpec spec = makeSpec(seed);
    LayerResult reference = *quantizeLayer(layer.problem(), spec);
    for (int64_t blockSize : {1, 7, 64, 1000}) {
      spec.blockSize = blockSize;
      LayerResult other = *quantizeLayer(layer.problem(), spec, pool.parallelFor());
      EXPECT_EQ(reference.levels, other.levels) << "seed " << seed << " block " << blockSize;
      EXPECT_EQ(reference.scales, other.scales);
      EXPECT_EQ(reference.report.heldOutError, other.report.heldOutError);
    }
  }
}

TEST(LayerQuantizer, TheErrorDecaysWithTheNumberOfColumns) {
  // The rate of the paper: the square of the relative error of m Gaussian rows falls like
  // m log(N) / N, where that of the nearest levels stays.
  constexpr int64_t rows = 24, neurons = 16;
  std::vector<double> logColumns, logErrors;
  for (int64_t columns : {96, 192, 384, 768, 1536}) {
    RandomData random(columns);
    std::vector<float> weights = random.normals(neurons * columns),
                       x = random.normals(rows * columns);
    for (float &weight : weights)
      weight = std::tanh(weight); // Bounded, as the theorem asks for.
    GramAccumulator accumulator({1, columns, neurons, RowLayout::GroupMajor, /*sharedInputs=*/true},
                                weights.data());
    accumulator.add(x.data(), nullptr, rows);
    Gram gram = accumulator.take();
    LayerProblem problem;
    problem.outputChannels = neurons;
    problem.columns = columns;
    problem.weights = weights.data();
    problem.training = &gram;
    LayerSpec spec;
    spec.order = ColumnOrder::Natural;
    spec.sweeps = 0;
    spec.alphabet = *Alphabet::midTread(4);
    double error = quantizeLayer(problem, spec)->report.inSampleError;
    logColumns.push_back(std::log(columns));
    logErrors.push_back(2.0 * std::log(error));
    spec.method = Method::Msq;
    EXPECT_NEAR(quantizeLayer(problem, spec)->report.inSampleError, 0.12, 0.03);
  }
  double slope = (logErrors.back() - logErrors.front()) / (logColumns.back() - logColumns.front());
  EXPECT_NEAR(slope, -1.0, 0.15);
}

TEST(LayerQuantizer, MomentsSummedInFloatAreExactEnough) {
  // Levels from the f32 sums of GramAccumulator against those from f64 sums of the same rows.
  int64_t differing = 0, channels = 0;
  for (unsigned seed = 0; seed < 12; ++seed) {
    TestLayer layer(seed);
    LayerSpec spec = makeSpec(seed);
    spec.method = seed % 2 ? Method::Gpfq : Method::Qronos;
    spec.ridge = 1.0;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    int64_t n = layer.columns, neurons = layer.outputChannels / layer.groups;
    Gram exact = layer.training;
    for (int64_t g = 0; g < layer.groups; ++g)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double h = 0.0, crossed = 0.0;
          for (int64_t r = 0; r < layer.rows; ++r) {
            double a = layer.patch(layer.xq, r, g * neurons)[i];
            h += a * layer.patch(layer.xq, r, g * neurons)[j];
            crossed += a * layer.patch(layer.x, r, g * neurons)[j];
          }
          exact.h[(g * n + i) * n + j] = h;
          if (!layer.sharedInputs)
            exact.g[(g * n + i) * n + j] = crossed;
        }
    LayerProblem problem = layer.problem();
    problem.training = &exact;
    LayerResult reference = *quantizeLayer(problem, spec);
    for (int64_t o = 0; o < layer.outputChannels; ++o)
      differing += !std::equal(result.levels.begin() + o * n, result.levels.begin() + (o + 1) * n,
                               reference.levels.begin() + o * n);
    channels += layer.outputChannels;
  }
  EXPECT_LE(differing, channels / 50);
}

TEST(LayerQuantizer, UniformAndListedLevelsAgree) {
  // The kernels for uniform alphabets against the general path, with each instruction set.
  FloatIsa best = floatIsa();
  for (FloatIsa isa : {FloatIsa::Baseline, FloatIsa::X86_64_V3, FloatIsa::X86_64_V4}) {
    if (!selectFloatIsa(isa))
      continue;
    for (auto [uniform, listed] : {std::pair("mid_rise:2", "levels:-3:-1:1:3"),
                                   std::pair("mid_tread:2", "levels:-2:-1:0:1:2"),
                                   std::pair("range:-2:1", "levels:-2:-1:0:1")})
      for (unsigned seed = 0; seed < 8; ++seed) {
        TestLayer layer(seed);
        LayerSpec spec = makeSpec(seed);
        spec.method = seed % 3 ? Method::Gpfq : Method::Optq;
        spec.ridge = 0.1;
        spec.alphabet = *Alphabet::parse(uniform);
        LayerResult a = *quantizeLayer(layer.problem(), spec);
        spec.alphabet = *Alphabet::parse(listed);
        LayerResult b = *quantizeLayer(layer.problem(), spec);
        EXPECT_EQ(a.levels, b.levels) << floatIsaName(isa) << ' ' << uniform << " seed " << seed;
        EXPECT_EQ(a.report.inSampleError, b.report.inSampleError);
      }
  }
  selectFloatIsa(best);
}

TEST(LayerQuantizer, SweepsNeverRaiseTheTrainingError) {
  bool improved = false;
  for (unsigned seed = 0; seed < 20; ++seed) {
    TestLayer layer(seed);
    LayerSpec spec = makeSpec(seed);
    spec.step = StepRule::AbsMax;
    double previous = INFINITY;
    for (int64_t sweeps : {0, 1, 2, 5}) {
      spec.sweeps = sweeps;
      double error = quantizeLayer(layer.problem(), spec)->report.inSampleError;
      EXPECT_LE(error, previous * (1.0 + 1e-6)) << "seed " << seed << " sweeps " << sweeps;
      improved |= error < 0.99 * previous && sweeps > 0;
      previous = error;
    }
  }
  EXPECT_TRUE(improved);
}

TEST(LayerQuantizer, MsqIsTheNearestLevelAndGpfqIsBetter) {
  TestLayer layer(3);
  LayerSpec spec;
  spec.alphabet = *Alphabet::midTread(3);
  LayerResult gpfq = *quantizeLayer(layer.problem(), spec);
  spec.method = Method::Msq;
  LayerResult msq = *quantizeLayer(layer.problem(), spec);
  for (int64_t o = 0; o < layer.outputChannels; ++o)
    for (int64_t t = 0; t < layer.columns; ++t) {
      int64_t i = o * layer.columns + t;
      EXPECT_EQ(msq.levels[i], spec.alphabet.nearest(layer.weights[i] / msq.scales[o]));
    }
  EXPECT_LT(gpfq.report.inSampleError, msq.report.inSampleError);
  EXPECT_EQ(gpfq.report.method, "gpfq");
  EXPECT_EQ(msq.report.method, "msq");

  // Without data the levels are the same and no error is reported.
  LayerProblem problem = layer.problem();
  problem.training = problem.heldOut = nullptr;
  LayerResult withoutData = *quantizeLayer(problem, spec);
  EXPECT_EQ(withoutData.levels, msq.levels);
  EXPECT_LT(withoutData.report.inSampleError, 0.0);
}

TEST(LayerQuantizer, RidgeGoesFromThePathToTheNearestLevel) {
  TestLayer layer(2);
  LayerSpec spec;
  LayerResult path = *quantizeLayer(layer.problem(), spec);
  spec.ridge = 1e6;
  LayerResult far = *quantizeLayer(layer.problem(), spec);
  spec.ridge = 1.0;
  LayerResult between = *quantizeLayer(layer.problem(), spec);
  spec.method = Method::Msq;
  LayerResult nearest = *quantizeLayer(layer.problem(), spec);
  EXPECT_EQ(far.levels, nearest.levels);
  EXPECT_NE(between.levels, nearest.levels);
  EXPECT_NE(between.levels, path.levels);
  // The penalty is no part of the error that is reported.
  for (const LayerResult *result : {&far, &between})
    EXPECT_NEAR(result->report.inSampleError, layer.directError(*result), 1e-3);
}

TEST(LayerQuantizer, SearchIsAtLeastAsGoodAsItsGridPoints) {
  for (unsigned seed : {0u, 3u, 4u, 8u}) {
    TestLayer layer(seed);
    for (Granularity granularity : {Granularity::Tensor, Granularity::Channel}) {
      LayerSpec spec;
      spec.alphabet = *Alphabet::midRise(2);
      spec.granularity = granularity;
      spec.step = StepRule::Search;
      spec.searchLow = 0.4;
      spec.searchHigh = 1.0;
      spec.searchCount = 4;
      double searched = quantizeLayer(layer.problem(), spec)->report.heldOutError;
      spec.step = StepRule::AbsMax;
      EXPECT_LE(searched, quantizeLayer(layer.problem(), spec)->report.heldOutError * (1.0 + 1e-5));
    }
  }
}

TEST(LayerQuantizer, SearchIsNeverWorseThanAbsMax) {
  for (unsigned seed = 0; seed < 16; ++seed) {
    TestLayer layer(seed);
    LayerSpec spec = makeSpec(seed);
    spec.method = seed % 3 ? Method::Gpfq : Method::Qronos;
    spec.ridge = 1.0;
    spec.step = StepRule::AbsMax;
    LayerResult absMax = *quantizeLayer(layer.problem(), spec);
    spec.step = StepRule::Search;
    LayerResult searched = *quantizeLayer(layer.problem(), spec);
    EXPECT_LE(searched.report.heldOutError, absMax.report.heldOutError * (1.0 + 1e-6));
    LayerProblem problem = layer.problem();
    problem.heldOut = nullptr;
    searched = *quantizeLayer(problem, spec);
    EXPECT_LE(searched.report.inSampleError, absMax.report.inSampleError * (1.0 + 1e-6));
  }
}

TEST(LayerQuantizer, StepRules) {
  TestLayer layer(0);
  double mean = 0.0, largest = 0.0;
  for (int64_t o = 0; o < layer.outputChannels; ++o) {
    double row = 0.0;
    for (int64_t t = 0; t < layer.columns; ++t)
      row = std::max(row, std::fabs(double(layer.weights[o * layer.columns + t])));
    mean += row / layer.outputChannels;
    largest = std::max(largest, row);
  }
  LayerSpec spec;
  spec.granularity = Granularity::Tensor;
  LayerResult absMax = *quantizeLayer(layer.problem(), spec);
  ASSERT_EQ(absMax.scales.size(), 1u);
  EXPECT_NEAR(absMax.scales[0], largest / 7, 1e-6);
  spec.step = StepRule::Constant;
  spec.stepFactor = 1.5;
  EXPECT_NEAR(quantizeLayer(layer.problem(), spec)->scales[0], 1.5 * mean / 7, 1e-6);
  spec.granularity = Granularity::Channel;
  EXPECT_EQ(int64_t(quantizeLayer(layer.problem(), spec)->scales.size()), layer.outputChannels);
}

TEST(LayerQuantizer, DeadColumnsAndZeroWeights) {
  TestLayer layer(0);
  ASSERT_GT(layer.columns, 2);
  for (int64_t r = 0; r < layer.rows; ++r)
    layer.xq[r * layer.columns + 1] =
        0.0f; // X is not 0 there: the error stays with the later columns.
  for (int64_t t = 0; t < layer.columns; ++t)
    layer.weights[t] = 0.0f;
  layer.accumulate();
  for (const char *text : {"mid_tread:7", "mid_rise:2"}) {
    LayerSpec spec;
    spec.alphabet = *Alphabet::parse(text);
    spec.order = ColumnOrder::Natural;
    spec.sweeps = 0;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    EXPECT_EQ(result.levels, layer.directRecursion(spec.alphabet, result));
    for (int64_t o = 0; o < layer.outputChannels; ++o)
      EXPECT_EQ(result.levels[o * layer.columns + 1], spec.alphabet.nearest(0.0f));
    EXPECT_EQ(result.scales[0], FLT_MIN);
    if (spec.alphabet.contains(0))
      EXPECT_EQ(std::count(result.levels.begin(), result.levels.begin() + layer.columns, 0),
                layer.columns);
    EXPECT_NEAR(result.report.inSampleError, layer.directError(result), 1e-3);
  }
}

TEST(LayerQuantizer, NoVarianceAtAll) {
  TestLayer layer(1);
  for (std::vector<float> *data : {&layer.x, &layer.xq, &layer.heldOutX, &layer.heldOutXq})
    std::fill(data->begin(), data->end(), 0.0f);
  layer.accumulate();
  LayerSpec spec;
  spec.step = StepRule::Search;
  LayerResult result = *quantizeLayer(layer.problem(), spec);
  EXPECT_EQ(result.report.sparsity, 1.0);
  EXPECT_EQ(result.report.inSampleError, 0.0);
  EXPECT_EQ(result.report.heldOutError, 0.0);

  // Constant columns: the bias makes up for the rounding, whatever the weights are.
  for (std::vector<float> *data : {&layer.x, &layer.xq, &layer.heldOutX, &layer.heldOutXq})
    std::fill(data->begin(), data->end(), 0.3f);
  layer.accumulate();
  spec.step = StepRule::AbsMax;
  spec.biasCorrection = true;
  result = *quantizeLayer(layer.problem(), spec);
  EXPECT_LT(result.report.inSampleError, 1e-3);
  EXPECT_LT(result.report.heldOutError, 1e-3);
  for (int64_t i = 0; i < layer.outputChannels * layer.columns; ++i)
    EXPECT_NEAR(result.levels[i] * result.scales[i / layer.columns], layer.weights[i],
                result.scales[i / layer.columns] * 0.5001f);
}

TEST(LayerQuantizer, ManySmallGroups) {
  // Depthwise: the interleaved accumulator and one neuron per group.
  RandomData random(7);
  int64_t channels = 37, taps = 9, rows = 300;
  std::vector<float> weights = random.normals(channels * taps);
  std::vector<float> interleaved = random.activations(rows, channels * taps),
                     groupMajor(interleaved.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < taps; ++t)
        groupMajor[(r * channels + c) * taps + t] = interleaved[(r * taps + t) * channels + c];
  auto quantize = [&](RowLayout layout, const std::vector<float> &x) {
    GramAccumulator accumulator({channels, taps, 1, layout, /*sharedInputs=*/true}, weights.data());
    accumulator.add(x.data(), nullptr, rows);
    Gram gram = accumulator.take();
    LayerProblem problem{channels, taps, channels, weights.data(), &gram, nullptr};
    LayerSpec spec;
    spec.step = StepRule::Search;
    return *quantizeLayer(problem, spec);
  };
  LayerResult a = quantize(RowLayout::Interleaved, interleaved),
              b = quantize(RowLayout::GroupMajor, groupMajor);
  EXPECT_EQ(a.levels, b.levels);
  EXPECT_LT(a.report.heldOutError, 0.0);
  EXPECT_GT(a.report.inSampleError, 0.0);
}

TEST(LayerQuantizer, BadInputGivesAMessage) {
  TestLayer layer(0);
  LayerSpec spec;
  auto expectFailure = [&](const LayerProblem &problem, const char *part) {
    Result<LayerResult> result = quantizeLayer(problem, spec);
    EXPECT_FALSE(result);
    EXPECT_NE(result.message().find(part), std::string::npos) << result.message();
  };
  LayerProblem problem = layer.problem();
  problem.training = nullptr;
  expectFailure(problem, "no calibration rows");
  Gram empty;
  problem.training = &empty;
  expectFailure(problem, "no calibration rows");
  problem = layer.problem();
  problem.groups = layer.outputChannels + 1;
  expectFailure(problem, "groups");
  problem = layer.problem();
  problem.columns -= 1;
  expectFailure(problem, "another shape");

  TestLayer shifted = layer;
  shifted.addShift(0);
  problem = layer.problem();
  problem.heldOut = &shifted.heldOut;
  expectFailure(problem, "target shift");

  std::vector<float> weights = layer.weights;
  weights[layer.columns + 2] = INFINITY;
  problem = layer.problem();
  problem.weights = weights.data();
  expectFailure(problem, "weight 2 of output channel 1");
  Gram notFinite = layer.training;
  notFinite.h[0] = NAN;
  problem = layer.problem();
  problem.training = &notFinite;
  expectFailure(problem, "NaN");
  spec.stepFactor = -1.0;
  expectFailure(layer.problem(), "step factor");
}
