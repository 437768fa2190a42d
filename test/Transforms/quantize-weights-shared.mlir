// RUN: %python %S/../Inputs/make_npy.py %t.a.npy 8x4 signed
// RUN: %python %S/../Inputs/make_npy.py %t.b.npy 8x4
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.a.npy,%t.b.npy" 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

// Two arguments, two results. The towers share a constant, which is quantised once; the last layer depends on
// another one with its weights, so it takes over the levels.
// REMARK: remark: layer 'again' has the weights of 'left', whose result it depends on

// CHECK-LABEL: func @towers
// CHECK: %[[W:.*]] = lowbit.dequantize {{.*}} axis 1 alphabet <mid_tread, [7]> layer "left" : tensor<4x4xi8>
// CHECK: %[[L:.*]] = linalg.matmul ins(%{{.*}}, %[[W]] :
// CHECK: %[[R:.*]] = linalg.matmul ins(%{{.*}}, %[[W]] :
// CHECK: lowbit.dequantize {{.*}} layer "again"
// CHECK: %[[A:.*]] = linalg.matmul ins(%[[R]],
// CHECK: return %[[L]], %[[A]]
func.func @towers(%a: tensor<1x4xf32>, %b: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -0.25, 0.3, 1.0], [0.75, 0.5, -0.4, 0.2], [0.1, 0.2, 0.3, 0.4], [-0.5, 0.9, 0.2, 0.7]]> : tensor<4x4xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %l = linalg.matmul {lowbit.layer = #lowbit.layer<"left", <mid_tread, [7]>, channel>}
      ins(%a, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %r = linalg.matmul {lowbit.layer = #lowbit.layer<"right", <mid_tread, [7]>, channel>}
      ins(%b, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %n = linalg.matmul {lowbit.layer = #lowbit.layer<"again", <mid_tread, [7]>, channel>}
      ins(%r, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %l, %n : tensor<1x4xf32>, tensor<1x4xf32>
}
