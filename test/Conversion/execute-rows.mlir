// RUN: gpfq-opt %s --lowbit-to-linalg | %run-main | FileCheck %s

// Rounding of halves to even, clamping, infinities and NaN. Scales and zero points:
//   (100 + 27.5) / 255 = 0.5, 55;  largest float / 255, 0;  1, 255;  2^-126, 0
//   100 / 0.5 + 55 = 255; the largest code is that of infinity; -0.5, -1.5 and -2.5 go to -0, -2 and -2.
// CHECK: data =
// CHECK-NEXT: {{\[}}[55,   57,   57,   53,   255,   0,   55],
// CHECK-NEXT: [255,   0,   0,   0,   0,   0,   0],
// CHECK-NEXT: [0,   254,   1,   255,   255,   253,   253],
// CHECK-NEXT: [0,   0,   0,   0,   0,   0,   0]]
// CHECK: data =
// CHECK-NEXT: {{\[}}[55],
// CHECK-NEXT: [0],
// CHECK-NEXT: [255],
// CHECK-NEXT: [0]]
// CHECK: data =
// CHECK-NEXT: {{\[}}[0.5],
// CHECK-NEXT: [1.334{{[0-9]*}}e+36],
// CHECK-NEXT: [1],
// CHECK-NEXT: [1.17549e-38]]
func.func @asymmetric() {
  %x = arith.constant dense<[[0.25, 0.75, 1.25, -0.75, 100.0, -27.5, 0x7FC00000],
                             [0x7F800000, 1.0, 0.0, 2.0, 0x7FC00000, 0.0, 0.0],
                             [-255.0, -1.0, -254.5, 0.0, -0.5, -1.5, -2.5],
                             [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<4x7xf32>
  %a = tensor.empty() : tensor<4x7xi8>
  %b = tensor.empty() : tensor<4x1xf32>
  %c = tensor.empty() : tensor<4x1xi32>
  %q, %s, %z = lowbit.quantize_rows ins(%x : tensor<4x7xf32>)
      outs(%a, %b, %c : tensor<4x7xi8>, tensor<4x1xf32>, tensor<4x1xi32>)
      -> tensor<4x7xi8>, tensor<4x1xf32>, tensor<4x1xi32>
  %wide = arith.extui %q : tensor<4x7xi8> to tensor<4x7xi32>
  %u = tensor.cast %wide : tensor<4x7xi32> to tensor<*xi32>
  %v = tensor.cast %z : tensor<4x1xi32> to tensor<*xi32>
  %w = tensor.cast %s : tensor<4x1xf32> to tensor<*xf32>
  call @printMemrefI32(%u) : (tensor<*xi32>) -> ()
  call @printMemrefI32(%v) : (tensor<*xi32>) -> ()
  call @printMemrefF32(%w) : (tensor<*xf32>) -> ()
  return
}

// 63.5 / 127 = 0.5, and back: codes minus 128, halved.
// CHECK: data =
// CHECK-NEXT: {{\[}}[255,   1,   128,   130,   128,   128,   130]]
// CHECK: data =
// CHECK-NEXT: {{\[}}[63.5,   -63.5,   0,   1,   0,   0,   1]]
func.func @symmetric() {
  %x = arith.constant dense<[[63.5, -63.5, 0.25, 0.75, 0.0, 0x7FC00000, 1.25]]> : tensor<1x7xf32>
  %a = tensor.empty() : tensor<1x7xi8>
  %b = tensor.empty() : tensor<1x1xf32>
  %c = tensor.empty() : tensor<1x1xi32>
  %q, %s, %z = lowbit.quantize_rows symmetric ins(%x : tensor<1x7xf32>)
      outs(%a, %b, %c : tensor<1x7xi8>, tensor<1x1xf32>, tensor<1x1xi32>)
      -> tensor<1x7xi8>, tensor<1x1xf32>, tensor<1x1xi32>
  %d = lowbit.dequantize_rows %q, %s, %z : tensor<1x7xi8>, tensor<1x1xf32>, tensor<1x1xi32> -> tensor<1x7xf32>
  %wide = arith.extui %q : tensor<1x7xi8> to tensor<1x7xi32>
  %u = tensor.cast %wide : tensor<1x7xi32> to tensor<*xi32>
  %v = tensor.cast %d : tensor<1x7xf32> to tensor<*xf32>
  call @printMemrefI32(%u) : (tensor<*xi32>) -> ()
  call @printMemrefF32(%v) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  call @asymmetric() : () -> ()
  call @symmetric() : () -> ()
  return
}
func.func private @printMemrefI32(tensor<*xi32>)
func.func private @printMemrefF32(tensor<*xf32>)
