// RUN: gpfq-opt %s --lowbit-to-linalg | %run-main | FileCheck %s
// The same by packed kernels: unpacking is reading what was packed.
// RUN: gpfq-opt %s --pass-pipeline="builtin.module(func.func(lowbit-pack{target=generic}),lowbit-to-linalg)" | %run-main | FileCheck %s

// Codes less by 128 are 0 1 -1 and -128 127 0, and the other way round in the second matrix; their sums are 0 and -1.
// acc - z * sum: 1 2 255 times these, z = 1; 0 128 3, z = 100.
// CHECK: data =
// CHECK-NEXT: -253,    127
// CHECK-NEXT: 125,    16356
// CHECK-NEXT: 127,    -253
// CHECK-NEXT: 16356,    125
func.func @product() {
  %a = arith.constant dense<[[[1, 2, 255], [0, 128, 3]], [[1, 2, 255], [0, 128, 3]]]> : tensor<2x2x3xi8>
  %b = arith.constant dense<[[[128, 129, 127], [0, 255, 128]], [[0, 255, 128], [128, 129, 127]]]> : tensor<2x2x3xi8>
  %sums = arith.constant dense<[[[0, -1]], [[-1, 0]]]> : tensor<2x1x2xi32>
  %zero = arith.constant dense<[[[1], [100]], [[1], [100]]]> : tensor<2x2x1xi32>
  %e = tensor.empty() : tensor<2x2x2xi32>
  %r = lowbit.batch_matmul ins(%a, %b : tensor<2x2x3xi8>, tensor<2x2x3xi8>)
      fused(%sums, %zero : tensor<2x1x2xi32>, tensor<2x2x1xi32>) outs(%e : tensor<2x2x2xi32>) epilogue {
  ^bb0(%acc: i32, %sum: i32, %z: i32):
    %c = arith.muli %z, %sum : i32
    %d = arith.subi %acc, %c : i32
    lowbit.yield %d : i32
  } -> tensor<2x2x2xi32>
  %u = tensor.cast %r : tensor<2x2x2xi32> to tensor<*xi32>
  call @printMemrefI32(%u) : (tensor<*xi32>) -> ()
  return
}

// Sums of codes less by the zero point: 63.5 / 127 = 0.5; 127, 2 and -1 (-0.5 / 0.5), a NaN and what fills up count 0.
// Asymmetric: 100 / 0.5 + 55 = 255 for 100, 0 for -27.5.
// CHECK: data =
// CHECK-NEXT: {{\[}}[128],
// CHECK-NEXT: [-127]]
// CHECK: data =
// CHECK-NEXT: {{\[}}[145]]
func.func @sums() {
  %x = arith.constant dense<[[63.5, 1.0, -0.5, 0x7FC00000, 0.0], [-63.5, 0.0, 0.0, 0.0, 0.0]]> : tensor<2x5xf32>
  %y = arith.constant dense<[[100.0, -27.5, 0.25, 0.0, 0.0]]> : tensor<1x5xf32>
  %a = tensor.empty() : tensor<2x5xi8>
  %b = tensor.empty() : tensor<2x1xf32>
  %c = tensor.empty() : tensor<2x1xi32>
  %a1 = tensor.empty() : tensor<1x5xi8>
  %b1 = tensor.empty() : tensor<1x1xf32>
  %c1 = tensor.empty() : tensor<1x1xi32>
  %r:4 = lowbit.quantize_rows symmetric ins(%x : tensor<2x5xf32>)
      outs(%a, %b, %c, %c : tensor<2x5xi8>, tensor<2x1xf32>, tensor<2x1xi32>, tensor<2x1xi32>)
      -> tensor<2x5xi8>, tensor<2x1xf32>, tensor<2x1xi32>, tensor<2x1xi32>
  %s:4 = lowbit.quantize_rows ins(%y : tensor<1x5xf32>)
      outs(%a1, %b1, %c1, %c1 : tensor<1x5xi8>, tensor<1x1xf32>, tensor<1x1xi32>, tensor<1x1xi32>)
      -> tensor<1x5xi8>, tensor<1x1xf32>, tensor<1x1xi32>, tensor<1x1xi32>
  %u = tensor.cast %r#3 : tensor<2x1xi32> to tensor<*xi32>
  %v = tensor.cast %s#3 : tensor<1x1xi32> to tensor<*xi32>
  call @printMemrefI32(%u) : (tensor<*xi32>) -> ()
  call @printMemrefI32(%v) : (tensor<*xi32>) -> ()
  return
}

func.func @main() {
  call @product() : () -> ()
  call @sums() : () -> ()
  return
}
func.func private @printMemrefI32(tensor<*xi32>)
