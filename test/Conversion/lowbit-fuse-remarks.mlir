// RUN: gpfq-opt %s --lowbit-fuse -split-input-file -verify-diagnostics

func.func @not_constant(%x: tensor<1x8xf32>, %l: tensor<8x4xi8>, %init: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<8x4xi8>, tensor<1xf32> -> tensor<8x4xf32>
  // expected-remark @+1 {{layer "fc" stays in float: its levels or scales are not constant}}
  %y = linalg.matmul ins(%x, %w : tensor<1x8xf32>, tensor<8x4xf32>) outs(%init : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

func.func @annotated(%x: tensor<1x8xf32>, %w: tensor<8x4xf32>, %init: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // expected-remark @+1 {{layer "fc" stays in float: its weight is not quantised}}
  %y = linalg.matmul {lowbit.layer = #lowbit.layer<"fc", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<1x8xf32>, tensor<8x4xf32>) outs(%init : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

// A scale for each input, not each output.

func.func @wrong_axis(%x: tensor<1x2xf32>, %init: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %s = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %l = arith.constant dense<1> : tensor<2x4xi8>
  %w = lowbit.dequantize %l, %s axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<2x4xi8>, tensor<2xf32> -> tensor<2x4xf32>
  // expected-remark @+1 {{layer "fc" stays in float: its weight scales are not one for each output channel, or each of its blocks}}
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x4xf32>) outs(%init : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

func.func @no_form(%x: tensor<1x4x8x8xf32>, %init: tensor<1x2x6x6xf32>) -> tensor<1x2x6x6xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<1> : tensor<2x4x3x3xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "c" : tensor<2x4x3x3xi8>, tensor<1xf32> -> tensor<2x4x3x3xf32>
  // expected-remark @+1 {{layer "c" stays in float: there is no lowbit form of this op}}
  %y = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x4x8x8xf32>, tensor<2x4x3x3xf32>) outs(%init : tensor<1x2x6x6xf32>) -> tensor<1x2x6x6xf32>
  return %y : tensor<1x2x6x6xf32>
}

// -----

func.func @batch_differs(%x: tensor<2x1x2xf32>, %init: tensor<2x1x2xf32>) -> tensor<2x1x2xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[[1, 2], [3, 4]], [[1, 2], [3, 5]]]> : tensor<2x2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "b" : tensor<2x2x2xi8>, tensor<1xf32> -> tensor<2x2x2xf32>
  // expected-remark @+1 {{layer "b" stays in float: its weight differs between the elements of the batch}}
  %y = linalg.batch_matmul ins(%x, %w : tensor<2x1x2xf32>, tensor<2x2x2xf32>) outs(%init : tensor<2x1x2xf32>) -> tensor<2x1x2xf32>
  return %y : tensor<2x1x2xf32>
}

// -----

func.func @overflow(%q: tensor<1x66312xi8>, %init: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<1> : tensor<66312x1xi8>
  %x = lowbit.dequantize %q, %s : tensor<1x66312xi8>, tensor<1xf32> -> tensor<1x66312xf32>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [127]> layer "long" : tensor<66312x1xi8>, tensor<1xf32> -> tensor<66312x1xf32>
  // expected-remark @+1 {{layer "long" stays in float: the i32 accumulator can overflow: its reduction length 66312 exceeds 66311}}
  %y = linalg.matmul ins(%x, %w : tensor<1x66312xf32>, tensor<66312x1xf32>) outs(%init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

// -----

// One layer reads codes, one does not.

func.func @float_input(%a: tensor<1x2xf32>, %init: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<1> : tensor<2x2xi8>
  %q = lowbit.quantize %a, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  %x = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "int" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %v = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "float" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  // expected-remark @+1 {{layer "float" multiplies in float: its input is not quantised}}
  %z = linalg.matmul ins(%a, %v : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y, %z : tensor<1x2xf32>, tensor<1x2xf32>
}

// -----

// Blocks of input channels of a depthwise convolution make no sense.

func.func @depthwise_blocks(%x: tensor<1x4x4x4xf32>, %init: tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32> {
  %s = arith.constant dense<0.5> : tensor<4x3xf32>
  %l = arith.constant dense<1> : tensor<3x3x4xi8>
  %w = lowbit.dequantize %l, %s axis 2 block_axis 0 alphabet <mid_tread, [7]> layer "d" : tensor<3x3x4xi8>, tensor<4x3xf32> -> tensor<3x3x4xf32>
  // expected-remark @+1 {{layer "d" stays in float: its channel groups have scales for blocks of input channels}}
  %y = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : tensor<1x4x4x4xf32>, tensor<3x3x4xf32>) outs(%init : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  return %y : tensor<1x2x2x4xf32>
}

// -----

// Blocks of the kernel's rows, not of the channels.

func.func @wrong_blocks(%x: tensor<1x4x4x2xf32>, %init: tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32> {
  %s = arith.constant dense<[[0.5, 0.25], [0.5, 0.25], [0.5, 0.25]]> : tensor<3x2xf32>
  %l = arith.constant dense<1> : tensor<3x2x2x2xi8>
  %w = lowbit.dequantize %l, %s axis 0 block_axis 1 alphabet <mid_tread, [7]> layer "c" : tensor<3x2x2x2xi8>, tensor<3x2xf32> -> tensor<3x2x2x2xf32>
  // expected-remark @+1 {{layer "c" stays in float: its weight scales are not one for each output channel, or each of its blocks}}
  %y = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x4x4x2xf32>, tensor<3x2x2x2xf32>) outs(%init : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  return %y : tensor<1x3x3x3xf32>
}
