// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector="max-chunks=16 chunk-work=1" --canonicalize --cse | FileCheck %s --implicit-check-not=lowbit.
// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector="max-chunks=4 chunk-work=196608" --canonicalize --cse | FileCheck %s --check-prefix=TWO
// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector="max-chunks=4 chunk-work=10000000" --canonicalize --cse | FileCheck %s --check-prefix=SERIAL --implicit-check-not=scf.parallel
// RUN: not gpfq-opt %s --split-input-file --convert-lowbit-to-vector="max-chunks=4 chunk-work=0" 2>&1 | FileCheck %s --check-prefix=WORK
// WORK: error: chunk-work must be at least 1

// Four panels of 16 channels, a chunk each; half of the work at a time makes two.
// CHECK-LABEL: func.func @panels
// CHECK:         scf.parallel (%[[CHUNK:.*]]) = (%c0) to (%c4) step (%c1) {
// CHECK:           func.call @lowbit_matmul(%{{.*}}, %{{.*}}, %{{.*}}, %[[CHUNK]])
// TWO-LABEL: func.func @panels
// TWO: scf.parallel (%{{.*}}) = (%c0) to (%c2)
// SERIAL-LABEL: func.func @panels
// SERIAL: call @lowbit_matmul(%{{.*}}, %{{.*}}, %{{[^,]*}}) :
func.func @panels(%x: memref<96x64xi8>, %w: memref<2048xi8>, %y: memref<96x64xi32>) {
  lowbit.matmul ins(%x, %w : memref<96x64xi8>, memref<2048xi8>) outs(%y : memref<96x64xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 64, kernel = [64, 64]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// CHECK-LABEL: func.func private @lowbit_matmul(
// CHECK-SAME:      %[[CHUNK:[a-z0-9]+]]: index)
// CHECK:         %[[NEXT:.*]] = arith.addi %[[CHUNK]], %c1
// CHECK:         %[[END:.*]] = arith.minui %[[NEXT]], %c4
// CHECK:         scf.for %{{.*}} = %[[CHUNK]] to %{{.*}} step %c1

// -----

// One panel and forty rows of pixels: chunks of rows.
// CHECK-LABEL: func.func @rows
// CHECK:         scf.parallel (%{{.*}}) = (%c0) to (%c4)
// CHECK:           func.call @lowbit_conv_2d(
func.func @rows(%x: memref<1x40x48x8xi8>, %w: memref<64xi8>, %y: memref<1x40x48x8xi32>) {
  lowbit.conv_2d ins(%x, %w : memref<1x40x48x8xi8>, memref<64xi8>) outs(%y : memref<1x40x48x8xi32>)
      {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, groups = 2 : i64,
       alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avxvnni", lanes = 8, vectors = 1, top_aligned, run = 4, kernel = [8, 1, 1, 4]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// Matrices of a product have their own second operand: a chunk for two of them, and one for each to pack.
// CHECK-LABEL: func.func @product
// CHECK:         scf.parallel (%[[PACK:.*]]) = (%c0) to (%c16)
// CHECK:           func.call @lowbit_pack(%{{.*}}, %{{.*}}, %[[PACK]])
// CHECK:         scf.parallel (%[[CHUNK:.*]]) = (%c0) to (%c8)
// CHECK:           func.call @lowbit_batch_matmul(%{{.*}}, %{{.*}}, %{{.*}}, %[[CHUNK]])
func.func @product(%a: memref<16x64x64xi8>, %b: memref<16x64x64xi8>, %p: memref<16x4096xi8>, %y: memref<16x64x64xi32>) {
  lowbit.pack ins(%b : memref<16x64x64xi8>) outs(%p : memref<16x4096xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, top_aligned, run = 64, kernel = [64, 64]>}
  lowbit.batch_matmul ins(%a, %p : memref<16x64x64xi8>, memref<16x4096xi8>) outs(%y : memref<16x64x64xi32>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, top_aligned, run = 64, kernel = [64, 64]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// Three panels of 64 channels do not divide evenly: chunks are of a panel and some of its rows.
// CHECK-LABEL: func.func @grid
// CHECK:         scf.parallel (%{{.*}}) = (%c0) to (%c15)
// CHECK-LABEL: func.func private @lowbit_conv_2d(
// CHECK-SAME:      %[[CHUNK:[a-z0-9]+]]: index)
// CHECK:         %[[PANEL:.*]] = arith.divui %[[CHUNK]], %c5
// CHECK:         %[[ROWS:.*]] = arith.remui %[[CHUNK]], %c5
// CHECK:         %[[FIRST:.*]] = arith.muli %[[ROWS]], %c3
func.func @grid(%x: memref<1x15x15x48xi8>, %w: memref<82944xi8>, %y: memref<1x13x13x192xi8>) {
  lowbit.conv_2d ins(%x, %w : memref<1x15x15x48xi8>, memref<82944xi8>) outs(%y : memref<1x13x13x192xi8>)
      {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, groups = 1 : i64,
       alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 4, top_aligned, run = 144, kernel = [192, 3, 3, 48]>} epilogue {
  ^bb0(%acc: i32):
    %code = arith.trunci %acc : i32 to i8
    lowbit.yield %code : i8
  }
  return
}
