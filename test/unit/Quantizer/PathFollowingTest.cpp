// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What is proved about the recursion, on data that fulfil the assumptions.

#include "gpfq/Quantizer/PathFollowing.h"
#include "TestLayer.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

static constexpr InfiniteAlphabet alphabets[] = {
    {0.25, Threshold::None, 0.0}, {0.25, Threshold::Soft, 0.25}, {0.25, Threshold::Hard, 0.4}};

TEST(PathFollowing, AlphabetsAreThePapers) {
  InfiniteAlphabet plain{0.5, Threshold::None, 0.0}, soft{0.5, Threshold::Soft, 0.2},
      hard{0.5, Threshold::Hard, 0.2};
  EXPECT_EQ(plain.nearest(1e9), 1e9);
  EXPECT_EQ(plain.nearest(0.25), 0.5);
  EXPECT_EQ(plain.nearest(-0.25), 0.0);
  EXPECT_EQ(soft.nearest(0.44), 0.0);
  EXPECT_EQ(soft.nearest(-0.46), -0.5);
  EXPECT_EQ(hard.nearest(0.2), 0.0);
  EXPECT_EQ(hard.nearest(-0.21), -0.2);
  EXPECT_EQ(hard.nearest(0.71), 0.7);
  RandomData random(0);
  for (const InfiniteAlphabet &alphabet : alphabets)
    for (int i = 0; i < 1000; ++i) {
      double z = 3.0 * random.normal(), q = alphabet.nearest(z);
      EXPECT_LE(std::fabs(z - q), alphabet.largestError() * (1.0 + 1e-12));
      EXPECT_EQ(alphabet.nearest(-z), -q);
    }
}

TEST(PathFollowing, ErrorIsThatOfTheValues) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    TestLayer layer(3 * seed); // One group.
    PathRows rows{layer.rows, layer.columns, layer.x.data(), layer.xq.data()};
    Path path = followPath(rows, layer.weights.data(), alphabets[seed % 3]);
    for (int64_t r = 0; r < layer.rows; ++r) {
      double u = 0.0, magnitude = 0.0;
      for (int64_t t = 0; t < layer.columns; ++t) {
        double terms[2] = {double(layer.x[r * layer.columns + t]) * layer.weights[t],
                           layer.xq[r * layer.columns + t] * path.values[t]};
        u += terms[0] - terms[1];
        magnitude += std::fabs(terms[0]) + std::fabs(terms[1]);
      }
      EXPECT_NEAR(path.error[r], u, 1e-12 * magnitude);
    }
  }
}

TEST(PathFollowing, FiniteAlphabetsThatDoNotSaturateAreTheSame) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    TestLayer layer(3 * seed);
    LayerSpec spec;
    spec.alphabet = *Alphabet::midTread(127);
    spec.order = ColumnOrder::Natural;
    spec.step = StepRule::Constant;
    spec.stepFactor = 12.0;
    spec.sweeps = 0;
    LayerResult result = *quantizeLayer(layer.problem(), spec);
    PathRows rows{layer.rows, layer.columns, layer.x.data(), layer.xq.data()};
    int64_t different = 0, size = layer.outputChannels * layer.columns;
    for (int64_t o = 0; o < layer.outputChannels; ++o) {
      InfiniteAlphabet infinite{layer.scale(result, o), Threshold::None, 0.0};
      Path path = followPath(rows, layer.weights.data() + o * layer.columns, infinite);
      for (int64_t t = 0; t < layer.columns; ++t) {
        ASSERT_LT(std::fabs(path.values[t]), 126.0 * infinite.delta);
        different +=
            std::lround(path.values[t] / infinite.delta) != result.levels[o * layer.columns + t];
      }
    }
    // Arguments at the middle of two levels may go either way.
    EXPECT_LE(different, size / 200) << seed;
  }
}

namespace {
/// Columns uniform in the unit ball of R^m, weights uniform in [-1, 1].
struct BallLayer {
  static constexpr int64_t rows = 16, neurons = 24;
  int64_t columns;
  std::vector<float> x, weights;

  explicit BallLayer(int64_t columns) : columns(columns), x(rows * columns) {
    RandomData random(unsigned(columns) + 5);
    auto uniform = [&] { return random.integer(0, 1 << 23) / double(1 << 23); };
    for (int64_t t = 0; t < columns; ++t) {
      std::vector<float> direction = random.normals(rows);
      double norm = 0.0;
      for (float value : direction)
        norm += double(value) * value;
      double factor = std::pow(uniform(), 1.0 / rows) / std::sqrt(norm);
      for (int64_t r = 0; r < rows; ++r)
        x[r * columns + t] = float(direction[r] * factor);
    }
    for (int64_t i = 0; i < neurons * columns; ++i)
      weights.push_back(float(2.0 * uniform() - 1.0));
  }
  PathRows pathRows() const { return {rows, columns, x.data(), x.data()}; }
  /// Mean over the neurons of ||X w||^2.
  double energy() const {
    double sum = 0.0;
    for (int64_t o = 0; o < neurons; ++o)
      for (int64_t r = 0; r < rows; ++r) {
        double y = 0.0;
        for (int64_t t = 0; t < columns; ++t)
          y += double(x[r * columns + t]) * weights[o * columns + t];
        sum += y * y;
      }
    return sum / neurons;
  }
  /// Mean over the neurons of ||u_N||^2.
  double error(const InfiniteAlphabet &alphabet) const {
    double sum = 0.0;
    for (int64_t o = 0; o < neurons; ++o)
      for (double u : followPath(pathRows(), weights.data() + o * columns, alphabet).error)
        sum += u * u;
    return sum / neurons;
  }
};
} // namespace

TEST(PathFollowing, MeanErrorIsWithinTheBound) {
  for (int64_t columns : {8, 64, 512})
    for (const InfiniteAlphabet &alphabet : alphabets) {
      double error = BallLayer(columns).error(alphabet);
      double bound = expectedErrorBound(alphabet, 1.0, 1.0 / BallLayer::rows, columns);
      EXPECT_LE(error, bound);
      // Not vacuous: the mean square of an error within +-e is e^2 / 3, and less near 0.
      EXPECT_GE(error, bound / 20.0);
    }
}

TEST(PathFollowing, RelativeErrorDecaysLikeTheInverseOfTheColumns) {
  for (const InfiniteAlphabet &alphabet : alphabets) {
    BallLayer narrow(128), wide(2048);
    double slope = std::log((wide.error(alphabet) / wide.energy()) /
                            (narrow.error(alphabet) / narrow.energy())) /
                   std::log(2048.0 / 128.0);
    EXPECT_NEAR(slope, -1.0, 0.15);
  }
}
