// Memoryless quantisation does not look at the data, unless it is told to.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 64x4
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy method=msq" | FileCheck %s
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy method=msq step=absmax bias-correction=false" | FileCheck %s
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy method=msq bias-correction=true" | FileCheck %s --check-prefix=BIAS
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy" | FileCheck %s --check-prefix=BIAS
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy bias-correction=maybe" 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: error: bias-correction=maybe is not one of true, false, auto

// The largest weight of a neuron is the largest level: scales 0.7 / 7 and 0.35 / 7.
// CHECK-LABEL: func @net
// CHECK-DAG: dense<{{\[\[}}7, -2], [1, 7], [-6, 3], [2, 4]]> : tensor<4x2xi8>
// CHECK-DAG: dense<[{{0.1|0.0999|1.000000e-01}}{{.*}}, 5.{{.*}}e-02]> : tensor<2xf32>
// CHECK-NOT: linalg.broadcast
// BIAS-LABEL: func @net
// BIAS: linalg.broadcast
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<[[0.7, -0.09], [0.1, 0.35], [-0.61, 0.15], [0.22, 0.21]]> : tensor<4x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<1x4xf32>, tensor<4x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
