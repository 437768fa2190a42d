// RUN: gpfq-opt %s | gpfq-opt | FileCheck %s
// RUN: gpfq-opt %s -mlir-print-op-generic | gpfq-opt | FileCheck %s

// CHECK-LABEL: func @quantize
func.func @quantize(%x: tensor<1x8x8x4xf32>, %s: tensor<1xf32>) -> tensor<1x8x8x4xf32> {
  // CHECK: lowbit.quantize %{{.*}}, %{{.*}} zero_point 3 : tensor<1x8x8x4xf32>, tensor<1xf32> -> tensor<1x8x8x4xi8>
  %q = lowbit.quantize %x, %s zero_point 3 : tensor<1x8x8x4xf32>, tensor<1xf32> -> tensor<1x8x8x4xi8>
  // CHECK: lowbit.dequantize %{{.*}}, %{{.*}} zero_point 3 : tensor<1x8x8x4xi8>, tensor<1xf32> -> tensor<1x8x8x4xf32>
  %y = lowbit.dequantize %q, %s zero_point 3 : tensor<1x8x8x4xi8>, tensor<1xf32> -> tensor<1x8x8x4xf32>
  return %y : tensor<1x8x8x4xf32>
}

// CHECK-LABEL: func @signs
func.func @signs(%x: tensor<2x48xf32>, %s: tensor<1xf32>, %b: tensor<2x8xi8>) -> (tensor<2x48xi8>, tensor<2x8xi8>) {
  // CHECK: lowbit.quantize %{{.*}}, %{{.*}} sign zero_point 1 : tensor<2x48xf32>, tensor<1xf32> -> tensor<2x48xi8>
  %q = lowbit.quantize %x, %s sign zero_point 1 : tensor<2x48xf32>, tensor<1xf32> -> tensor<2x48xi8>
  // CHECK: lowbit.pack_signs ins(%{{.*}} : tensor<2x48xf32>) outs(%{{.*}} : tensor<2x8xi8>) -> tensor<2x8xi8>
  %p = lowbit.pack_signs ins(%x : tensor<2x48xf32>) outs(%b : tensor<2x8xi8>) -> tensor<2x8xi8>
  return %q, %p : tensor<2x48xi8>, tensor<2x8xi8>
}

// CHECK-LABEL: func @bits
func.func @bits(%x: memref<1x4x4x4xi8>, %w: memref<1664xi8>, %y: memref<1x4x4x4xi8>) {
  // CHECK: layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, signs, run = 12, kernel = [32, 3, 3, 32], border = [1, 0, 0, 1]>
  lowbit.conv_2d ins(%x, %w : memref<1x4x4x4xi8>, memref<1664xi8>) outs(%y : memref<1x4x4x4xi8>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>, padding = array<i64: 1, 1, 1, 1>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, signs, run = 12, kernel = [32, 3, 3, 32], border = [1, 0, 0, 1]>} epilogue {
  ^bb0(%acc: i32):
    %zero = arith.constant 0 : i32
    %bit = arith.cmpi sgt, %acc, %zero : i32
    // CHECK: lowbit.yield %{{.*}} : i1
    lowbit.yield %bit : i1
  }
  return
}

// CHECK-LABEL: func @weights
func.func @weights(%l: tensor<16x3x3x4xi8>, %s: tensor<16xf32>) -> tensor<16x3x3x4xf32> {
  // CHECK: lowbit.dequantize %{{.*}}, %{{.*}} axis 0 alphabet <mid_tread, [7]> layer "conv1"
  %w = lowbit.dequantize %l, %s axis 0 alphabet <mid_tread, [7]> layer "conv1"
     : tensor<16x3x3x4xi8>, tensor<16xf32> -> tensor<16x3x3x4xf32>
  return %w : tensor<16x3x3x4xf32>
}

// CHECK-LABEL: func @block_scales
func.func @block_scales(%l: tensor<16x3x3x4xi8>, %s: tensor<16x2xf32>) -> tensor<16x3x3x4xf32> {
  // CHECK: lowbit.dequantize %{{.*}}, %{{.*}} axis 0 block_axis 3 alphabet <mid_tread, [7]> layer "conv1" : tensor<16x3x3x4xi8>, tensor<16x2xf32>
  %w = lowbit.dequantize %l, %s axis 0 block_axis 3 alphabet <mid_tread, [7]> layer "conv1"
     : tensor<16x3x3x4xi8>, tensor<16x2xf32> -> tensor<16x3x3x4xf32>
  return %w : tensor<16x3x3x4xf32>
}

