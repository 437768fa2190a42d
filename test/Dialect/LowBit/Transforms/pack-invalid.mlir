// RUN: gpfq-opt %s --lowbit-pack=target=avx2 -split-input-file -verify-diagnostics

func.func @levels_not_constant(%x: tensor<2x4xi8>, %w: tensor<3x4xi8>) -> tensor<2x3xi32> {
  %init = tensor.empty() : tensor<2x3xi32>
  // expected-remark @below {{not packed: the weights are not constant}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x4xi8>, tensor<3x4xi8>) outs(%init : tensor<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3xi32>
  return %r : tensor<2x3xi32>
}

// -----

func.func @wrong_number_of_bytes(%x: tensor<2x4xi8>, %w: tensor<31xi8>) -> tensor<2x3xi32> {
  %init = tensor.empty() : tensor<2x3xi32>
  // expected-error @below {{layout needs 32 bytes of packed weights, got 'tensor<31xi8>'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x4xi8>, tensor<31xi8>) outs(%init : tensor<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 4, kernel = [3, 4]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3xi32>
  return %r : tensor<2x3xi32>
}

// -----

// expected-error @below {{run 3 does not divide the reduction of the kernel}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 3, kernel = [3, 4]>
