// RUN: gpfq-opt %s --lowbit-fuse | FileCheck %s
// RUN: sed 's/quantize_rows ins/quantize_rows symmetric ins/' %s | gpfq-opt --lowbit-fuse | FileCheck %s --check-prefix=SYMMETRIC
// RUN: gpfq-opt %s --pass-pipeline="builtin.module(lowbit-fuse,func.func(lowbit-pack{target=avx512vnni}),one-shot-bufferize{bufferize-function-boundaries=1 function-boundary-type-conversion=identity-layout-map},convert-lowbit-to-vector)" | FileCheck %s --check-prefix=KERNEL

// RUN: gpfq-opt %s --gpfq-to-iree | FileCheck %s --check-prefix=IREE --implicit-check-not=lowbit.

// The scales and zero points of the rows are operands of the product; so is the sum of the levels of each channel. ReLU
// moves into the epilogue as everywhere.
// CHECK-LABEL: func @rows
// CHECK-DAG: %[[SUMS:.*]] = arith.constant dense<[-1, 9]> : tensor<2xi32>
// CHECK: %[[Q:.*]]:3 = lowbit.quantize_rows ins(%{{.*}} : tensor<3x4xf32>)
// CHECK: lowbit.matmul ins(%[[Q]]#0, %{{.*}} : tensor<3x4xi8>, tensor<2x4xi8>)
// CHECK-SAME: fused(%[[SUMS]], %[[Q]]#2, %[[Q]]#1, %{{.*}}, %{{.*}} : tensor<2xi32>, tensor<3x1xi32>, tensor<3x1xf32>, tensor<2xf32>, tensor<2xf32>)
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: i32, %[[SUM:.*]]: i32, %[[ZERO:.*]]: i32, %[[ROW:.*]]: f32, %[[SCALE:.*]]: f32, %[[BIAS:.*]]: f32):
// CHECK: %[[C:.*]] = arith.muli %[[ZERO]], %[[SUM]] : i32
// CHECK-NEXT: %[[D:.*]] = arith.subi %[[ACC]], %[[C]] : i32
// CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[D]] : i32 to f32
// CHECK-NEXT: %[[R:.*]] = arith.mulf %[[F]], %[[ROW]] : f32
// CHECK-NEXT: %[[S:.*]] = arith.mulf %[[R]], %[[SCALE]] : f32
// CHECK-NEXT: %[[Y:.*]] = arith.addf %[[S]], %[[BIAS]] : f32
// CHECK-NEXT: arith.maximumf %[[Y]]
// CHECK-NOT: dequantize_rows

// All zero points are 128, so the correction is a constant.
// SYMMETRIC-DAG: arith.constant dense<[-128, 1152]> : tensor<2xi32>
// SYMMETRIC: ^bb0(%[[ACC:.*]]: i32, %[[C:.*]]: i32, %{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32):
// SYMMETRIC: arith.subi %[[ACC]], %[[C]] : i32

// IREE-LABEL: func.func @rows
// IREE: arith.cmpf olt
// IREE: linalg.matmul ins(%{{.*}} : tensor<3x4xi8>, tensor<4x2xi8>)

// Rows are quantised by a kernel of vectors: a masked rest reads nothing behind a row.
// KERNEL: call @lowbit_quantize_rows
// KERNEL: call @lowbit_matmul
// KERNEL-LABEL: func.func private @lowbit_quantize_rows
// KERNEL: vector.load %{{.*}} vector<4xf32>
// KERNEL: vector.reduction <minnumf>
// KERNEL: vector.reduction <maxnumf>
// KERNEL: math.roundeven %{{.*}} : vector<32xf32>
// KERNEL: vector.store %{{.*}} vector<4xi8>
func.func @rows(%x: tensor<3x4xf32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %l = arith.constant dense<[[7, -3], [1, 7], [-7, 5], [-2, 0]]> : tensor<4x2xi8>
  %t = arith.constant dense<[0.25, 0.5]> : tensor<2xf32>
  %bias = arith.constant dense<[1.0, -1.0]> : tensor<2xf32>
  %a = tensor.empty() : tensor<3x4xi8>
  %b = tensor.empty() : tensor<3x1xf32>
  %c = tensor.empty() : tensor<3x1xi32>
  %q, %s, %z = lowbit.quantize_rows ins(%x : tensor<3x4xf32>)
      outs(%a, %b, %c : tensor<3x4xi8>, tensor<3x1xf32>, tensor<3x1xi32>)
      -> tensor<3x4xi8>, tensor<3x1xf32>, tensor<3x1xi32>
  %d = lowbit.dequantize_rows %q, %s, %z : tensor<3x4xi8>, tensor<3x1xf32>, tensor<3x1xi32> -> tensor<3x4xf32>
  %w = lowbit.dequantize %l, %t axis 1 alphabet <mid_tread, [7]> layer "linear" : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %i = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<3x2xf32>) dimensions = [0]
  %y = linalg.matmul ins(%d, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<3x2xf32>) outs(%e : tensor<3x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}
