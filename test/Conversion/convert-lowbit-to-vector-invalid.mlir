// RUN: gpfq-opt %s --convert-lowbit-to-vector=target=avx2 -split-input-file -verify-diagnostics

func.func @tensors(%x: tensor<2x4xi8>, %w: tensor<3x4xi8>, %y: tensor<2x3xi32>) -> tensor<2x3xi32> {
  // expected-error @below {{works on tensors; run one-shot-bufferize before convert-lowbit-to-vector}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x4xi8>, tensor<3x4xi8>) outs(%y : tensor<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x3xi32>
  return %r : tensor<2x3xi32>
}

// -----

func.func @not_packed(%x: memref<2x4xi8>, %w: memref<3x4xi8>, %y: memref<2x3xi32>) {
  // expected-error @below {{has weights that are not packed; run lowbit-pack before bufferization}}
  lowbit.matmul ins(%x, %w : memref<2x4xi8>, memref<3x4xi8>) outs(%y : memref<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

func.func @other_target(%x: memref<2x4xi8>, %w: memref<16xi8>, %y: memref<2x3xi32>) {
  // expected-error @below {{is packed for generic, not for avx2; run lowbit-pack with this target}}
  lowbit.matmul ins(%x, %w : memref<2x4xi8>, memref<16xi8>) outs(%y : memref<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"generic", lanes = 4, vectors = 1, offset, run = 4, kernel = [3, 4]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

func.func @wrong_lanes(%x: memref<2x4xi8>, %w: memref<16xi8>, %y: memref<2x3xi32>) {
  // expected-error @below {{layout has 4 lanes, avx2 has 8}}
  lowbit.matmul ins(%x, %w : memref<2x4xi8>, memref<16xi8>) outs(%y : memref<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 4, vectors = 1, offset, run = 4, kernel = [3, 4]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

func.func @padded(%x: memref<1x4x4x8xi8>, %w: memref<576xi8>, %y: memref<1x4x4x7xi32>) {
  // expected-error @below {{has padding; lowbit-pack turns it into a padded input}}
  lowbit.conv_2d ins(%x, %w : memref<1x4x4x8xi8>, memref<576xi8>) outs(%y : memref<1x4x4x7xi32>)
      {alphabet = #lowbit.alphabet<range, [-128, 127]>, padding = array<i64: 1, 1, 1, 1>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, top_aligned, run = 24, kernel = [7, 3, 3, 8]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

func.func @dynamic_strides(%x: memref<2x4xi8, strided<[?, 1]>>, %w: memref<32xi8>, %y: memref<2x3xi32>) {
  // expected-error @below {{needs buffers of static shape and strides}}
  lowbit.matmul ins(%x, %w : memref<2x4xi8, strided<[?, 1]>>, memref<32xi8>) outs(%y : memref<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 4, kernel = [3, 4]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

func.func @short_runs(%x: memref<2x3xi8>, %w: memref<32xi8>, %y: memref<2x3xi32>) {
  // expected-remark @below {{slow kernel: runs of the input are not four or more adjacent bytes}}
  lowbit.matmul ins(%x, %w : memref<2x3xi8>, memref<32xi8>) outs(%y : memref<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 3, kernel = [3, 3]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
