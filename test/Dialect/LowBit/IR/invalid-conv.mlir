// RUN: gpfq-opt %s -split-input-file -verify-diagnostics

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{weights must be OC x KH x KW x C/groups, got 'tensor<3x3x4xi8>'}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{input must be a static N x H x W x C, got 'tensor<6x6x4xi8>'}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{needs 2 strides, 2 dilations and 4 paddings}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding = array<i64: 1, 1>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{strides and dilations must be positive}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, strides = array<i64: 0, 1>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{strides and dilations must be positive}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, dilations = array<i64: 1, -1>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{padding must not be negative}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding = array<i64: -1, 0, 0, 0>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{padding value 256 is not a code from 0 to 255}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding_value = 256 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xf32>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xf32>) {
  // expected-error @+1 {{a float input is padded with zero}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xf32>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding_value = 3 : i32} epilogue {
  ^bb0(%acc: f32):
    lowbit.yield %acc : f32
  } -> tensor<1x4x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{the kernel of 3 x 3 does not fit in the padded input}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x2x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{with 2 group(s), weights of shape [8, 3, 3, 4] do not fit an input of 4 channels}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, groups = 2 : i64} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x12xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{with 3 group(s), weights of shape [8, 3, 3, 4] do not fit an input of 12 channels}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x12xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, groups = 3 : i64} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x9xi32>) {
  // expected-error @+1 {{init must have shape [1, 4, 4, 8], got 'tensor<1x4x4x9xi32>'}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x9xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x9xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{weights must be KH x KW x C, got 'tensor<8x3x3x4xi8>'}}
  %r = lowbit.depthwise_conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<3x3x5xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{weights have 5 channels, the input 4}}
  %r = lowbit.depthwise_conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<3x3x5xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{strides, dilations and padding must be at most 2147483647}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding = array<i64: 0, 9223372036854775807, 0, 0>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<?x3x3x4xi8>, %init: tensor<1x4x4x?xi32>) {
  // expected-error @+1 {{weights must have static sizes}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<?x3x3x4xi8>) outs(%init : tensor<1x4x4x?xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x?xi32>
  return
}

// -----

func.func @f(%x: tensor<1x5000000000x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4999999998x4x8xi32>) {
  // expected-error @+1 {{input of sizes [1, 5000000000, 6, 4] must have at most 2147483647 in a dimension}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x5000000000x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4999999998x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4999999998x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{padding value 242 is not a code from 0 to 241}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, padding_value = 242 : i32, input_max = 241 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<1x6x6x4xi8>, %w: tensor<8x3x3x4xi8>, %init: tensor<1x4x4x8xi32>) {
  // expected-error @+1 {{input_max is a code from 1 to 255, got 256}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x6x6x4xi8>, tensor<8x3x3x4xi8>) outs(%init : tensor<1x4x4x8xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, input_max = 256 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4x4x8xi32>
  return
}
