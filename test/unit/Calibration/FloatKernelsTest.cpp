// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/FloatKernels.h"
#include "../RandomData.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace gpfq;
using namespace gpfq::test;

namespace {
/// Each test runs on every instruction set of this CPU.
class FloatKernels : public testing::TestWithParam<FloatIsa> {
protected:
  void SetUp() override {
    best = floatIsa();
    if (!selectFloatIsa(GetParam()))
      GTEST_SKIP() << "not supported by this CPU";
  }
  void TearDown() override { selectFloatIsa(best); }

  FloatIsa best;
  ThreadPool pool{2};
};
} // namespace

INSTANTIATE_TEST_SUITE_P(, FloatKernels,
                         testing::Values(FloatIsa::Baseline, FloatIsa::X86_64_V3,
                                         FloatIsa::X86_64_V4),
                         [](const testing::TestParamInfo<FloatIsa> &info) {
                           std::string name = floatIsaName(info.param);
                           for (char &c : name)
                             c = c == '-' ? '_' : c;
                           return name;
                         });

static void expectNear(const std::vector<float> &actual, const std::vector<double> &expected,
                       unsigned seed) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], 2e-4) << "element " << i << ", seed " << seed;
}

static ConvShape makeShape(RandomData &random, bool isDepthwise) {
  ConvShape shape;
  shape.batch = random.integer(1, 3);
  shape.kernelHeight = random.integer(1, 4);
  shape.kernelWidth = random.integer(1, 4);
  shape.strideHeight = random.integer(1, 3);
  shape.strideWidth = random.integer(1, 3);
  shape.dilationHeight = random.integer(1, 2);
  shape.dilationWidth = random.integer(1, 2);
  if (random.integer(0, 1)) {
    shape.padTop = random.integer(0, 2);
    shape.padBottom = random.integer(0, 2);
    shape.padLeft = random.integer(0, 2);
    shape.padRight = random.integer(0, 2);
  }
  shape.groups = isDepthwise            ? random.integer(1, 50)
                 : random.integer(0, 2) ? 1
                                        : random.integer(2, 4);
  shape.inputChannels = shape.groups * (isDepthwise ? 1 : random.integer(1, 20));
  shape.outputChannels = shape.groups * (isDepthwise ? 1 : random.integer(1, 70));
  shape.inputHeight = shape.dilationHeight * (shape.kernelHeight - 1) + random.integer(1, 9);
  shape.inputWidth = shape.dilationWidth * (shape.kernelWidth - 1) + random.integer(1, 20);
  return shape;
}

/// Input element of a tap, 0 in the padding.
static float inputAt(const ConvShape &s, const std::vector<float> &input, int64_t n, int64_t oy,
                     int64_t ox, int64_t ky, int64_t kx, int64_t c) {
  int64_t y = oy * s.strideHeight + ky * s.dilationHeight - s.padTop;
  int64_t x = ox * s.strideWidth + kx * s.dilationWidth - s.padLeft;
  if (y < 0 || y >= s.inputHeight || x < 0 || x >= s.inputWidth)
    return 0.0f;
  return input[((n * s.inputHeight + y) * s.inputWidth + x) * s.inputChannels + c];
}

/// Filter FHWC.
static std::vector<double> naiveConv(const ConvShape &s, const std::vector<float> &input,
                                     const std::vector<float> &filter,
                                     const std::vector<float> &bias) {
  std::vector<double> output;
  int64_t channels = s.channelsPerGroup();
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t oy = 0; oy < s.outputHeight(); ++oy)
      for (int64_t ox = 0; ox < s.outputWidth(); ++ox)
        for (int64_t o = 0; o < s.outputChannels; ++o) {
          double sum = bias.empty() ? 0.0 : bias[o];
          int64_t group = o / s.outputChannelsPerGroup();
          for (int64_t ky = 0; ky < s.kernelHeight; ++ky)
            for (int64_t kx = 0; kx < s.kernelWidth; ++kx)
              for (int64_t c = 0; c < channels; ++c)
                sum += double(inputAt(s, input, n, oy, ox, ky, kx, group * channels + c)) *
                       filter[((o * s.kernelHeight + ky) * s.kernelWidth + kx) * channels + c];
          output.push_back(sum);
        }
  return output;
}

