// RUN: gpfq-opt %s --gpfq-specialize-batch | FileCheck %s
// RUN: gpfq-opt %s --gpfq-specialize-batch=batch=4 | FileCheck %s --check-prefix=FOUR

#identity = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#mean = affine_map<(d0, d1, d2, d3) -> (d0, d1)>

// CHECK-LABEL: func.func @network(
// CHECK-SAME: %[[X:.*]]: tensor<1x3x8x8xf32>) -> tensor<1x10xf32>
// CHECK-SAME: gpfq.dynamic_batch = {arguments = array<i64: 0>, results = array<i64: 0>}
// CHECK-NOT: tensor.cast
// CHECK-NOT: cf.assert
// CHECK: tensor.pad %[[X]]
// CHECK: linalg.conv_2d_nchw_fchw {{.*}} -> tensor<1x4x8x8xf32>
// CHECK: linalg.generic
// CHECK: tensor.collapse_shape {{.*}} into tensor<1x256xf32>
// CHECK: linalg.matmul {{.*}} -> tensor<1x10xf32>
// CHECK-NOT: tensor.cast
// CHECK: return %{{.*}} : tensor<1x10xf32>
// FOUR-LABEL: func.func @network(
// FOUR-SAME: tensor<4x3x8x8xf32>) -> tensor<4x10xf32>
// FOUR: tensor.collapse_shape {{.*}} into tensor<4x256xf32>
func.func @network(%x: tensor<?x3x8x8xf32>) -> tensor<?x10xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c0_i64 = arith.constant 0 : i64
  %w = arith.constant dense<0.5> : tensor<4x3x3x3xf32>
  %v = arith.constant dense<0.5> : tensor<256x10xf32>
  %n = tensor.dim %x, %c0 : tensor<?x3x8x8xf32>
  %i = arith.index_cast %n : index to i64
  %positive = arith.cmpi sgt, %i, %c0_i64 : i64
  cf.assert %positive, "batch must be positive"
  %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<?x3x8x8xf32> to tensor<?x3x10x10xf32>
  %e = tensor.empty(%n) : tensor<?x4x8x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%p, %w : tensor<?x3x10x10xf32>, tensor<4x3x3x3xf32>) outs(%f : tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %r = linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%y : tensor<?x4x8x8xf32>) outs(%e : tensor<?x4x8x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<?x4x8x8xf32>
  %flat = tensor.collapse_shape %r [[0], [1, 2, 3]] : tensor<?x4x8x8xf32> into tensor<?x256xf32>
  %o = tensor.empty(%n) : tensor<?x10xf32>
  %z = linalg.fill ins(%zero : f32) outs(%o : tensor<?x10xf32>) -> tensor<?x10xf32>
  %s = linalg.matmul ins(%flat, %v : tensor<?x256xf32>, tensor<256x10xf32>) outs(%z : tensor<?x10xf32>) -> tensor<?x10xf32>
  return %s : tensor<?x10xf32>
}

// Two inputs, of which one has a static shape, and two outputs.
// CHECK-LABEL: func.func @two(
// CHECK-SAME: %{{.*}}: tensor<2xf32>, %{{.*}}: tensor<1x2xf32>) -> (tensor<2xf32>, tensor<1x2xf32>)
// CHECK-SAME: gpfq.dynamic_batch = {arguments = array<i64: 1>, results = array<i64: 1>}
func.func @two(%x: tensor<2xf32>, %y: tensor<?x2xf32>) -> (tensor<2xf32>, tensor<?x2xf32>) {
  return %x, %y : tensor<2xf32>, tensor<?x2xf32>
}

// CHECK-LABEL: func.func @static(
// CHECK-NOT: gpfq.dynamic_batch
func.func @static(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

// A reshape whose sizes follow from the batch, as ONNX's Reshape becomes.
// CHECK-LABEL: func.func @reshape
// CHECK-SAME: tensor<1x4x2x3xf32>
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0], [1], [2, 3]] : tensor<1x4x2x3xf32> into tensor<1x4x6xf32>
// CHECK-NOT: tensor.reshape
func.func @reshape(%x: tensor<?x4x2x3xf32>) -> tensor<?x4x6xf32> {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : i64
  %c24 = arith.constant 24 : i64
  %dim = tensor.dim %x, %c0 : tensor<?x4x2x3xf32>
  %n = arith.index_cast %dim : index to i64
  %all = arith.muli %n, %c24 : i64
  %rows = arith.muli %n, %c4 : i64
  %columns = arith.divsi %all, %rows : i64
  %shape = tensor.from_elements %n, %c4, %columns : tensor<3xi64>
  %y = tensor.reshape %x(%shape) : (tensor<?x4x2x3xf32>, tensor<3xi64>) -> tensor<?x4x6xf32>
  return %y : tensor<?x4x6xf32>
}

// CHECK-LABEL: func.func @joined(
// CHECK-SAME: %[[X:.*]]: tensor<1x2x4xf32>) -> tensor<1x4x4xf32>
// CHECK: %[[JOINED:.*]] = tensor.concat dim(1) %[[X]], %[[X]] : (tensor<1x2x4xf32>, tensor<1x2x4xf32>) -> tensor<1x4x4xf32>
// CHECK: return %[[JOINED]]
func.func @joined(%x: tensor<?x2x4xf32>) -> tensor<?x4x4xf32> {
  %y = tensor.concat dim(1) %x, %x : (tensor<?x2x4xf32>, tensor<?x2x4xf32>) -> tensor<?x4x4xf32>
  return %y : tensor<?x4x4xf32>
}
