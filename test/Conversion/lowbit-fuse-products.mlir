// RUN: gpfq-opt %s --split-input-file --lowbit-fuse | FileCheck %s
// RUN: gpfq-opt %s --split-input-file --lowbit-fuse 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: gpfq-opt %s --split-input-file --pass-pipeline="builtin.module(lowbit-fuse,func.func(lowbit-pack{target=avx512vnni}),one-shot-bufferize{bufferize-function-boundaries=1 function-boundary-type-conversion=identity-layout-map},convert-lowbit-to-vector)" \
// RUN:   | FileCheck %s --check-prefix=KERNEL
// RUN: gpfq-opt %s --split-input-file --gpfq-to-iree | FileCheck %s --check-prefix=IREE --implicit-check-not=lowbit.

// Numbers of the rows and columns are operands. What is elementwise behind the product moves into the epilogue as
// everywhere.
// CHECK-LABEL: func @scores
// CHECK: %[[A:.*]]:3 = lowbit.quantize_rows ins(%{{.*}} : tensor<2x3x8xf32>)
// CHECK: %[[B:.*]]:4 = lowbit.quantize_rows symmetric ins(%{{.*}} : tensor<2x5x8xf32>) outs({{.*}}) -> tensor<2x5x8xi8>, tensor<2x5x1xf32>, tensor<2x5x1xi32>, tensor<2x5x1xi32>
// CHECK-DAG: %[[SUMS0:.*]] = tensor.collapse_shape %[[B]]#3 {{\[\[}}0], [1, 2]] : tensor<2x5x1xi32> into tensor<2x5xi32>
// CHECK-DAG: %[[SUMS:.*]] = tensor.expand_shape %[[SUMS0]] {{\[\[}}0], [1, 2]] output_shape [2, 1, 5] : tensor<2x5xi32> into tensor<2x1x5xi32>
// CHECK-DAG: %[[SCALES0:.*]] = tensor.collapse_shape %[[B]]#1
// CHECK-DAG: %[[SCALES:.*]] = tensor.expand_shape %[[SCALES0]] {{.*}} into tensor<2x1x5xf32>
// CHECK: lowbit.batch_matmul ins(%[[A]]#0, %[[B]]#0 : tensor<2x3x8xi8>, tensor<2x5x8xi8>)
// CHECK-SAME: fused(%[[SUMS]], %[[A]]#2, %[[A]]#1, %[[SCALES]] : tensor<2x1x5xi32>, tensor<2x3x1xi32>, tensor<2x3x1xf32>, tensor<2x1x5xf32>)
// CHECK-SAME: {layer = "scores"} epilogue
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: i32, %[[SUM:.*]]: i32, %[[ZERO:.*]]: i32, %[[ROW:.*]]: f32, %[[COLUMN:.*]]: f32):
// CHECK: %[[C:.*]] = arith.muli %[[ZERO]], %[[SUM]] : i32
// CHECK-NEXT: %[[D:.*]] = arith.subi %[[ACC]], %[[C]] : i32
// CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[D]] : i32 to f32
// CHECK-NEXT: %[[R:.*]] = arith.mulf %[[F]], %[[ROW]] : f32
// CHECK-NEXT: %[[S:.*]] = arith.mulf %[[R]], %[[COLUMN]] : f32
// CHECK: arith.mulf %[[S]]
// CHECK-NOT: dequantize_rows
// CHECK-NOT: linalg.transpose

// The second operand is packed when the network runs, by vectors: quads of codes are i32, here 2 x 16 of them.
// KERNEL: call @lowbit_pack
// KERNEL: call @lowbit_batch_matmul
// KERNEL-LABEL: func.func private @lowbit_pack
// KERNEL: vector.load %{{.*}} vector<8xi8>
// KERNEL: arith.xori %{{.*}} : vector<16xi32>
// KERNEL: vector.shuffle %{{.*}} : vector<16xi32>, vector<16xi32>
// KERNEL-COUNT-2: vector.store %{{.*}} vector<64xi8>
// KERNEL-NOT: vector.store
// KERNEL-LABEL: func.func private @lowbit_batch_matmul
// KERNEL: memref.collapse_shape %{{.*}} {{\[\[}}0, 1]]
// KERNEL: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"

