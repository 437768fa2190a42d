// RUN: %python %S/../Inputs/make_npy.py %t.npy 3x4
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.npy" -split-input-file -verify-diagnostics
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy" -split-input-file -verify-diagnostics

// expected-error @+1 {{has no op with lowbit.layer, so there is nothing to quantise; run gpfq-annotate-layers first}}
func.func @nothing(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}

// -----

func.func @weights_not_constant(%x: tensor<1x4xf32>, %w: tensor<4x4xf32>) -> tensor<1x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  // expected-error @+1 {{carries lowbit.layer, and has weights that are not constant}}
  %y = linalg.matmul {lowbit.layer = #lowbit.layer<"first", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

func.func @branch(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %c = arith.constant true
  // expected-error @+1 {{is control flow, and calibration needs straight-line code}}
  %y = scf.if %c -> tensor<1x4xf32> {
    scf.yield %x : tensor<1x4xf32>
  } else {
    scf.yield %x : tensor<1x4xf32>
  }
  return %y : tensor<1x4xf32>
}

// -----

// expected-error @+1 {{has control flow, and calibration needs a body of one block}}
func.func @blocks(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  cf.br ^end
^end:
  return %x : tensor<1x4xf32>
}

// -----

// expected-error @+1 {{argument 0 is 'tensor<1x?xf32>', and calibration needs tensors of static shape}}
func.func @dynamic(%x: tensor<1x?xf32>) -> tensor<1x?xf32> {
  return %x : tensor<1x?xf32>
}

// -----

func.func private @helper(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}
func.func @call(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // expected-error @+1 {{is a call, and calibration needs the whole network in one function}}
  %y = call @helper(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// -----

// expected-error @+1 {{has 2 public functions with a body, and one is expected}}
module {
  func.func @one(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
    return %x : tensor<1x4xf32>
  }
  func.func @two(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
    return %x : tensor<1x4xf32>
  }
}
