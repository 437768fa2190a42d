// RUN: gpfq-opt %s --lowbit-to-quant -verify-diagnostics -mlir-print-debuginfo -mlir-print-local-scope | FileCheck %s
// RUN: gpfq-opt %s --lowbit-to-quant --canonicalize --quant-to-lowbit 2>/dev/null | FileCheck %s --check-prefix=BACK

// CHECK-LABEL: func @weights
// BACK-LABEL: func @weights
func.func @weights(%l: tensor<2x8xi8>) -> tensor<2x8xf32> {
  %s = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  // CHECK: %[[Q:.*]] = quant.scast %{{.*}} : tensor<2x8xi8> to tensor<2x8x!quant.uniform<i8<-7:7>:f32:0, {5.000000e-01,2.500000e-01}>>
  // CHECK: quant.dcast %[[Q]] : {{.*}} to tensor<2x8xf32> loc("fc"
  // BACK: %[[S:.*]] = arith.constant dense<[5.000000e-01, 2.500000e-01]>
  // BACK: lowbit.dequantize %{{.*}}, %[[S]] axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<2x8xi8>, tensor<2xf32> -> tensor<2x8xf32>
  // BACK-NOT: quant.
  %w = lowbit.dequantize %l, %s axis 0 alphabet <mid_tread, [7]> layer "fc" : tensor<2x8xi8>, tensor<2xf32> -> tensor<2x8xf32>
  return %w : tensor<2x8xf32>
}

// CHECK-LABEL: func @range_per_tensor
// BACK-LABEL: func @range_per_tensor
func.func @range_per_tensor(%l: tensor<2x8xi8>) -> tensor<2x8xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  // CHECK: quant.scast %{{.*}} : tensor<2x8xi8> to tensor<2x8x!quant.uniform<i8<-8:7>:f32, 5.000000e-01>>
  // BACK: lowbit.dequantize %{{.*}}, %{{.*}} alphabet <range, [-8, 7]> :
  %w = lowbit.dequantize %l, %s alphabet <range, [-8, 7]> : tensor<2x8xi8>, tensor<1xf32> -> tensor<2x8xf32>
  return %w : tensor<2x8xf32>
}

// CHECK-LABEL: func @codes
// BACK-LABEL: func @codes
func.func @codes(%q: tensor<2x?xi8>) -> tensor<2x?xf32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  // CHECK: quant.scast %{{.*}} : tensor<2x?xi8> to tensor<2x?x!quant.uniform<u8:f32, 5.000000e-01:3>>
  // BACK: lowbit.dequantize %{{.*}}, %{{.*}} zero_point 3 : tensor<2x?xi8>, tensor<1xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<2x?xi8>, tensor<1xf32> -> tensor<2x?xf32>
  return %x : tensor<2x?xf32>
}

// CHECK-LABEL: func @not_uniform
func.func @not_uniform(%l: tensor<2x8xi8>, %t: tensor<1xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>) {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  // expected-remark @+1 {{has no quant form: the levels of its alphabet are not consecutive}}
  %w = lowbit.dequantize %l, %s alphabet <mid_rise, [2]> : tensor<2x8xi8>, tensor<1xf32> -> tensor<2x8xf32>
  // expected-remark @+1 {{has no quant form: its scale is not constant}}
  %v = lowbit.dequantize %l, %t alphabet <mid_tread, [7]> : tensor<2x8xi8>, tensor<1xf32> -> tensor<2x8xf32>
  return %w, %v : tensor<2x8xf32>, tensor<2x8xf32>
}

// CHECK-LABEL: func @rows
func.func @rows(%q: tensor<4x8xi8>, %s: tensor<4x1xf32>, %z: tensor<4x1xi32>) -> tensor<4x8xf32> {
  // CHECK: lowbit.dequantize_rows
  // expected-remark @+1 {{has no quant form: its scales are computed when it runs}}
  %x = lowbit.dequantize_rows %q, %s, %z : tensor<4x8xi8>, tensor<4x1xf32>, tensor<4x1xi32> -> tensor<4x8xf32>
  return %x : tensor<4x8xf32>
}