// IREE-LABEL: func.func @scores
// IREE: arith.muli %{{.*}}, %{{.*}} : i32
func.func @scores(%a: tensor<2x3x8xf32>, %b: tensor<2x5x8xf32>) -> tensor<2x3x5xf32> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %qi = tensor.empty() : tensor<2x3x8xi8>
  %si = tensor.empty() : tensor<2x3x1xf32>
  %zi = tensor.empty() : tensor<2x3x1xi32>
  %q, %s, %z = lowbit.quantize_rows ins(%a : tensor<2x3x8xf32>) outs(%qi, %si, %zi : tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32>)
      -> tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32>
  %d = lowbit.dequantize_rows %q, %s, %z : tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32> -> tensor<2x3x8xf32>
  %ri = tensor.empty() : tensor<2x5x8xi8>
  %ti = tensor.empty() : tensor<2x5x1xf32>
  %yi = tensor.empty() : tensor<2x5x1xi32>
  %r, %t, %y = lowbit.quantize_rows symmetric ins(%b : tensor<2x5x8xf32>) outs(%ri, %ti, %yi : tensor<2x5x8xi8>, tensor<2x5x1xf32>, tensor<2x5x1xi32>)
      -> tensor<2x5x8xi8>, tensor<2x5x1xf32>, tensor<2x5x1xi32>
  %f = lowbit.dequantize_rows %r, %t, %y : tensor<2x5x8xi8>, tensor<2x5x1xf32>, tensor<2x5x1xi32> -> tensor<2x5x8xf32>
  %ei = tensor.empty() : tensor<2x8x5xf32>
  %g = linalg.transpose ins(%f : tensor<2x5x8xf32>) outs(%ei : tensor<2x8x5xf32>) permutation = [0, 2, 1]
  %e = tensor.empty() : tensor<2x3x5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %p = linalg.batch_matmul {lowbit.product = "scores"} ins(%d, %g : tensor<2x3x8xf32>, tensor<2x8x5xf32>) outs(%i : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p : tensor<2x3x5xf32>) outs(%e : tensor<2x3x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.mulf %in, %half : f32
    linalg.yield %m : f32
  } -> tensor<2x3x5xf32>
  return %o : tensor<2x3x5xf32>
}

// -----

// One matrix, whose second operand has a column of the product in each row; an init that is not 0 is added last.
// CHECK-LABEL: func @matrix
// CHECK: lowbit.batch_matmul ins(%{{.*}}, %{{.*}} : tensor<3x8xi8>, tensor<3x8xi8>)
// CHECK-SAME: fused(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %arg1 : tensor<3xi32>, tensor<3x1xi32>, tensor<3x1xf32>, tensor<3xf32>, tensor<3x3xf32>)
// CHECK: arith.addf
// KERNEL-LABEL: func.func @matrix
// KERNEL: call @lowbit_batch_matmul
// IREE-LABEL: func.func @matrix
func.func @matrix(%x: tensor<3x8xf32>, %init: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %qi = tensor.empty() : tensor<3x8xi8>
  %si = tensor.empty() : tensor<3x1xf32>
  %zi = tensor.empty() : tensor<3x1xi32>
  %q, %s, %z = lowbit.quantize_rows symmetric ins(%x : tensor<3x8xf32>) outs(%qi, %si, %zi : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>)
      -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>
  %d = lowbit.dequantize_rows %q, %s, %z : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32> -> tensor<3x8xf32>
  %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%d, %d : tensor<3x8xf32>, tensor<3x8xf32>) outs(%init : tensor<3x3xf32>) -> tensor<3x3xf32>
  return %p : tensor<3x3xf32>
}

// -----

// REMARK: remark: product "scores" of two activations stays in float: its operands are not quantised
// CHECK-LABEL: func @not_quantised
// CHECK: linalg.matmul
func.func @not_quantised(%x: tensor<3x8xf32>, %y: tensor<8x4xf32>, %init: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %p = linalg.matmul {lowbit.product = "scores"} ins(%x, %y : tensor<3x8xf32>, tensor<8x4xf32>) outs(%init : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %p : tensor<3x4xf32>
}
