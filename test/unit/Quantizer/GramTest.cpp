// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Quantizer/Gram.h"
#include "../RandomData.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

namespace {
struct GramCase {
  GramAccumulator::Shape shape;
  int64_t rows;
  std::vector<float> x, xq, weights, shift;

  float at(const std::vector<float> &data, int64_t row, int64_t group, int64_t column) const {
    int64_t offset = shape.layout == RowLayout::GroupMajor ? group * shape.columns + column
                                                           : column * shape.groups + group;
    return data[row * shape.groups * shape.columns + offset];
  }
  Gram accumulate(const ParallelFor &parallelFor) const {
    GramAccumulator accumulator(shape, weights.data());
    int64_t first = rows / 3, width = shape.groups * shape.columns;
    accumulator.add(x.data(), xq.data(), first, parallelFor);
    accumulator.add(x.data() + first * width, xq.data() + first * width, rows - first, parallelFor,
                    shift.empty() ? nullptr
                                  : shift.data() + first * shape.groups * shape.neuronsPerGroup);
    return accumulator.take();
  }
};
} // namespace

static GramCase makeCase(unsigned seed) {
  RandomData random(seed);
  GramCase result;
  GramAccumulator::Shape &shape = result.shape;
  shape.layout = seed % 3 == 0 ? RowLayout::Interleaved : RowLayout::GroupMajor;
  shape.groups =
      shape.layout == RowLayout::Interleaved ? random.integer(1, 40) : random.integer(1, 6);
  shape.columns = random.integer(1, 45);
  shape.neuronsPerGroup = random.integer(1, 40);
  shape.sharedInputs = seed % 4 == 1;
  result.rows = random.integer(3, 700);
  result.x = random.activations(result.rows, shape.groups * shape.columns);
  result.xq = shape.sharedInputs ? result.x : random.perturbed(result.x, 0.2f);
  result.weights = random.normals(shape.groups * shape.neuronsPerGroup * shape.columns);
  return result;
}

TEST(Gram, TargetShiftAgreesWithDefinitions) {
  ThreadPool pool(2);
  for (unsigned seed = 0; seed < 24; ++seed) {
    GramCase c = makeCase(seed);
    int64_t n = c.shape.columns, neurons = c.shape.neuronsPerGroup;
    int64_t outputs = c.shape.groups * neurons;
    c.shift = RandomData(seed + 100).normals(c.rows * outputs);
    // The first call of add() has no shift: that of its rows is 0.
    std::fill_n(c.shift.begin(), c.rows / 3 * outputs, 0.0f);
    Gram gram = c.accumulate(pool.parallelFor());
    ASSERT_TRUE(gram.hasTargetShift());
    EXPECT_EQ(gram.shiftX.empty(), c.shape.sharedInputs);
    EXPECT_EQ(gram.shiftXq, c.accumulate({}).shiftXq);
    double tolerance = 3e-6 * c.rows;
    for (int64_t o = 0; o < outputs; ++o) {
      double sum = 0.0, energy = 0.0;
      for (int64_t r = 0; r < c.rows; ++r) {
        double value = c.shift[r * outputs + o];
        sum += value;
        energy += value * value;
      }
      EXPECT_NEAR(gram.sumShift[o], sum, tolerance);
      EXPECT_NEAR(gram.shiftEnergy[o], energy, tolerance);
      for (int64_t t = 0; t < n; ++t) {
        double crossedXq = 0.0, crossedX = 0.0;
        for (int64_t r = 0; r < c.rows; ++r) {
          crossedXq += double(c.at(c.xq, r, o / neurons, t)) * c.shift[r * outputs + o];
          crossedX += double(c.at(c.x, r, o / neurons, t)) * c.shift[r * outputs + o];
        }
        EXPECT_NEAR(gram.shiftXq[o * n + t], crossedXq, tolerance);
        if (!gram.shiftX.empty())
          EXPECT_NEAR(gram.shiftX[o * n + t], crossedX, tolerance);
      }
    }
  }
}

