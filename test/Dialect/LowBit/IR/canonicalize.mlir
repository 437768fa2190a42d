// RUN: gpfq-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: func @quantize_of_dequantize(
// CHECK-SAME: %[[Q:.*]]: tensor<4xi8>
// CHECK: return %[[Q]]
func.func @quantize_of_dequantize(%q: tensor<4xi8>, %s: tensor<1xf32>) -> tensor<4xi8> {
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<4xi8>, tensor<1xf32> -> tensor<4xf32>
  %r = lowbit.quantize %x, %s zero_point 3 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  return %r : tensor<4xi8>
}

// Another zero point is another code.
// CHECK-LABEL: func @other_zero_point
// CHECK: lowbit.quantize
func.func @other_zero_point(%q: tensor<4xi8>, %s: tensor<1xf32>) -> tensor<4xi8> {
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<4xi8>, tensor<1xf32> -> tensor<4xf32>
  %r = lowbit.quantize %x, %s zero_point 4 : tensor<4xf32>, tensor<1xf32> -> tensor<4xi8>
  return %r : tensor<4xi8>
}
