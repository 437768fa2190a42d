// RUN: gpfq-opt %s --convert-lowbit-to-vector --canonicalize --cse | FileCheck %s

// All 16 channels of a pixel are one vector, so four pixels side by side are stored as one. Rows of the result may be apart.

// CHECK-LABEL: func.func private @lowbit_conv_2d(
// CHECK-SAME:      %[[INIT:[a-z0-9]+]]: memref<1x8x8x16xi8, strided<[1600, 160, 16, 1], offset: ?>>)
// CHECK: %[[MERGED:.+]] = memref.collapse_shape %[[INIT]] {{\[}}[0], [1], [2, 3]]
// CHECK: packuswb
// CHECK: vector.store %{{.+}}, %[[MERGED]]{{.*}}, vector<64xi8>
// CHECK: packuswb
// CHECK: vector.store %{{.+}}, %[[MERGED]]{{.*}}, vector<64xi8>
// CHECK-NOT: vector.store
func.func @merged(%x: memref<1x10x10x4xi8>, %w: memref<576xi8>, %s: memref<16xf32>,
                  %y: memref<1x8x8x16xi8, strided<[1600, 160, 16, 1]>>) {
  lowbit.conv_2d ins(%x, %w : memref<1x10x10x4xi8>, memref<576xi8>) fused(%s : memref<16xf32>)
      outs(%y : memref<1x8x8x16xi8, strided<[1600, 160, 16, 1]>>)
      {layer = "a", alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 1, top_aligned, run = 12, kernel = [16, 3, 3, 4]>} epilogue {
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

// Pixels of two groups are not.

// CHECK-LABEL: func.func private @lowbit_conv_2d_0(
// CHECK-NOT: memref.collapse_shape
// CHECK: vector.store %{{.+}}, vector<8xi8>
// CHECK-NOT: memref.collapse_shape
func.func @grouped(%x: memref<1x10x10x8xi8>, %w: memref<1152xi8>, %s: memref<16xf32>, %y: memref<1x8x8x16xi8>) {
  lowbit.conv_2d ins(%x, %w : memref<1x10x10x8xi8>, memref<1152xi8>) fused(%s : memref<16xf32>)
      outs(%y : memref<1x8x8x16xi8>)
      {layer = "b", groups = 2 : i64, alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 1, top_aligned, run = 4, kernel = [16, 3, 3, 4]>} epilogue {
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
