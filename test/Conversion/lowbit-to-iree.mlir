// RUN: gpfq-opt %s --lowbit-to-iree -split-input-file -verify-diagnostics | FileCheck %s
// RUN: gpfq-opt %s --lowbit-to-iree=pack-weights=false -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=BYTES

// Codes are shifted by 128, the epilogue adds 128 times the sums of the weights, here 4 and -2; four levels in 2 bits.
// CHECK-LABEL: func @matmul
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x4xi8>)
// CHECK: arith.constant -128 : i8
// CHECK: %[[SIGNED:.*]] = arith.xori
// CHECK: %[[PACKED:.*]] = arith.constant {{.*}} : tensor<1x2xi8>
// CHECK: linalg.generic {{.*}} ins(%[[PACKED]] : tensor<1x2xi8>) outs(%{{.*}} : tensor<4x1x2xi8>)
// CHECK: linalg.index 0
// CHECK: arith.shrui
// CHECK: arith.andi
// CHECK: %[[WEIGHTS:.*]] = tensor.collapse_shape {{.*}} into tensor<4x2xi8>
// CHECK: %[[SUMS:.*]] = arith.constant dense<[512, -256]> : tensor<2xi32>
// CHECK: %[[PRODUCT:.*]] = linalg.matmul ins(%{{.*}}, %[[WEIGHTS]] : tensor<1x4xi8>, tensor<4x2xi8>) outs(%{{.*}} : tensor<1x2xi32>)
// CHECK: linalg.generic {{.*}} ins(%[[PRODUCT]], %{{.*}}, %[[SUMS]]
// CHECK: arith.addi
// CHECK-NEXT: arith.sitofp
// CHECK-NEXT: arith.mulf
// BYTES-LABEL: func @matmul
// BYTES: arith.constant dense<{{\[}}[3, 1], [-1, -3], [1, 1], [1, -1]]> : tensor<4x2xi8>
func.func @matmul(%x: tensor<1x4xi8>, %s: tensor<2xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<[[3, -1, 1, 1], [1, -3, 1, -1]]> : tensor<2x4xi8>
  %e = tensor.empty() : tensor<1x2xf32>
  %y = lowbit.matmul ins(%x, %w : tensor<1x4xi8>, tensor<2x4xi8>) fused(%s : tensor<2xf32>) outs(%e : tensor<1x2xf32>) {alphabet = #lowbit.alphabet<mid_rise, [2]>} epilogue {
  ^bb0(%acc: i32, %scale: f32):
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %scale : f32
    lowbit.yield %m : f32
  } -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// Patches as rows of a matrix, padding by the shifted code; levels that are not evenly spaced in few bits stay bytes.
// CHECK-LABEL: func @conv
// CHECK: arith.constant -125 : i8
// CHECK: tensor.pad
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x1x2x2x3x3x4xi8>)
// CHECK: tensor.collapse_shape {{.*}} into tensor<4x36xi8>
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<4x36xi8>, tensor<36x8xi8>)
// CHECK-NOT: linalg.index
func.func @conv(%x: tensor<1x2x2x4xi8>) -> tensor<1x2x2x8xi32> {
  %w = arith.constant dense<5> : tensor<8x3x3x4xi8>
  %e = tensor.empty() : tensor<1x2x2x8xi32>
  %y = lowbit.conv_2d ins(%x, %w : tensor<1x2x2x4xi8>, tensor<8x3x3x4xi8>) outs(%e : tensor<1x2x2x8xi32>)
      {alphabet = #lowbit.alphabet<levels, [-50, -3, 0, 5, 50]>, padding = array<i64: 1, 1, 1, 1>, padding_value = 3 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x2x2x8xi32>
  return %y : tensor<1x2x2x8xi32>
}

// -----

// Weights only: levels become floats and nothing more, the scale comes after the convolution.
// CHECK-LABEL: func @float
// CHECK: %[[FILTER:.*]] = tensor.expand_shape {{.*}} into tensor<1x1x4x8xf32>
// CHECK: %[[Y:.*]] = linalg.conv_2d_nhwc_hwcf {{.*}} ins(%{{.*}}, %[[FILTER]] : tensor<1x2x2x4xf32>, tensor<1x1x4x8xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[Y]], %{{.*}} : tensor<1x2x2x8xf32>, tensor<8xf32>)
func.func @float(%x: tensor<1x2x2x4xf32>, %s: tensor<8xf32>) -> tensor<1x2x2x8xf32> {
  %w = arith.constant dense<5> : tensor<8x1x1x4xi8>
  %e = tensor.empty() : tensor<1x2x2x8xf32>
  %y = lowbit.conv_2d ins(%x, %w : tensor<1x2x2x4xf32>, tensor<8x1x1x4xi8>) fused(%s : tensor<8xf32>) outs(%e : tensor<1x2x2x8xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: f32, %scale: f32):
    %m = arith.mulf %acc, %scale : f32
    lowbit.yield %m : f32
  } -> tensor<1x2x2x8xf32>
  return %y : tensor<1x2x2x8xf32>
}

// -----

func.func @buffers(%x: memref<1x4xi8>, %w: memref<2x4xi8>, %e: memref<1x2xi32>) {
  // expected-error @+1 {{cannot be lowered for IREE: it works on memrefs}}
  lowbit.matmul ins(%x, %w : memref<1x4xi8>, memref<2x4xi8>) outs(%e : memref<1x2xi32>) {alphabet = #lowbit.alphabet<mid_rise, [2]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
