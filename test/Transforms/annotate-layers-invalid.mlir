// RUN: gpfq-opt %s -gpfq-annotate-layers -split-input-file -verify-diagnostics

// expected-error @+1 {{has no convolution or matmul with constant weights that can be quantised}}
func.func @dynamic_weights(%x: tensor<1x3xf32>, %w: tensor<3x2xf32>, %c: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // expected-remark @+1 {{multiplies two activations, so it stays in float}}
  %y = linalg.matmul ins(%x, %w : tensor<1x3xf32>, tensor<3x2xf32>) outs(%c : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// expected-error @+1 {{has no convolution or matmul with constant weights that can be quantised}}
func.func @channels_first(%x: tensor<1x1x4x4xf32>, %a: tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32> {
  %k = arith.constant dense<1.0> : tensor<2x1x3x3xf32>
  // expected-remark @+1 {{run gpfq-channels-last first}}
  %y = linalg.conv_2d_nchw_fchw ins(%x, %k : tensor<1x1x4x4xf32>, tensor<2x1x3x3xf32>) outs(%a : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  return %y : tensor<1x2x2x2xf32>
}
