// RUN: gpfq-opt %s -split-input-file -verify-diagnostics

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{packed weights are a list of bytes, got 'tensor<4x8xi8>'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 8, kernel = [4, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<5xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{layout needs}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<5xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 8, kernel = [4, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<1x8xi8>, %w: tensor<128xi8>, %init: tensor<1x4xi32>) {
  // expected-error @+1 {{fields in place are those of a matmul of codes and levels of 1 to 7 bits, at most 65793 products long}}
  %r = lowbit.matmul ins(%x, %w : tensor<1x8xi8>, tensor<128xi8>) outs(%init : tensor<1x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [127]>, layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, in_place, run = 8, kernel = [4, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4xi32>
  return
}

// -----

func.func @f(%x: tensor<40x8xi8>, %w: tensor<64xi8>, %init: tensor<40x4xi32>) {
  // expected-error @+1 {{fields in pairs are those of a conv_2d or matmul of levels of 1 to 7 bits and codes whose sums fit a byte, got input_max = 242 and #lowbit.alphabet<mid_tread, [7]>}}
  %r = lowbit.matmul ins(%x, %w : tensor<40x8xi8>, tensor<64xi8>) outs(%init : tensor<40x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, input_max = 242 : i32,
       layout = #lowbit.layout<"znver4", lanes = 16, vectors = 1, paired, run = 8, kernel = [4, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<40x4xi32>
  return
}
