// RUN: gpfq-opt %s --lowbit-to-linalg | %run-main | FileCheck %s
// RUN: gpfq-opt %s --lowbit-fuse --lowbit-to-linalg | %run-main | FileCheck %s

// Rounding of halves to even, clamping, infinities and NaN, with zero point 3.
//   x / 0.5:  0.5  1.5  2.5  -0.5  -1.5  252  300  inf  -inf  nan
//   rounded:  0    2    2    -0    -2    252
//   code:     3    5    5    3     1     255  255  255  0     3
// CHECK: data =
// CHECK-NEXT: {{\[}}3,  5,  5,  3,  1,  255,  255,  255,  0,  3]
func.func @quantize() {
  %x = arith.constant dense<[0.25, 0.75, 1.25, -0.25, -0.75, 126.0, 150.0, 0x7F800000, 0xFF800000, 0x7FC00000]> : tensor<10xf32>
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %q = lowbit.quantize %x, %s zero_point 3 : tensor<10xf32>, tensor<1xf32> -> tensor<10xi8>
  call @print_10(%q) : (tensor<10xi8>) -> ()
  return
}

// With four bits and zero point 0, NaN is 0.
// CHECK: data =
// CHECK-NEXT: {{\[}}0,  2,  2,  0,  0,  15,  15,  15,  0,  0]
func.func @quantize_four_bits() {
  %x = arith.constant dense<[0.25, 0.75, 1.25, -0.25, -0.75, 126.0, 150.0, 0x7F800000, 0xFF800000, 0x7FC00000]> : tensor<10xf32>
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %q = lowbit.quantize %x, %s max 15 : tensor<10xf32>, tensor<1xf32> -> tensor<10xi8>
  call @print_10(%q) : (tensor<10xi8>) -> ()
  return
}

// Codes 5 4 / 3 200 with zero point 4 and scale 0.5 are 0.5 0 / -0.5 98. With one row and one column of padding before,
// levels 1 -2 / 3 -1, scale 0.25 and bias 0.5:
//   acc - 4 sum(w):  -1*1          3*1 - 1*0               =  -1  3
//                    -2*1 - 1*-1   1*1 - 2*0 + 3*-1 - 1*196  =  -1  -198
//   y = that * 0.125 + 0.5:             0.375  0.875 / 0.375  -24.25
//   code = y / 0.125, zero point 10:    13 17 / 13 0
// CHECK: data =
// CHECK-NEXT: {{\[}}13,  17,  13,  0]
func.func @conv() {
  %zero = arith.constant 0.0 : f32
  %codes = arith.constant dense<[[[[5], [4]], [[3], [200]]]]> : tensor<1x2x2x1xi8>
  %half = arith.constant dense<0.5> : tensor<1xf32>
  %quarter = arith.constant dense<0.25> : tensor<1xf32>
  %eighth = arith.constant dense<0.125> : tensor<1xf32>
  %bias = arith.constant dense<0.5> : tensor<1xf32>
  %levels = arith.constant dense<[[[[1], [-2]], [[3], [-1]]]]> : tensor<1x2x2x1xi8>
  %x = lowbit.dequantize %codes, %half zero_point 4 : tensor<1x2x2x1xi8>, tensor<1xf32> -> tensor<1x2x2x1xf32>
  %w = lowbit.dequantize %levels, %quarter alphabet <mid_tread, [3]> : tensor<1x2x2x1xi8>, tensor<1xf32> -> tensor<1x2x2x1xf32>
  %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 0, 0, 0] {
  ^bb0(%n: index, %h: index, %v: index, %c: index):
    tensor.yield %zero : f32
  } : tensor<1x2x2x1xf32> to tensor<1x3x3x1xf32>
  %empty = tensor.empty() : tensor<1x2x2x1xf32>
  %init = linalg.broadcast ins(%bias : tensor<1xf32>) outs(%empty : tensor<1x2x2x1xf32>) dimensions = [0, 1, 2]
  %y = linalg.conv_2d_nhwc_fhwc ins(%padded, %w : tensor<1x3x3x1xf32>, tensor<1x2x2x1xf32>) outs(%init : tensor<1x2x2x1xf32>) -> tensor<1x2x2x1xf32>
  %q = lowbit.quantize %y, %eighth zero_point 10 : tensor<1x2x2x1xf32>, tensor<1xf32> -> tensor<1x2x2x1xi8>
  %flat = tensor.collapse_shape %q [[0, 1, 2, 3]] : tensor<1x2x2x1xi8> into tensor<4xi8>
  %wide = arith.extui %flat : tensor<4xi8> to tensor<4xi32>
  %unranked = tensor.cast %wide : tensor<4xi32> to tensor<*xi32>
  call @printMemrefI32(%unranked) : (tensor<*xi32>) -> ()
  return
}

func.func @print_10(%q: tensor<10xi8>) {
  %wide = arith.extui %q : tensor<10xi8> to tensor<10xi32>
  %unranked = tensor.cast %wide : tensor<10xi32> to tensor<*xi32>
  call @printMemrefI32(%unranked) : (tensor<*xi32>) -> ()
  return
}

func.func @main() {
  call @quantize() : () -> ()
  call @quantize_four_bits() : () -> ()
  call @conv() : () -> ()
  return
}
func.func private @printMemrefI32(tensor<*xi32>) attributes {llvm.emit_c_interface}
