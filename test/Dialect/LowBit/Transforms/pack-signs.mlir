// RUN: gpfq-opt %s --lowbit-pack=target=avx512vpopcntdq --cse -verify-diagnostics | FileCheck %s
// RUN: gpfq-opt %s --lowbit-pack=target=avx2 | FileCheck %s --check-prefix=BYTES
// RUN: not gpfq-opt %s --lowbit-pack=target=avx512vpopcntdq --lowbit-to-linalg 2>&1 | FileCheck %s --check-prefix=LINALG
// LINALG: error: 'lowbit.pack_signs' op works on bits; run lowbit-to-linalg before lowbit-pack

// Weights 1, -1, 1, 1, .., 1 of 16 channels: bits 101..1, an empty half of a word. The table is half of 16 + 14.
// The floats are packed, their codes are not made.
// CHECK-LABEL: func @matmul
// CHECK-SAME: %[[X:.*]]: tensor<3x16xf32>
// BYTES: arith.constant dense<[-3, -1, 0, 0, {{(0, )+}}15, 0, 0, 0, {{(0, )+}}0]> : tensor<64xi8>
// CHECK-NOT: lowbit.quantize
// CHECK: %[[B:.*]] = lowbit.pack_signs ins(%[[X]] : tensor<3x16xf32>) outs(%{{.*}} : tensor<3x4xi8>) -> tensor<3x4xi8>
// CHECK: lowbit.matmul ins(%[[B]],
// CHECK-SAME: layout = #lowbit.layout<"avx512vpopcntdq", lanes = 16, vectors = 1, signs, run = 4, kernel = [1, 16]>
func.func @matmul(%x: tensor<3x16xf32>) -> tensor<3x1xi32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %w = arith.constant dense<[[1, -1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]]> : tensor<1x16xi8>
  %q = lowbit.quantize %x, %s sign zero_point 1 : tensor<3x16xf32>, tensor<1xf32> -> tensor<3x16xi8>
  %init = tensor.empty() : tensor<3x1xi32>
  %r = lowbit.matmul ins(%q, %w : tensor<3x16xi8>, tensor<1x16xi8>) outs(%init : tensor<3x1xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<3x1xi32>
  return %r : tensor<3x1xi32>
}

