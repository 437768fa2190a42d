// RUN: gpfq-opt %s --lowbit-to-linalg -split-input-file | FileCheck %s

// CHECK-LABEL: func @quantize
// CHECK-SAME: %[[X:.*]]: tensor<4x?xf32>
func.func @quantize(%x: tensor<4x?xf32>) -> tensor<4x?xi8> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  // CHECK: linalg.generic
  // CHECK: ^bb0(%[[IN:.*]]: f32, %{{.*}}: i8):
  // CHECK: %[[S:.*]] = arith.constant 5.000000e-01 : f32
  // CHECK: %[[D:.*]] = arith.divf %[[IN]], %[[S]]
  // CHECK: %[[R:.*]] = math.roundeven %[[D]]
  // CHECK: %[[Z:.*]] = arith.constant 3.000000e+00
  // CHECK: %[[A:.*]] = arith.addf %[[R]], %[[Z]]
  // CHECK: arith.cmpf ogt, %[[A]]
  // CHECK: %[[HIGH:.*]] = arith.constant 1.500000e+01
  // CHECK: %[[C:.*]] = arith.select %{{.*}}, %{{.*}}, %[[HIGH]]
  // CHECK: %[[N:.*]] = arith.cmpf uno, %[[R]], %[[R]]
  // CHECK: %[[Q:.*]] = arith.select %[[N]], %[[Z]], %[[C]]
  // CHECK: arith.fptoui %[[Q]] : f32 to i8
  %q = lowbit.quantize %x, %s zero_point 3 max 15 : tensor<4x?xf32>, tensor<1xf32> -> tensor<4x?xi8>
  return %q : tensor<4x?xi8>
}

// -----

// CHECK: #[[$SCALE:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @dequantize_weights
func.func @dequantize_weights(%l: tensor<4x8xi8>, %s: tensor<8xf32>) -> tensor<4x8xf32> {
  // CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$SCALE]], #{{.*}}]
  // CHECK: ^bb0(%[[L:.*]]: i8, %[[S:.*]]: f32,
  // CHECK: %[[F:.*]] = arith.sitofp %[[L]]
  // CHECK: arith.mulf %[[F]], %[[S]]
  %w = lowbit.dequantize %l, %s axis 1 alphabet <mid_tread, [7]> : tensor<4x8xi8>, tensor<8xf32> -> tensor<4x8xf32>
  return %w : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @dequantize_codes
func.func @dequantize_codes(%q: tensor<4x8xi8>, %s: tensor<1xf32>) -> tensor<4x8xf32> {
  // CHECK: %[[F:.*]] = arith.uitofp %{{.*}} : i8 to f32
  // CHECK: %[[Z:.*]] = arith.constant 2.000000e+02
  // CHECK: %[[D:.*]] = arith.subf %[[F]], %[[Z]]
  // CHECK: arith.mulf %[[D]]
  %x = lowbit.dequantize %q, %s zero_point 200 : tensor<4x8xi8>, tensor<1xf32> -> tensor<4x8xf32>
  return %x : tensor<4x8xf32>
}

// -----

// CHECK: #[[$IN:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1 * 2 + d5, d2 + d6 * 3, d3, d7)>
// CHECK: #[[$W:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d3, d4, d5, d6, d7)>
// CHECK: #[[$ROW:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, 0)>
// CHECK-LABEL: func @grouped_conv
func.func @grouped_conv(%x: tensor<1x8x8x4xi8>, %w: tensor<6x3x2x2xi8>, %row: tensor<1x4x1x1xf32>, %init: tensor<1x4x7x6xf32>)
    -> tensor<1x4x7x6xf32> {
  // CHECK: %[[PAD:.*]] = arith.constant -56 : i8
  // CHECK: tensor.pad %{{.*}} low[0, 1, 2, 0] high[0, 0, 0, 0]
  // CHECK: tensor.yield %[[PAD]]
  // CHECK: linalg.generic {indexing_maps = [#[[$IN]], #[[$W]], #{{.*}}]
  // CHECK: arith.extui
  // CHECK: arith.extsi
  // CHECK: arith.muli
  // CHECK: arith.addi
  // CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0], [1], [2], [3, 4]]
  // CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$ROW]], #{{.*}}]
  // CHECK: arith.sitofp
  // CHECK: arith.mulf
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x4xi8>, tensor<6x3x2x2xi8>) fused(%row : tensor<1x4x1x1xf32>)
      outs(%init : tensor<1x4x7x6xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, groups = 2 : i64, strides = array<i64: 2, 1>, dilations = array<i64: 1, 3>,
       padding = array<i64: 1, 0, 2, 0>, padding_value = 200 : i32} epilogue {
  ^bb0(%acc: i32, %scale: f32):
    %f = arith.sitofp %acc : i32 to f32
    %y = arith.mulf %f, %scale : f32
    lowbit.yield %y : f32
  } -> tensor<1x4x7x6xf32>
  return %r : tensor<1x4x7x6xf32>
}

