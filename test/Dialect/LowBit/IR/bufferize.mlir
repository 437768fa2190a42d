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

// CHECK-LABEL: func @product(
// CHECK-SAME: %[[A:[a-z0-9]+]]: memref<3x8xi8>, %[[B:[a-z0-9]+]]: memref<5x8xi8>
// CHECK: %[[P:.*]] = memref.alloc() {{.*}} : memref<64xi8>
// CHECK-NOT: memref.copy
// CHECK: lowbit.pack ins(%[[B]] : memref<5x8xi8>) outs(%[[P]] : memref<64xi8>)
// CHECK: %[[OUT:.*]] = memref.alloc() {{.*}} : memref<3x5xi32>
// CHECK-NOT: memref.copy
// CHECK: lowbit.batch_matmul ins(%[[A]], %[[P]] : memref<3x8xi8>, memref<64xi8>) outs(%[[OUT]] : memref<3x5xi32>)
// CHECK: return %[[OUT]]
func.func @product(%a: tensor<3x8xi8>, %b: tensor<5x8xi8>) -> tensor<3x5xi32> {
  %bytes = tensor.empty() : tensor<64xi8>
  %p = lowbit.pack ins(%b : tensor<5x8xi8>) outs(%bytes : tensor<64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} -> tensor<64xi8>
  %init = tensor.empty() : tensor<3x5xi32>
  %r = lowbit.batch_matmul ins(%a, %p : tensor<3x8xi8>, tensor<64xi8>) outs(%init : tensor<3x5xi32>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<3x5xi32>
  return %r : tensor<3x5xi32>
}