TEST_P(FloatKernels, ConvolutionOfAnyShape) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    RandomData random(seed);
    ConvShape s = makeShape(random, /*isDepthwise=*/false);
    if (seed % 5 == 0) // Pointwise.
      s.kernelHeight = s.kernelWidth = s.strideHeight = s.strideWidth = 1;
    std::vector<float> input =
        random.normals(s.batch * s.inputHeight * s.inputWidth * s.inputChannels);
    std::vector<float> filter = random.normals(s.outputChannels * s.patchSize());
    std::vector<float> bias = seed % 3 ? random.normals(s.outputChannels) : std::vector<float>();
    std::vector<double> expected = naiveConv(s, input, filter, bias);
    std::vector<float> output(expected.size(), NAN), threaded = output;
    PackedWeights packed = packConvWeights(s, filter.data());
    const float *biasData = bias.empty() ? nullptr : bias.data();
    conv2d(s, input.data(), packed, biasData, output.data());
    expectNear(output, expected, seed);
    conv2d(s, input.data(), packed, biasData, threaded.data(), pool.parallelFor());
    ASSERT_EQ(output, threaded);
  }
}

TEST_P(FloatKernels, DepthwiseConvolution) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    RandomData random(seed);
    ConvShape s = makeShape(random, /*isDepthwise=*/true);
    int64_t channels = s.inputChannels, taps = s.kernelHeight * s.kernelWidth;
    std::vector<float> input = random.normals(s.batch * s.inputHeight * s.inputWidth * channels);
    std::vector<float> hwc = random.normals(taps * channels), fhwc(hwc.size());
    for (int64_t t = 0; t < taps; ++t)
      for (int64_t c = 0; c < channels; ++c)
        fhwc[c * taps + t] = hwc[t * channels + c];
    std::vector<float> bias = seed % 3 ? random.normals(channels) : std::vector<float>();
    std::vector<double> expected = naiveConv(s, input, fhwc, bias);
    std::vector<float> output(expected.size(), NAN), threaded = output;
    const float *biasData = bias.empty() ? nullptr : bias.data();
    depthwiseConv2d(s, input.data(), hwc.data(), biasData, output.data());
    expectNear(output, expected, seed);
    depthwiseConv2d(s, input.data(), hwc.data(), biasData, threaded.data(), pool.parallelFor());
    ASSERT_EQ(output, threaded);
  }
}

TEST_P(FloatKernels, MatrixProduct) {
  for (unsigned seed = 0; seed < 24; ++seed) {
    RandomData random(seed);
    // Some are deeper than one cache block.
    int64_t rows = random.integer(1, 70),
            depth = seed % 4 ? random.integer(1, 90) : random.integer(1025, 1700);
    int64_t columns = random.integer(1, 70), lda = depth + random.integer(0, 3),
            ldc = columns + random.integer(0, 3);
    bool isTransposed = seed % 2;
    std::vector<float> a = random.normals(rows * lda), b = random.normals(depth * columns),
                       bias = random.normals(columns);
    for (float &value : a)
      value *= 0.1f;
    std::vector<double> expected;
    for (int64_t m = 0; m < rows; ++m)
      for (int64_t n = 0; n < columns; ++n) {
        double sum = bias[n];
        for (int64_t k = 0; k < depth; ++k)
          sum += double(a[m * lda + k]) * b[isTransposed ? n * depth + k : k * columns + n];
        expected.push_back(sum);
      }
    PackedWeights packed;
    packed.pack(1, depth, columns, b.data(), isTransposed ? depth : columns, isTransposed);
    std::vector<float> c(rows * ldc, 7.0f), threaded = c, dense;
    matmul(rows, a.data(), lda, packed, bias.data(), c.data(), ldc);
    for (int64_t m = 0; m < rows; ++m) {
      dense.insert(dense.end(), c.begin() + m * ldc, c.begin() + m * ldc + columns);
      for (int64_t n = columns; n < ldc; ++n)
        ASSERT_EQ(c[m * ldc + n], 7.0f) << "written beyond the last column";
    }
    expectNear(dense, expected, seed);
    matmul(rows, a.data(), lda, packed, bias.data(), threaded.data(), ldc, pool.parallelFor());
    ASSERT_EQ(c, threaded);
  }
}

