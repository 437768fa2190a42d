// RUN: gpfq-opt %s --quant-to-lowbit -verify-diagnostics | FileCheck %s

!signed_zero_point = !quant.uniform<i8:f32, 0.5:3>
!axis_zero_point = !quant.uniform<i8:f32:0, {0.5:1, 0.25}>
!four_bits = !quant.uniform<i4:f32, 0.5>

// CHECK-LABEL: func @left
func.func @left(%a: tensor<2x8xi8>, %b: tensor<2x8xi4>, %c: tensor<2x8x!signed_zero_point>)
    -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>) {
  // CHECK-COUNT-4: quant.dcast
  %0 = quant.scast %a : tensor<2x8xi8> to tensor<2x8x!signed_zero_point>
  // expected-remark @+1 {{has no lowbit form: signed levels need a zero point of 0}}
  %1 = quant.dcast %0 : tensor<2x8x!signed_zero_point> to tensor<2x8xf32>
  %2 = quant.scast %a : tensor<2x8xi8> to tensor<2x8x!axis_zero_point>
  // expected-remark @+1 {{has no lowbit form: scales per axis need signed levels and zero points of 0}}
  %3 = quant.dcast %2 : tensor<2x8x!axis_zero_point> to tensor<2x8xf32>
  %4 = quant.scast %b : tensor<2x8xi4> to tensor<2x8x!four_bits>
  // expected-remark @+1 {{has no lowbit form: only f32 stored in i8 is supported}}
  %5 = quant.dcast %4 : tensor<2x8x!four_bits> to tensor<2x8xf32>
  // expected-remark @+1 {{has no lowbit form: its operand is no quant.scast of a ranked tensor}}
  %6 = quant.dcast %c : tensor<2x8x!signed_zero_point> to tensor<2x8xf32>
  return %1, %3, %5, %6 : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>
}