// -----

// CHECK-LABEL: func @float_matmul
func.func @float_matmul(%x: tensor<2x5x64xf32>, %w: tensor<10x64xi8>, %init: tensor<2x5x10xf32>) -> tensor<2x5x10xf32> {
  // CHECK: iterator_types = ["parallel", "parallel", "parallel", "reduction"]
  // CHECK: ^bb0(%[[X:.*]]: f32, %[[L:.*]]: i8, %[[ACC:.*]]: f32):
  // CHECK: %[[W:.*]] = arith.sitofp %[[L]]
  // CHECK: math.fma %[[X]], %[[W]], %[[ACC]]
  %r = lowbit.matmul ins(%x, %w : tensor<2x5x64xf32>, tensor<10x64xi8>) outs(%init : tensor<2x5x10xf32>)
      {alphabet = #lowbit.alphabet<mid_rise, [2]>} epilogue {
  ^bb0(%acc: f32):
    lowbit.yield %acc : f32
  } -> tensor<2x5x10xf32>
  return %r : tensor<2x5x10xf32>
}

// -----

// CHECK: affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 + d4, d2 + d5, d3)>
// CHECK: affine_map<(d0, d1, d2, d3, d4, d5) -> (d4, d5, d3)>
// CHECK-LABEL: func @depthwise
func.func @depthwise(%x: tensor<1x8x8x4xi8>, %w: tensor<3x3x4xi8>, %init: tensor<1x6x6x4xi32>) -> tensor<1x6x6x4xi32> {
  // CHECK-NOT: lowbit
  %r = lowbit.depthwise_conv_2d ins(%x, %w : tensor<1x8x8x4xi8>, tensor<3x3x4xi8>) outs(%init : tensor<1x6x6x4xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [2]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x6x6x4xi32>
  return %r : tensor<1x6x6x4xi32>
}

// -----

// The codes of the second operand are less by 128.
// CHECK: #[[A:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK: #[[B:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
// CHECK-LABEL: func @batch_matmul
func.func @batch_matmul(%a: tensor<2x3x8xi8>, %b: tensor<2x5x8xi8>, %init: tensor<2x3x5xi32>) -> tensor<2x3x5xi32> {
  // CHECK: linalg.generic {indexing_maps = [#[[A]], #[[B]], #{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
  // CHECK: ^bb0(%[[X:.*]]: i8, %[[Y:.*]]: i8, %[[ACC:.*]]: i32):
  // CHECK: %[[CODE:.*]] = arith.extui %[[X]] : i8 to i32
  // CHECK: %[[WIDE:.*]] = arith.extui %[[Y]] : i8 to i32
  // CHECK: %[[LEVEL:.*]] = arith.subi %[[WIDE]], %c128_i32
  // CHECK: %[[PRODUCT:.*]] = arith.muli %[[CODE]], %[[LEVEL]]
  // CHECK: arith.addi %[[ACC]], %[[PRODUCT]]
  %r = lowbit.batch_matmul ins(%a, %b : tensor<2x3x8xi8>, tensor<2x5x8xi8>) outs(%init : tensor<2x3x5xi32>) epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3x5xi32>
  return %r : tensor<2x3x5xi32>
}
