// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector | FileCheck %s
// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector=max-chunks=32 | FileCheck %s --check-prefix=SPLIT
// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector=winograd=never | FileCheck %s --check-prefix=NEVER
// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector=winograd=always | FileCheck %s --check-prefix=ALWAYS

// 196 tiles of 4x4 pixels in 20 groups. Levels are fewer than codes, so they are transformed first, and codes group
// by group: 4 x 36 x 66 x 16 words of levels, with a pair of channels as a gap, and 36 x 10 x 64 of codes.

// CHECK-LABEL: func.func @conv
// CHECK: %[[WORKSPACE:.+]] = memref.alloc() {alignment = 64 : i64} : memref<175104xi16>
// CHECK: call @lowbit_conv_2d_winograd
// CHECK: memref.dealloc %[[WORKSPACE]]

// CHECK-LABEL: func.func private @lowbit_conv_2d_winograd
// CHECK: memref.alloca() {{.*}} : memref<5760xi32>
// CHECK: call @lowbit_winograd_levels
// CHECK: scf.for %{{.+}} = %c0 to %c20
// CHECK: call @lowbit_winograd_codes
// 36 products of matrices, of ten tiles or of nine, four pairs of channels at once.
// CHECK: scf.if
// CHECK: scf.for %{{.+}} = %c0{{.*}} to %c36
// CHECK: scf.for %{{.+}} = %c0{{.*}} to %c8
// CHECK-COUNT-40: vpdpwssd.512
// CHECK: scf.yield
// CHECK: } else {
// CHECK-COUNT-36: vpdpwssd.512
// A tile divides its sums by 9 and by 64; four pixels are packed at once.
// CHECK: arith.muli {{.*}} : vector<16xi32>
// CHECK: arith.shrsi
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.packuswb.512"
// CHECK-COUNT-4: vector.store {{.*}}, vector<16xi8>

// Eight chunks with 24 groups, which keep what their thread has transformed.
// SPLIT-LABEL: func.func @conv
// SPLIT: memref.alloc() {{.*}} : memref<1382400xi16>
// SPLIT: %[[STATE:.+]] = memref.alloc() : memref<17xi32>
// SPLIT: vector.store %{{.+}}, %[[STATE]]
// SPLIT: scf.parallel (%{{.+}}) = (%c0{{.*}}) to (%c8{{.*}})
// SPLIT-LABEL: func.func private @lowbit_conv_2d_winograd
// SPLIT: scf.while
// SPLIT: memref.atomic_rmw ori
// SPLIT: memref.atomic_rmw assign
// SPLIT: scf.if
// SPLIT: call @lowbit_winograd_levels
// SPLIT: call @lowbit_winograd_codes
// SPLIT: memref.atomic_rmw andi

// NEVER-NOT: winograd

func.func @conv(%x: memref<1x58x58x64xi8>, %w: memref<18432xi8>, %s: memref<64xf32>, %y: memref<1x56x56x64xi8>) {
  lowbit.conv_2d ins(%x, %w : memref<1x58x58x64xi8>, memref<18432xi8>) fused(%s : memref<64xf32>)
      outs(%y : memref<1x56x56x64xi8>)
      {layer = "a", alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 64, kernel = [64, 3, 3, 64]>} epilogue {
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

// -----

// Few pixels: transforms take more than they save.
// CHECK-LABEL: func.func @small
// CHECK: call @lowbit_conv_2d(
// ALWAYS-LABEL: func.func @small
// ALWAYS: call @lowbit_conv_2d_winograd
func.func @small(%x: memref<1x9x9x64xi8>, %w: memref<18432xi8>, %y: memref<1x7x7x64xi32>) {
  lowbit.conv_2d ins(%x, %w : memref<1x9x9x64xi8>, memref<18432xi8>) outs(%y : memref<1x7x7x64xi32>)
      {layer = "b", alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 64, kernel = [64, 3, 3, 64]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// A tile was measured for the direct kernel.
// CHECK-LABEL: func.func @tile
// CHECK: call @lowbit_conv_2d
// CHECK-NOT: winograd
// CHECK: return
func.func @tile(%x: memref<1x58x58x64xi8>, %w: memref<18432xi8>, %y: memref<1x56x56x64xi32>) {
  lowbit.conv_2d ins(%x, %w : memref<1x58x58x64xi8>, memref<18432xi8>) outs(%y : memref<1x56x56x64xi32>)
      {layer = "c", alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 64, kernel = [64, 3, 3, 64] tile = [6]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// Sums of 128 channels of 8 bits may need more than the 26 bits that are left.
// ALWAYS-LABEL: func.func @inexact
// ALWAYS: call @lowbit_conv_2d
// ALWAYS-NOT: winograd
// ALWAYS: return
func.func @inexact(%x: memref<1x58x58x128xi8>, %w: memref<73728xi8>, %y: memref<1x56x56x64xi32>) {
  lowbit.conv_2d ins(%x, %w : memref<1x58x58x128xi8>, memref<73728xi8>) outs(%y : memref<1x56x56x64xi32>)
      {layer = "d", alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 128, kernel = [64, 3, 3, 128]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// These do not: all levels are 1.
// ALWAYS-LABEL: func.func @exact
// ALWAYS: call @lowbit_conv_2d_winograd
memref.global "private" constant @levels : memref<73728xi8> = dense<1>
func.func @exact(%x: memref<1x58x58x128xi8>, %y: memref<1x56x56x64xi32>) {
  %w = memref.get_global @levels : memref<73728xi8>
  lowbit.conv_2d ins(%x, %w : memref<1x58x58x128xi8>, memref<73728xi8>) outs(%y : memref<1x56x56x64xi32>)
      {layer = "e", alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 128, kernel = [64, 3, 3, 128]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
