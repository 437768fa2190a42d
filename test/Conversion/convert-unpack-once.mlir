// RUN: gpfq-opt %s --convert-lowbit-to-vector --canonicalize --cse | FileCheck %s

// 128 rows: each panel of two vectors is unpacked to a buffer of bytes, which 32 tiles of four rows read. The addresses
// of a tile are opaque, so that its loads are not hoisted.

// CHECK-LABEL: func.func private @lowbit_matmul(
// CHECK: %[[BUFFER:.+]] = memref.alloca() {alignment = 64 : i64} : memref<2048xi8>
// CHECK: scf.for %{{.+}} = %c0 to %c2
// CHECK: scf.for %{{.+}} = %c0 to %c8
// CHECK: %[[RAW:.+]] = vector.load %arg1
// CHECK: arith.shli
// CHECK: arith.andi
// CHECK: arith.subi {{.*}} : vector<64xi8>
// CHECK: vector.store {{.*}}, %[[BUFFER]]
// CHECK: scf.for %{{.+}} = %c0 to %c32
// CHECK: llvm.inline_asm has_side_effects
// CHECK: scf.for %{{.+}} = %c0 to %c16 {{.*}} iter_args
// CHECK-COUNT-2: vector.load %[[BUFFER]]
// CHECK-COUNT-8: vpdpbusd
// CHECK-NOT: arith.shrsi

// Four vectors are rounded and packed at once: two rows of 32 channels.
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.cvtps2dq.512"
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.packuswb.512"
// CHECK: vector.shuffle {{.*}} [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15] : vector<16xi32>
// CHECK-COUNT-2: vector.store {{.*}}, vector<32xi8>
func.func @short(%x: memref<128x64xi8>, %w: memref<2048xi8>, %s: memref<64xf32>, %y: memref<128x64xi8>) {
  lowbit.matmul ins(%x, %w : memref<128x64xi8>, memref<2048xi8>) fused(%s : memref<64xf32>)
      outs(%y : memref<128x64xi8>)
      {layer = "a", alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 64, kernel = [64, 64]>} epilogue {
  ^bb0(%acc: i32, %scale: f32):
    %zero = arith.constant 0.0 : f32
    %top = arith.constant 255.0 : f32
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %scale : f32
    %n = math.roundeven %m : f32
    %above = arith.cmpf ogt, %n, %zero : f32
    %o = arith.select %above, %n, %zero : f32
    %below = arith.cmpf olt, %o, %top : f32
    %p = arith.select %below, %o, %top : f32
    %q = arith.fptoui %p : f32 to i8
    lowbit.yield %q : i8
  }
  return
}

// Sums of i16 hold the products of nine quads; 24 quads are three blocks of eight, which have no loop. An empty
// assembly keeps the quads in order.

// CHECK-LABEL: func.func private @lowbit_matmul_0(
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<1536xi8>
// CHECK: scf.for %{{.+}} = %c0 to %c24
// CHECK: scf.for %{{.+}} = %c0 to %c3 {{.*}} iter_args({{.*}}) -> (vector<8xi32>, {{.*}}vector<8xi32>)
// CHECK-NOT: scf.for
// CHECK-COUNT-8: pmadd.ub.sw
// CHECK: llvm.inline_asm {{.*}} "=r,0,x,x,x,x,x,x,x,x"
// CHECK-COUNT-56: pmadd.ub.sw
// CHECK-NOT: pmadd.ub.sw
// CHECK-COUNT-8: pmadd.wd
// CHECK: scf.yield
func.func @narrow(%x: memref<96x96xi8>, %w: memref<768xi8>, %y: memref<96x16xi32>) {
  lowbit.matmul ins(%x, %w : memref<96x96xi8>, memref<768xi8>) outs(%y : memref<96x16xi32>)
      {layer = "b", alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 96, kernel = [16, 96]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// Sums go over the rows of a kernel where these are short: six quads and the one that rows share are one block.

// CHECK-LABEL: func.func private @lowbit_conv_2d(
// CHECK: scf.for %{{.+}} = %c0 to %c16
// CHECK: scf.for %{{.+}} = %c0 to %c4
// CHECK-NOT: scf.for
// CHECK-COUNT-56: pmadd.ub.sw
// CHECK-NOT: pmadd.ub.sw
// CHECK-COUNT-8: pmadd.wd
// CHECK-NOT: pmadd.wd
// CHECK: return
func.func @stem(%x: memref<1x18x18x3xi8>, %w: memref<256xi8>, %y: memref<1x16x16x16xi32>) {
  lowbit.conv_2d ins(%x, %w : memref<1x18x18x3xi8>, memref<256xi8>) outs(%y : memref<1x16x16x16xi32>)
      {layer = "c", alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 9, kernel = [16, 3, 3, 3]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
