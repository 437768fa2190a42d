// RUN: gpfq-opt %s --lowbit-pack=target=avx2 | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: gpfq-opt %s --lowbit-pack=target=avx512vnni | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: gpfq-opt %s --lowbit-pack=target=avx2 --lowbit-to-linalg | FileCheck %s --check-prefix=UNPACK
// RUN: gpfq-opt %s --lowbit-pack=target=avx512vnni --lowbit-to-linalg | FileCheck %s --check-prefix=UNPACK

// CHECK-LABEL: @padded_conv
// AVX2: %[[W:.+]] = arith.constant dense<[40, 38, 47, 46,{{.*}}]> : tensor<32xi8>
// VNNI: %[[W:.+]] = arith.constant dense<[2, 12, 5, 4,{{.*}}]> : tensor<64xi8>
// CHECK: %[[Z:.+]] = arith.constant 3 : i8
// CHECK: %[[P:.+]] = tensor.pad %{{.+}} low[0, 0, 1, 0] high[0, 0, 1, 0]
// CHECK: tensor.yield %[[Z]] : i8
// CHECK: tensor<1x8x8x3xi8> to tensor<1x8x10x3xi8>
// CHECK: lowbit.conv_2d ins(%[[P]], %[[W]]
// AVX2-SAME: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 9, kernel = [3, 1, 3, 3]>
// VNNI-SAME: layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 1, top_aligned, run = 9, kernel = [3, 1, 3, 3]>
// UNPACK-LABEL: @padded_conv
// UNPACK: arith.constant dense<{{\[\[\[\[}}-3, 1, 3], [1, 1, -1], [3, 3, 1]]], {{\[\[\[}}-3, 1, 3], [1, 1, -1], [3, 3, 1]]], {{\[\[\[}}-3, 1, 3], [1, 1, -1], [3, 3, -3]]]]> : tensor<3x1x3x3xi8>
func.func @padded_conv(%x: tensor<1x8x8x3xi8>, %s: tensor<3xf32>) -> tensor<1x8x8x3xf32> {
  %w = arith.constant dense<[[[[-3,1,3],[1,1,-1],[3,3,1]]],[[[-3,1,3],[1,1,-1],[3,3,1]]],[[[-3,1,3],[1,1,-1],[3,3,-3]]]]> : tensor<3x1x3x3xi8>
  %init = tensor.empty() : tensor<1x8x8x3xf32>
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x3xi8>, tensor<3x1x3x3xi8>)
      fused(%s : tensor<3xf32>) outs(%init : tensor<1x8x8x3xf32>)
      {alphabet = #lowbit.alphabet<mid_rise, [2]>, padding = array<i64: 0, 0, 1, 1>, padding_value = 3 : i32} epilogue {
  ^bb0(%acc: i32, %scale: f32):
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %scale : f32
    lowbit.yield %m : f32
  } -> tensor<1x8x8x3xf32>
  return %r : tensor<1x8x8x3xf32>
}

// Three rows of nine: two quads each, and one of the last elements of all rows; a register for each of the seven.
// CHECK-LABEL: @stem
// AVX2: arith.constant {{.*}} : tensor<224xi8>
// VNNI: arith.constant {{.*}} : tensor<448xi8>
// UNPACK-LABEL: @stem
// UNPACK: arith.constant dense<{{\[\[\[\[}}-13, -12, -11], [-10, -9, -8], [-7, -6, -5]], {{\[\[}}-4, -3, -2], [-1, 0, 1], [2, 3, 4]], {{\[\[}}5, 6, 7], [8, 9, 10], [11, 12, 13]]]]> : tensor<1x3x3x3xi8>
func.func @stem(%x: tensor<1x8x8x3xi8>) -> tensor<1x6x6x1xi32> {
  %w = arith.constant dense<[[[[-13,-12,-11],[-10,-9,-8],[-7,-6,-5]],[[-4,-3,-2],[-1,0,1],[2,3,4]],[[5,6,7],[8,9,10],[11,12,13]]]]> : tensor<1x3x3x3xi8>
  %init = tensor.empty() : tensor<1x6x6x1xi32>
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x3xi8>, tensor<1x3x3x3xi8>) outs(%init : tensor<1x6x6x1xi32>)
      {alphabet = #lowbit.alphabet<range, [-128, 127]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x6x6x1xi32>
  return %r : tensor<1x6x6x1xi32>
}

