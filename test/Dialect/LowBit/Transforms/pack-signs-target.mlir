// RUN: gpfq-opt %s --lowbit-pack=target=avx512vnni -verify-diagnostics | FileCheck %s

// CHECK: #lowbit.layout<"avx512vnni", lanes = 16, vectors = 1, top_aligned, run = 64, kernel = [1, 64]>
func.func @matmul(%x: tensor<3x64xf32>) -> tensor<3x1xi32> {
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %w = arith.constant dense<1> : tensor<1x64xi8>
  %q = lowbit.quantize %x, %s sign zero_point 1 : tensor<3x64xf32>, tensor<1xf32> -> tensor<3x64xi8>
  %init = tensor.empty() : tensor<3x1xi32>
  // expected-remark @+1 {{multiplies signs as bytes: counting bits takes more time on avx512vnni}}
  %r = lowbit.matmul ins(%q, %w : tensor<3x64xi8>, tensor<1x64xi8>) outs(%init : tensor<3x1xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>, layer = "fc"} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<3x1xi32>
  return %r : tensor<3x1xi32>
}
