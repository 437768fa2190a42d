// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestLayer.h"
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

static constexpr Method methods[] = {Method::Gpfq, Method::Msq, Method::Optq, Method::Qronos,
                                     Method::Spfq};

static Eigen::MatrixXd toMatrix(const TestLayer &layer, const std::vector<float> &data,
                                int64_t channel) {
  Eigen::MatrixXd result(layer.rows, layer.columns);
  for (int64_t r = 0; r < layer.rows; ++r)
    for (int64_t t = 0; t < layer.columns; ++t)
      result(r, t) = layer.patch(data, r, channel)[t];
  return result;
}

/// X~'X~ with the ridge of the spec on the diagonal.
static Eigen::MatrixXd dampedGram(const TestLayer &layer, const LayerSpec &spec,
                                  const Eigen::MatrixXd &xq) {
  Eigen::MatrixXd h = xq.transpose() * xq;
  double unit = h.diagonal().mean() * layer.columns / layer.rows;
  h.diagonal().array() += spec.ridge * unit;
  return h;
}

static Eigen::VectorXd weightsOf(const TestLayer &layer, int64_t channel) {
  Eigen::VectorXd w(layer.columns);
  for (int64_t t = 0; t < layer.columns; ++t)
    w(t) = layer.weights[channel * layer.columns + t];
  return w;
}

/// (H + ridge)^-1 (X~'T + ridge w).
static Eigen::VectorXd refitted(const TestLayer &layer, const LayerSpec &spec, int64_t channel) {
  Eigen::MatrixXd xq = toMatrix(layer, layer.xq, channel), h = dampedGram(layer, spec, xq);
  Eigen::VectorXd target(layer.rows), w = weightsOf(layer, channel);
  for (int64_t r = 0; r < layer.rows; ++r)
    target(r) = layer.target(r, channel);
  return h.ldlt().solve(xq.transpose() * target + (h * w - xq.transpose() * (xq * w)));
}

/// OPTQ as published: the rows of the upper Cholesky factor of the inverse spread the error.
static std::vector<int8_t> directOptq(const TestLayer &layer, const LayerSpec &spec,
                                      const LayerResult &result, bool isRefitted) {
  std::vector<int8_t> levels;
  for (int64_t o = 0; o < layer.outputChannels; ++o) {
    Eigen::VectorXd w = isRefitted ? refitted(layer, spec, o) : weightsOf(layer, o);
    Eigen::MatrixXd inverse = dampedGram(layer, spec, toMatrix(layer, layer.xq, o)).inverse();
    Eigen::MatrixXd upper = inverse.llt().matrixU();
    for (int64_t t = 0; t < layer.columns; ++t) {
      double step = layer.scale(result, o);
      levels.push_back(spec.alphabet.nearest(static_cast<float>(w(t) / step)));
      double error = (w(t) - levels.back() * step) / upper(t, t);
      w.tail(layer.columns - t) -= error * upper.row(t).tail(layer.columns - t).transpose();
    }
  }
  return levels;
}

/// Path following on X = X~ from the refitted weights.
static std::vector<int8_t> directRefit(const TestLayer &layer, const LayerSpec &spec,
                                       const LayerResult &result) {
  std::vector<int8_t> levels;
  for (int64_t o = 0; o < layer.outputChannels; ++o) {
    Eigen::MatrixXd h = dampedGram(layer, spec, toMatrix(layer, layer.xq, o));
    Eigen::VectorXd w = refitted(layer, spec, o), d(layer.columns);
    for (int64_t t = 0; t < layer.columns; ++t) {
      double step = layer.scale(result, o);
      double z = w(t) + h.row(t).head(t).dot(d.head(t)) / h(t, t);
      levels.push_back(spec.alphabet.nearest(static_cast<float>(z / step)));
      d(t) = w(t) - levels.back() * step;
    }
  }
  return levels;
}

