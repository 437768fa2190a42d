// RUN: gpfq-opt %s -split-input-file -verify-diagnostics


func.func @f(%x: tensor<2x8xi8>, %w: memref<4x8xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{operands must be all tensors or all memrefs}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, memref<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{has one result on tensors and none on memrefs}}
  lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{result type 'tensor<2x5xi32>' differs from that of the init, 'tensor<2x4xi32>'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x5xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x5xi32>) {
  // expected-error @+1 {{init must have shape [2, 4], got 'tensor<2x5xi32>'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x5xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x5xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf16>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{input elements must be i8 codes or f32, got 'tensor<2x8xf16>'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xf16>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi4>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{weights must be i8, got 'tensor<4x8xi4>'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi4>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %f: tensor<4xf32>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{the epilogue needs an accumulator and 1 argument(s) for the fused operands, got 1}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) fused(%f : tensor<4xf32>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xf32>) {
  // expected-error @+1 {{the accumulator must be 'i32', got 'f32'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xf32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: f32):
    lowbit.yield %acc : f32
  } -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{the accumulator must be 'f32', got 'i32'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xf32>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %f: tensor<4xf32>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{fused operand of 'tensor<4xf32>' has a block argument of 'i8'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) fused(%f : tensor<4xf32>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32, %f_: i8):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %f: tensor<3xf32>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{fused operand of 'tensor<3xf32>' does not broadcast to [2, 4]}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) fused(%f : tensor<3xf32>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32, %f_: f32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %f: tensor<1x2x4xf32>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{fused operand of 'tensor<1x2x4xf32>' does not broadcast to [2, 4]}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) fused(%f : tensor<1x2x4xf32>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32, %f_: f32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xi8>) {
  // expected-error @+1 {{the epilogue must end with lowbit.yield of 'i8'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi8>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi8>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    // expected-error @+1 {{is not an arith or math op; an epilogue takes no other}}
    %0 = tensor.empty() : tensor<1xf32>
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x66312xi8>, %w: tensor<4x66312xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{the i32 accumulator can overflow: 66312 products of codes up to 255 and levels up to 127 exceed 2^31-1; at most 66311 are safe}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x66312xi8>, tensor<4x66312xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [127]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %init: tensor<2x4xi32>) {
  %w = arith.constant dense<9> : tensor<4x8xi8>
  // expected-error @+1 {{weight level 9 is not in the alphabet #lowbit.alphabet<mid_tread, [7]>}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<32xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{weights must be N x K, got 'tensor<32xi8>'}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<32xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<?x8xi8>, %w: tensor<4x8xi8>, %init: tensor<?x4xi32>) {
  // expected-error @+1 {{input must be a static M x K or B x M x K, got 'tensor<?x8xi8>'}}
  %r = lowbit.matmul ins(%x, %w : tensor<?x8xi8>, tensor<4x8xi8>) outs(%init : tensor<?x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<?x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x9xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  // expected-error @+1 {{weights reduce over 8 elements, the input has 9}}
  %r = lowbit.matmul ins(%x, %w : tensor<2x9xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  } -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %w: tensor<4x8xi8>, %init: tensor<2x4xi32>) {
  %r = lowbit.matmul ins(%x, %w : tensor<2x8xi8>, tensor<4x8xi8>) outs(%init : tensor<2x4xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>} epilogue {
  ^bb0(%acc: i32):
    // expected-error @+1 {{use of undeclared SSA value name}}
    %0 = arith.addi %acc, %outside : i32
    lowbit.yield %0 : i32
  } -> tensor<2x4xi32>
  return
}
