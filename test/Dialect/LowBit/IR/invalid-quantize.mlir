// RUN: gpfq-opt %s -split-input-file -verify-diagnostics

func.func @f(%x: tensor<4x2xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{input and result shapes differ}}
  %q = lowbit.quantize %x, %s : tensor<4x2xf32>, tensor<1xf32> -> tensor<4xi8>
  return
}

// -----

func.func @f(%x: tensor<4x2xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{takes one scale for the whole tensor, got 'tensor<2xf32>'}}
  %q = lowbit.quantize %x, %s : tensor<4x2xf32>, tensor<2xf32> -> tensor<4x2xi8>
  return
}

// -----

func.func @f(%x: tensor<4x2xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{the largest code is 1 to 255, got 256}}
  %q = lowbit.quantize %x, %s max 256 : tensor<4x2xf32>, tensor<1xf32> -> tensor<4x2xi8>
  return
}

// -----

func.func @f(%x: tensor<4x2xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{zero point 16 is not a code from 0 to 15}}
  %q = lowbit.quantize %x, %s zero_point 16 max 15 : tensor<4x2xf32>, tensor<1xf32> -> tensor<4x2xi8>
  return
}

// -----

func.func @f(%x: tensor<4x2xf32>, %s: tensor<1xf32>) {
  // expected-error @+1 {{zero point -1 is not a code from 0 to 255}}
  %q = lowbit.quantize %x, %s zero_point -1 : tensor<4x2xf32>, tensor<1xf32> -> tensor<4x2xi8>
  return
}

// -----

