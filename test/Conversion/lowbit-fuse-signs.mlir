// RUN: gpfq-opt %s --lowbit-fuse | FileCheck %s

// Signs of a layer: a comparison and a selection in its epilogue. The next layer pads with the code of zero, 1.
// CHECK-LABEL: func @layers
// CHECK: %[[Q:.*]] = lowbit.quantize %{{.*}}, %{{.*}} sign zero_point 1
// CHECK: %[[A:.*]] = lowbit.conv_2d ins(%[[Q]],
// CHECK-SAME: padding = array<i64: 1, 1, 1, 1>, padding_value = 1
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2 : i8
// CHECK-DAG: %[[NONE:.*]] = arith.constant 0 : i8
// CHECK: %[[BIT:.*]] = arith.cmpf uge, %{{.*}}, %[[ZERO]] : f32
// CHECK: %[[CODE:.*]] = arith.select %[[BIT]], %[[TWO]], %[[NONE]] : i8
// CHECK: lowbit.yield %[[CODE]] : i8
// CHECK: -> tensor<1x4x4x32xi8>
// CHECK: lowbit.conv_2d ins(%[[A]],
// CHECK-SAME: padding = array<i64: 1, 1, 1, 1>, padding_value = 1
func.func @layers(%x: tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<1> : tensor<32x3x3x32xi8>
  %t = arith.constant dense<0.25> : tensor<32xf32>
  %w = lowbit.dequantize %l, %t axis 0 alphabet <mid_rise, [1]> : tensor<32x3x3x32xi8>, tensor<32xf32> -> tensor<32x3x3x32xf32>
  %e = tensor.empty() : tensor<1x4x4x32xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32>
  %q = lowbit.quantize %x, %s sign zero_point 1 : tensor<1x4x4x32xf32>, tensor<1xf32> -> tensor<1x4x4x32xi8>
  %d = lowbit.dequantize %q, %s zero_point 1 : tensor<1x4x4x32xi8>, tensor<1xf32> -> tensor<1x4x4x32xf32>
  %p = tensor.pad %d low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %f: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x32xf32> to tensor<1x6x6x32xf32>
  %y = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%p, %w : tensor<1x6x6x32xf32>, tensor<32x3x3x32xf32>) outs(%i : tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32>
  %q2 = lowbit.quantize %y, %s sign zero_point 1 : tensor<1x4x4x32xf32>, tensor<1xf32> -> tensor<1x4x4x32xi8>
  %d2 = lowbit.dequantize %q2, %s zero_point 1 : tensor<1x4x4x32xi8>, tensor<1xf32> -> tensor<1x4x4x32xf32>
  %p2 = tensor.pad %d2 low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %f: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x32xf32> to tensor<1x6x6x32xf32>
  %z = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%p2, %w : tensor<1x6x6x32xf32>, tensor<32x3x3x32xf32>) outs(%i : tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32>
  return %z : tensor<1x4x4x32xf32>
}

// A pad that is quantised has the sign of zero; signs of a maximum are maxima of signs.
// CHECK-LABEL: func @moves
// CHECK: %[[TWO:.*]] = arith.constant 2 : i8
// CHECK: %[[Q:.*]] = lowbit.quantize %{{.*}}, %{{.*}} sign zero_point 1 : tensor<1x4x4x32xf32>
// CHECK: tensor.pad %[[Q]]
// CHECK: tensor.yield %[[TWO]] : i8
// CHECK: linalg.pooling_nhwc_max_unsigned
func.func @moves(%x: tensor<1x4x4x32xf32>) -> tensor<1x5x5x32xi8> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %f: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x32xf32> to tensor<1x6x6x32xf32>
  %window = tensor.empty() : tensor<2x2xf32>
  %e = tensor.empty() : tensor<1x5x5x32xf32>
  %i = linalg.fill ins(%least : f32) outs(%e : tensor<1x5x5x32xf32>) -> tensor<1x5x5x32xf32>
  %m = linalg.pooling_nhwc_max {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%p, %window : tensor<1x6x6x32xf32>, tensor<2x2xf32>) outs(%i : tensor<1x5x5x32xf32>) -> tensor<1x5x5x32xf32>
  %q = lowbit.quantize %m, %s sign zero_point 1 : tensor<1x5x5x32xf32>, tensor<1xf32> -> tensor<1x5x5x32xi8>
  return %q : tensor<1x5x5x32xi8>
}
