// RUN: gpfq-opt %s --split-input-file --gpfq-write-in-place | FileCheck %s
// RUN: gpfq-opt %s --split-input-file --gpfq-write-in-place \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --canonicalize --cse --canonicalize | FileCheck %s --check-prefix=BUFFER
// RUN: gpfq-opt %s --split-input-file --gpfq-write-in-place --eliminate-empty-tensors \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --canonicalize --cse --canonicalize | FileCheck %s --check-prefix=EMPTY

// The op that computes the image writes into the buffer; its other reader reads the inner part there.
// CHECK-LABEL: func @producer
// CHECK-DAG: %[[C:.*]] = arith.constant 3 : i8
// CHECK: %[[A:.*]] = bufferization.alloc_tensor() : tensor<1x7x6x4xi8>
// CHECK: %[[TOP:.*]] = tensor.extract_slice %[[A]][0, 0, 0, 0] [1, 1, 6, 4] [1, 1, 1, 1]
// CHECK: linalg.fill ins(%{{.*}} : i8) outs(%[[TOP]] : tensor<1x1x6x4xi8>)
// CHECK: tensor.extract_slice %{{.*}}[0, 5, 0, 0] [1, 2, 6, 4] [1, 1, 1, 1]
// CHECK: tensor.extract_slice %{{.*}}[0, 1, 5, 0] [1, 4, 1, 4] [1, 1, 1, 1]
// CHECK: linalg.fill
// CHECK: %[[BORDER:.*]] = tensor.insert_slice
// CHECK: %[[S:.*]] = tensor.extract_slice %[[BORDER]][0, 1, 0, 0] [1, 4, 5, 4] [1, 1, 1, 1]
// CHECK: %[[Y:.*]] = linalg.add ins({{.*}}) outs(%[[S]] : tensor<1x4x5x4xi8>)
// CHECK: tensor.insert_slice %[[Y]] into %[[BORDER]][0, 1, 0, 0] [1, 4, 5, 4] [1, 1, 1, 1]
// CHECK-NOT: tensor.pad
// BUFFER-LABEL: func @producer
// BUFFER: %[[A:.*]] = memref.alloc() {{.*}} : memref<1x7x6x4xi8>
// BUFFER-COUNT-3: linalg.fill
// BUFFER: %[[S:.*]] = memref.subview %[[A]][0, 1, 0, 0] [1, 4, 5, 4]
// BUFFER: linalg.add ins({{.*}}) outs(%[[S]]
// BUFFER-NOT: memref.copy
// BUFFER: linalg.add ins(%[[S]], %[[S]]
// BUFFER: return %[[A]]
func.func @producer(%x: tensor<1x4x5x4xi8>) -> (tensor<1x7x6x4xi8>, tensor<1x4x5x4xi8>) {
  %c3 = arith.constant 3 : i8
  %e = tensor.empty() : tensor<1x4x5x4xi8>
  %y = linalg.add ins(%x, %x : tensor<1x4x5x4xi8>, tensor<1x4x5x4xi8>) outs(%e : tensor<1x4x5x4xi8>) -> tensor<1x4x5x4xi8>
  %p = tensor.pad %y low[0, 1, 0, 0] high[0, 2, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %c3 : i8
  } : tensor<1x4x5x4xi8> to tensor<1x7x6x4xi8>
  %z = linalg.add ins(%y, %y : tensor<1x4x5x4xi8>, tensor<1x4x5x4xi8>) outs(%e : tensor<1x4x5x4xi8>) -> tensor<1x4x5x4xi8>
  return %p, %z : tensor<1x7x6x4xi8>, tensor<1x4x5x4xi8>
}

// -----

// A fill that starts a reduction goes along, and remains for the others that start from it.
// CHECK-LABEL: func @reduction
// CHECK: %[[FILL:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<4xf32>)
// CHECK: %[[S:.*]] = tensor.extract_slice %{{.*}}[1] [4] [1]
// CHECK: %[[START:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%[[S]] : tensor<4xf32>)
// CHECK: linalg.reduce { arith.addf } ins(%{{.*}}) outs(%[[START]] : tensor<4xf32>)
// CHECK: linalg.reduce { arith.mulf } ins(%{{.*}}) outs(%[[FILL]] : tensor<4xf32>)
// BUFFER-LABEL: func @reduction
// BUFFER-NOT: memref.copy
func.func @reduction(%x: tensor<4x8xf32>) -> (tensor<6xf32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.reduce { arith.addf } ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
  %p = tensor.pad %y low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %zero : f32
  } : tensor<4xf32> to tensor<6xf32>
  %z = linalg.reduce { arith.mulf } ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
  return %p, %z : tensor<6xf32>, tensor<4xf32>
}

// -----

