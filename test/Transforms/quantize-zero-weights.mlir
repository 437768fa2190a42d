// RUN: %python %S/../Inputs/make_npy.py %t.npy 8x4 signed
// RUN: gpfq-opt %s --gpfq-quantize-activations=calibration=%t.npy --gpfq-quantize-weights="calibration=%t.npy report=%t.json" 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// RUN: FileCheck %s --check-prefix=REPORT --input-file=%t.json

// Weights of zeros stay zeros, in alphabets without 0 up to the smallest scale that a float has, and their output
// is exact.

// REMARK: remark: layer 'zeros' has 3 output channels whose weights are all 0
// REMARK: remark: layer 'rise' has 2 output channels whose weights are all 0
// REPORT: "in_sample_error": 0,
// REPORT: "sparsity": 1,

// CHECK-LABEL: func @network
// CHECK: %[[L:.*]] = arith.constant dense<0> : tensor<4x3xi8>
// CHECK: %[[S:.*]] = arith.constant dense<1.17549435E-38> : tensor<3xf32>
// CHECK: lowbit.dequantize %[[L]], %[[S]]
// CHECK: %[[T:.*]] = arith.constant dense<1.17549435E-38> : tensor<2xf32>
// CHECK: lowbit.dequantize %{{.*}}, %[[T]]
func.func @network(%x: tensor<1x4xf32>) -> (tensor<1x3xf32>, tensor<1x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.0> : tensor<4x3xf32>
  %e = tensor.empty() : tensor<1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3xf32>) -> tensor<1x3xf32>
  %y = linalg.matmul {lowbit.layer = #lowbit.layer<"zeros", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<1x4xf32>, tensor<4x3xf32>) outs(%i : tensor<1x3xf32>) -> tensor<1x3xf32>
  %v = arith.constant dense<0.0> : tensor<4x2xf32>
  %f = tensor.empty() : tensor<1x2xf32>
  %j = linalg.fill ins(%zero : f32) outs(%f : tensor<1x2xf32>) -> tensor<1x2xf32>
  %z = linalg.matmul {lowbit.layer = #lowbit.layer<"rise", <mid_rise, [2]>, channel>}
      ins(%x, %v : tensor<1x4xf32>, tensor<4x2xf32>) outs(%j : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y, %z : tensor<1x3xf32>, tensor<1x2xf32>
}
