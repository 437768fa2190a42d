// RUN: gpfq-opt %s -gpfq-layout-float-weights | FileCheck %s

// CHECK: #[[FILTER:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d3, d5, d6, d7, d4)>

// CHECK-LABEL: func.func @conv
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]]]> : tensor<1x1x2x2xf32>
// CHECK: linalg.conv_2d_nhwc_hwcf
// CHECK-SAME: strides = dense<2>
// CHECK-SAME: ins(%{{.*}}, %[[W]] :
func.func @conv(%x: tensor<1x4x4x2xf32>, %i: tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32> {
  %w = arith.constant dense<[[[[1.0, 2.0]]], [[[3.0, 4.0]]]]> : tensor<2x1x1x2xf32>
  %0 = linalg.conv_2d_nhwc_fhwc {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<1x4x4x2xf32>, tensor<2x1x1x2xf32>) outs(%i : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  return %0 : tensor<1x2x2x2xf32>
}

// CHECK-LABEL: func.func @grouped
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}1.000000e+00, 2.000000e+00{{.*}}> : tensor<1x1x1x1x2xf32>
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[FILTER]], #{{.*}}]
func.func @grouped(%x: tensor<1x4x4x1x1xf32>, %i: tensor<1x4x4x1x2xf32>) -> tensor<1x4x4x1x2xf32> {
  %w = arith.constant dense<[[[[[1.0]]], [[[2.0]]]]]> : tensor<1x2x1x1x1xf32>
  %0 = linalg.conv_2d_nhwgc_gfhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<1x4x4x1x1xf32>, tensor<1x2x1x1x1xf32>) outs(%i : tensor<1x4x4x1x2xf32>) -> tensor<1x4x4x1x2xf32>
  return %0 : tensor<1x4x4x1x2xf32>
}

// CHECK-LABEL: func.func @linear
// CHECK-NOT: linalg.transpose
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]>
func.func @linear(%x: tensor<1x2xf32>, %i: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) permutation = [1, 0]
  %0 = linalg.matmul ins(%x, %t : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