/// Output channels in which two results differ.
static int64_t countDiffering(const std::vector<int8_t> &a, const std::vector<int8_t> &b,
                              int64_t columns) {
  int64_t count = 0;
  for (size_t row = 0; row < a.size(); row += columns)
    count += !std::equal(a.begin() + row, a.begin() + row + columns, b.begin() + row);
  return count;
}

TEST(Methods, AgreeWithTheirDefinitions) {
  // The f32 sums of the moments decide a tie now and then, and the rest of that channel follows.
  int64_t differing = 0, channels = 0;
  for (unsigned seed = 0; seed < 24; ++seed) {
    TestLayer layer(seed);
    if (seed % 4 == 3)
      layer.addShift(seed);
    LayerSpec spec = makeSpec(seed);
    spec.order = ColumnOrder::Natural;
    spec.sweeps = 0;
    // Without a ridge where the data determine the weights.
    spec.ridge = layer.rows > 3 * layer.columns ? 0.0 : 0.1;
    spec.method = Method::Optq;
    LayerResult optq = *quantizeLayer(layer.problem(), spec);
    differing += countDiffering(optq.levels, directOptq(layer, spec, optq, /*isRefitted=*/false),
                                layer.columns);
    EXPECT_NEAR(optq.report.factorRidge, spec.ridge, 1e-12);
    spec.method = Method::Qronos;
    LayerResult qronos = *quantizeLayer(layer.problem(), spec);
    differing += countDiffering(qronos.levels, directOptq(layer, spec, qronos, /*isRefitted=*/true),
                                layer.columns);
    spec.method = Method::Gpfq;
    spec.refit = true;
    LayerResult refit = *quantizeLayer(layer.problem(), spec);
    differing += countDiffering(refit.levels, directRefit(layer, spec, refit), layer.columns);
    EXPECT_EQ(refit.report.method, "gpfq+refit");
    bool hasMismatch = !layer.sharedInputs || !layer.shift.empty();
    EXPECT_EQ(refit.report.factorRidge < 0.0, !hasMismatch);
    channels += 3 * layer.outputChannels;
  }
  EXPECT_LE(differing, channels / 100);
}

TEST(Methods, LevelsDependNeitherOnBlocksNorOnThreads) {
  ThreadPool pool(2);
  for (unsigned seed = 0; seed < 10; ++seed)
    for (Method method : methods) {
      TestLayer layer(seed);
      layer.addShift(seed);
      LayerSpec spec = makeSpec(seed);
      spec.method = method;
      spec.refit = seed % 2;
      spec.ridge = 0.1;
      LayerResult reference = *quantizeLayer(layer.problem(), spec);
      for (int64_t blockSize : {1, 13, 1000}) {
        spec.blockSize = blockSize;
        LayerResult other = *quantizeLayer(layer.problem(), spec, pool.parallelFor());
        EXPECT_EQ(reference.levels, other.levels) << reference.report.method << " seed " << seed;
        EXPECT_EQ(reference.report.heldOutError, other.report.heldOutError);
      }
    }
}

TEST(Methods, ReportedErrorsAreThoseOfTheRows) {
  for (unsigned seed = 0; seed < 12; ++seed)
    for (Method method : methods) {
      TestLayer layer(seed);
      if (seed % 2)
        layer.addShift(seed);
      LayerSpec spec = makeSpec(seed);
      spec.method = method;
      spec.refit = seed % 4 == 3;
      spec.ridge = 0.1;
      spec.biasCorrection = seed % 3 == 0;
      LayerResult result = *quantizeLayer(layer.problem(), spec);
      double direct = layer.directError(result), heldOut = layer.directHeldOutError(result);
      EXPECT_NEAR(result.report.inSampleError, direct, 2e-3 * direct + 1e-4);
      EXPECT_NEAR(result.report.heldOutError, heldOut, 2e-3 * heldOut + 1e-4);
      for (int8_t level : result.levels)
        ASSERT_TRUE(spec.alphabet.contains(level));
    }
}

