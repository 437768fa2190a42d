// RUN: gpfq-opt %s --lowbit-dequantize --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @network(
// CHECK-SAME: %[[X:.*]]: tensor<1x2xf32>
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, -2.500000e-01], [3.000000e+00, 7.000000e+00]]>
// CHECK: %[[V:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, -1.000000e+00], [7.500000e-01, 7.000000e+00]]>
// CHECK: %[[U:.*]] = arith.constant dense<{{\[\[}}2.500000e-01, -1.250000e-01], [3.750000e-01, 8.750000e-01]]>
// CHECK-NOT: lowbit
// CHECK-NOT: xi8
// CHECK: return %[[X]], %[[W]], %[[V]], %[[U]]
func.func @network(%x: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %l = arith.constant dense<[[2, -1], [3, 7]]> : tensor<2x2xi8>
  %s = arith.constant dense<[0.25, 1.0]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %s axis 0 alphabet <mid_tread, [7]> layer "rows" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %v = lowbit.dequantize %l, %s axis 1 alphabet <mid_tread, [7]> layer "columns" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %t = arith.constant dense<0.125> : tensor<1xf32>
  %u = lowbit.dequantize %l, %t alphabet <mid_tread, [7]> : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %q = lowbit.quantize %x, %t : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  %y = lowbit.dequantize %q, %t : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  return %y, %w, %v, %u : tensor<1x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>
}

// -----

// Two blocks of two rows for each column.
// CHECK-LABEL: func.func @blocks(
// CHECK: arith.constant dense<{{\[\[}}5.000000e-01, -2.500000e-01], [7.500000e-01, 1.750000e+00], [4.000000e+00, 4.000000e+00], [8.000000e+00, -3.200000e+01]]>
func.func @blocks() -> tensor<4x2xf32> {
  %l = arith.constant dense<[[2, -1], [3, 7], [4, 1], [8, -8]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[0.25, 1.0], [0.25, 4.0]]> : tensor<2x2xf32>
  %w = lowbit.dequantize %l, %s axis 1 block_axis 0 alphabet <mid_tread, [8]> layer "fc" : tensor<4x2xi8>, tensor<2x2xf32> -> tensor<4x2xf32>
  return %w : tensor<4x2xf32>
}

// -----

func.func @unknown(%l: tensor<2x2xi8>, %s: tensor<1xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{has levels or scales that are not constant}}
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}
