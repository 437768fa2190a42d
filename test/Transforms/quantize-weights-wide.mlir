// A layer whose moments do not fit, as the first dense layer of VGG-11: an error that says what to do.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 2x25088
// RUN: not gpfq-opt %s --gpfq-annotate-layers --gpfq-quantize-weights=calibration=%t.npy -o %t.out 2>&1 | FileCheck %s
// RUN: not test -e %t.out
// CHECK: quantize-weights-wide.mlir:[[@LINE+6]]:{{[0-9]+}}: error: layer 'linear_0' has 25088 inputs a neuron, whose moments take 10071326752 bytes, more than memory-budget; raise it, or leave the layer float with skip
func.func @net(%x: tensor<1x25088xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<0.5> : tensor<25088x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x25088xf32>, tensor<25088x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
