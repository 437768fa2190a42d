// RUN: gpfq-opt %s --gpfq-batch-loop -split-input-file -verify-diagnostics | FileCheck %s

// CHECK: func.func @net(%[[X:.*]]: tensor<?x8xf32>, %[[Y:.*]]: tensor<8xf32>) -> tensor<?x8xf32> {
// CHECK: %[[N:.*]] = tensor.dim %[[X]]
// CHECK: %[[E:.*]] = tensor.empty(%[[N]])
// CHECK: %[[R:.*]] = scf.for %[[I:.*]] = %{{.*}} to %[[N]] step %{{.*}} iter_args(%[[O:.*]] = %[[E]])
// CHECK: %[[S:.*]] = tensor.extract_slice %[[X]][%[[I]], 0] [1, 8] [1, 1]
// CHECK: %[[C:.*]] = func.call @net_sample(%[[S]], %[[Y]])
// CHECK: %[[U:.*]] = tensor.insert_slice %[[C]] into %[[O]][%[[I]], 0] [1, 8] [1, 1]
// CHECK: scf.yield %[[U]]
// CHECK: return %[[R]]
// CHECK: func.func private @net_sample(%{{.*}}: tensor<1x8xf32>, %{{.*}}: tensor<8xf32>) -> tensor<1x8xf32> {
func.func @net(%x: tensor<1x8xf32>, %y: tensor<8xf32>) -> tensor<1x8xf32>
    attributes {gpfq.dynamic_batch = {arguments = array<i64: 0>, results = array<i64: 0>}} {
  %e = tensor.expand_shape %y [[0, 1]] output_shape [1, 8] : tensor<8xf32> into tensor<1x8xf32>
  %r = arith.addf %x, %e : tensor<1x8xf32>
  return %r : tensor<1x8xf32>
}

// -----

// Without the attribute nothing changes.
// CHECK: func.func @static(%{{.*}}: tensor<1x8xf32>) -> tensor<1x8xf32>
// CHECK-NOT: scf.for
func.func @static(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  return %x : tensor<1x8xf32>
}

// -----

// expected-error @+1 {{every result and at least one argument must have a batch, and it must be 1}}
func.func @four(%x: tensor<4x8xf32>) -> tensor<4x8xf32>
    attributes {gpfq.dynamic_batch = {arguments = array<i64: 0>, results = array<i64: 0>}} {
  return %x : tensor<4x8xf32>
}

// -----

// expected-error @+1 {{every result and at least one argument must have a batch}}
func.func @constant(%x: tensor<1x8xf32>, %y: tensor<8xf32>) -> (tensor<1x8xf32>, tensor<8xf32>)
    attributes {gpfq.dynamic_batch = {arguments = array<i64: 0>, results = array<i64: 0>}} {
  return %x, %y : tensor<1x8xf32>, tensor<8xf32>
}

// -----

// expected-error @+1 {{'gpfq.dynamic_batch' has no lists of arguments and results}}
func.func @bad(%x: tensor<1x8xf32>) -> tensor<1x8xf32> attributes {gpfq.dynamic_batch = {}} {
  return %x : tensor<1x8xf32>
}
