// RUN: gpfq-opt %s --convert-lowbit-to-vector --canonicalize --cse | FileCheck %s

// 64 rows of 72 codes, nine pairs of quads: 18 quads are unpacked side by side, with the offsets -121 and 7. The products
// of codes are summed for each row, by vectors of eight pairs, those of levels for each panel; then there is one product for
// two quads.

// CHECK-LABEL: func.func private @lowbit_matmul(
// CHECK: %[[PANEL:.+]] = memref.alloca() {alignment = 64 : i64} : memref<2304xi8>
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<256xi8>

// Products of codes with each other.
// CHECK: vector.load %arg0
// CHECK: vector.shuffle {{.*}} [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14] : vector<16xi32>
// CHECK: arith.addi {{.*}} : vector<64xi8>
// CHECK: arith.addi {{.*}} : vector<64xi8>
// CHECK: vpdpbusd
// CHECK: vector.reduction <add>

// Levels with offsets, and their products.
// CHECK: arith.subi {{.*}} : vector<64xi8>
// CHECK: arith.addi {{.*}} : vector<64xi8>
// CHECK: vector.store {{.*}}, %[[PANEL]]
// CHECK: scf.for %{{.+}} = %c0 to %c9
// CHECK: vpdpbusd

// A tile of eight rows.
// CHECK: scf.for %{{.+}} = %c0 to %c8
// CHECK: scf.for %{{.+}} = %c0 to %c9 {{.*}} iter_args
// CHECK-COUNT-4: vector.load %[[PANEL]]
// CHECK-COUNT-16: vpdpbusd
// CHECK-NOT: vpdpbusd
func.func @pairs(%x: memref<64x72xi8>, %w: memref<1152xi8>, %y: memref<64x32xi32>) {
  lowbit.matmul ins(%x, %w : memref<64x72xi8>, memref<1152xi8>) outs(%y : memref<64x32xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, input_max = 241 : i32,
       layout = #lowbit.layout<"znver4", lanes = 16, vectors = 2, paired, run = 72, kernel = [32, 72]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
