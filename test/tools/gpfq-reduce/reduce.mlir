// A network that something goes wrong with, cut down to the layer that it goes wrong with: here the 2-bit matmul.

// RUN: gpfq-reduce %s --gpfq-reduce-network='test=%S/Inputs/has-mid-rise.sh' | FileCheck %s

// The test has to be there, and to find the network interesting.
// RUN: not gpfq-reduce %s --gpfq-reduce-network='test=%t.none' 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: test={{.*}}.none is not a program that can be run
// RUN: not gpfq-reduce %s --gpfq-reduce-network='test=/bin/true' 2>&1 | FileCheck %s --check-prefix=BORING
// BORING: error: the test does not find the network interesting

// CHECK: func.func @net(%[[X:.*]]: tensor<1x4xf32>)
// CHECK-DAG: arith.constant
// CHECK-DAG: arith.constant
// CHECK-DAG: tensor.empty
// CHECK: %[[W:.*]] = lowbit.dequantize {{.*}} alphabet <mid_rise, [2]> layer "b"
// CHECK-NEXT: %[[Y:.*]] = linalg.matmul ins(%[[X]], %[[W]]
// CHECK-NEXT: return %[[Y]]
func.func @net(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %scale = arith.constant dense<0.5> : tensor<1xf32>
  %scales = arith.constant dense<0.25> : tensor<2xf32>
  %w0 = arith.constant dense<3> : tensor<4x4xi8>
  %w1 = arith.constant dense<-3> : tensor<4x2xi8>
  %e0 = tensor.empty() : tensor<1x4xf32>
  %e1 = tensor.empty() : tensor<1x2xf32>
  %q = lowbit.quantize %x, %scale : tensor<1x4xf32>, tensor<1xf32> -> tensor<1x4xi8>
  %d = lowbit.dequantize %q, %scale : tensor<1x4xi8>, tensor<1xf32> -> tensor<1x4xf32>
  %d0 = lowbit.dequantize %w0, %scale alphabet <mid_tread, [7]> layer "a" : tensor<4x4xi8>, tensor<1xf32> -> tensor<4x4xf32>
  %y0 = linalg.matmul ins(%d, %d0 : tensor<1x4xf32>, tensor<4x4xf32>) outs(%e0 : tensor<1x4xf32>) -> tensor<1x4xf32>
  %z = linalg.exp ins(%y0 : tensor<1x4xf32>) outs(%e0 : tensor<1x4xf32>) -> tensor<1x4xf32>
  %d1 = lowbit.dequantize %w1, %scales axis 1 alphabet <mid_rise, [2]> layer "b" : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  %y = linalg.matmul ins(%z, %d1 : tensor<1x4xf32>, tensor<4x2xf32>) outs(%e1 : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
