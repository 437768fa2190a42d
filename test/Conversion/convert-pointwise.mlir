// RUN: gpfq-opt %s --convert-lowbit-to-vector --canonicalize --cse | FileCheck %s --implicit-check-not=lowbit.

// A 1x1 convolution is a matrix product of pixels, in tiles of the layout: here 16 pixels, two at a time, where the target
// alone would take more.
// CHECK-LABEL: func.func @chosen_tile
// CHECK: memref.collapse_shape %{{.*}} {{\[\[}}0, 1, 2], [3]]
// CHECK: call @lowbit_matmul(
// CHECK-LABEL: func.func private @lowbit_matmul(
// CHECK: scf.for %{{.*}} = %c0 to %c8
// CHECK: scf.for {{.*}} iter_args
func.func @chosen_tile(%x: memref<1x4x4x64xi8>, %w: memref<1024xi8>, %y: memref<1x4x4x16xi32>) {
  lowbit.conv_2d ins(%x, %w : memref<1x4x4x64xi8>, memref<1024xi8>) outs(%y : memref<1x4x4x16xi32>)
      {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, groups = 1 : i64,
       alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, top_aligned, run = 64, kernel = [16, 1, 1, 64] tile = [2]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