TEST(Gram, AgreesWithDefinitions) {
  for (unsigned seed = 0; seed < 24; ++seed) {
    GramCase c = makeCase(seed);
    Gram gram = c.accumulate({});
    int64_t n = c.shape.columns, neurons = c.shape.neuronsPerGroup;
    ASSERT_EQ(gram.rows, c.rows);
    ASSERT_TRUE(gram.isFinite());
    for (int64_t g = 0; g < c.shape.groups; ++g) {
      for (int64_t i = 0; i < n; ++i) {
        double sumX = 0.0, sumXq = 0.0;
        for (int64_t r = 0; r < c.rows; ++r) {
          sumX += c.at(c.x, r, g, i);
          sumXq += c.at(c.xq, r, g, i);
        }
        EXPECT_NEAR(gram.sumX[g * n + i], sumX, 1e-6 * c.rows);
        EXPECT_NEAR(gram.sumXq[g * n + i], sumXq, 1e-6 * c.rows);
        for (int64_t j = 0; j < n; ++j) {
          double h = 0.0, crossed = 0.0, xx = 0.0;
          for (int64_t r = 0; r < c.rows; ++r) {
            h += double(c.at(c.xq, r, g, i)) * c.at(c.xq, r, g, j);
            crossed += double(c.at(c.xq, r, g, i)) * c.at(c.x, r, g, j);
            xx += double(c.at(c.x, r, g, i)) * c.at(c.x, r, g, j);
          }
          double tolerance = 3e-6 * c.rows;
          EXPECT_NEAR(gram.hOf(g)[i * n + j], h, tolerance);
          EXPECT_NEAR(gram.gOf(g)[i * n + j], crossed, tolerance);
          if (!gram.xx.empty())
            EXPECT_NEAR(gram.xx[(g * n + i) * n + j], xx, tolerance);
        }
      }
      for (int64_t o = 0; o < neurons && !gram.outputEnergy.empty(); ++o) {
        double energy = 0.0;
        for (int64_t r = 0; r < c.rows; ++r) {
          double y = 0.0;
          for (int64_t t = 0; t < n; ++t)
            y += double(c.at(c.x, r, g, t)) * c.weights[(g * neurons + o) * n + t];
          energy += y * y;
        }
        EXPECT_NEAR(gram.outputEnergy[g * neurons + o], energy, 1e-5 * energy);
      }
    }
  }
}

TEST(Gram, FoldsTheMismatchWhereThatIsCheaper) {
  ThreadPool pool(2);
  int64_t folded = 0;
  for (unsigned seed = 0; seed < 24; ++seed) {
    GramCase c = makeCase(seed);
    c.shape.neuronsPerGroup = 1 + seed % 3;
    int64_t n = c.shape.columns, neurons = c.shape.neuronsPerGroup;
    int64_t outputs = c.shape.groups * neurons;
    c.weights = RandomData(seed + 200).normals(outputs * n);
    if (seed % 2)
      c.shift = RandomData(seed + 100).normals(c.rows * outputs);
    std::fill_n(c.shift.begin(), std::min<size_t>(c.shift.size(), c.rows / 3 * outputs), 0.0f);
    Gram with = c.accumulate({});
    c.shape.needsG = false;
    EXPECT_EQ(c.shape.foldsMismatch(),
              !c.shape.sharedInputs && n + std::min(n / 2, neurons) > 3 * neurons);
    if (!c.shape.foldsMismatch())
      continue;
    ++folded;
    Gram gram = c.accumulate(pool.parallelFor());
    EXPECT_EQ(gram.shiftXq, c.accumulate({}).shiftXq);
    EXPECT_TRUE(gram.foldsMismatch && gram.sharedInputs && gram.g.empty() && gram.xx.empty());
    EXPECT_EQ(gram.h, with.h);
    EXPECT_EQ(gram.sumX, with.sumXq);
    EXPECT_EQ(gram.sumXq, with.sumXq);
    for (int64_t o = 0; o < outputs; ++o) {
      double sum = 0.0, energy = 0.0, outputEnergy = 0.0;
      std::vector<double> moments(n, 0.0);
      for (int64_t r = 0; r < c.rows; ++r) {
        double value = c.shift.empty() ? 0.0 : c.shift[r * outputs + o], output = 0.0;
        for (int64_t t = 0; t < n; ++t) {
          double x = c.at(c.x, r, o / neurons, t), xq = c.at(c.xq, r, o / neurons, t);
          value += (x - xq) * c.weights[o * n + t];
          output += x * c.weights[o * n + t];
        }
        for (int64_t t = 0; t < n; ++t)
          moments[t] += c.at(c.xq, r, o / neurons, t) * value;
        sum += value;
        energy += value * value;
        outputEnergy += output * output;
      }
      double tolerance = 1e-5 * c.rows;
      EXPECT_NEAR(gram.sumShift[o], sum, tolerance);
      EXPECT_NEAR(gram.shiftEnergy[o], energy, tolerance);
      EXPECT_NEAR(gram.outputEnergy[o], outputEnergy, 1e-5 * outputEnergy);
      for (int64_t t = 0; t < n; ++t)
        EXPECT_NEAR(gram.shiftXq[o * n + t], moments[t], tolerance);
    }
  }
  EXPECT_GE(folded, 10);
}

