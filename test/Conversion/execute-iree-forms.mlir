// The forms for IREE compute the same bits as lowbit-to-linalg, which defines the ops: asymmetric padding of a code that
// is not zero, dilation, grouped and depthwise convolutions, batched products.

// RUN: gpfq-opt %S/execute-conv.mlir --lowbit-fuse --lowbit-to-linalg | %run-main > %t.conv
// RUN: gpfq-opt %S/execute-conv.mlir --lowbit-fuse --lowbit-to-iree --gpfq-round-products | %run-main > %t.conv.iree
// RUN: %python %S/Inputs/compare-codes.py %t.conv %t.conv.iree

// RUN: gpfq-opt %S/execute-depthwise-grouped.mlir --lowbit-fuse --lowbit-to-linalg | %run-main > %t.grouped
// RUN: gpfq-opt %S/execute-depthwise-grouped.mlir --lowbit-fuse --lowbit-to-iree=pack-weights=true | %run-main > %t.grouped.iree
// RUN: %python %S/Inputs/compare-codes.py %t.grouped %t.grouped.iree

// RUN: gpfq-opt %S/execute-matmul.mlir --lowbit-fuse --lowbit-to-linalg | %run-main > %t.matmul
// RUN: gpfq-opt %S/execute-matmul.mlir --lowbit-fuse --lowbit-to-iree=pack-weights=false | %run-main > %t.matmul.iree
// RUN: %python %S/Inputs/compare-codes.py %t.matmul %t.matmul.iree
// RUN: gpfq-opt %S/execute-matmul.mlir --lowbit-fuse --lowbit-to-iree | %run-main > %t.matmul.packed
// RUN: %python %S/Inputs/compare-codes.py %t.matmul %t.matmul.packed

// Ternary and binary levels, seven rows: the last byte of a column is not full.
// RUN: gpfq-opt %s --lowbit-to-linalg | %run-main > %t.few
// RUN: gpfq-opt %s --lowbit-to-iree | %run-main > %t.few.iree
// RUN: %python %S/Inputs/compare-codes.py %t.few %t.few.iree
// RUN: gpfq-opt %s --lowbit-to-iree | FileCheck %s
// CHECK: tensor<2x3xi8>
// CHECK: tensor<1x2xi8>
func.func @net(%x: tensor<2x7xi8>) -> tensor<2x2xi32> {
  %w = arith.constant dense<[[1, 0, -1, 1, 1, 0, -1], [-1, -1, 1, 0, 0, 1, 1], [0, 1, 1, 1, -1, -1, 0]]> : tensor<3x7xi8>
  %v = arith.constant dense<[[1, -1, 1], [-1, -1, 1]]> : tensor<2x3xi8>
  %e = tensor.empty() : tensor<2x3xi8>
  %f = tensor.empty() : tensor<2x2xi32>
  %y = lowbit.matmul ins(%x, %w : tensor<2x7xi8>, tensor<3x7xi8>) outs(%e : tensor<2x3xi8>) {alphabet = #lowbit.alphabet<mid_tread, [1]>} epilogue {
  ^bb0(%acc: i32):
    %mask = arith.constant 255 : i32
    %low = arith.andi %acc, %mask : i32
    %code = arith.trunci %low : i32 to i8
    lowbit.yield %code : i8
  } -> tensor<2x3xi8>
  %z = lowbit.matmul ins(%y, %v : tensor<2x3xi8>, tensor<2x3xi8>) outs(%f : tensor<2x2xi32>) {alphabet = #lowbit.alphabet<mid_rise, [1]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x2xi32>
  return %z : tensor<2x2xi32>
}

func.func private @printMemrefI32(tensor<*xi32>)

func.func @main() {
  %x = arith.constant dense<[[0, 255, 17, 3, 128, 127, 200], [9, 8, 7, 6, 5, 250, 1]]> : tensor<2x7xi8>
  %z = call @net(%x) : (tensor<2x7xi8>) -> tensor<2x2xi32>
  %u = tensor.cast %z : tensor<2x2xi32> to tensor<*xi32>
  call @printMemrefI32(%u) : (tensor<*xi32>) -> ()
  return
}
