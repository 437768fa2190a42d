// RUN: gpfq-opt %s --convert-lowbit-to-vector --canonicalize --cse | FileCheck %s --implicit-check-not=lowbit.
// RUN: gpfq-opt %s --convert-lowbit-to-vector=emulate-dot --canonicalize --cse | FileCheck %s --check-prefix=EMULATE --implicit-check-not=call_intrinsic

// Two layers of equal shape in different places share a kernel.
// CHECK-LABEL: func.func @two_layers
// CHECK: call @lowbit_matmul(
// CHECK: call @lowbit_matmul(
func.func @two_layers(%x: memref<8x12x64xi8>, %w: memref<2x2048xi8>, %y: memref<8x12x64xi32>) {
  %x0 = memref.subview %x[0, 0, 0] [1, 12, 64] [1, 1, 1] : memref<8x12x64xi8> to memref<12x64xi8, strided<[64, 1]>>
  %x1 = memref.subview %x[1, 0, 0] [1, 12, 64] [1, 1, 1] : memref<8x12x64xi8> to memref<12x64xi8, strided<[64, 1], offset: 768>>
  %w0 = memref.subview %w[0, 0] [1, 2048] [1, 1] : memref<2x2048xi8> to memref<2048xi8, strided<[1]>>
  %w1 = memref.subview %w[1, 0] [1, 2048] [1, 1] : memref<2x2048xi8> to memref<2048xi8, strided<[1], offset: 2048>>
  %y0 = memref.subview %y[0, 0, 0] [1, 12, 64] [1, 1, 1] : memref<8x12x64xi32> to memref<12x64xi32, strided<[64, 1]>>
  %y1 = memref.subview %y[1, 0, 0] [1, 12, 64] [1, 1, 1] : memref<8x12x64xi32> to memref<12x64xi32, strided<[64, 1], offset: 768>>
  lowbit.matmul ins(%x0, %w0 : memref<12x64xi8, strided<[64, 1]>>, memref<2048xi8, strided<[1]>>)
      outs(%y0 : memref<12x64xi32, strided<[64, 1]>>)
      {layer = "a", alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 64, kernel = [64, 64]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  lowbit.matmul ins(%x1, %w1 : memref<12x64xi8, strided<[64, 1], offset: 768>>, memref<2048xi8, strided<[1], offset: 2048>>)
      outs(%y1 : memref<12x64xi32, strided<[64, 1], offset: 768>>)
      {layer = "b", alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 64, kernel = [64, 64]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// Four panels of 16 channels, three tiles of four rows, eight steps of two quads. Products of levels up to 8 are summed
// in i16 over eight quads, twice.
// CHECK-LABEL: func.func private @lowbit_matmul(
// CHECK-SAME: passthrough = ["noinline"]
// CHECK-DAG: %[[MASK:.+]] = arith.constant dense<252645135> : vector<8xi32>
// CHECK-DAG: %[[OFFSET:.+]] = arith.constant dense<8> : vector<32xi8>
// CHECK: scf.for %{{.+}} = %c0 to %c4
// CHECK: scf.for %{{.+}} = %c0 to %c3
// CHECK: scf.for %{{.+}} = %c0 to %c4 {{.*}} iter_args({{.*}}) -> (vector<16xi16>, {{.*}}vector<16xi16>)
// CHECK: vector.load {{.*}} : memref<2048xi8, strided<[1], offset: ?>>, vector<32xi8>
// CHECK: arith.andi %{{.+}}, %[[MASK]]
// CHECK: arith.subi %{{.+}}, %[[OFFSET]]
// CHECK: vector.load {{.*}}, vector<4xi8>
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: arith.addi {{.*}} : vector<16xi16>
// CHECK: scf.yield
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK: scf.for %{{.+}} = %c0 to %c4 {{.*}} iter_args({{.*}}) -> (vector<16xi16>, {{.*}}vector<16xi16>)
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK-COUNT-8: vector.store {{.*}} vector<8xi32>
// EMULATE: func.func private @lowbit_matmul(
// EMULATE: arith.muli {{.*}} : vector<8xi32>

// Levels beyond 64 would saturate the byte product: they are widened.
// CHECK-LABEL: func.func private @lowbit_conv_2d(
// CHECK-NOT: pmadd.ub.sw
// CHECK: llvm.x86.avx2.pmadd.wd
// Seven channels: pieces of 4, 2 and 1.
// CHECK: vector.store {{.*}} vector<4xf32>
// CHECK: vector.store {{.*}} vector<2xf32>
// CHECK: vector.store {{.*}} vector<1xf32>
func.func @wide_levels(%x: memref<1x4x4x8xi8>, %w: memref<576xi8>, %s: memref<7xf32>, %y: memref<1x2x2x7xf32>) {
  lowbit.conv_2d ins(%x, %w : memref<1x4x4x8xi8>, memref<576xi8>) fused(%s : memref<7xf32>) outs(%y : memref<1x2x2x7xf32>)
      {alphabet = #lowbit.alphabet<range, [-128, 127]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 24, kernel = [7, 3, 3, 8]>} epilogue {
  ^bb0(%acc: i32, %scale: f32):
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %scale : f32
    lowbit.yield %m : f32
  }
  return
}
