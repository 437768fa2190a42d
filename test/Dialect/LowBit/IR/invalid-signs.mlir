// RUN: gpfq-opt %s -split-input-file -verify-diagnostics

func.func @zero_point(%x: tensor<2x48xf32>, %s: tensor<1xf32>) -> tensor<2x48xi8> {
  // expected-error @+1 {{of signs has zero point 1 and no largest code of its own}}
  %q = lowbit.quantize %x, %s sign : tensor<2x48xf32>, tensor<1xf32> -> tensor<2x48xi8>
  return %q : tensor<2x48xi8>
}

// -----

func.func @bits(%x: tensor<2x48xf32>, %s: tensor<1xf32>) -> tensor<2x48xi8> {
  // expected-error @+1 {{of signs has zero point 1 and no largest code of its own}}
  %q = lowbit.quantize %x, %s sign zero_point 1 max 3 : tensor<2x48xf32>, tensor<1xf32> -> tensor<2x48xi8>
  return %q : tensor<2x48xi8>
}

// -----

func.func @words(%x: tensor<2x48xf32>, %b: tensor<2x6xi8>) -> tensor<2x6xi8> {
  // expected-error @+1 {{init must have i8 elements and shape [2, 8], got 'tensor<2x6xi8>'}}
  %p = lowbit.pack_signs ins(%x : tensor<2x48xf32>) outs(%b : tensor<2x6xi8>) -> tensor<2x6xi8>
  return %p : tensor<2x6xi8>
}

// -----

func.func @elements(%x: tensor<2x48xi32>, %b: tensor<2x8xi8>) -> tensor<2x8xi8> {
  // expected-error @+1 {{input elements must be f32 or i8 codes}}
  %p = lowbit.pack_signs ins(%x : tensor<2x48xi32>) outs(%b : tensor<2x8xi8>) -> tensor<2x8xi8>
  return %p : tensor<2x8xi8>
}

// -----

func.func @dynamic(%x: tensor<?x48xf32>, %b: tensor<?x8xi8>) -> tensor<?x8xi8> {
  // expected-error @+1 {{needs an input of static shape}}
  %p = lowbit.pack_signs ins(%x : tensor<?x48xf32>) outs(%b : tensor<?x8xi8>) -> tensor<?x8xi8>
  return %p : tensor<?x8xi8>
}

// -----

func.func @mixed(%x: tensor<2x48xf32>, %b: memref<2x8xi8>) {
  // expected-error @+1 {{operands must be all tensors or all memrefs}}
  lowbit.pack_signs ins(%x : tensor<2x48xf32>) outs(%b : memref<2x8xi8>)
  return
}

// -----

func.func @results(%x: tensor<2x48xf32>, %b: tensor<2x8xi8>) {
  // expected-error @+1 {{has one result on tensors and none on memrefs}}
  lowbit.pack_signs ins(%x : tensor<2x48xf32>) outs(%b : tensor<2x8xi8>)
  return
}

// -----

func.func @result_type(%x: tensor<2x48xf32>, %b: tensor<2x8xi8>) -> tensor<2x4xi8> {
  // expected-error @+1 {{result type 'tensor<2x4xi8>' differs from that of the init, 'tensor<2x8xi8>'}}
  %p = lowbit.pack_signs ins(%x : tensor<2x48xf32>) outs(%b : tensor<2x8xi8>) -> tensor<2x4xi8>
  return %p : tensor<2x4xi8>
}

// -----

// expected-error @+1 {{a depthwise kernel has no signs}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, signs, run = 4, kernel = [3, 3, 32]>

// -----

// expected-error @+1 {{border is four sizes from 0 to 32767, of a convolution of signs}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, signs, run = 4, kernel = [32, 32], border = [0, 0, 0, 0]>

// -----

// expected-error @+1 {{a run of signs is words of four bytes, got 6 bytes}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, signs, run = 6, kernel = [32, 96]>

// -----

func.func @alphabet(%x: tensor<2x4xi8>, %w: tensor<192xi8>, %y: tensor<2x16xi32>) -> tensor<2x16xi32> {
  // expected-error @+1 {{of signs takes bits and levels -1 and 1}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x4xi8>, tensor<192xi8>) outs(%y : tensor<2x16xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [1]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, signs, run = 4, kernel = [16, 32]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x16xi32>
  return %r : tensor<2x16xi32>
}

// -----

func.func @depth(%x: tensor<2x32xi8>, %w: tensor<192xi8>, %y: tensor<2x16xi32>) -> tensor<2x16xi32> {
  // expected-error @+1 {{weights reduce over 4 elements, the input has 32}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x32xi8>, tensor<192xi8>) outs(%y : tensor<2x16xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, signs, run = 4, kernel = [16, 32]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x16xi32>
  return %r : tensor<2x16xi32>
}

// -----

func.func @groups(%x: tensor<1x2x2x8xi8>, %w: tensor<192xi8>, %y: tensor<1x2x2x16xi32>) -> tensor<1x2x2x16xi32> {
  // expected-error @+1 {{of signs has one group, got 2}}
  %r = lowbit.conv_2d ins(%x, %w : tensor<1x2x2x8xi8>, tensor<192xi8>) outs(%y : tensor<1x2x2x16xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>, groups = 2 : i64,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 2, signs, run = 4, kernel = [16, 1, 1, 32]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x2x2x16xi32>
  return %r : tensor<1x2x2x16xi32>
}

// -----

func.func @yield(%x: tensor<2x32xi8>, %w: tensor<16x32xi8>, %y: tensor<2x2xi8>) -> tensor<2x2xi8> {
  // expected-error @+1 {{yields i1, which only a packed op does that is not depthwise and has a multiple of 32 output channels, of 8 in a panel}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x32xi8>, tensor<16x32xi8>) outs(%y : tensor<2x2xi8>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>} epilogue {
  ^bb0(%acc: i32):
    %zero = arith.constant 0 : i32
    %bit = arith.cmpi sgt, %acc, %zero : i32
    lowbit.yield %bit : i1
  } -> tensor<2x2xi8>
  return %r : tensor<2x2xi8>
}
