// RUN: gpfq-opt %s --lowbit-to-linalg -split-input-file -verify-diagnostics

func.func @unknown_layout(%x: tensor<1x8xi8>, %w: tensor<32xi8>, %init: tensor<1x4xi32>) -> tensor<1x4xi32> {
  // expected-error @+1 {{has packed weights in a layout that cannot be unpacked: #lowbit.layout<"no such target"}}
  %r = lowbit.matmul ins(%x, %w : tensor<1x8xi8>, tensor<32xi8>) outs(%init : tensor<1x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"no such target", lanes = 8, vectors = 1, offset, run = 8, kernel = [4, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<1x4xi32>
  return %r : tensor<1x4xi32>
}

// -----

func.func @buffers(%x: memref<1x8xi8>, %w: memref<4x8xi8>, %init: memref<1x4xi32>) {
  // expected-error @+1 {{works on memrefs; run lowbit-to-linalg before bufferization}}
  lowbit.matmul ins(%x, %w : memref<1x8xi8>, memref<4x8xi8>) outs(%init : memref<1x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// What is packed has no form for ops other than those of the dialect.
func.func @packed_bytes(%b: tensor<5x8xi8>, %init: tensor<64xi8>) -> tensor<64xi8> {
  // expected-error @+1 {{is read by an op that is not a lowbit.batch_matmul of its layout}}
  %p = lowbit.pack ins(%b : tensor<5x8xi8>) outs(%init : tensor<64xi8>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} -> tensor<64xi8>
  return %p : tensor<64xi8>
}

// -----

// Bytes whose codes are not known.
func.func @unknown_bytes(%a: tensor<3x8xi8>, %p: tensor<64xi8>, %init: tensor<3x5xi32>) -> tensor<3x5xi32> {
  // expected-error @+1 {{has packed weights in a layout that cannot be unpacked}}
  %r = lowbit.batch_matmul ins(%a, %p : tensor<3x8xi8>, tensor<64xi8>) outs(%init : tensor<3x5xi32>)
      {layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 8, kernel = [5, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<3x5xi32>
  return %r : tensor<3x5xi32>
}
