// A layer with a scale for each block of input channels is one op for each block: f32(acc) * scale + offset, to which the
// sum so far is added last.

// RUN: gpfq-opt %s --lowbit-fuse -split-input-file | FileCheck %s
// RUN: gpfq-opt %s --lowbit-to-linalg -split-input-file | FileCheck %s --check-prefix=LINALG

// The bias 3 and the zero point 10: offsets of the first output are 3 - 0.5 * 0.5 * 10 * (1 - 2) = 5.5 and
// -0.25 * 0.5 * 10 * (3 + 4) = -8.75.
// CHECK-LABEL: func @matmul
// CHECK-DAG: %[[S0:.*]] = arith.constant dense<[2.500000e-01, 1.250000e-01]> : tensor<2xf32>
// CHECK-DAG: %[[O0:.*]] = arith.constant dense<[5.500000e+00, 4.250000e+00]> : tensor<2xf32>
// CHECK-DAG: %[[S1:.*]] = arith.constant dense<[1.250000e-01, 6.250000e-02]> : tensor<2xf32>
// CHECK-DAG: %[[O1:.*]] = arith.constant dense<[-8.750000e+00, 6.250000e-01]> : tensor<2xf32>
// CHECK: %[[X0:.*]] = tensor.extract_slice %{{.*}}[0, 0] [3, 2] [1, 1] : tensor<3x4xi8> to tensor<3x2xi8>
// CHECK: %[[Y0:.*]] = lowbit.matmul ins(%[[X0]], %{{.*}} : tensor<3x2xi8>, tensor<2x2xi8>) fused(%[[S0]], %[[O0]]
// CHECK: %[[X1:.*]] = tensor.extract_slice %{{.*}}[0, 2] [3, 2] [1, 1] : tensor<3x4xi8> to tensor<3x2xi8>
// CHECK: lowbit.matmul ins(%[[X1]], %{{.*}} : tensor<3x2xi8>, tensor<2x2xi8>) fused(%[[S1]], %[[O1]], %[[Y0]]
// CHECK: ^bb0(%[[A:.*]]: i32, %[[S:.*]]: f32, %[[O:.*]]: f32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[A]]
// CHECK-NEXT: %[[M:.*]] = arith.mulf %[[F]], %[[S]]
// CHECK-NEXT: %[[B:.*]] = arith.addf %[[M]], %[[O]]
// CHECK-NEXT: arith.addf %[[B]], %[[SUM]]

// LINALG: #[[BLOCK:.*]] = affine_map<(d0, d1) -> (d1, d0 floordiv 2)>
// LINALG-LABEL: func @matmul
// LINALG: linalg.generic {indexing_maps = [#{{.*}}, #[[BLOCK]], #{{.*}}]{{.*}} : tensor<4x2xi8>, tensor<2x2xf32>)
func.func @matmul(%x: tensor<3x4xf32>) -> tensor<3x2xf32> {
  %three = arith.constant 3.0 : f32
  %sx = arith.constant dense<0.5> : tensor<1xf32>
  %q = lowbit.quantize %x, %sx zero_point 10 : tensor<3x4xf32>, tensor<1xf32> -> tensor<3x4xi8>
  %d = lowbit.dequantize %q, %sx zero_point 10 : tensor<3x4xi8>, tensor<1xf32> -> tensor<3x4xf32>
  %l = arith.constant dense<[[1, -1], [-2, 0], [3, 1], [4, -2]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[0.5, 0.25], [0.25, 0.125]]> : tensor<2x2xf32>
  %w = lowbit.dequantize %l, %s axis 1 block_axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<4x2xi8>, tensor<2x2xf32> -> tensor<4x2xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %i = linalg.fill ins(%three : f32) outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  %y = linalg.matmul ins(%d, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// A convolution: channels 0, 1 and 2, 3 of all taps; what follows fuses into the last op.
// CHECK-LABEL: func @conv
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 3, 3, 2] [1, 1, 1, 1]
// CHECK: lowbit.conv_2d ins({{.*}} : tensor<1x3x3x2xi8>, tensor<1x2x2x2xi8>)
// CHECK-SAME: padding = array<i64: 0, 1, 0, 1>, padding_value = 10
// CHECK: lowbit.yield %{{.*}} : f32
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 2] [1, 3, 3, 2] [1, 1, 1, 1]
// CHECK: lowbit.conv_2d
// CHECK: lowbit.yield %{{.*}} : i8
// CHECK-NOT: lowbit.conv_2d
func.func @conv(%x: tensor<1x3x3x4xf32>) -> tensor<1x3x3x1xi8> {
  %zero = arith.constant 0.0 : f32
  %sx = arith.constant dense<0.5> : tensor<1xf32>
  %q = lowbit.quantize %x, %sx zero_point 10 : tensor<1x3x3x4xf32>, tensor<1xf32> -> tensor<1x3x3x4xi8>
  %d = lowbit.dequantize %q, %sx zero_point 10 : tensor<1x3x3x4xi8>, tensor<1xf32> -> tensor<1x3x3x4xf32>
  %p = tensor.pad %d low[0, 0, 0, 0] high[0, 1, 1, 0] {
  ^bb0(%n: index, %h: index, %v: index, %c: index):
    tensor.yield %zero : f32
  } : tensor<1x3x3x4xf32> to tensor<1x4x4x4xf32>
  %l = arith.constant dense<[[[[1, 2, 3, 4], [5, 6, 7, -1]], [[-2, -3, -4, -5], [-6, -7, 0, 1]]]]> : tensor<1x2x2x4xi8>
  %s = arith.constant dense<[[0.5, 0.25]]> : tensor<1x2xf32>
  %w = lowbit.dequantize %l, %s axis 0 block_axis 3 alphabet <mid_tread, [7]> layer "c" : tensor<1x2x2x4xi8>, tensor<1x2xf32> -> tensor<1x2x2x4xf32>
  %e = tensor.empty() : tensor<1x3x3x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x1xf32>) -> tensor<1x3x3x1xf32>
  %y = linalg.conv_2d_nhwc_fhwc ins(%p, %w : tensor<1x4x4x4xf32>, tensor<1x2x2x4xf32>) outs(%i : tensor<1x3x3x1xf32>) -> tensor<1x3x3x1xf32>
  %r = lowbit.quantize %y, %sx zero_point 3 : tensor<1x3x3x1xf32>, tensor<1xf32> -> tensor<1x3x3x1xi8>
  return %r : tensor<1x3x3x1xi8>
}
