// RUN: gpfq-opt %s --canonicalize -split-input-file | FileCheck %s

// CHECK-LABEL: func @quantize_of_dequantize
// CHECK-SAME: %[[Q:.*]]: tensor<4xi8>
// CHECK-NEXT: return %[[Q]]
func.func @quantize_of_dequantize(%q: tensor<4xi8>) -> tensor<4xi8> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %t = arith.constant dense<0.5> : tensor<1xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<4xi8>, tensor<1xf32> -> tensor<4xf32>
  %r = lowbit.quantize %x, %t zero_point 3 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  return %r : tensor<4xi8>
}

// -----

// The codes are known to be no larger than these can be; those of the second are not.

// CHECK-LABEL: func @fold_max
// CHECK: %[[Q:.*]] = lowbit.quantize %{{.*}}, %{{.*}} max 241
// CHECK: %[[R:.*]] = lowbit.quantize %{{.*}}, %{{.*}} max 240
// CHECK: return %[[Q]], %[[R]]
func.func @fold_max(%x: tensor<4xf32>) -> (tensor<4xi8>, tensor<4xi8>) {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %q = lowbit.quantize %x, %s max 241 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  %y = lowbit.dequantize %q, %s : tensor<4xi8>, tensor<1xf32> -> tensor<4xf32>
  %0 = lowbit.quantize %y, %s max 241 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  %1 = lowbit.quantize %y, %s max 240 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  return %0, %1 : tensor<4xi8>, tensor<4xi8>
}

// -----

// Another zero point, another scale, fewer codes or levels of a weight: no fold.

// CHECK-LABEL: func @no_fold
// CHECK-COUNT-4: lowbit.quantize
func.func @no_fold(%q: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>, tensor<4xi8>) {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %t = arith.constant dense<0.25> : tensor<1xf32>
  %x = lowbit.dequantize %q, %s : tensor<4xi8>, tensor<1xf32> -> tensor<4xf32>
  %w = lowbit.dequantize %q, %s alphabet <mid_tread, [7]> : tensor<4xi8>, tensor<1xf32> -> tensor<4xf32>
  %0 = lowbit.quantize %x, %s zero_point 1 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  %1 = lowbit.quantize %x, %t : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  %2 = lowbit.quantize %x, %s max 15 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  %3 = lowbit.quantize %w, %s : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  return %0, %1, %2, %3 : tensor<4xi8>, tensor<4xi8>, tensor<4xi8>, tensor<4xi8>
}

// -----

// %b is not used, %a stands twice and %c is one constant.

// CHECK-LABEL: func @fused_operands
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x8xi8>, %[[W:[^:]*]]: tensor<4x8xi8>, %[[A:[^:]*]]: tensor<4xf32>,
// CHECK: lowbit.matmul ins(%[[X]], %[[W]] : {{.*}}) fused(%[[A]] : tensor<4xf32>)
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: i32, %[[ARG:.*]]: f32):
// CHECK-DAG: %[[THREE:.*]] = arith.constant 3.000000e+00 : f32
// CHECK-DAG: %[[F:.*]] = arith.sitofp %[[ACC]]
// CHECK: %[[M:.*]] = arith.mulf %[[F]], %[[ARG]]
// CHECK: %[[N:.*]] = arith.addf %[[M]], %[[ARG]]
// CHECK: %[[O:.*]] = arith.addf %[[N]], %[[THREE]]
// CHECK: lowbit.yield %[[O]]
func.func @fused_operands(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %a: tensor<4xf32>, %b: tensor<4xf32>,
                          %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %c = arith.constant dense<3.0> : tensor<4xf32>
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>)
      fused(%b, %a, %c, %a : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) outs(%init : tensor<2x4xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32, %arg0: f32, %arg1: f32, %arg2: f32, %arg3: f32):
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %arg1 : f32
    %n = arith.addf %m, %arg3 : f32
    %o = arith.addf %n, %arg2 : f32
    lowbit.yield %o : f32
  } -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

// CHECK-LABEL: func @unused
// CHECK-NEXT: return
func.func @unused(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

// The first of two equal operands is not used, and takes up the uses of the second.
// CHECK-LABEL: func @first_of_equal_operands
// CHECK: lowbit.matmul ins({{.*}}) fused(%arg2 : tensor<4xf32>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[S:.*]]: f32):
// CHECK-NEXT: arith.mulf %[[A]], %[[S]]
func.func @first_of_equal_operands(%x: tensor<2x8xf32>, %w: tensor<4x8xi8>, %s: tensor<4xf32>, %init: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xf32>, tensor<4x8xi8>) fused(%s, %s : tensor<4xf32>, tensor<4xf32>) outs(%init : tensor<2x4xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: f32, %unused: f32, %scale: f32):
    %m = arith.mulf %acc, %scale : f32
    lowbit.yield %m : f32
  } -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// Rows whose codes nobody reads are not quantised.
// CHECK-LABEL: func @unused_rows
// CHECK-NEXT: return
func.func @unused_rows(%x: tensor<3x8xf32>) {
  %a = tensor.empty() : tensor<3x8xi8>
  %b = tensor.empty() : tensor<3x1xf32>
  %c = tensor.empty() : tensor<3x1xi32>
  %r:3 = lowbit.quantize_rows ins(%x : tensor<3x8xf32>) outs(%a, %b, %c : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>)
      -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>
  return
}