TEST_P(FloatKernels, GatheredPatchesTimesFilterIsTheConvolution) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    RandomData random(seed);
    ConvShape s = makeShape(random, /*isDepthwise=*/false);
    s.batch = 1;
    std::vector<float> input = random.normals(s.inputHeight * s.inputWidth * s.inputChannels);
    std::vector<float> filter = random.normals(s.outputChannels * s.patchSize());
    std::vector<double> expected = naiveConv(s, input, filter, {});
    std::vector<int64_t> positions(s.outputHeight() * s.outputWidth());
    for (size_t i = 0; i < positions.size(); ++i)
      positions[i] = i;
    int64_t width = s.groups * s.patchSize();
    std::vector<float> rows(positions.size() * width, NAN), interleaved = rows;
    gatherPatches(s, input.data(), positions.data(), positions.size(), rows.data());
    for (size_t p = 0; p < positions.size(); ++p)
      for (int64_t o = 0; o < s.outputChannels; ++o) {
        double sum = 0.0;
        for (int64_t t = 0; t < s.patchSize(); ++t)
          sum += double(rows[p * width + o / s.outputChannelsPerGroup() * s.patchSize() + t]) *
                 filter[o * s.patchSize() + t];
        ASSERT_NEAR(sum, expected[p * s.outputChannels + o], 1e-4);
      }
    gatherPatches(s, input.data(), positions.data(), positions.size(), interleaved.data(),
                  /*interleaveGroups=*/true);
    int64_t channels = s.channelsPerGroup();
    for (size_t p = 0; p < positions.size(); ++p)
      for (int64_t t = 0; t < s.kernelHeight * s.kernelWidth; ++t)
        for (int64_t c = 0; c < s.inputChannels; ++c)
          ASSERT_EQ(interleaved[p * width + t * s.inputChannels + c],
                    rows[p * width + c / channels * s.patchSize() + t * channels + c % channels]);
  }
}

TEST_P(FloatKernels, GramMatrices) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    RandomData random(seed);
    int64_t rows = random.integer(1, 600), n = random.integer(1, 80), ld = n + random.integer(0, 5);
    std::vector<float> a = random.normals(rows * ld), b = random.normals(rows * ld);
    std::vector<double> h(n * n, 1.0), g(n * n, 1.0);
    accumulateGram(rows, n, a.data(), ld, h.data());
    symmetrize(n, h.data());
    accumulateCrossGram(rows, n, a.data(), ld, b.data(), ld, g.data());
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double aa = 1.0, ab = 1.0;
        for (int64_t r = 0; r < rows; ++r) {
          aa += double(a[r * ld + i]) * a[r * ld + j];
          ab += double(a[r * ld + i]) * b[r * ld + j];
        }
        ASSERT_NEAR(h[i * n + j], aa, 1e-3) << "seed " << seed;
        ASSERT_NEAR(g[i * n + j], ab, 1e-3) << "seed " << seed;
      }
    std::vector<double> threaded(n * n, 1.0);
    accumulateCrossGram(rows, n, a.data(), ld, b.data(), ld, threaded.data(), pool.parallelFor());
    ASSERT_EQ(g, threaded);
  }
}

template <typename T> static void checkPanel(unsigned seed) {
  RandomData random(seed);
  int64_t rows = random.integer(1, 40), depth = random.integer(2, 60), width = panelWidth<T>();
  auto draw = [&](int64_t count) {
    std::vector<T> values(count);
    for (T &value : values)
      value = random.normal();
    return values;
  };
  std::vector<T> a = draw(rows * depth), b = draw(depth * width), start = draw(rows * width),
                 whole = start, split = start;
  multiplyAccumulatePanel<T>(rows, depth, a.data(), depth, b.data(), whole.data());
  // One row at a time, in two pieces: the same bits.
  int64_t cut = random.integer(1, depth - 1);
  for (int64_t m = 0; m < rows; ++m) {
    multiplyAccumulatePanel<T>(1, cut, a.data() + m * depth, depth, b.data(),
                               split.data() + m * width);
    multiplyAccumulatePanel<T>(1, depth - cut, a.data() + m * depth + cut, depth,
                               b.data() + cut * width, split.data() + m * width);
  }
  EXPECT_EQ(whole, split);
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < width; ++n) {
      double sum = start[m * width + n];
      for (int64_t k = 0; k < depth; ++k)
        sum += double(a[m * depth + k]) * b[k * width + n];
      ASSERT_NEAR(whole[m * width + n], sum, 1e-4);
    }
}

TEST_P(FloatKernels, PanelsDoNotDependOnCuts) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    checkPanel<float>(seed);
    checkPanel<double>(seed);
  }
}
