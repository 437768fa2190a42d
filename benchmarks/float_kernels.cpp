// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Speed of the f32 kernels of the calibration run, as a fraction of what the CPU does in
// multiply-adds on registers: gpfq-float-kernels [threads]. One JSON object a line.

#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <vector>

using namespace gpfq;

namespace {

typedef float Vector __attribute__((vector_size(32)));

/// `count` multiply-adds of each of 12 independent vectors.
__attribute__((target("avx2,fma"))) float multiplyAdd(int64_t count) {
  Vector acc[12], factor, addend;
  for (int lane = 0; lane < 8; ++lane) {
    factor[lane] = 0.999f;
    addend[lane] = 1e-3f;
  }
  std::fill(acc, acc + 12, addend);
  for (int64_t i = 0; i < count; ++i)
#pragma GCC unroll 12
    for (int n = 0; n < 12; ++n) {
      acc[n] = acc[n] * factor + addend;
      // The chains must stay apart and in registers.
      asm volatile("" : "+x"(acc[n]));
    }
  Vector sum = acc[0];
  for (int n = 1; n < 12; ++n)
    sum += acc[n];
  return sum[0];
}

/// Floating-point operations per second, and per second of one CPU: the latter means something on a
/// busy machine too.
struct Speed {
  double wall = 0.0, cpu = 0.0;
};

/// The best of several runs of `body`, which does `operations`.
Speed measure(double operations, const std::function<void()> &body) {
  body();
  Speed best;
  for (int repetition = 0; repetition < 7; ++repetition) {
    auto start = std::chrono::steady_clock::now();
    std::clock_t cpuStart = std::clock();
    // Long enough for the clocks.
    int64_t runs = 0;
    std::chrono::duration<double> elapsed(0.0);
    for (; elapsed.count() < 0.05; ++runs) {
      body();
      elapsed = std::chrono::steady_clock::now() - start;
    }
    double cpu = double(std::clock() - cpuStart) / CLOCKS_PER_SEC;
    best.wall = std::max(best.wall, double(runs) * operations / elapsed.count());
    best.cpu = std::max(best.cpu, double(runs) * operations / cpu);
  }
  return best;
}

void print(const char *kernel, const ConvShape &shape, Speed speed, Speed roof) {
  std::printf("{\"kernel\": \"%s\", \"input\": [%ld, %ld, %ld], \"filter\": [%ld, %ld, %ld, %ld], "
              "\"gflops\": %.1f, \"of_roof\": %.2f, \"of_roof_per_cpu\": %.2f}\n",
              kernel, long(shape.inputHeight), long(shape.inputWidth), long(shape.inputChannels),
              long(shape.outputChannels), long(shape.kernelHeight), long(shape.kernelWidth),
              long(shape.channelsPerGroup()), speed.wall / 1e9, speed.wall / roof.wall,
              speed.cpu / roof.cpu);
  std::fflush(stdout);
}

ConvShape makeShape(int64_t batch, int64_t size, int64_t channels, int64_t outputChannels,
                    int64_t kernel) {
  ConvShape shape;
  shape.batch = batch;
  shape.inputHeight = shape.inputWidth = size;
  shape.inputChannels = channels;
  shape.outputChannels = outputChannels;
  shape.kernelHeight = shape.kernelWidth = kernel;
  shape.padTop = shape.padBottom = shape.padLeft = shape.padRight = kernel / 2;
  return shape;
}

void benchmarkLayer(const ConvShape &shape, Speed roof, const ParallelFor &parallelFor) {
  std::vector<float> input(shape.batch * shape.inputHeight * shape.inputWidth *
                           shape.inputChannels);
  for (size_t i = 0; i < input.size(); ++i)
    input[i] = float(i % 17) - 8.0f;
  std::vector<float> filter(shape.outputChannels * shape.patchSize(), 0.5f);
  int64_t positions = shape.batch * shape.outputHeight() * shape.outputWidth();
  std::vector<float> output(positions * shape.outputChannels);
  PackedWeights packed = packConvWeights(shape, filter.data());
  double operations = 2.0 * double(positions * shape.outputChannels * shape.patchSize());
  print("conv2d", shape,
        measure(operations,
                [&] { conv2d(shape, input.data(), packed, nullptr, output.data(), parallelFor); }),
        roof);

  int64_t columns = shape.patchSize(), rows = 2048;
  std::vector<float> patches(rows * columns, 0.25f);
  std::vector<double> gram(columns * columns);
  // The lower triangle.
  print("gram", shape,
        measure(double(rows) * double(columns * (columns + 1)),
                [&] {
                  accumulateGram(rows, columns, patches.data(), columns, gram.data(), parallelFor);
                }),
        roof);
}

void benchmarkDepthwise(int64_t channels, Speed roof, const ParallelFor &parallelFor) {
  ConvShape shape = makeShape(1, 14, channels, channels, 3);
  shape.groups = channels;
  int64_t taps = 9, rows = 256;
  std::vector<float> patches(rows * taps * channels, 0.25f);
  std::vector<double> gram(taps * taps * channels);
  print("interleaved gram", shape,
        measure(2.0 * double(rows * taps * taps * channels),
                [&] {
                  accumulateInterleavedGram(rows, taps, channels, patches.data(), patches.data(),
                                            gram.data(), parallelFor);
                }),
        roof);
}

} // namespace

int main(int argc, char **argv) {
  if (!isFloatIsaSupported(FloatIsa::X86_64_V3)) {
    std::fputs("gpfq-float-kernels: this CPU has no AVX2\n", stderr);
    return 1;
  }
  ThreadPool pool(argc > 1 ? unsigned(std::atoi(argv[1])) : 2);
  ParallelFor parallelFor = pool.parallelFor();
  // The roof is that of AVX2; with AVX-512 the kernels may exceed it.
  constexpr int64_t count = 1'000'000;
  Speed roof = measure(2.0 * 8 * 12 * double(count) * pool.threads(), [&] {
    parallelFor(pool.threads(), [&](int64_t) {
      volatile float sink = multiplyAdd(count);
      (void)sink;
    });
  });
  std::printf("{\"kernel\": \"fma\", \"threads\": %u, \"gflops\": %.1f, \"isa\": \"%s\"}\n",
              pool.threads(), roof.wall / 1e9, floatIsaName(floatIsa()));
  for (const ConvShape &shape :
       {makeShape(8, 32, 16, 16, 3), makeShape(8, 16, 32, 32, 3), makeShape(8, 8, 64, 64, 3),
        makeShape(4, 56, 64, 64, 3), makeShape(4, 56, 24, 144, 1), makeShape(4, 14, 480, 80, 1),
        makeShape(4, 7, 1152, 320, 1)})
    benchmarkLayer(shape, roof, parallelFor);
  for (int64_t channels : {96, 672})
    benchmarkDepthwise(channels, roof, parallelFor);
  return 0;
}