// The second padding of a value, and the padding of an argument, copy it. Equal buffers are not shared.
// CHECK-LABEL: func @copies
// CHECK-COUNT-3: bufferization.alloc_tensor() : tensor<6xi8>
// BUFFER-LABEL: func @copies
// BUFFER-COUNT-2: memref.copy
// BUFFER-NOT: memref.copy
func.func @copies(%x: tensor<4xi8>) -> (tensor<6xi8>, tensor<6xi8>, tensor<6xi8>) {
  %c0 = arith.constant 0 : i8
  %e = tensor.empty() : tensor<4xi8>
  %y = linalg.add ins(%x, %x : tensor<4xi8>, tensor<4xi8>) outs(%e : tensor<4xi8>) -> tensor<4xi8>
  %p = tensor.pad %y low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %c0 : i8
  } : tensor<4xi8> to tensor<6xi8>
  %q = tensor.pad %y low[2] high[0] {
  ^bb0(%i: index):
    tensor.yield %c0 : i8
  } : tensor<4xi8> to tensor<6xi8>
  %r = tensor.pad %x low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %c0 : i8
  } : tensor<4xi8> to tensor<6xi8>
  return %p, %q, %r : tensor<6xi8>, tensor<6xi8>, tensor<6xi8>
}

// -----

// What is not padded by a constant or has no static shape is left to bufferization.
// CHECK-LABEL: func @not_static
// CHECK: tensor.pad %{{.*}} low[1] high[1]
// CHECK: tensor.pad %{{.*}} low[1] high[1]
// BUFFER-LABEL: func @not_static
func.func @not_static(%x: tensor<?xf32>, %y: tensor<4xf32>, %v: f32) -> (tensor<?xf32>, tensor<6xf32>) {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %zero : f32
  } : tensor<?xf32> to tensor<?xf32>
  %q = tensor.pad %y low[1] high[1] {
  ^bb0(%i: index):
    tensor.yield %v : f32
  } : tensor<4xf32> to tensor<6xf32>
  return %p, %q : tensor<?xf32>, tensor<6xf32>
}

// -----

// Parts of a concatenation are written where they belong in the padded buffer; one without a writer of its own, and
// the second use of one, are copied.
// CHECK-LABEL: func @padded_concat
// CHECK-SAME: (%[[X:.*]]: tensor<1x4x4x2xi8>
// CHECK: %[[S:.*]] = tensor.extract_slice %{{.*}}[0, 1, 1, 0] [1, 4, 4, 2]
// CHECK: %[[Y:.*]] = linalg.add {{.*}} outs(%[[S]] :
// CHECK: %[[ONE:.*]] = tensor.insert_slice %[[Y]] into %{{.*}}[0, 1, 1, 0]
// CHECK: %[[T:.*]] = tensor.extract_slice %[[ONE]][0, 1, 1, 2] [1, 4, 4, 2]
// CHECK: %[[Z:.*]] = linalg.mul {{.*}} outs(%[[T]] :
// CHECK: %[[TWO:.*]] = tensor.insert_slice %[[Z]] into %[[ONE]][0, 1, 1, 2]
// CHECK: %[[THREE:.*]] = tensor.insert_slice %[[X]] into %[[TWO]][0, 1, 1, 4]
// CHECK: %[[FOUR:.*]] = tensor.insert_slice %[[Y]] into %[[THREE]][0, 1, 1, 6]
// CHECK: return %[[FOUR]]
// BUFFER-LABEL: func @padded_concat
// BUFFER-COUNT-3: memref.copy
// BUFFER-NOT: memref.copy
// BUFFER: return
func.func @padded_concat(%x: tensor<1x4x4x2xi8>) -> tensor<1x6x6x8xi8> {
  %c3 = arith.constant 3 : i8
  %e = tensor.empty() : tensor<1x4x4x2xi8>
  %y = linalg.add ins(%x, %x : tensor<1x4x4x2xi8>, tensor<1x4x4x2xi8>) outs(%e : tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8>
  %z = linalg.mul ins(%x, %x : tensor<1x4x4x2xi8>, tensor<1x4x4x2xi8>) outs(%e : tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8>
  %zx = tensor.concat dim(3) %z, %x : (tensor<1x4x4x2xi8>, tensor<1x4x4x2xi8>) -> tensor<1x4x4x4xi8>
  %c = tensor.concat dim(3) %y, %zx, %y : (tensor<1x4x4x2xi8>, tensor<1x4x4x4xi8>, tensor<1x4x4x2xi8>) -> tensor<1x4x4x8xi8>
  %p = tensor.pad %c low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %c3 : i8
  } : tensor<1x4x4x8xi8> to tensor<1x6x6x8xi8>
  return %p : tensor<1x6x6x8xi8>
}

// -----

// Nothing is copied for a concatenation that is not padded either, once empty tensors are slices of it.
// CHECK-LABEL: func @concat
// CHECK-COUNT-2: tensor.insert_slice
// CHECK-NOT: tensor.concat
// EMPTY-LABEL: func @concat
// EMPTY-NOT: memref.copy
// EMPTY: return
func.func @concat(%x: tensor<1x4x4x2xi8>) -> tensor<1x4x4x4xi8> {
  %e = tensor.empty() : tensor<1x4x4x2xi8>
  %y = linalg.add ins(%x, %x : tensor<1x4x4x2xi8>, tensor<1x4x4x2xi8>) outs(%e : tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8>
  %z = linalg.mul ins(%x, %x : tensor<1x4x4x2xi8>, tensor<1x4x4x2xi8>) outs(%e : tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8>
  %c = tensor.concat dim(3) %y, %z : (tensor<1x4x4x2xi8>, tensor<1x4x4x2xi8>) -> tensor<1x4x4x4xi8>
  return %c : tensor<1x4x4x4xi8>
}
