// RUN: gpfq-opt %s --lowbit-fuse -split-input-file | FileCheck %s

// Pad, bias, ReLU6 and the quantisation of the result move into the op. The offset is
// (bias - zero point * scale * sum of levels) / result scale: (1 - 3 * 0.25 * 81) / 0.03125 = -1912 for channel 0,
// which is -239 times its scale, and -908 for channel 1, -227 times its scale.

#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
// CHECK-LABEL: func @conv_relu6
// CHECK-DAG: %[[SCALE:.*]] = arith.constant dense<[8.000000e+00, 4.000000e+00]> : tensor<2xf32>
// CHECK-DAG: %[[BIAS:.*]] = arith.constant dense<[-239, -227]> : tensor<2xi32>
// CHECK: %[[Q:.*]] = lowbit.quantize
// CHECK: %[[R:.*]] = lowbit.conv_2d ins(%[[Q]], %{{.*}} : tensor<1x8x8x3xi8>, tensor<2x3x3x3xi8>) fused(%[[BIAS]], %[[SCALE]] : tensor<2xi32>, tensor<2xf32>)
// CHECK-SAME: layer = "conv1", padding = array<i64: 1, 0, 1, 1>, padding_value = 3 : i32
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: i32, %[[B:.*]]: i32, %[[S:.*]]: f32):
// CHECK-DAG: %[[SIX:.*]] = arith.constant 1.920000e+02 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[T:.*]] = arith.addi %[[ACC]], %[[B]]
// CHECK: %[[F:.*]] = arith.sitofp %[[T]]
// CHECK: %[[Y:.*]] = arith.mulf %[[F]], %[[S]]
// CHECK-NEXT: arith.cmpf ult, %[[Y]], %[[SIX]]
// CHECK-NOT: arith.divf
// CHECK: %[[E:.*]] = math.roundeven
// CHECK-NEXT: arith.cmpf ogt, %[[E]], %[[ZERO]]
// CHECK: lowbit.yield %{{.*}} : i8
func.func @conv_relu6(%arg: tensor<1x8x8x3xf32>) -> tensor<1x7x8x2xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %so = arith.constant dense<0.03125> : tensor<1xf32>
  %c0 = arith.constant 0.0 : f32
  %c6 = arith.constant 6.0 : f32
  %q = lowbit.quantize %arg, %s zero_point 3 : tensor<1x8x8x3xf32>, tensor<1xf32> -> tensor<1x8x8x3xi8>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x8x8x3xi8>, tensor<1xf32> -> tensor<1x8x8x3xf32>
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 0, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %c0 : f32
  } : tensor<1x8x8x3xf32> to tensor<1x9x10x3xf32>
  %l = arith.constant dense<3> : tensor<2x3x3x3xi8>
  %ws = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %ws axis 0 alphabet <mid_tread, [7]> layer "conv1" : tensor<2x3x3x3xi8>, tensor<2xf32> -> tensor<2x3x3x3xf32>
  %bias = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<1x7x8x2xf32>
  %init = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x7x8x2xf32>) dimensions = [0, 1, 2]
  %y = linalg.conv_2d_nhwc_fhwc ins(%p, %w : tensor<1x9x10x3xf32>, tensor<2x3x3x3xf32>) outs(%init : tensor<1x7x8x2xf32>) -> tensor<1x7x8x2xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y : tensor<1x7x8x2xf32>) outs(%e : tensor<1x7x8x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.cmpf ugt, %in, %c0 : f32
    %1 = arith.select %0, %in, %c0 : f32
    %2 = arith.cmpf olt, %1, %c6 : f32
    %3 = arith.select %2, %1, %c6 : f32
    linalg.yield %3 : f32
  } -> tensor<1x7x8x2xf32>
  %qy = lowbit.quantize %r, %so : tensor<1x7x8x2xf32>, tensor<1xf32> -> tensor<1x7x8x2xi8>
  %dy = lowbit.dequantize %qy, %so : tensor<1x7x8x2xi8>, tensor<1xf32> -> tensor<1x7x8x2xf32>
  return %dy : tensor<1x7x8x2xf32>
}