func.func @f(%x: tensor<4x2xf32>) {
  %s = arith.constant dense<0.0> : tensor<1xf32>
  // expected-error @+1 {{scale must be positive and finite, got 0}}
  %q = lowbit.quantize %x, %s : tensor<4x2xf32>, tensor<1xf32> -> tensor<4x2xi8>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  // expected-error @+1 {{input and result shapes differ}}
  %x = lowbit.dequantize %q, %s : tensor<4x2xi8>, tensor<1xf32> -> tensor<8xf32>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  // expected-error @+1 {{axis 2 is not a dimension of 'tensor<4x2xi8>'}}
  %x = lowbit.dequantize %q, %t axis 2 alphabet <mid_tread, [7]> : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  // expected-error @+1 {{axis 0 needs one scale for each of its 4 indices, got 'tensor<2xf32>'}}
  %x = lowbit.dequantize %q, %t axis 0 alphabet <mid_tread, [7]> : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  // expected-error @+1 {{takes one scale without an axis, got 'tensor<2xf32>'}}
  %x = lowbit.dequantize %q, %t alphabet <mid_tread, [7]> : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  // expected-error @+1 {{levels of an alphabet have no zero point}}
  %x = lowbit.dequantize %q, %s zero_point 3 alphabet <mid_tread, [7]> : tensor<4x2xi8>, tensor<1xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  %l = arith.constant dense<[1, -2, 3]> : tensor<3xi8>
  // expected-error @+1 {{weight level -2 is not in the alphabet #lowbit.alphabet<mid_rise, [2]>}}
  %x = lowbit.dequantize %l, %s alphabet <mid_rise, [2]> : tensor<3xi8>, tensor<1xf32> -> tensor<3xf32>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  // expected-error @+1 {{codes without an alphabet have one scale, not one an axis}}
  %x = lowbit.dequantize %q, %t axis 1 : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  // expected-error @+1 {{zero point 256 is not an 8-bit code}}
  %x = lowbit.dequantize %q, %s zero_point 256 : tensor<4x2xi8>, tensor<1xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @f(%q: tensor<4x2xi8>, %s: tensor<1xf32>, %t: tensor<2xf32>) {
  %c = arith.constant dense<[1.0, -1.0]> : tensor<2xf32>
  // expected-error @+1 {{scale must be positive and finite, got -1}}
  %x = lowbit.dequantize %q, %c axis 1 alphabet <mid_tread, [7]> : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  return
}

// -----

func.func @f(%q: tensor<4x6xi8>, %s: tensor<4x2xf32>) {
  // expected-error @+1 {{block_axis needs an axis and an alphabet}}
  %x = lowbit.dequantize %q, %s block_axis 1 alphabet <mid_tread, [7]> : tensor<4x6xi8>, tensor<4x2xf32> -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<4x6xi8>, %s: tensor<4x2xf32>) {
  // expected-error @+1 {{block_axis 0 is not another dimension of 'tensor<4x6xi8>'}}
  %x = lowbit.dequantize %q, %s axis 0 block_axis 0 alphabet <mid_tread, [7]> : tensor<4x6xi8>, tensor<4x2xf32> -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<4x6xi8>, %s: tensor<4x4xf32>) {
  // expected-error @+1 {{needs a scale of 4 x (a number of blocks that divides 6), got 'tensor<4x4xf32>'}}
  %x = lowbit.dequantize %q, %s axis 0 block_axis 1 alphabet <mid_tread, [7]> : tensor<4x6xi8>, tensor<4x4xf32> -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%q: tensor<4x6xi8>, %s: tensor<4xf32>) {
  // expected-error @+1 {{needs a scale of 4 x (a number of blocks that divides 6), got 'tensor<4xf32>'}}
  %x = lowbit.dequantize %q, %s axis 0 block_axis 1 alphabet <mid_tread, [7]> : tensor<4x6xi8>, tensor<4xf32> -> tensor<4x6xf32>
  return
}

// -----

func.func @rows_scale_shape(%x: tensor<3x8xf32>, %a: tensor<3x8xi8>, %b: tensor<3xf32>, %c: tensor<3x1xi32>) {
  // expected-error @+1 {{needs one scale and zero point a row, of shape [3, 1], got 'tensor<3xf32>'}}
  %r:3 = lowbit.quantize_rows ins(%x : tensor<3x8xf32>) outs(%a, %b, %c : tensor<3x8xi8>, tensor<3xf32>, tensor<3x1xi32>)
      -> tensor<3x8xi8>, tensor<3xf32>, tensor<3x1xi32>
  return
}

// -----

func.func @rows_element(%x: tensor<3x8xf32>, %a: tensor<3x8xi8>, %b: tensor<3x1xf32>, %c: tensor<3x1xi8>) {
  // expected-error @+1 {{takes f32 elements, i8 codes, f32 scales and i32 zero points}}
  %r:3 = lowbit.quantize_rows ins(%x : tensor<3x8xf32>) outs(%a, %b, %c : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi8>)
      -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi8>
  return
}

// -----

func.func @rows_mixed(%x: tensor<3x8xf32>, %a: memref<3x8xi8>, %b: tensor<3x1xf32>, %c: tensor<3x1xi32>) {
  // expected-error @+1 {{operands must be all tensors or all memrefs}}
  lowbit.quantize_rows ins(%x : tensor<3x8xf32>) outs(%a, %b, %c : memref<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>)
  return
}

// -----

func.func @rows_results(%x: tensor<3x8xf32>, %a: tensor<3x8xi8>, %b: tensor<3x1xf32>, %c: tensor<3x1xi32>) {
  // expected-error @+1 {{has a result for each init on tensors and none on memrefs}}
  lowbit.quantize_rows ins(%x : tensor<3x8xf32>) outs(%a, %b, %c : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>)
  return
}

// -----

func.func @rows_dynamic(%q: tensor<?x8xi8>, %s: tensor<?x1xf32>, %z: tensor<?x1xi32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{needs rows of static shape}}
  %r = lowbit.dequantize_rows %q, %s, %z : tensor<?x8xi8>, tensor<?x1xf32>, tensor<?x1xi32> -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

func.func @rows_codes(%q: tensor<3x7xi8>, %s: tensor<3x1xf32>, %z: tensor<3x1xi32>) -> tensor<3x8xf32> {
  // expected-error @+1 {{codes of 'tensor<3x7xi8>' do not have the shape of 'tensor<3x8xf32>'}}
  %r = lowbit.dequantize_rows %q, %s, %z : tensor<3x7xi8>, tensor<3x1xf32>, tensor<3x1xi32> -> tensor<3x8xf32>
  return %r : tensor<3x8xf32>
}

// -----

func.func @rows_sums(%x: tensor<3x8xf32>, %a: tensor<3x8xi8>, %b: tensor<3x1xf32>, %c: tensor<3x1xi32>, %d: tensor<3xi32>) {
  // expected-error @+1 {{needs one i32 sum a row, of shape [3, 1], got 'tensor<3xi32>'}}
  %r:4 = lowbit.quantize_rows ins(%x : tensor<3x8xf32>)
      outs(%a, %b, %c, %d : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>, tensor<3xi32>)
      -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>, tensor<3xi32>
  return
}

// -----

func.func @f(%x: tensor<3x8xf32>, %a: tensor<3x8xi8>, %b: tensor<3x1xf32>, %c: tensor<3x1xi32>) {
  // expected-error @+1 {{the largest code is 1 to 255, got 256}}
  %r:3 = lowbit.quantize_rows max 256 ins(%x : tensor<3x8xf32>) outs(%a, %b, %c : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>)
      -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>
  return
}

// -----

func.func @f(%x: tensor<3x8xf32>, %a: tensor<3x8xi8>, %b: tensor<3x1xf32>, %c: tensor<3x1xi32>) {
  // expected-error @+1 {{symmetric has codes from 1 to 255 and no largest code of its own}}
  %r:3 = lowbit.quantize_rows symmetric max 241 ins(%x : tensor<3x8xf32>) outs(%a, %b, %c : tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>)
      -> tensor<3x8xi8>, tensor<3x1xf32>, tensor<3x1xi32>
  return
}
