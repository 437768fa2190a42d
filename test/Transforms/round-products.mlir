// RUN: gpfq-opt %s --gpfq-round-products | FileCheck %s

// CHECK-LABEL: func @f
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[P:.*]] = math.fma %arg0, %arg1, %[[ZERO]] : f32
// CHECK: arith.addf %[[P]], %arg2
// CHECK: arith.mulf
// CHECK-NEXT: return
func.func @f(%a: f32, %b: f32, %c: f32) -> f32 {
  %p = arith.mulf %a, %b : f32
  %s = arith.addf %p, %c : f32
  %q = arith.mulf %s, %b : f32
  return %q : f32
}

// A sum over many products has no order of its own.
// CHECK-LABEL: func @matmul
// CHECK: linalg.generic
// CHECK: arith.mulf
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @matmul(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>, %e: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x3xf32>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