// One row at two bits: fields are multiplied where they are. Five quads are two steps.
// CHECK-LABEL: @row
// AVX2: arith.constant {{.*}} : tensor<64xi8>
// VNNI: arith.constant {{.*}} : tensor<128xi8>
// AVX2: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 18, kernel = [2, 18]>
// VNNI: layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 1, in_place, run = 18, kernel = [2, 18]>
// UNPACK-LABEL: @row
// UNPACK: arith.constant dense<{{\[\[}}-3, -1, 1, 3, 3, 1, -1, -3, -3, -1, 1, 3, 3, 1, -1, -3, -1, 1], [3, 3, 3, 3, 1, 1, 1, 1, -1, -1, -1, -1, -3, -3, -3, -3, 3, -3]]> : tensor<2x18xi8>
func.func @row(%x: tensor<1x18xi8>) -> tensor<1x2xi32> {
  %w = arith.constant dense<[[-3, -1, 1, 3, 3, 1, -1, -3, -3, -1, 1, 3, 3, 1, -1, -3, -1, 1], [3, 3, 3, 3, 1, 1, 1, 1, -1, -1, -1, -1, -3, -3, -3, -3, 3, -3]]> : tensor<2x18xi8>
  %init = tensor.empty() : tensor<1x2xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<1x18xi8>, tensor<2x18xi8>) outs(%init : tensor<1x2xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [2]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x2xi32>
  return %r : tensor<1x2xi32>
}

// At three bits a step has eight quads, twelve are two steps. The bytes are at the end of this file.
// CHECK-LABEL: @row_of_three_bits
// AVX2: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 48, kernel = [1, 48]>
// VNNI: arith.constant dense_resource<[[BITS:.+]]> : tensor<384xi8>
// VNNI: layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 1, in_place, run = 48, kernel = [1, 48]>
// UNPACK-LABEL: @row_of_three_bits
// UNPACK: arith.constant dense<{{\[\[}}-4, -4, -4, -4, -3, -3, -3, -3, -2, -2, -2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0]]> : tensor<1x48xi8>
func.func @row_of_three_bits(%x: tensor<1x48xi8>) -> tensor<1x1xi32> {
  %w = arith.constant dense<[[-4, -4, -4, -4, -3, -3, -3, -3, -2, -2, -2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0]]> : tensor<1x48xi8>
  %init = tensor.empty() : tensor<1x1xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<1x48xi8>, tensor<1x48xi8>) outs(%init : tensor<1x1xi32>)
      {alphabet = #lowbit.alphabet<range, [-4, 3]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x1xi32>
  return %r : tensor<1x1xi32>
}

// Four bits a weight: 64 * 128 / 2 bytes.
// CHECK-LABEL: @matmul
// CHECK: arith.constant {{.*}} : tensor<4096xi8>
// CHECK: lowbit.matmul
// AVX2-SAME: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, offset, run = 128, kernel = [64, 128]>
// VNNI-SAME: layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 128, kernel = [64, 128]>
// UNPACK-LABEL: @matmul
// UNPACK: linalg.generic {{.*}} ins(%{{.+}}, %{{.+}} : tensor<20x128xi8>, tensor<64x128xi8>)
func.func @matmul(%x: tensor<20x128xi8>) -> tensor<20x64xi32> {
  %w = arith.constant dense<-5> : tensor<64x128xi8>
  %init = tensor.empty() : tensor<20x64xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<20x128xi8>, tensor<64x128xi8>) outs(%init : tensor<20x64xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<20x64xi32>
  return %r : tensor<20x64xi32>
}

// The second operand of a product is packed when the network runs: 48 rows are 2 panels of 16 or, with 8 lanes, 3.
// CHECK-LABEL: @product
// CHECK-SAME: %[[A:.+]]: tensor<12x20x30xi8>, %[[B:.+]]: tensor<12x48x30xi8>
// CHECK: %[[E:.+]] = tensor.empty() : tensor<12x1536xi8>
// CHECK: %[[P:.+]] = lowbit.pack ins(%[[B]] : tensor<12x48x30xi8>) outs(%[[E]] : tensor<12x1536xi8>)
// AVX2-SAME: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, top_aligned, run = 30, kernel = [48, 30]>
// VNNI-SAME: layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 2, top_aligned, run = 30, kernel = [48, 30]>
// CHECK: lowbit.batch_matmul ins(%[[A]], %[[P]] : tensor<12x20x30xi8>, tensor<12x1536xi8>)
// AVX2-SAME: layout = #lowbit.layout<"avx2"
// VNNI-SAME: layout = #lowbit.layout<"avx512vnni"
// UNPACK-LABEL: @product
// UNPACK-NOT: lowbit.pack
// UNPACK: linalg.generic {{.*}} ins(%{{.+}}, %{{.+}} : tensor<12x20x30xi8>, tensor<12x48x30xi8>)
func.func @product(%a: tensor<12x20x30xi8>, %b: tensor<12x48x30xi8>) -> tensor<12x20x48xi32> {
  %init = tensor.empty() : tensor<12x20x48xi32>
  %r = lowbit.batch_matmul ins(%a, %b : tensor<12x20x30xi8>, tensor<12x48x30xi8>) outs(%init : tensor<12x20x48xi32>) epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<12x20x48xi32>
  return %r : tensor<12x20x48xi32>
}

// What @row_of_three_bits packs. In the first register quads 0 and 1 are the fields 0 and 1, and quad 6, the level 2, has the
// upper bits 01: 1 << 3 | 1 << 6.
// VNNI: [[BITS]]: "0x0100000048484848{{(0{120})}}5A5A5A5A{{(0{120})}}ACACACAC{{(0{120})}}37373737{{(0{120})}}
