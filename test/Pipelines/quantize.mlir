// RUN: %python %S/../Inputs/make_npy.py %t.npy 16x4
// RUN: gpfq-opt %s --gpfq-quantize="calibration=%t.npy" | FileCheck %s --check-prefixes=CHECK,W4A8
// RUN: gpfq-opt %s --gpfq-quantize="calibration=%t.npy activation-bits=0 bias-correction=false" | FileCheck %s --check-prefixes=CHECK,W4
// RUN: gpfq-opt %s --gpfq-quantize="calibration=%t.npy activation-bits=6 weight-bits=0" | FileCheck %s --check-prefix=FLOAT

// Options get to the passes.
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy range=x" 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: range=x is not
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy percentile=1" 2>&1 | FileCheck %s --check-prefix=PERCENTILE
// PERCENTILE: percentile=1.000000e+00 is not in
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy samples=17" 2>&1 | FileCheck %s --check-prefix=SAMPLES
// SAMPLES: 17 samples are asked for
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy method=x" 2>&1 | FileCheck %s --check-prefix=METHOD
// METHOD: method=x is not
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy step=x" 2>&1 | FileCheck %s --check-prefix=STEP
// STEP: step=x is not
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy step-factor=-1" 2>&1 | FileCheck %s --check-prefix=FACTOR
// FACTOR: step-factor is not above 0
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy order=x" 2>&1 | FileCheck %s --check-prefix=ORDER
// ORDER: order=x is not
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy sweeps=-1" 2>&1 | FileCheck %s --check-prefix=SWEEPS
// SWEEPS: sweeps=-1 is not a number of at least 0
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy ridge=-1" 2>&1 | FileCheck %s --check-prefix=RIDGE
// RIDGE: ridge=-1 is not a number of at least 0
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy recipe=x" 2>&1 | FileCheck %s --check-prefix=RECIPE
// RECIPE: recipe=x is not best or paper
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy alternations=x" 2>&1 | FileCheck %s --check-prefix=ALTERNATIONS
// ALTERNATIONS: alternations=x is not a number
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy clip-rounds=1.5" 2>&1 | FileCheck %s --check-prefix=ROUNDS
// ROUNDS: clip-rounds=1.5 is not a number
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy scale-matching=x" 2>&1 | FileCheck %s --check-prefix=MATCHING
// MATCHING: scale-matching=x is not one of none, least-squares, variance, auto
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy refit=x" 2>&1 | FileCheck %s --check-prefix=REFIT
// REFIT: refit=x is not one of true, false, auto
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy residual-targets=x" 2>&1 | FileCheck %s --check-prefix=RESIDUAL
// RESIDUAL: residual-targets=x is not one of false, clipped, true, auto
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy threshold=soft" 2>&1 | FileCheck %s --check-prefix=SOFT
// SOFT: threshold=soft needs lambda
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy lambda=0.1" 2>&1 | FileCheck %s --check-prefix=LAMBDA
// LAMBDA: lambda needs threshold=soft or threshold=hard
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy threshold=soft lambda=1 lambda-unit=x" 2>&1 | FileCheck %s --check-prefix=UNIT
// UNIT: lambda-unit=x is not one of step, radius, weight
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy radius-quantile=0" 2>&1 | FileCheck %s --check-prefix=QUANTILE
// QUANTILE: radius-quantile is not in (0, 1]
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy accumulator-bits=33" 2>&1 | FileCheck %s --check-prefix=ACCUMULATOR
// ACCUMULATOR: accumulator-bits is not 0 or 2 to 32
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy accumulator-bits=16 accumulator-tile=-1" 2>&1 | FileCheck %s --check-prefix=TILE
// TILE: accumulator-tile is below 0
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy max-rows=0" 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: max-rows is below 1
// RUN: not gpfq-opt %s --gpfq-quantize="calibration=%t.npy held-out=1" 2>&1 | FileCheck %s --check-prefix=HELD
// HELD: held-out is not in

// CHECK-LABEL: func @network(
// CHECK-SAME: %[[X:.*]]: tensor<1x4xf32>
// W4A8: %[[Q:.*]] = lowbit.quantize %[[X]]
// W4A8: %[[D:.*]] = lowbit.dequantize %[[Q]]
// W4-NOT: lowbit.quantize
// CHECK: %[[W:.*]] = lowbit.dequantize {{.*}} axis 1 alphabet <mid_tread, [7]> layer "{{.*}}" : tensor<4x3xi8>
// W4A8: linalg.matmul ins(%[[D]], %[[W]]
// W4: linalg.matmul ins(%[[X]], %[[W]]
// FLOAT-NOT: lowbit.{{(de)?}}quantize
func.func @network(%x: tensor<1x4xf32>) -> tensor<1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -0.25, 0.3], [0.75, 0.5, -0.4], [0.1, 0.2, 0.3], [-0.5, 0.9, 0.2]]> : tensor<4x3xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %y = linalg.matmul {lowbit.layer = #lowbit.layer<"first", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%i : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}