TEST(Methods, AFoldedMismatchGivesTheSameLevels) {
  int64_t folded = 0, differing = 0, channels = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    TestLayer layer(seed);
    if (seed % 3 == 0)
      layer.addShift(seed);
    LayerSpec spec = makeSpec(seed);
    spec.method = methods[1 + seed % 3];
    spec.refit = seed % 3 == 0;
    spec.ridge = 1.0;
    spec.biasCorrection = seed % 4 >= 2;
    LayerResult expected = *quantizeLayer(layer.problem(), spec);
    layer.needsG = false;
    layer.accumulate();
    if (!layer.training.foldsMismatch)
      continue;
    ++folded;
    EXPECT_TRUE(layer.training.g.empty() && layer.training.xx.empty());
    Result<LayerResult> result = quantizeLayer(layer.problem(), spec);
    ASSERT_TRUE(result) << result.message();
    double inSample = layer.directError(*result), heldOut = layer.directHeldOutError(*result);
    EXPECT_NEAR(result->report.inSampleError, inSample, 2e-3 * inSample + 1e-4) << "seed " << seed;
    EXPECT_NEAR(result->report.heldOutError, heldOut, 2e-3 * heldOut + 1e-4) << "seed " << seed;
    int64_t n = layer.columns;
    for (int64_t o = 0; o < layer.outputChannels; ++o)
      differing += !std::equal(result->levels.begin() + o * n, result->levels.begin() + (o + 1) * n,
                               expected.levels.begin() + o * n);
    channels += layer.outputChannels;
  }
  EXPECT_GE(folded, 10);
  EXPECT_LE(differing, channels / 50);
}

TEST(Methods, APathNeedsMoreThanAFoldedMismatch) {
  TestLayer layer(1);
  layer.needsG = false;
  for (unsigned seed = 2; !layer.training.foldsMismatch; ++seed) {
    layer = TestLayer(seed);
    layer.needsG = false;
    layer.accumulate();
  }
  Result<LayerResult> result = quantizeLayer(layer.problem(), LayerSpec());
  ASSERT_FALSE(result);
  EXPECT_NE(result.message().find("do not have the path of X"), std::string::npos);
}

TEST(Methods, RefitAndFeedbackPay) {
  // Enough rows, few levels: each of the additions lowers the training error on average.
  double gpfq = 0.0, refit = 0.0, qronos = 0.0;
  for (unsigned seed = 0; seed < 8; ++seed) {
    TestLayer layer(4 * seed);
    LayerSpec spec;
    spec.alphabet = *Alphabet::midTread(3);
    spec.sweeps = 0;
    spec.ridge = 0.1;
    gpfq += quantizeLayer(layer.problem(), spec)->report.inSampleError;
    spec.refit = true;
    refit += quantizeLayer(layer.problem(), spec)->report.inSampleError;
    spec.method = Method::Qronos;
    qronos += quantizeLayer(layer.problem(), spec)->report.inSampleError;
  }
  EXPECT_LT(refit, gpfq * 1.02);
  EXPECT_LT(qronos, refit);
}

TEST(Methods, SingularMomentsRaiseTheRidge) {
  TestLayer layer(4);
  ASSERT_GT(layer.columns, 3);
  for (int64_t r = 0; r < layer.rows; ++r) {
    float *row = layer.xq.data() + r * layer.columns;
    row[2] = row[0];
    row[1] = 0.0f;
  }
  layer.accumulate();
  for (Method method : {Method::Optq, Method::Qronos}) {
    LayerSpec spec;
    spec.method = method;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    EXPECT_GT(result.report.factorRidge, 0.0);
    EXPECT_NEAR(result.report.inSampleError, layer.directError(result), 1e-3);
    spec.ridge = 0.1;
    EXPECT_NEAR(quantizeLayer(layer.problem(), spec)->report.factorRidge, 0.1, 1e-9);
  }
}

