// RUN: gpfq-opt %s --gpfq-specialize-batch -split-input-file -verify-diagnostics

// expected-error @+1 {{argument 0 has type 'tensor<?x3x?x8xf32>', whose dimension 2 is dynamic; only the first dimension, the batch, may be: export the network for a fixed size}}
func.func @spatial(%x: tensor<?x3x?x8xf32>) -> tensor<?x3x?x8xf32> {
  return %x : tensor<?x3x?x8xf32>
}

// -----

func.func @data_dependent(%x: tensor<?x3xf32>, %n: index) -> tensor<?x3xf32> {
  // expected-error @+1 {{has a result of dynamic type 'tensor<?x3xf32>' that does not follow from the batch size}}
  %s = tensor.extract_slice %x[0, 0] [%n, 3] [1, 1] : tensor<?x3xf32> to tensor<?x3xf32>
  return %s : tensor<?x3xf32>
}

// -----

// expected-error @+1 {{has control flow; a network must be one block of tensor operations}}
func.func @control_flow(%x: tensor<?x3xf32>, %b: i1) -> tensor<?x3xf32> {
  cf.cond_br %b, ^bb1, ^bb2
^bb1:
  %y = tensor.cast %x : tensor<?x3xf32> to tensor<?x3xf32>
  return %y : tensor<?x3xf32>
^bb2:
  return %x : tensor<?x3xf32>
}
