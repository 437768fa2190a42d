// RUN: gpfq-opt %s --lowbit-pack=target=znver4 -verify-diagnostics | FileCheck %s
// RUN: gpfq-opt %s --lowbit-pack="target=znver4 paired=always" | FileCheck %s --check-prefix=ALWAYS
// RUN: gpfq-opt %s --lowbit-pack="target=znver4 paired=never" | FileCheck %s --check-prefix=NEVER
// RUN: gpfq-opt %s --lowbit-pack="target=avx512vpopcntdq paired=always" | FileCheck %s --check-prefix=NEVER

// Sums of codes up to 241 and levels from -7 to 7 fit a byte; those of other codes do not, and few rows or outputs win
// nothing by it.
// CHECK-LABEL: func @room
// CHECK: layout = #lowbit.layout<"znver4", lanes = 16, vectors = 2, paired, run = 256, kernel = [64, 256]>
// ALWAYS-LABEL: func @room
// ALWAYS: paired
// NEVER-NOT: paired
func.func @room(%x: tensor<64x256xi8>) -> tensor<64x64xi32> {
  %w = arith.constant dense<7> : tensor<64x256xi8>
  %e = tensor.empty() : tensor<64x64xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<64x256xi8>, tensor<64x256xi8>) outs(%e : tensor<64x64xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, input_max = 241 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<64x64xi32>
  return %r : tensor<64x64xi32>
}

// CHECK-LABEL: func @few_rows
// CHECK: top_aligned
// ALWAYS-LABEL: func @few_rows
// ALWAYS: paired
func.func @few_rows(%x: tensor<8x256xi8>) -> tensor<8x64xi32> {
  %w = arith.constant dense<7> : tensor<64x256xi8>
  %e = tensor.empty() : tensor<8x64xi32>
  %r = lowbit.matmul ins(%x, %w : tensor<8x256xi8>, tensor<64x256xi8>) outs(%e : tensor<8x64xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, input_max = 241 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<8x64xi32>
  return %r : tensor<8x64xi32>
}

// CHECK-LABEL: func @no_room
// CHECK: top_aligned
// ALWAYS-LABEL: func @no_room
// ALWAYS: top_aligned
func.func @no_room(%x: tensor<64x256xi8>) -> tensor<64x64xi32> {
  %w = arith.constant dense<7> : tensor<64x256xi8>
  %e = tensor.empty() : tensor<64x64xi32>
  // expected-remark @+1 {{has input codes up to 242; with codes up to 241, which gpfq-quantize-activations makes, kernels would multiply less}}
  %r = lowbit.matmul ins(%x, %w : tensor<64x256xi8>, tensor<64x256xi8>) outs(%e : tensor<64x64xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, input_max = 242 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<64x64xi32>
  return %r : tensor<64x64xi32>
}

// All levels on one side of 0: the sums of codes alone have to fit too.
// CHECK-LABEL: func @negative
// CHECK: top_aligned
// ALWAYS-LABEL: func @negative
// ALWAYS: top_aligned
func.func @negative(%x: tensor<64x256xi8>) -> tensor<64x64xi32> {
  %w = arith.constant dense<-4> : tensor<64x256xi8>
  %e = tensor.empty() : tensor<64x64xi32>
  // expected-remark @+1 {{has input codes up to 252; with codes up to 251,}}
  %r = lowbit.matmul ins(%x, %w : tensor<64x256xi8>, tensor<64x256xi8>) outs(%e : tensor<64x64xi32>)
      {alphabet = #lowbit.alphabet<range, [-4, -1]>, input_max = 252 : i32} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<64x64xi32>
  return %r : tensor<64x64xi32>
}
