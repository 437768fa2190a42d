// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Speed of the recursion of GPFQ on one thread, as a fraction of what the CPU does in multiply-adds
// on registers in the same process: gpfq-recursion [columns [output channels]]. One JSON object a
// line; times are CPU times, the best of several runs.

#include "../lib/Quantizer/PanelSolver.h"
#include "gpfq/Calibration/FloatKernels.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>

using namespace gpfq;

namespace {

typedef float Vector32 __attribute__((vector_size(32)));
typedef float Vector64 __attribute__((vector_size(64)));

/// `count` multiply-adds of each of 12 independent vectors.
#define MULTIPLY_ADD(NAME, VECTOR, TARGET, CONSTRAINT)                                             \
  __attribute__((target(TARGET))) float NAME(int64_t count) {                                      \
    VECTOR acc[12], factor = VECTOR{} + 0.999f, addend = VECTOR{} + 1e-3f;                         \
    std::fill(acc, acc + 12, addend);                                                              \
    for (int64_t i = 0; i < count; ++i)                                                            \
      _Pragma("GCC unroll 12") for (int n = 0; n < 12; ++n) {                                      \
        acc[n] = acc[n] * factor + addend;                                                         \
        /* The chains must stay apart and in registers. */                                         \
        asm volatile("" : CONSTRAINT(acc[n]));                                                     \
      }                                                                                            \
    VECTOR sum = acc[0];                                                                           \
    for (int n = 1; n < 12; ++n)                                                                   \
      sum += acc[n];                                                                               \
    return sum[0];                                                                                 \
  }
MULTIPLY_ADD(multiplyAdd32, Vector32, "avx2,fma", "+x")
MULTIPLY_ADD(multiplyAdd64, Vector64, "avx512f", "+v")

/// Operations per second of CPU time, the best of several runs of `body`, which does `operations`.
double measure(double operations, const std::function<void()> &body) {
  body();
  double best = 0.0;
  for (int repetition = 0; repetition < 15; ++repetition) {
    std::clock_t start = std::clock();
    int64_t runs = 0;
    double elapsed = 0.0;
    for (; elapsed < 0.05; ++runs) {
      body();
      elapsed = double(std::clock() - start) / CLOCKS_PER_SEC;
    }
    best = std::max(best, double(runs) * operations / elapsed);
  }
  return best;
}

/// Roof of one thread: of the widest registers that the kernels use.
double measureRoof() {
  constexpr int64_t count = 1'000'000;
  volatile float sink = 0.0f;
  double roof = measure(2.0 * 8 * 12 * count, [&] { sink = multiplyAdd32(count); });
  if (isFloatIsaSupported(FloatIsa::X86_64_V4))
    roof = std::max(roof, measure(2.0 * 16 * 12 * count, [&] { sink = multiplyAdd64(count); }));
  return roof;
}

struct Layer {
  int64_t outputChannels, columns;
  std::vector<float> weights;
  Gram gram;

  Layer(int64_t outputChannels, int64_t columns)
      : outputChannels(outputChannels), columns(columns) {
    std::mt19937 engine(1);
    std::normal_distribution<float> normal;
    weights.resize(outputChannels * columns);
    for (float &weight : weights)
      weight = normal(engine);
    int64_t rows = 512;
    std::vector<float> x(rows * columns), xq(rows * columns);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = std::max(normal(engine), 0.0f);
      xq[i] = x[i] + 0.05f * normal(engine);
    }
    GramAccumulator accumulator({1, columns, outputChannels}, weights.data());
    accumulator.add(x.data(), xq.data(), rows);
    gram = accumulator.take();
  }

  LayerProblem problem() const {
    LayerProblem result;
    result.outputChannels = outputChannels;
    result.columns = columns;
    result.weights = weights.data();
    result.training = &gram;
    return result;
  }
};

void benchmark(const Layer &layer, Method method, double roof) {
  LayerSpec spec;
  spec.method = method;
  spec.sweeps = 0;
  spec.ridge = 0.1;
  // Operands of the recursion are formed once, whatever it is run for.
  GroupSystem system = makeGroupSystem(layer.problem(), spec, {}, 0, {});
  // N (N - 1) / 2 multiply-adds a neuron.
  double operations =
      double(layer.outputChannels) * double(layer.columns) * double(layer.columns - 1);
  int64_t width = PanelSolver::width();
  float step = 0.4f;
  std::vector<int8_t> levels(layer.outputChannels * layer.columns);
  double speed = measure(operations, [&] {
    for (int64_t first = 0; first < layer.outputChannels; first += width) {
      int64_t count = std::min(width, layer.outputChannels - first);
      std::vector<PanelSolver::Lane> lanes;
      for (int64_t lane = 0; lane < count; ++lane)
        lanes.push_back({first + lane, &step});
      PanelSolver solver(system, spec);
      solver.solve(lanes);
      solver.store(count, levels.data() + first * layer.columns);
    }
  });
  std::printf("{\"method\": \"%s\", \"columns\": %ld, \"output_channels\": %ld, \"gflops\": %.1f, "
              "\"milliseconds\": %.2f, \"of_roof\": %.2f}\n",
              method == Method::Gpfq ? "gpfq" : "qronos", long(layer.columns),
              long(layer.outputChannels), speed / 1e9, 1e3 * operations / speed, speed / roof);
  std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv) {
  if (!isFloatIsaSupported(FloatIsa::X86_64_V3)) {
    std::fputs("gpfq-recursion: this CPU has no AVX2\n", stderr);
    return 1;
  }
  int64_t columns = argc > 1 ? std::atol(argv[1]) : 1152,
          outputChannels = argc > 2 ? std::atol(argv[2]) : 256;
  if (columns < 1 || outputChannels < 1) {
    std::fputs("usage: gpfq-recursion [columns [output channels]], both at least 1\n", stderr);
    return 1;
  }
  double roof = measureRoof();
  std::printf("{\"roof_gflops\": %.1f, \"isa\": \"%s\"}\n", roof / 1e9, floatIsaName(floatIsa()));
  Layer layer(outputChannels, columns);
  for (Method method : {Method::Gpfq, Method::Qronos})
    benchmark(layer, method, roof);
  return 0;
}
