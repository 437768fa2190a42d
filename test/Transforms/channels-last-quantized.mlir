// A network whose weights and activations are lowbit ops already, as gpfq-qdq-to-lowbit leaves them: codes are
// channels-last like the images that they stand for, levels are stored in the order that the new op wants.

// RUN: gpfq-opt %s --gpfq-channels-last --canonicalize -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func @net
// CHECK-SAME: %[[X:.*]]: tensor<1x2x3x3xf32>
// CHECK-DAG: %[[CONV:.*]] = arith.constant dense<{{\[\[\[\[}}1, 2]]], {{\[\[\[}}3, -3]]], {{\[\[\[}}-1, 0]]]]> : tensor<3x1x1x2xi8>
// The rows of three channels of 2 x 1 pixels.
// CHECK-DAG: %[[LINEAR:.*]] = arith.constant dense<{{\[\[}}1, 7], [3, -5], [5, -3], [2, -6], [4, -4], [6, -2]]> : tensor<6x2xi8>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[X]]
// CHECK: %[[Q:.*]] = lowbit.quantize %[[T]], %{{.*}} zero_point 3 : tensor<1x3x3x2xf32>
// CHECK: %[[D:.*]] = lowbit.dequantize %[[Q]], %{{.*}} zero_point 3 : tensor<1x3x3x2xi8>
// CHECK: %[[W:.*]] = lowbit.dequantize %[[CONV]], %{{.*}} axis 0 block_axis 3 alphabet <mid_tread, [3]> layer "conv" : tensor<3x1x1x2xi8>, tensor<3x2xf32>
// CHECK: linalg.conv_2d_nhwc_fhwc {{.*}} ins(%[[D]], %[[W]]
// CHECK: tensor.extract_slice
// CHECK-NOT: linalg.transpose
// CHECK: %[[V:.*]] = lowbit.dequantize %[[LINEAR]], %{{.*}} axis 1 alphabet <mid_tread, [7]> layer "linear" : tensor<6x2xi8>, tensor<2xf32>
// CHECK: linalg.matmul {gpfq.flattened_image = array<i64: 2, 1, 3>} ins(%{{.*}}, %[[V]]
func.func @net(%x: tensor<1x2x3x3xf32>) -> tensor<1x2xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %zero = arith.constant 0.0 : f32
  %q = lowbit.quantize %x, %s zero_point 3 : tensor<1x2x3x3xf32>, tensor<1xf32> -> tensor<1x2x3x3xi8>
  %d = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2x3x3xi8>, tensor<1xf32> -> tensor<1x2x3x3xf32>
  %levels = arith.constant dense<[[[[1]], [[2]]], [[[3]], [[-3]]], [[[-1]], [[0]]]]> : tensor<3x2x1x1xi8>
  %scales = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %w = lowbit.dequantize %levels, %scales axis 0 block_axis 1 alphabet <mid_tread, [3]> layer "conv"
    : tensor<3x2x1x1xi8>, tensor<3x2xf32> -> tensor<3x2x1x1xf32>
  %e = tensor.empty() : tensor<1x3x3x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%d, %w : tensor<1x2x3x3xf32>, tensor<3x2x1x1xf32>) outs(%i : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  %part = tensor.extract_slice %y[0, 0, 0, 0] [1, 3, 2, 1] [1, 1, 1, 1] : tensor<1x3x3x3xf32> to tensor<1x3x2x1xf32>
  %flat = tensor.collapse_shape %part [[0], [1, 2, 3]] : tensor<1x3x2x1xf32> into tensor<1x6xf32>
  %rows = arith.constant dense<[[1, 2, 3, 4, 5, 6], [7, -6, -5, -4, -3, -2]]> : tensor<2x6xi8>
  %row_scales = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %v = lowbit.dequantize %rows, %row_scales axis 0 alphabet <mid_tread, [7]> layer "linear"
    : tensor<2x6xi8>, tensor<2xf32> -> tensor<2x6xf32>
  %et = tensor.empty() : tensor<6x2xf32>
  %t = linalg.transpose ins(%v : tensor<2x6xf32>) outs(%et : tensor<6x2xf32>) permutation = [1, 0]
  %eo = tensor.empty() : tensor<1x2xf32>
  %io = linalg.fill ins(%zero : f32) outs(%eo : tensor<1x2xf32>) -> tensor<1x2xf32>
  %o = linalg.matmul ins(%flat, %t : tensor<1x6xf32>, tensor<6x2xf32>) outs(%io : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %o : tensor<1x2xf32>
}
