// RUN: gpfq-opt %s --convert-lowbit-to-vector -verify-diagnostics

func.func @signs(%x: memref<2x4xi8>, %w: memref<128xi8>, %y: memref<2x3xi32>) {
  // expected-error @below {{has signs as bits, which kernels for avx512vnni do not count; lowbit-pack leaves them bytes}}
  lowbit.matmul ins(%x, %w : memref<2x4xi8>, memref<128xi8>) outs(%y : memref<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>,
       layout = #lowbit.layout<"avx512vnni", lanes = 16, vectors = 1, signs, run = 4, kernel = [3, 32]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
