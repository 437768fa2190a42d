// Tiles of a table: those of the first op are in it.

// RUN: rm -rf %t && split-file %s %t
// RUN: gpfq-opt %t/net.mlir "--lowbit-pack=target=avx2 tiles=%t/tiles.json" -o %t/packed.mlir
// RUN: FileCheck %s < %t/packed.mlir
// RUN: not gpfq-opt %t/net.mlir "--lowbit-pack=target=avx512vnni tiles=%t/tiles.json" 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not gpfq-opt %t/net.mlir "--lowbit-pack=target=avx2 tiles=%t/none.json" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not gpfq-opt %t/net.mlir "--lowbit-pack=target=avx2 tiles=%t/old.json" 2>&1 | FileCheck %s --check-prefix=OLD
// RUN: not gpfq-opt %t/net.mlir "--lowbit-pack=target=avx2 tiles=%t/pixels.json" 2>&1 | FileCheck %s --check-prefix=PIXELS
// RUN: not gpfq-opt %t/net.mlir "--lowbit-pack=target=avx2 tiles=%t/net.mlir" 2>&1 | FileCheck %s --check-prefix=TEXT

// CHECK: lowbit.matmul
// CHECK-SAME: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 3, offset, run = 16, kernel = [64, 16] tile = [5]>
// CHECK: lowbit.depthwise_conv_2d
// CHECK-SAME: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 4, {{.*}}, kernel = [3, 3, 8] tile = [1, 2]>
// CHECK: lowbit.matmul
// CHECK-SAME: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 16, kernel = [64, 16]>
// TARGET: error: tile table {{.*}} is for target 'avx2', not for 'avx512vnni'
// NONE: error: tile table: cannot open input file
// OLD: error: tile table {{.*}} has version 0, not 1; make it again with gpfq-compile --tune
// PIXELS: error: tile table {{.*}} cannot be read: expected as many sizes from 1 to 64 as tiles of this op have at table.tiles[0].pixels; make one with gpfq-compile --tune
// TEXT: error: tile table {{.*}} cannot be read: {{.*}}; make one with gpfq-compile --tune

//--- tiles.json
{"version": 1, "target": "avx2", "cpu": "haswell", "tiles": [
  {"kernel": "matmul 20x64xi32 by 64x16 of 4 bits", "pixels": [5], "vectors": 3, "microseconds": 1, "default_microseconds": 1.5},
  {"kernel": "depthwise_conv_2d 1x4x4x8xi32 by 3x3x8 of 4 bits, strides 1x1, dilations 1x1", "pixels": [1, 2]}
]}

//--- old.json
{"version": 0, "target": "avx2", "tiles": []}

//--- pixels.json
{"version": 1, "target": "avx2", "tiles": [{"kernel": "matmul 20x64xi32 by 64x16 of 4 bits", "pixels": [5, 5]}]}

//--- net.mlir
func.func @in_table(%x: tensor<20x16xi8>) -> tensor<20x64xi32> {
  %w = arith.constant dense<-5> : tensor<64x16xi8>
  %init = tensor.empty() : tensor<20x64xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<20x16xi8>, tensor<64x16xi8>) outs(%init : tensor<20x64xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<20x64xi32>
  return %r : tensor<20x64xi32>
}
func.func @depthwise(%x: tensor<1x6x6x8xi8>) -> tensor<1x4x4x8xi32> {
  %w = arith.constant dense<3> : tensor<3x3x8xi8>
  %init = tensor.empty() : tensor<1x4x4x8xi32>
  %r = lowbit.depthwise_conv_2d ins(%x, %w : tensor<1x6x6x8xi8>, tensor<3x3x8xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return %r : tensor<1x4x4x8xi32>
}
func.func @not_in_table(%x: tensor<21x16xi8>) -> tensor<21x64xi32> {
  %w = arith.constant dense<-5> : tensor<64x16xi8>
  %init = tensor.empty() : tensor<21x64xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<21x16xi8>, tensor<64x16xi8>) outs(%init : tensor<21x64xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<21x64xi32>
  return %r : tensor<21x64xi32>
}
