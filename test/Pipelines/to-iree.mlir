// From a float network with a dynamic batch to text for iree-compile: upstream ops alone, the batch a loop.

// RUN: %python %S/../Inputs/make_npy.py %t.npy 16x4
// RUN: gpfq-opt %s --gpfq-quantize="calibration=%t.npy weight-bits=3" --gpfq-to-iree | FileCheck %s --implicit-check-not=lowbit
// RUN: gpfq-opt %s --gpfq-quantize="calibration=%t.npy weight-bits=3" --gpfq-to-iree="pack-weights=false round-products=false" | FileCheck %s --check-prefix=PLAIN --implicit-check-not=linalg.index --implicit-check-not=math.fma
// RUN: gpfq-opt %s --gpfq-quantize="calibration=%t.npy weight-bits=3" --gpfq-to-iree | mlir-opt > /dev/null

// CHECK: func.func @net(%{{.*}}: tensor<?x4xf32>) -> tensor<?x2xf32>
// CHECK: scf.for
// CHECK: func.func private @net_sample
// CHECK: linalg.index
// CHECK: linalg.matmul
// CHECK: math.fma
// PLAIN: linalg.matmul
// PLAIN: arith.mulf
func.func @net(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %c0 = arith.constant 0 : index
  %w = arith.constant dense<[[0.7, -0.2], [0.1, 0.5], [-0.6, 0.3], [0.2, 0.4]]> : tensor<4x2xf32>
  %b = arith.constant dense<[0.5, -0.5]> : tensor<2xf32>
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x2xf32>
  %i = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<?x2xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x2xf32>) outs(%i : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