// CHECK-LABEL: func @conv_2d
func.func @conv_2d(%x: tensor<1x8x8x4xi8>, %w: tensor<16x3x3x4xi8>, %s: tensor<16xf32>, %b: tensor<16xf32>,
                   %init: tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32> {
  // CHECK: lowbit.conv_2d ins(%{{.*}}, %{{.*}} : tensor<1x8x8x4xi8>, tensor<16x3x3x4xi8>) fused(%{{.*}}, %{{.*}} : tensor<16xf32>, tensor<16xf32>) outs(%{{.*}} : tensor<1x8x8x16xf32>)
  // CHECK-SAME: alphabet = #lowbit.alphabet<mid_tread, [7]>
  // CHECK-SAME: epilogue {
  // CHECK-NEXT: ^bb0(%{{.*}}: i32, %{{.*}}: f32, %{{.*}}: f32):
  // CHECK: lowbit.yield %{{.*}} : f32
  // CHECK: -> tensor<1x8x8x16xf32>
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x4xi8>, tensor<16x3x3x4xi8>)
      fused(%s, %b : tensor<16xf32>, tensor<16xf32>) outs(%init : tensor<1x8x8x16xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding = array<i64: 1, 1, 1, 1>, padding_value = 3 : i32} epilogue {
  ^bb0(%acc: i32, %scale: f32, %bias: f32):
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %scale : f32
    %y = arith.addf %m, %bias : f32
    lowbit.yield %y : f32
  } -> tensor<1x8x8x16xf32>
  return %r : tensor<1x8x8x16xf32>
}

