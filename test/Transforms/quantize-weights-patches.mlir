// Patches of a convolution as it reads them, and as the paper's code draws them.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 32x6x6x1
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=3 granularity=tensor" --gpfq-quantize-weights="calibration=%t.npy recipe=paper held-out=0 report=%t.real.json" -o %t.real.mlir
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=3 granularity=tensor" --gpfq-quantize-weights="calibration=%t.npy recipe=paper held-out=0 patches=paper report=%t.paper.json" -o %t.paper.mlir
// RUN: FileCheck %s < %t.paper.mlir
// RUN: grep in_sample_error %t.real.json > %t.real
// RUN: not grep -F -f %t.real %t.paper.json
// The same in each run.
// RUN: gpfq-opt %s --gpfq-annotate-layers="weight-bits=3 granularity=tensor" --gpfq-quantize-weights="calibration=%t.npy recipe=paper held-out=0 patches=paper" | diff %t.paper.mlir -

// CHECK: lowbit.dequantize {{.*}} layer "conv_0"
func.func @net(%x: tensor<1x6x6x1xf32>) -> tensor<1x4x4x2xf32> {
  %w = arith.constant dense<[[[[0.5], [-0.2], [0.1]], [[0.3], [0.7], [-0.6]], [[0.2], [-0.4], [0.1]]], [[[0.1], [0.6], [-0.3]], [[-0.5], [0.2], [0.4]], [[0.3], [0.1], [-0.7]]]]> : tensor<2x3x3x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x4x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %y = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%x, %w : tensor<1x6x6x1xf32>, tensor<2x3x3x1xf32>) outs(%i : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  return %y : tensor<1x4x4x2xf32>
}
