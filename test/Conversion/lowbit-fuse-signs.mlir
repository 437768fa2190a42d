// RUN: gpfq-opt %s --lowbit-fuse | FileCheck %s

// Signs of a layer: a comparison and a selection in its epilogue. The next layer pads with the code of zero, 1.
// CHECK-LABEL: func @layers
// CHECK: %[[Q:.*]] = lowbit.quantize %{{.*}}, %{{.*}} sign zero_point 1
// CHECK: %[[A:.*]] = lowbit.conv_2d ins(%[[Q]],
// CHECK-SAME: padding = array<i64: 1, 1, 1, 1>, padding_value = 1
// CHECK: ^bb0(%[[SUM:.*]]: i32, %[[LEAST:.*]]: i32):
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2 : i8
// CHECK-DAG: %[[NONE:.*]] = arith.constant 0 : i8
// CHECK: %[[BIT:.*]] = arith.cmpi sge, %[[SUM]], %[[LEAST]] : i32
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

// Channels: 0.5 x - 1.25 from 3 on; 0.5 x + 1 from -2 on, which gives 0; -0.5 x + 1 up to 2, whose complement is -3; the bias
// alone, positive and negative: from below the least sum on, and from above the largest.
// CHECK-LABEL: func @thresholds
// CHECK-DAG: %[[FLIPS:.*]] = arith.constant dense<[0, 0, -1, 0, 0]> : tensor<5xi32>
// CHECK-DAG: %[[LEAST:.*]] = arith.constant dense<[3, -2, -3, -1021, 1021]> : tensor<5xi32>
// CHECK: lowbit.matmul
// CHECK-SAME: fused(%[[LEAST]], %[[FLIPS]] : tensor<5xi32>, tensor<5xi32>)
// CHECK: ^bb0(%[[SUM:.*]]: i32, %[[T:.*]]: i32, %[[FLIP:.*]]: i32):
// CHECK: %[[FLIPPED:.*]] = arith.xori %[[SUM]], %[[FLIP]] : i32
// CHECK-NEXT: %[[BIT:.*]] = arith.cmpi sge, %[[FLIPPED]], %[[T]] : i32
// CHECK-NEXT: arith.select %[[BIT]]
func.func @thresholds(%x: tensor<1x4xi8>) -> tensor<1x5xi8> {
  %w = arith.constant dense<1> : tensor<5x4xi8>
  %scale = arith.constant dense<[0.5, 0.5, -0.5, 0.0, 0.0]> : tensor<5xf32>
  %bias = arith.constant dense<[-1.25, 1.0, 1.0, 0.5, -0.5]> : tensor<5xf32>
  %init = tensor.empty() : tensor<1x5xi8>
  %r = lowbit.matmul ins(%x, %w : tensor<1x4xi8>, tensor<5x4xi8>) fused(%scale, %bias : tensor<5xf32>, tensor<5xf32>)
      outs(%init : tensor<1x5xi8>) {alphabet = #lowbit.alphabet<mid_rise, [1]>, layer = "fc"} epilogue {
  ^bb0(%acc: i32, %s: f32, %b: f32):
    %negative = arith.constant 0 : i8
    %positive = arith.constant 2 : i8
    %zero = arith.constant 0.0 : f32
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %s : f32
    %a = arith.addf %m, %b : f32
    %bit = arith.cmpf uge, %a, %zero : f32
    %code = arith.select %bit, %positive, %negative : i8
    lowbit.yield %code : i8
  } -> tensor<1x5xi8>
  return %r : tensor<1x5xi8>
}

// A sum with something else, and a scale that is not finite, are compared as floats.
// CHECK-LABEL: func @floats
// CHECK: lowbit.matmul
// CHECK: arith.cmpf uge
// CHECK: lowbit.matmul
// CHECK: arith.cmpf uge
func.func @floats(%x: tensor<1x4xi8>, %residual: tensor<1x2xf32>) -> (tensor<1x2xi8>, tensor<1x2xi8>) {
  %w = arith.constant dense<1> : tensor<2x4xi8>
  %scale = arith.constant dense<[0.5, 0x7F800000]> : tensor<2xf32>
  %init = tensor.empty() : tensor<1x2xi8>
  %r = lowbit.matmul ins(%x, %w : tensor<1x4xi8>, tensor<2x4xi8>) fused(%residual : tensor<1x2xf32>)
      outs(%init : tensor<1x2xi8>) {alphabet = #lowbit.alphabet<mid_rise, [1]>} epilogue {
  ^bb0(%acc: i32, %b: f32):
    %negative = arith.constant 0 : i8
    %positive = arith.constant 2 : i8
    %zero = arith.constant 0.0 : f32
    %f = arith.sitofp %acc : i32 to f32
    %a = arith.addf %f, %b : f32
    %bit = arith.cmpf uge, %a, %zero : f32
    %code = arith.select %bit, %positive, %negative : i8
    lowbit.yield %code : i8
  } -> tensor<1x2xi8>
  %t = lowbit.matmul ins(%x, %w : tensor<1x4xi8>, tensor<2x4xi8>) fused(%scale : tensor<2xf32>)
      outs(%init : tensor<1x2xi8>) {alphabet = #lowbit.alphabet<mid_rise, [1]>} epilogue {
  ^bb0(%acc: i32, %s: f32):
    %negative = arith.constant 0 : i8
    %positive = arith.constant 2 : i8
    %zero = arith.constant 0.0 : f32
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %s : f32
    %bit = arith.cmpf uge, %m, %zero : f32
    %code = arith.select %bit, %positive, %negative : i8
    lowbit.yield %code : i8
  } -> tensor<1x2xi8>
  return %r, %t : tensor<1x2xi8>, tensor<1x2xi8>
}
