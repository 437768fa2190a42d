// RUN: gpfq-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{mid_tread takes K in 1..127, got 0}}
#a = #lowbit.alphabet<mid_tread, [0]>

// -----

// expected-error @+1 {{mid_rise takes K in 1..64 (levels up to 127), got 65}}
#a = #lowbit.alphabet<mid_rise, [65]>

// -----

// expected-error @+1 {{range takes -128 <= lo < hi <= 127, got 3 and 3}}
#a = #lowbit.alphabet<range, [3, 3]>

// -----

// expected-error @+1 {{alphabet 'range' takes 2 value(s), got 1}}
#a = #lowbit.alphabet<range, [3]>

// -----

// expected-error @+1 {{levels must be strictly ascending, got 1 before 1}}
#a = #lowbit.alphabet<levels, [0, 1, 1]>

// -----

// expected-error @+1 {{levels must lie in -128..127}}
#a = #lowbit.alphabet<levels, [0, 128]>

// -----

func.func @scale_count(%x: tensor<4xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{takes one scale for the whole tensor}}
  %q = lowbit.quantize %x, %s : tensor<4xf32>, tensor<2xf32> -> tensor<4xi8>
  return
}

// -----

func.func @zero_scale(%x: tensor<4xf32>) {
  %s = arith.constant dense<0.0> : tensor<1xf32>
  // expected-error @+1 {{scale must be positive and finite}}
  %q = lowbit.quantize %x, %s : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  return
}

// -----

func.func @zero_point(%x: tensor<4xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{zero point 16 is not a 4-bit code}}
  %q = lowbit.quantize %x, %s zero_point 16 bits 4 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  return
}

// -----

func.func @bits(%x: tensor<4xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{codes have 1 to 8 bits, got 9}}
  %q = lowbit.quantize %x, %s bits 9 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  return
}

// -----

func.func @axis_scales(%l: tensor<4x2xi8>, %s: tensor<2xf32>) {
  // expected-error @+1 {{axis 0 needs one scale for each of its 4 indices, got 'tensor<2xf32>'}}
  %w = lowbit.dequantize %l, %s axis 0 alphabet <mid_tread, [7]> : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @codes_with_axis(%l: tensor<2x2xi8>, %s: tensor<2xf32>) {
  // expected-error @+1 {{codes without an alphabet have one scale, not one an axis}}
  %w = lowbit.dequantize %l, %s axis 0 : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @foreign_level(%s: tensor<1xf32>) {
  %l = arith.constant dense<[1, -3, 2]> : tensor<3xi8>
  // expected-error @+1 {{weight level 2 is not in the alphabet #lowbit.alphabet<mid_rise, [2]>}}
  %w = lowbit.dequantize %l, %s alphabet <mid_rise, [2]> : tensor<3xi8>, tensor<1xf32> -> tensor<3xf32>
  return
}

// -----

func.func @overflow(%x: tensor<1x70000xi8>, %w: tensor<1x70000xi8>, %init: tensor<1x1xi32>) {
  // expected-error @+1 {{the i32 accumulator can overflow: 70000 products of codes up to 255 and levels up to 128 exceed 2^31-1; at most 65793 are safe}}
  %r = lowbit.matmul ins(%x, %w : tensor<1x70000xi8>, tensor<1x70000xi8>) outs(%init : tensor<1x1xi32>)
      {alphabet = #lowbit.alphabet<range, [-128, 127]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x1xi32>
  return
}

// -----

func.func @shape(%x: tensor<1x8x8x4xi8>, %w: tensor<16x3x3x4xi8>, %init: tensor<1x8x8x16xi32>) {
  // expected-error @+1 {{init must have shape [1, 6, 6, 16]}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x4xi8>, tensor<16x3x3x4xi8>) outs(%init : tensor<1x8x8x16xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x8x8x16xi32>
  return
}

// -----

func.func @groups(%x: tensor<1x8x8x4xi8>, %w: tensor<16x3x3x4xi8>, %init: tensor<1x6x6x16xi32>) {
  // expected-error @+1 {{with 2 group(s), weights of shape [16, 3, 3, 4] do not fit an input of 4 channels}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x8x8x4xi8>, tensor<16x3x3x4xi8>) outs(%init : tensor<1x6x6x16xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, groups = 2 : i64} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x6x6x16xi32>
  return
}

// -----

func.func @fused_broadcast(%x: tensor<2x4xi8>, %w: tensor<3x4xi8>, %s: tensor<2xf32>, %init: tensor<2x3xf32>) {
  // expected-error @+1 {{fused operand of 'tensor<2xf32>' does not broadcast to [2, 3]}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x4xi8>, tensor<3x4xi8>) fused(%s : tensor<2xf32>) outs(%init : tensor<2x3xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32, %scale: f32):
    lowbit.yield %scale : f32
  } -> tensor<2x3xf32>
  return
}

// -----

func.func @yield_type(%x: tensor<2x4xi8>, %w: tensor<3x4xi8>, %init: tensor<2x3xf32>) {
  // expected-error @+1 {{the epilogue must end with lowbit.yield of 'f32'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x4xi8>, tensor<3x4xi8>) outs(%init : tensor<2x3xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3xf32>
  return
}

// -----

func.func @float_padding(%x: tensor<1x8x8x4xf32>, %w: tensor<3x3x4xi8>, %init: tensor<1x8x8x4xf32>) {
  // expected-error @+1 {{a float input is padded with zero}}
  %r = lowbit.depthwise_conv_2d ins(%x, %w : tensor<1x8x8x4xf32>, tensor<3x3x4xi8>) outs(%init : tensor<1x8x8x4xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding = array<i64: 1, 1, 1, 1>, padding_value = 1 : i32} epilogue {
  ^bb0(%acc: f32):
    lowbit.yield %acc : f32
  } -> tensor<1x8x8x4xf32>
  return
}