TEST(Gram, DoesNotDependOnThreads) {
  ThreadPool pool(3);
  for (unsigned seed = 0; seed < 12; ++seed) {
    GramCase c = makeCase(seed);
    Gram serial = c.accumulate({}), parallel = c.accumulate(pool.parallelFor());
    EXPECT_EQ(serial.h, parallel.h);
    EXPECT_EQ(serial.g, parallel.g);
    EXPECT_EQ(serial.xx, parallel.xx);
    EXPECT_EQ(serial.outputEnergy, parallel.outputEnergy);
  }
}

TEST(Gram, TakeLeavesAnEmptyAccumulator) {
  GramCase c = makeCase(2);
  GramAccumulator accumulator(c.shape, c.weights.data());
  accumulator.add(c.x.data(), c.xq.data(), c.rows);
  EXPECT_EQ(accumulator.take().rows, c.rows);
  Gram empty = accumulator.take();
  EXPECT_EQ(empty.rows, 0);
  EXPECT_EQ(empty.h, std::vector<double>(empty.h.size(), 0.0));
}

TEST(Gram, NonFiniteDataIsSeen) {
  GramCase c = makeCase(2);
  c.xq[5] = std::nanf("");
  EXPECT_FALSE(c.accumulate({}).isFinite());
}

TEST(Gram, ExactSumsAgreeWithTheOthers) {
  for (bool isInterleaved : {false, true})
    for (bool isShared : {false, true}) {
      GramAccumulator::Shape shape{
          3, 7, 2, isInterleaved ? RowLayout::Interleaved : RowLayout::GroupMajor, isShared};
      RandomData random(5);
      std::vector<float> weights = random.normals(3 * 2 * 7), x = random.normals(300 * 21),
                         xq = random.normals(300 * 21);
      GramAccumulator fast(shape, weights.data());
      shape.isExact = true;
      GramAccumulator exact(shape, weights.data());
      fast.add(x.data(), xq.data(), 300);
      exact.add(x.data(), xq.data(), 300);
      Gram a = fast.take(), b = exact.take();
      auto expectNear = [](const std::vector<double> &u, const std::vector<double> &v) {
        ASSERT_EQ(u.size(), v.size());
        for (size_t i = 0; i < u.size(); ++i)
          EXPECT_NEAR(u[i], v[i], 300 * 1e-5);
      };
      expectNear(a.h, b.h);
      expectNear(a.g, b.g);
      expectNear(a.xx, b.xx);
      EXPECT_EQ(a.sumX, b.sumX);
      // Not the sums of f32 products.
      EXPECT_NE(a.h, b.h);
    }
}

TEST(Gram, SizeIsKnownBeforehand) {
  // The first dense layer of VGG-11: nothing is allocated to find out.
  GramAccumulator::Shape shape{1, 25088, 4096, RowLayout::GroupMajor, false};
  EXPECT_EQ(shape.bytes(), 8 * (3 * uint64_t(25088) * 25088 + 2 * 25088 + 4096));
  shape.needsG = false;
  EXPECT_EQ(shape.bytes(), 8 * (uint64_t(25088) * (25088 + 4096) + 2 * 25088 + 4096));
  shape.sharedInputs = true;
  EXPECT_EQ(shape.bytes(), 8 * (uint64_t(25088) * 25088 + 2 * 25088 + 4096));
}
