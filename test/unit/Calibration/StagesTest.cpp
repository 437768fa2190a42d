// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Calibration/LayerTail.h"
#include "gpfq/Calibration/StagedExecutor.h"

#include "TemporaryDirectory.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::gpfq;

namespace {
// y = relu(a @ W1) with W1 = [[1, -1], [2, 1]], z = (y + a) @ W2, and y is quantised with scale
// 0.5.
constexpr const char *residual = R"mlir(
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @f(%a: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w1 = arith.constant dense<[[1.0, -1.0], [2.0, 1.0]]> : tensor<2x2xf32>
  %w2 = arith.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %m = linalg.matmul {lowbit.layer = #lowbit.layer<"first", <mid_tread, [7]>, channel>}
      ins(%a, %w1 : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %p = arith.maximumf %in, %zero : f32
    linalg.yield %p : f32
  } -> tensor<1x2xf32>
  %q = lowbit.quantize %r, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  %d = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %sum = linalg.add ins(%d, %a : tensor<1x2xf32>, tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %n = linalg.matmul {lowbit.layer = #lowbit.layer<"second", <mid_tread, [7]>, channel>}
      ins(%sum, %w2 : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.matmul {lowbit.layer = #lowbit.layer<"third", <mid_tread, [3]>, channel>}
      ins(%d, %w2 : tensor<1x2xf32>, tensor<2x2xf32>) outs(%n : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %t : tensor<1x2xf32>
}
)mlir";

// Two towers with the same weights.
constexpr const char *shared = R"mlir(
func.func @f(%a: tensor<1x2xf32>, %b: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %w1 = arith.constant dense<[[1.0, -1.0], [2.0, 1.0]]> : tensor<2x2xf32>
  %w2 = arith.constant dense<[[1.0, 0.5], [0.0, 1.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %a1 = linalg.matmul {lowbit.layer = #lowbit.layer<"a1", <mid_tread, [7]>, channel>}
      ins(%a, %w1 : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %a2 = linalg.matmul {lowbit.layer = #lowbit.layer<"a2", <mid_tread, [7]>, channel>}
      ins(%a1, %w2 : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %b1 = linalg.matmul {lowbit.layer = #lowbit.layer<"b1", <mid_tread, [7]>, channel>}
      ins(%b, %w1 : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %b2 = linalg.matmul {lowbit.layer = #lowbit.layer<"b2", <mid_tread, [7]>, channel>}
      ins(%b1, %w2 : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %b3 = linalg.matmul {lowbit.layer = #lowbit.layer<"b3", <mid_tread, [7]>, channel>}
      ins(%b2, %w2 : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %a2, %b3 : tensor<1x2xf32>, tensor<1x2xf32>
}
)mlir";

// y = relu6(a @ W + a), of which a second clip and an addition follow.
constexpr const char *tails = R"mlir(
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @f(%a: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %six = arith.constant 6.0 : f32
  %w = arith.constant dense<[[1.0, -1.0], [2.0, 1.0]]> : tensor<2x2xf32>
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %q = lowbit.quantize %a, %s zero_point 4 : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  %d = lowbit.dequantize %q, %s zero_point 4 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %m = linalg.matmul {lowbit.layer = #lowbit.layer<"first", <mid_tread, [7]>, channel>}
      ins(%d, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %sum = linalg.add ins(%d, %m : tensor<1x2xf32>, tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
      ins(%sum : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %isPositive = arith.cmpf ugt, %in, %zero : f32
    %positive = arith.select %isPositive, %in, %zero : f32
    %clipped = arith.minimumf %positive, %six : f32
    linalg.yield %clipped : f32
  } -> tensor<1x2xf32>
  %other = linalg.add ins(%r, %a : tensor<1x2xf32>, tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %n = linalg.matmul {lowbit.layer = #lowbit.layer<"second", <mid_tread, [7]>, channel>}
      ins(%other, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %n : tensor<1x2xf32>
}
)mlir";

struct StagesTest : testing::Test {
  StagesTest() {
    DialectRegistry registry;
    registry.insert<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                    lowbit::LowBitDialect, tensor::TensorDialect>();
    StagedExecutor::registerDependencies(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  void parse(const char *text) {
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    function = *module->getOps<func::FuncOp>().begin();
    auto collected = collectQuantizableOps(function);
    ASSERT_TRUE(succeeded(collected));
    layers = std::move(*collected);
    schedule = scheduleLayers(function, layers);
  }

  /// A file of samples of two elements.
  static std::string writeSamples(TemporaryDirectory &directory, const char *name,
                                  const std::vector<float> &values) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                         std::to_string(values.size() / 2) + ", 2), }";
    header += std::string(128 - 10 - header.size() - 1, ' ') + "\n";
    return directory.write(
        name, std::string("\x93NUMPY\x01\0\x76\0", 10) + header +
                  std::string(reinterpret_cast<const char *>(values.data()), values.size() * 4));
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  std::vector<QuantizableOp> layers;
  Schedule schedule;
};
} // namespace

TEST_F(StagesTest, CutsAtLayers) {
  parse(residual);
  ASSERT_EQ(schedule.cuts.size(), 3u);
  std::vector<linalg::LinalgOp> ops;
  for (QuantizableOp &layer : layers)
    ops.push_back(layer.op);
  auto program = cutIntoStages(function, ops, schedule);
  ASSERT_TRUE(succeeded(program));
  // Nothing before the first layer; relu, quantise and add before the second; nothing before the
  // third.
  EXPECT_TRUE(program->steps[0].ops.empty());
  EXPECT_EQ(program->steps[1].ops.size(), 3u);
  EXPECT_TRUE(program->steps[2].ops.empty());
  // The third layer reads codes: a byte an element is live.
  const StagedProgram::Operand &input = program->layers[2].input;
  EXPECT_TRUE(input.isCode);
  EXPECT_EQ(input.scale, 0.5f);
  EXPECT_EQ(program->values[input.value].bytes, 2u);
  EXPECT_GE(program->layers[1].output, 0);
}

TEST_F(StagesTest, SchedulesEqualWeightsTogether) {
  parse(shared);
  ASSERT_EQ(schedule.cuts.size(), 3u);
  EXPECT_EQ(schedule.cuts[0], (SmallVector<unsigned>{0, 2}));
  // The fifth layer depends on the fourth and takes over its levels.
  EXPECT_EQ(schedule.cuts[1], (SmallVector<unsigned>{1, 3}));
  EXPECT_EQ(schedule.cuts[2], (SmallVector<unsigned>{4}));
  EXPECT_EQ(schedule.reuses.lookup(4), 1u);
}

TEST_F(StagesTest, AdvancesBothNetworks) {
  parse(residual);
  TemporaryDirectory directory;
  std::string path = writeSamples(directory, "a.npy", {1.0f, 0.125f, -1.0f, 2.0f});
  auto data = ::gpfq::CalibrationData::open(path);
  ASSERT_TRUE(data) << data.message();
  ::gpfq::ThreadPool pool(1);

  // In memory, and with everything in the file.
  for (uint64_t budget : {uint64_t(1) << 20, uint64_t(0)}) {
    StagedExecutor::Options options;
    options.samples = 2;
    options.memoryBudget = budget;
    auto executor = StagedExecutor::create(function, layers, schedule, *data, options, pool);
    ASSERT_TRUE(succeeded(executor));
    std::map<std::pair<int64_t, unsigned>, std::pair<float, float>> inputs;
    auto advance = [&](int64_t cut) {
      inputs.clear();
      return (*executor)->advance(
          cut, 2, [&](unsigned layer) { return int64_t(layer) == cut; },
          [&](int64_t sample, int64_t, StagedExecutor::Side side, unsigned, const float *input,
              const float *shortcut) {
            EXPECT_EQ(shortcut, nullptr);
            inputs[{sample, side}] = {input[0], input[1]};
          },
          [](int64_t, int64_t) {});
    };
    using Pair = std::pair<float, float>;
    ASSERT_TRUE(succeeded(advance(0)));
    EXPECT_EQ((inputs[{1, 0}]), (Pair{-1.0f, 2.0f}));
    // Twice the weights on the quantised side.
    std::vector<float> weights = {2.0f, 4.0f, -2.0f, 2.0f};
    (*executor)->setWeights(StagedExecutor::Quantized, 0, weights, {0.0f, 0.0f});
    ASSERT_TRUE(succeeded(advance(1)));
    // relu([1.25, -0.875]) + a, and round([2.5, 0] / 0.5) * 0.5 + a.
    EXPECT_EQ((inputs[{0, 0}]), (Pair{2.25f, 0.125f}));
    EXPECT_EQ((inputs[{0, 1}]), (Pair{3.5f, 0.125f}));
    ASSERT_TRUE(succeeded(advance(2)));
    EXPECT_EQ((inputs[{0, 0}]), (Pair{1.25f, 0.0f}));
    EXPECT_EQ((inputs[{1, 1}]), (Pair{6.0f, 6.0f}));
    EXPECT_EQ((*executor)->store().fileBytes() == 0, budget > 0);
  }
}

TEST_F(StagesTest, EvaluatesResults) {
  parse(shared);
  TemporaryDirectory directory;
  auto a = ::gpfq::CalibrationData::open(writeSamples(directory, "a.npy", {1.0f, 0.125f}));
  auto b = ::gpfq::CalibrationData::open(writeSamples(directory, "b.npy", {-1.0f, 2.0f}));
  ASSERT_TRUE(a && b);
  std::vector<::gpfq::CalibrationData> data;
  data.push_back(std::move(*a));
  data.push_back(std::move(*b));
  ::gpfq::ThreadPool pool(1);
  StagedExecutor::Options options;
  options.withQuantizedSide = false;
  options.stages.withResults = true;
  auto executor = StagedExecutor::create(function, layers, schedule, data, options, pool);
  ASSERT_TRUE(succeeded(executor));
  std::map<unsigned, std::vector<float>> results;
  auto keep = [&](int64_t, StagedExecutor::Side, unsigned result, ArrayRef<float> values) {
    results[result] = values.vec();
  };
  // What was kept on the way to a layer does not matter.
  ASSERT_TRUE(succeeded((*executor)->advance(
      1, /*batch=*/1, [](unsigned) { return false; },
      [](int64_t, int64_t, StagedExecutor::Side, unsigned, const float *, const float *) {},
      [](int64_t, int64_t) {})));
  ASSERT_TRUE(succeeded((*executor)->evaluate(1, keep)));
  EXPECT_EQ(results[0], (std::vector<float>{1.25f, -0.25f}));
  EXPECT_EQ(results[1], (std::vector<float>{3.0f, 6.0f}));
  // With other weights, and again with its own.
  std::vector<float> identity = {1.0f, 0.0f, 0.0f, 1.0f};
  (*executor)->setWeights(StagedExecutor::Float, 0, identity, layers[0].bias);
  ASSERT_TRUE(succeeded((*executor)->evaluate(1, keep)));
  EXPECT_EQ(results[0], (std::vector<float>{1.0f, 0.625f}));
  (*executor)->setWeights(StagedExecutor::Float, 0, layers[0].weights, layers[0].bias);
  ASSERT_TRUE(succeeded((*executor)->evaluate(1, keep)));
  EXPECT_EQ(results[0], (std::vector<float>{1.25f, -0.25f}));
}

TEST_F(StagesTest, FindsTails) {
  parse(tails);
  LayerTail tail = LayerTail::match(layers[0].op->getResult(0));
  EXPECT_EQ(tail.shortcut, layers[0].op.getDpsInputs()[0]);
  EXPECT_EQ(tail.low, 0.0f);
  EXPECT_EQ(tail.high, 6.0f);
  tail = LayerTail::match(layers[1].op->getResult(0));
  EXPECT_FALSE(tail.shortcut);
  EXPECT_FALSE(tail.isClipped());
  std::vector<linalg::LinalgOp> ops;
  for (QuantizableOp &layer : layers)
    ops.push_back(layer.op);
  StageOptions options;
  options.withShortcuts = true;
  auto program = cutIntoStages(function, ops, schedule, options);
  ASSERT_TRUE(succeeded(program));
  // The shortcut is read as codes.
  ASSERT_TRUE(program->layers[0].shortcut.has_value());
  EXPECT_TRUE(program->layers[0].shortcut->isCode);
  EXPECT_EQ(program->layers[0].shortcut->zeroPoint, 4);
  EXPECT_EQ(program->layers[0].shortcut->value, program->layers[0].input.value);
  EXPECT_FALSE(program->layers[1].shortcut.has_value());
}

TEST_F(StagesTest, RefusesControlFlow) {
  module = parseSourceString<ModuleOp>(R"mlir(
    func.func @f(%a: tensor<1x2xf32>) -> tensor<1x2xf32> {
      cf.br ^end
    ^end:
      return %a : tensor<1x2xf32>
    })mlir",
                                       &context);
  ASSERT_TRUE(module);
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
  EXPECT_TRUE(failed(verifyCalibratable(*module->getOps<func::FuncOp>().begin())));
}