// CHECK-LABEL: func @depthwise
func.func @depthwise(%x: memref<1x8x8x4xi8>, %w: memref<3x3x4xi8>, %init: memref<1x3x3x4xi32>) {
  // CHECK: lowbit.depthwise_conv_2d ins(%{{.*}}, %{{.*}} : memref<1x8x8x4xi8>, memref<3x3x4xi8>) outs(%{{.*}} : memref<1x3x3x4xi32>)
  lowbit.depthwise_conv_2d ins(%x, %w : memref<1x8x8x4xi8>, memref<3x3x4xi8>) outs(%init : memref<1x3x3x4xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [2]>, strides = array<i64: 2, 2>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// CHECK-LABEL: func @matmul
func.func @matmul(%x: tensor<2x5x64xf32>, %w: tensor<10x64xi8>, %init: tensor<2x5x10xf32>) -> tensor<2x5x10xf32> {
  // CHECK: lowbit.matmul ins(%{{.*}}, %{{.*}} : tensor<2x5x64xf32>, tensor<10x64xi8>) outs(%{{.*}} : tensor<2x5x10xf32>)
  %r = lowbit.matmul ins(%x, %w : tensor<2x5x64xf32>, tensor<10x64xi8>) outs(%init : tensor<2x5x10xf32>)
      {alphabet = #lowbit.alphabet<levels, [-5, -4, -3, 0, 3, 4, 5]>, layer = "fc"} epilogue {
  ^bb0(%acc: f32):
    lowbit.yield %acc : f32
  } -> tensor<2x5x10xf32>
  return %r : tensor<2x5x10xf32>
}

// CHECK-LABEL: func @layer
// CHECK-SAME: lowbit.layer = #lowbit.layer<"block.0.conv", <mid_tread, [7]>, channel>
func.func @layer() attributes {lowbit.layer = #lowbit.layer<"block.0.conv", <mid_tread, [7]>, channel>} { return }

// CHECK-LABEL: func @block_layer
// CHECK-SAME: lowbit.layer = #lowbit.layer<"block.1.conv", <mid_tread, [7]>, block, 32>
func.func @block_layer() attributes {lowbit.layer = #lowbit.layer<"block.1.conv", <mid_tread, [7]>, block, 32>} { return }

// CHECK-LABEL: func @quantize_rows
// CHECK: %[[Q:.*]]:3 = lowbit.quantize_rows ins(%{{.*}} : tensor<2x3x8xf32>) outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32>) -> tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32>
// CHECK: lowbit.dequantize_rows %[[Q]]#0, %[[Q]]#1, %[[Q]]#2 : tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32> -> tensor<2x3x8xf32>
func.func @quantize_rows(%x: tensor<2x3x8xf32>, %a: tensor<2x3x8xi8>, %b: tensor<2x3x1xf32>, %c: tensor<2x3x1xi32>) -> tensor<2x3x8xf32> {
  %q, %s, %z = lowbit.quantize_rows ins(%x : tensor<2x3x8xf32>)
      outs(%a, %b, %c : tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32>)
      -> tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32>
  %d = lowbit.dequantize_rows %q, %s, %z : tensor<2x3x8xi8>, tensor<2x3x1xf32>, tensor<2x3x1xi32> -> tensor<2x3x8xf32>
  return %d : tensor<2x3x8xf32>
}

// CHECK-LABEL: func @quantize_rows_of_buffers
// CHECK: lowbit.quantize_rows symmetric ins(%{{.*}} : memref<3x8xf32>) outs(%{{.*}}, %{{.*}}, %{{.*}} : memref<3x8xi8>, memref<3x1xf32>, memref<3x1xi32>){{$}}
func.func @quantize_rows_of_buffers(%x: memref<3x8xf32>, %a: memref<3x8xi8>, %b: memref<3x1xf32>, %c: memref<3x1xi32>) {
  lowbit.quantize_rows symmetric ins(%x : memref<3x8xf32>) outs(%a, %b, %c : memref<3x8xi8>, memref<3x1xf32>, memref<3x1xi32>)
  return
}

// CHECK-LABEL: func @quantize_rows_with_sums
// CHECK: lowbit.quantize_rows symmetric ins(%{{.*}} : tensor<3x8xf32>) outs(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>, tensor<3x1xi32>) -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>, tensor<3x1xi32>
func.func @quantize_rows_with_sums(%x: tensor<3x8xf32>, %a: tensor<3x8xi8>, %b: tensor<3x1xf32>, %c: tensor<3x1xi32>) -> tensor<3x1xi32> {
  %r:4 = lowbit.quantize_rows symmetric ins(%x : tensor<3x8xf32>)
      outs(%a, %b, %c, %c : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>, tensor<3x1xi32>)
      -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>, tensor<3x1xi32>
  return %r#3 : tensor<3x1xi32>
}

// CHECK-LABEL: func @batch_matmul
// CHECK: %[[P:.*]] = lowbit.pack ins(%{{.*}} : tensor<2x5x8xi8>) outs(%{{.*}} : tensor<2x64xi8>) {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} -> tensor<2x64xi8>
// CHECK: lowbit.batch_matmul ins(%{{.*}}, %[[P]] : tensor<2x3x8xi8>, tensor<2x64xi8>) fused(%{{.*}} : tensor<2x3x1xf32>) outs(%{{.*}} : tensor<2x3x5xf32>) {layer = "scores", layout = {{.*}}} epilogue {
func.func @batch_matmul(%a: tensor<2x3x8xi8>, %b: tensor<2x5x8xi8>, %s: tensor<2x3x1xf32>, %bytes: tensor<2x64xi8>, %init: tensor<2x3x5xf32>) -> tensor<2x3x5xf32> {
  %p = lowbit.pack ins(%b : tensor<2x5x8xi8>) outs(%bytes : tensor<2x64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} -> tensor<2x64xi8>
  %r = lowbit.batch_matmul ins(%a, %p : tensor<2x3x8xi8>, tensor<2x64xi8>) fused(%s : tensor<2x3x1xf32>)
      outs(%init : tensor<2x3x5xf32>)
      {layer = "scores", layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} epilogue {
  ^bb0(%acc: i32, %scale: f32):
    %f = arith.sitofp %acc : i32 to f32
    %m = arith.mulf %f, %scale : f32
    lowbit.yield %m : f32
  } -> tensor<2x3x5xf32>
  return %r : tensor<2x3x5xf32>
}

// CHECK-LABEL: func @batch_matmul_of_buffers
// CHECK: lowbit.batch_matmul ins(%{{.*}}, %{{.*}} : memref<3x8xi8>, memref<5x8xi8>) outs(%{{.*}} : memref<3x5xi32>) epilogue {
func.func @batch_matmul_of_buffers(%a: memref<3x8xi8>, %b: memref<5x8xi8>, %r: memref<3x5xi32>) {
  lowbit.batch_matmul ins(%a, %b : memref<3x8xi8>, memref<5x8xi8>) outs(%r : memref<3x5xi32>) epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