TEST(Methods, StochasticRoundingIsSeededAndUnbiased) {
  TestLayer layer(1);
  LayerSpec spec;
  spec.method = Method::Spfq;
  spec.alphabet = *Alphabet::midTread(3);
  spec.order = ColumnOrder::Natural;
  spec.sweeps = 0;
  LayerResult first = *quantizeLayer(layer.problem(), spec);
  EXPECT_EQ(first.levels, quantizeLayer(layer.problem(), spec)->levels);
  spec.seed = 1;
  EXPECT_NE(first.levels, quantizeLayer(layer.problem(), spec)->levels);
  // The first column is w_1 rounded, so its mean over seeds is w_1.
  std::vector<double> sums(layer.outputChannels, 0.0);
  int64_t seeds = 400;
  for (int64_t seed = 0; seed < seeds; ++seed) {
    spec.seed = seed;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    for (int64_t o = 0; o < layer.outputChannels; ++o)
      sums[o] += result.levels[o * layer.columns];
  }
  for (int64_t o = 0; o < layer.outputChannels; ++o)
    EXPECT_NEAR(sums[o] / seeds, layer.weights[o * layer.columns] / first.scales[o], 0.12);
}

TEST(Methods, ColumnsMayBePermuted) {
  for (Method method : methods) {
    TestLayer layer(6), permuted = layer;
    int64_t n = layer.columns;
    auto reverse = [&](std::vector<float> &data) {
      for (size_t row = 0; row < data.size(); row += n)
        std::reverse(data.begin() + row, data.begin() + row + n);
    };
    for (std::vector<float> *data :
         {&permuted.weights, &permuted.x, &permuted.xq, &permuted.heldOutX, &permuted.heldOutXq})
      reverse(*data);
    permuted.accumulate();
    LayerSpec spec;
    spec.method = method;
    spec.ridge = 0.1;
    LayerResult a = *quantizeLayer(layer.problem(), spec),
                b = *quantizeLayer(permuted.problem(), spec);
    if (method == Method::Spfq) // Its random numbers belong to columns.
      continue;
    for (int64_t row = 0; row < layer.outputChannels; ++row)
      std::reverse(b.levels.begin() + row * n, b.levels.begin() + (row + 1) * n);
    EXPECT_EQ(a.levels, b.levels) << a.report.method;
  }
}

TEST(Methods, GroupsAreLayersOfTheirOwn) {
  for (Method method : methods) {
    TestLayer layer(2);
    layer.addShift(2);
    LayerSpec spec;
    spec.method = method;
    spec.ridge = 0.1;
    spec.biasCorrection = true;
    LayerResult whole = *quantizeLayer(layer.problem(), spec);
    int64_t n = layer.columns, neurons = layer.outputChannels / layer.groups;
    for (int64_t g = 0; g < layer.groups && method != Method::Spfq; ++g) {
      TestLayer part = layer;
      part.groups = 1;
      part.outputChannels = neurons;
      auto slice = [&](std::vector<float> &data, int64_t width, int64_t rows) {
        std::vector<float> result;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t i = 0; i < width; ++i)
            result.push_back(data[(r * layer.groups + g) * width + i]);
        data = result;
      };
      slice(part.weights, neurons * n, 1);
      slice(part.x, n, layer.rows);
      slice(part.xq, n, layer.rows);
      slice(part.heldOutX, n, layer.heldOutRows);
      slice(part.heldOutXq, n, layer.heldOutRows);
      slice(part.shift, neurons, layer.rows);
      slice(part.heldOutShift, neurons, layer.heldOutRows);
      part.accumulate();
      LayerResult result = *quantizeLayer(part.problem(), spec);
      EXPECT_TRUE(std::equal(result.levels.begin(), result.levels.end(),
                             whole.levels.begin() + g * neurons * n))
          << whole.report.method;
      for (int64_t o = 0; o < neurons; ++o)
        EXPECT_NEAR(result.biasDelta[o], whole.biasDelta[g * neurons + o], 1e-4);
    }
  }
}