// Codes that a pool makes of codes are packed once for two layers. The border has the pixels whose window goes over
// padding; padding with the code 0 is like any other pixel.
// CHECK-LABEL: func @convolutions
// CHECK: %[[POOL:.*]] = linalg.pooling_nhwc_max_unsigned
// CHECK: %[[B:.*]] = lowbit.pack_signs ins(%[[POOL]] : tensor<1x7x8x32xi8>) outs(%{{.*}} : tensor<1x7x8x4xi8>)
// CHECK-NOT: lowbit.pack_signs
// CHECK: %[[P:.*]] = tensor.pad %[[B]] low[0, 1, 1, 0] high[0, 1, 0, 0]
// CHECK: tensor<1x7x8x4xi8> to tensor<1x9x9x4xi8>
// CHECK: lowbit.conv_2d ins(%[[P]],
// CHECK-SAME: signs, run = 12, kernel = [32, 3, 3, 32], border = [1, 1, 1, 0]>
// CHECK: lowbit.conv_2d
// CHECK-SAME: signs, run = 12, kernel = [32, 3, 3, 32]>
func.func @convolutions(%x: tensor<1x8x9x32xf32>) -> (tensor<1x4x4x32xi32>, tensor<1x4x4x32xi32>) {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %zero = arith.constant 0 : i8
  %w = arith.constant dense<-1> : tensor<32x3x3x32xi8>
  %window = tensor.empty() : tensor<2x2xi8>
  %e = tensor.empty() : tensor<1x7x8x32xi8>
  %i = linalg.fill ins(%zero : i8) outs(%e : tensor<1x7x8x32xi8>) -> tensor<1x7x8x32xi8>
  %q = lowbit.quantize %x, %s sign zero_point 1 : tensor<1x8x9x32xf32>, tensor<1xf32> -> tensor<1x8x9x32xi8>
  %p = linalg.pooling_nhwc_max_unsigned {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%q, %window : tensor<1x8x9x32xi8>, tensor<2x2xi8>) outs(%i : tensor<1x7x8x32xi8>) -> tensor<1x7x8x32xi8>
  %init = tensor.empty() : tensor<1x4x4x32xi32>
  %r = lowbit.conv_2d ins(%p, %w : tensor<1x7x8x32xi8>, tensor<32x3x3x32xi8>) outs(%init : tensor<1x4x4x32xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1, 1, 0>, padding_value = 1 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x32xi32>
  %t = lowbit.conv_2d ins(%p, %w : tensor<1x7x8x32xi8>, tensor<32x3x3x32xi8>) outs(%init : tensor<1x4x4x32xi32>)
      {alphabet = #lowbit.alphabet<levels, [-1, 1]>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1, 1, 0>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x32xi32>
  return %r, %t : tensor<1x4x4x32xi32>, tensor<1x4x4x32xi32>
}

// A layer whose signs nothing else reads yields bits.
// CHECK-LABEL: func @epilogue
// CHECK: %[[B:.*]] = lowbit.matmul
// CHECK-SAME: outs(%{{.*}} : tensor<3x8xi8>)
// CHECK: %[[BIT:.*]] = arith.cmpf uge
// CHECK: lowbit.yield %[[BIT]] : i1
// CHECK-NEXT: -> tensor<3x8xi8>
// CHECK-NOT: lowbit.pack_signs
// CHECK: lowbit.matmul ins(%[[B]],
func.func @epilogue(%x: tensor<3x16xi8>) -> tensor<3x1xi32> {
  %v = arith.constant dense<7> : tensor<64x16xi8>
  %w = arith.constant dense<1> : tensor<1x64xi8>
  %first = tensor.empty() : tensor<3x64xi8>
  %init = tensor.empty() : tensor<3x1xi32>
  %q = lowbit.matmul ins(%x, %v : tensor<3x16xi8>, tensor<64x16xi8>) outs(%first : tensor<3x64xi8>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    %negative = arith.constant 0 : i8
    %positive = arith.constant 2 : i8
    %zero = arith.constant 0.0 : f32
    %f = arith.sitofp %acc : i32 to f32
    %bit = arith.cmpf uge, %f, %zero : f32
    %code = arith.select %bit, %positive, %negative : i8
    lowbit.yield %code : i8
  } -> tensor<3x64xi8>
  %r = lowbit.matmul ins(%q, %w : tensor<3x64xi8>, tensor<1x64xi8>) outs(%init : tensor<3x1xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<3x1xi32>
  return %r : tensor<3x1xi32>
}

// CHECK-LABEL: func @bytes
// CHECK-NOT: lowbit.pack_signs
// CHECK-NOT: signs
// CHECK: return
func.func @bytes(%x: tensor<1x4x4x8xf32>) -> (tensor<1x4x4x4xi32>, tensor<1x4x4x8xi32>) {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %w = arith.constant dense<-1> : tensor<4x1x1x8xi8>
  %v = arith.constant dense<-1> : tensor<1x1x8xi8>
  %q = lowbit.quantize %x, %s sign zero_point 1 : tensor<1x4x4x8xf32>, tensor<1xf32> -> tensor<1x4x4x8xi8>
  %init = tensor.empty() : tensor<1x4x4x4xi32>
  %other = tensor.empty() : tensor<1x4x4x8xi32>
  // expected-remark @+1 {{layer "short" multiplies signs as bytes: it has 8 input channels, fewer than 16}}
  %r = lowbit.conv_2d ins(%q, %w : tensor<1x4x4x8xi8>, tensor<4x1x1x8xi8>) outs(%init : tensor<1x4x4x4xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>, layer = "short"} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x4xi32>
  // expected-remark @+1 {{layer "deep" multiplies signs as bytes: it is depthwise}}
  %t = lowbit.depthwise_conv_2d ins(%q, %v : tensor<1x4x4x8xi8>, tensor<1x1x8xi8>) outs(%other : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>, layer = "deep"} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return %r, %t : tensor<1x4x4x4xi32>, tensor<1x4x4x8xi32>
}

// CHECK-LABEL: func @odd
// CHECK-NOT: lowbit.pack_signs
func.func @odd(%x: tensor<1x4x4x33xf32>) -> tensor<1x4x4x32xi32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %w = arith.constant dense<-1> : tensor<32x3x3x33xi8>
  %q = lowbit.quantize %x, %s sign zero_point 1 : tensor<1x4x4x33xf32>, tensor<1xf32> -> tensor<1x4x4x33xi8>
  %init = tensor.empty() : tensor<1x4x4x32xi32>
  // expected-remark @+1 {{layer "odd" multiplies signs as bytes: it pads an odd number of input channels}}
  %r = lowbit.conv_2d ins(%q, %w : tensor<1x4x4x33xi8>, tensor<32x3x3x33xi8>) outs(%init : tensor<1x4x4x32xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>, layer = "odd", padding = array<i64: 1, 1, 1, 1>, padding_value = 1 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x32xi32>
  return %r : tensor<1x4x4x32xi32>
}
