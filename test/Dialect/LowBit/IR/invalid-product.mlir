// RUN: gpfq-opt %s -split-input-file -verify-diagnostics

func.func @floats(%a: tensor<3x8xf32>, %b: tensor<5x8xi8>, %init: tensor<3x5xf32>) {
  // expected-error @+1 {{multiplies i8 codes, got 'tensor<3x8xf32>'}}
  %r = lowbit.batch_matmul ins(%a, %b : tensor<3x8xf32>, tensor<5x8xi8>) outs(%init : tensor<3x5xf32>) epilogue {
  ^bb0(%acc: f32):
    lowbit.yield %acc : f32
  } -> tensor<3x5xf32>
  return
}

// -----

func.func @dynamic(%a: tensor<?x8xi8>, %b: tensor<5x8xi8>, %init: tensor<?x5xi32>) {
  // expected-error @+1 {{input must be a static M x K or B x M x K, got 'tensor<?x8xi8>'}}
  %r = lowbit.batch_matmul ins(%a, %b : tensor<?x8xi8>, tensor<5x8xi8>) outs(%init : tensor<?x5xi32>) epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<?x5xi32>
  return
}

// -----

// Weights that the batch shares are those of lowbit.matmul.
func.func @shared(%a: tensor<2x3x8xi8>, %b: tensor<5x8xi8>, %init: tensor<2x3x5xi32>) {
  // expected-error @+1 {{weights must be N x K for each matrix of the input, 'tensor<2x3x8xi8>', got 'tensor<5x8xi8>'}}
  %r = lowbit.batch_matmul ins(%a, %b : tensor<2x3x8xi8>, tensor<5x8xi8>) outs(%init : tensor<2x3x5xi32>) epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3x5xi32>
  return
}

// -----

func.func @batch(%a: tensor<2x3x8xi8>, %b: tensor<4x5x8xi8>, %init: tensor<2x3x5xi32>) {
  // expected-error @+1 {{weights must be N x K for each matrix of the input}}
  %r = lowbit.batch_matmul ins(%a, %b : tensor<2x3x8xi8>, tensor<4x5x8xi8>) outs(%init : tensor<2x3x5xi32>) epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3x5xi32>
  return
}

// -----

func.func @depth(%a: tensor<3x8xi8>, %b: tensor<5x7xi8>, %init: tensor<3x5xi32>) {
  // expected-error @+1 {{weights reduce over 7 elements, the input has 8}}
  %r = lowbit.batch_matmul ins(%a, %b : tensor<3x8xi8>, tensor<5x7xi8>) outs(%init : tensor<3x5xi32>) epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<3x5xi32>
  return
}

// -----

func.func @overflow(%a: tensor<1x65794xi8>, %b: tensor<1x65794xi8>, %init: tensor<1x1xi32>) {
  // expected-error @+1 {{the i32 accumulator can overflow: 65794 products of codes up to 255 and levels up to 128 exceed 2^31-1; at most 65793 are safe}}
  %r = lowbit.batch_matmul ins(%a, %b : tensor<1x65794xi8>, tensor<1x65794xi8>) outs(%init : tensor<1x1xi32>) epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x1xi32>
  return
}

// -----

func.func @bytes(%a: tensor<2x3x8xi8>, %b: tensor<2x63xi8>, %init: tensor<2x3x5xi32>) {
  // expected-error @+1 {{layout needs 64 bytes of packed weights, got 'tensor<2x63xi8>'}}
  %r = lowbit.batch_matmul ins(%a, %b : tensor<2x3x8xi8>, tensor<2x63xi8>) outs(%init : tensor<2x3x5xi32>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3x5xi32>
  return
}

// -----

func.func @pack_bytes(%b: tensor<2x5x8xi8>, %init: tensor<2x63xi8>) {
  // expected-error @+1 {{needs an i8 init of shape [2, 64], got 'tensor<2x63xi8>'}}
  %p = lowbit.pack ins(%b : tensor<2x5x8xi8>) outs(%init : tensor<2x63xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} -> tensor<2x63xi8>
  return
}

// -----

func.func @pack_shape(%b: tensor<2x5x9xi8>, %init: tensor<2x64xi8>) {
  // expected-error @+1 {{packs matrices of [5, 8] in this layout, got 'tensor<2x5x9xi8>'}}
  %p = lowbit.pack ins(%b : tensor<2x5x9xi8>) outs(%init : tensor<2x64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} -> tensor<2x64xi8>
  return
}

// -----

func.func @pack_element(%b: tensor<5x8xi32>, %init: tensor<64xi8>) {
  // expected-error @+1 {{takes static i8 codes, N x K or B x N x K, got 'tensor<5x8xi32>'}}
  %p = lowbit.pack ins(%b : tensor<5x8xi32>) outs(%init : tensor<64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} -> tensor<64xi8>
  return
}

// -----

func.func @pack_mixed(%b: tensor<5x8xi8>, %init: memref<64xi8>) {
  // expected-error @+1 {{operands must be all tensors or all memrefs}}
  lowbit.pack ins(%b : tensor<5x8xi8>) outs(%init : memref<64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>}
  return
}

// -----

func.func @pack_results(%b: tensor<5x8xi8>, %init: tensor<64xi8>) {
  // expected-error @+1 {{has one result on tensors and none on memrefs}}
  lowbit.pack ins(%b : tensor<5x8xi8>) outs(%init : tensor<64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>}
  return
}

// -----

func.func @pack_type(%b: tensor<5x8xi8>, %init: tensor<64xi8>) {
  // expected-error @+1 {{result type 'tensor<65xi8>' differs from that of the init, 'tensor<64xi8>'}}
  %p = lowbit.pack ins(%b : tensor<5x8xi8>) outs(%init : tensor<64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} -> tensor<65xi8>
  return
}

// -----

func.func @pack_run(%b: tensor<5x8xi8>, %init: tensor<64xi8>) {
  // expected-error @+1 {{needs a top-aligned layout with a power of two of lanes, whose run is a row, got #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 4, kernel = [5, 8]>}}
  %p = lowbit.pack ins(%b : tensor<5x8xi8>) outs(%init : tensor<64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 4, kernel = [5, 8]>} -> tensor<64xi8>
  return
}

// -----

func.func @kernel(%a: tensor<3x8xi8>, %b: tensor<64xi8>, %init: tensor<3x5xi32>) {
  // expected-error @+1 {{layout needs a kernel of [N, K], got #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 1, 1, 8]>}}
  %r = lowbit.batch_matmul ins(%a, %b : tensor<3x8xi8>, tensor<64xi8>) outs(%init : tensor<3x5xi32>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 1, 1, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<3x5xi32>
  return
}
