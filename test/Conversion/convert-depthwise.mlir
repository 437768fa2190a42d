// RUN: gpfq-opt %s -pass-pipeline='builtin.module(func.func(lowbit-pack{target=avx2}),one-shot-bufferize{bufferize-function-boundaries=1 function-boundary-type-conversion=identity-layout-map},canonicalize,cse,convert-lowbit-to-vector{target=avx2},canonicalize,cse)' | FileCheck %s

// 56 channels are one panel of 32 and one that overlaps it, from channel 24. The weights of both are arranged by kernel
// row; each tile computes both. Bytes of four columns are interleaved, so that four outputs share them; products are summed in i16
// over the three kernel rows, widened, rounded and packed to codes.

// CHECK-LABEL: func.func private @lowbit_depthwise_conv_2d(
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<1536xi8>
// CHECK: vector.store {{.*}} memref<1536xi8>, vector<32xi8>
// CHECK: scf.for %{{.+}} = %c0 to %c2
// CHECK: scf.for %{{.+}} = %c0 to %c2
// CHECK: llvm.inline_asm has_side_effects
// CHECK: vector.load %arg0{{.*}}, vector<32xi8>
// CHECK: vector.shuffle {{.*}} [0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 16, 48,
// CHECK: vector.shuffle {{.*}} [0, 16, 1, 17, 2, 18, 3, 19, 8, 24,
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: arith.addi {{.*}} : vector<16xi16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK: llvm.call_intrinsic "llvm.x86.avx.cvt.ps2dq.256"
// CHECK-NOT: math.roundeven
// CHECK: vector.shuffle {{.*}} [8, 40, 9, 41,
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.packssdw"
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.packuswb"
// CHECK: vector.store {{.*}}, vector<32xi8>
// CHECK: vector.load {{.*}}%c24{{.*}}, vector<32xi8>
func.func @overlapping(%x: tensor<1x6x6x56xi8>, %s: tensor<56xf32>) -> tensor<1x4x4x56xi8> {
  %w = arith.constant dense<3> : tensor<3x3x56xi8>
  %e = tensor.empty() : tensor<1x4x4x56xi8>
  %r = lowbit.depthwise_conv_2d ins(%x, %w : tensor<1x6x6x56xi8>, tensor<3x3x56xi8>)
      fused(%s : tensor<56xf32>) outs(%e : tensor<1x4x4x56xi8>) {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
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
  } -> tensor<1x4x4x56xi8>
  return %r : tensor<1x4x4x56xi8>
}

// 40 channels are a panel of 32 and eight, whose panel has 16 channels, from channel 24, of two pixels instead. Its weights
// are those of the upper half of a vector, twice; a tile of it has four columns, of which the last two are the second
// pixels.

// CHECK-LABEL: func.func private @lowbit_depthwise_conv_2d_0(
// CHECK: vector.store {{.*}}, vector<32xi8>
// CHECK: vector.shuffle {{.*}} [16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 16, 17,
// CHECK: scf.for %{{.+}} = %c0 to %c2
// CHECK-NOT: scf.for
// CHECK: %[[FIRST:.+]] = vector.load %arg0[%c0, %{{.+}}, %c0, %c24]{{.*}}, vector<16xi8>
// CHECK: %[[ONE:.+]] = vector.insert_strided_slice %[[FIRST]], %{{.+}} {offsets = [0], strides = [1]} : vector<16xi8> into vector<32xi8>
// CHECK: %[[SECOND:.+]] = vector.load %arg0[%c0, %{{.+}}, %c2, %c24]{{.*}}, vector<16xi8>
// CHECK: vector.insert_strided_slice %[[SECOND]], %[[ONE]] {offsets = [16], strides = [1]} : vector<16xi8> into vector<32xi8>
// CHECK: vector.extract_strided_slice %{{.+}} {offsets = [0], sizes = [16], strides = [1]}
// CHECK: vector.store {{.*}}[%c0, %{{.+}}, %c0, %c24]{{.*}}, vector<16xi8>
// CHECK: vector.extract_strided_slice %{{.+}} {offsets = [16], sizes = [16], strides = [1]}
// CHECK: vector.store {{.*}}[%c0, %{{.+}}, %c2, %c24]{{.*}}, vector<16xi8>
func.func @folded(%x: tensor<1x6x6x40xi8>, %s: tensor<40xf32>) -> tensor<1x4x4x40xi8> {
  %w = arith.constant dense<3> : tensor<3x3x40xi8>
  %e = tensor.empty() : tensor<1x4x4x40xi8>
  %r = lowbit.depthwise_conv_2d ins(%x, %w : tensor<1x6x6x40xi8>, tensor<3x3x40xi8>)
      fused(%s : tensor<40xf32>) outs(%e : tensor<1x4x4x40xi8>) {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
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
  } -> tensor<1x4x4x40xi8>
  return %r : tensor<1x4x4x40xi8>
}

// Levels of eight bits are words, widened once: two registers for each of the four vectors of a quad.

// CHECK-LABEL: func.func private @lowbit_depthwise_conv_2d_1(
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<1536xi8>
// CHECK: arith.shrsi {{.*}} : vector<16xi16>
// CHECK: arith.shrsi {{.*}} : vector<16xi16>
// CHECK-COUNT-2: vector.store {{.*}} memref<1536xi8>, vector<32xi8>
// CHECK: vector.load %arg0
// CHECK-COUNT-2: vector.load {{.*}} memref<1536xi8>, vector<32xi8>
// CHECK-NOT: arith.shrsi
// CHECK: arith.andi {{.*}} : vector<16xi16>
// CHECK: arith.shrui {{.*}} : vector<16xi16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
func.func @widened(%x: tensor<1x6x6x32xi8>, %s: tensor<32xf32>) -> tensor<1x4x4x32xi8> {
  %w = arith.constant dense<100> : tensor<3x3x32xi8>
  %e = tensor.empty() : tensor<1x4x4x32xi8>
  %r = lowbit.depthwise_conv_2d ins(%x, %w : tensor<1x6x6x32xi8>, tensor<3x3x32xi8>)
      fused(%s : tensor<32xf32>) outs(%e : tensor<1x4x4x32xi8>) {alphabet = #lowbit.alphabet<mid_tread, [127]>} epilogue {
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
  } -> tensor<1x4x4x32xi8>
  return %r : tensor<1x4x4x32xi8>
}
