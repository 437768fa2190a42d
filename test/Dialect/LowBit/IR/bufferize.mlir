// RUN: gpfq-opt %s -one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" | FileCheck %s

// The result takes the buffer of the init; nothing is copied.
// CHECK-LABEL: func @matmul(
// CHECK-SAME: %[[X:.*]]: memref<2x4xi8>, %[[W:.*]]: memref<3x4xi8>
// CHECK: %[[OUT:.*]] = memref.alloc() {{.*}} : memref<2x3xi32>
// CHECK-NOT: memref.copy
// CHECK: lowbit.matmul ins(%[[X]], %[[W]] : memref<2x4xi8>, memref<3x4xi8>) outs(%[[OUT]] : memref<2x3xi32>)
// CHECK-SAME: layer = "fc"
// CHECK: return %[[OUT]]
func.func @matmul(%x: tensor<2x4xi8>, %w: tensor<3x4xi8>) -> tensor<2x3xi32> {
  %init = tensor.empty() : tensor<2x3xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<2x4xi8>, tensor<3x4xi8>) outs(%init : tensor<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, layer = "fc"} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3xi32>
  return %r : tensor<2x3xi32>
}

// CHECK-LABEL: func @quantize_rows(
// CHECK-SAME: %[[X:.*]]: memref<3x8xf32>
// CHECK-DAG: %[[Q:.*]] = memref.alloc() {{.*}} : memref<3x8xi8>
// CHECK-DAG: %[[S:.*]] = memref.alloc() {{.*}} : memref<3x1xf32>
// CHECK-DAG: %[[Z:.*]] = memref.alloc() {{.*}} : memref<3x1xi32>
// CHECK-NOT: memref.copy
// CHECK: lowbit.quantize_rows ins(%[[X]] : memref<3x8xf32>) outs(%[[Q]], %[[S]], %[[Z]] : memref<3x8xi8>, memref<3x1xf32>, memref<3x1xi32>)
// CHECK: return %[[Q]], %[[S]], %[[Z]]
func.func @quantize_rows(%x: tensor<3x8xf32>) -> (tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>) {
  %a = tensor.empty() : tensor<3x8xi8>
  %b = tensor.empty() : tensor<3x1xf32>
  %c = tensor.empty() : tensor<3x1xi32>
  %r:3 = lowbit.quantize_rows ins(%x : tensor<3x8xf32>) outs(%a, %b, %c : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>)
      -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>
  return %r#0, %r#1, %r#2 : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>
}
