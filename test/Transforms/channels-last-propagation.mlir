// RUN: gpfq-opt %s --gpfq-channels-last --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

#identity = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, 0)>
#vector = affine_map<(d0, d1, d2, d3) -> (d1)>
#mean = affine_map<(d0, d1, d2, d3) -> (d0, d1)>

// CHECK-DAG: #[[IDENTITY:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[CHANNEL:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, d3)>
// CHECK-DAG: #[[VECTOR:.*]] = affine_map<(d0, d1, d2, d3) -> (d3)>
// CHECK-DAG: #[[MEAN:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3)>

// A convolution, a scale by channel, squeeze and excitation, a residual sum, pooling, concat, slices and a mean:
// one transpose, of the input.
// CHECK-LABEL: func.func @network(
// CHECK-SAME: %[[X:.*]]: tensor<1x4x8x8xf32>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[X]] : {{.*}}) permutation = [0, 2, 3, 1]
// CHECK-NOT: linalg.transpose
// CHECK: linalg.conv_2d_nhwc_fhwc
// CHECK: linalg.generic {indexing_maps = [#[[IDENTITY]], #[[VECTOR]], #[[IDENTITY]]]
// CHECK-SAME: tensor<1x8x8x4xf32>, tensor<4xf32>
// CHECK: linalg.generic {indexing_maps = [#[[IDENTITY]], #[[CHANNEL]]], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
// CHECK-SAME: outs(%{{.*}} : tensor<1x1x1x4xf32>)
// CHECK: linalg.conv_2d_nhwc_fhwc {{.*}} -> tensor<1x1x1x4xf32>
// CHECK: linalg.generic {indexing_maps = [#[[IDENTITY]], #[[CHANNEL]], #[[IDENTITY]]]
// CHECK: linalg.generic
// CHECK-SAME: ins(%{{.*}}, %[[T]] : tensor<1x8x8x4xf32>, tensor<1x8x8x4xf32>)
// CHECK: linalg.pooling_nhwc_max {{.*}} -> tensor<1x4x4x4xf32>
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 1] [1, 4, 4, 2] [1, 1, 2, 1]
// CHECK: tensor.concat dim(3)
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 1, 0, 3] [1, 2, 4, 1] [1, 1, 1, 1]
// CHECK: linalg.generic {indexing_maps = [#[[IDENTITY]], #[[MEAN]]], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
// CHECK-SAME: outs(%{{.*}} : tensor<1x6xf32>)
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @network(%x: tensor<1x4x8x8xf32>) -> tensor<1x6xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %w = arith.constant dense<0.5> : tensor<4x4x1x1xf32>
  %scale = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %patch = arith.constant dense<1.0> : tensor<1x1x2x4xf32>
  %e = tensor.empty() : tensor<1x4x8x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %w : tensor<1x4x8x8xf32>, tensor<4x4x1x1xf32>) outs(%i : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %s = linalg.generic {indexing_maps = [#identity, #vector, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%y, %scale : tensor<1x4x8x8xf32>, tensor<4xf32>) outs(%e : tensor<1x4x8x8xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %m = arith.mulf %in, %c : f32
    linalg.yield %m : f32
  } -> tensor<1x4x8x8xf32>
  // Squeeze and excitation.
  %qe = tensor.empty() : tensor<1x4x1x1xf32>
  %qi = linalg.fill ins(%zero : f32) outs(%qe : tensor<1x4x1x1xf32>) -> tensor<1x4x1x1xf32>
  %q = linalg.generic {indexing_maps = [#identity, #channel], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%s : tensor<1x4x8x8xf32>) outs(%qi : tensor<1x4x1x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = arith.addf %in, %out : f32
    linalg.yield %a : f32
  } -> tensor<1x4x1x1xf32>
  %g = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%q, %w : tensor<1x4x1x1xf32>, tensor<4x4x1x1xf32>) outs(%qi : tensor<1x4x1x1xf32>) -> tensor<1x4x1x1xf32>
  %se = linalg.generic {indexing_maps = [#identity, #channel, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%s, %g : tensor<1x4x8x8xf32>, tensor<1x4x1x1xf32>) outs(%e : tensor<1x4x8x8xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %m = arith.mulf %in, %c : f32
    linalg.yield %m : f32
  } -> tensor<1x4x8x8xf32>
  // Residual sum with the input, by a named op.
  %r = linalg.add ins(%se, %x : tensor<1x4x8x8xf32>, tensor<1x4x8x8xf32>) outs(%e : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %pe = tensor.empty() : tensor<1x4x4x4xf32>
  %pi = linalg.fill ins(%lowest : f32) outs(%pe : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %window = tensor.empty() : tensor<2x2xf32>
  %p = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
    ins(%r, %window : tensor<1x4x8x8xf32>, tensor<2x2xf32>) outs(%pi : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %slice = tensor.extract_slice %r[0, 1, 0, 0] [1, 2, 4, 4] [1, 1, 1, 2] : tensor<1x4x8x8xf32> to tensor<1x2x4x4xf32>
  %cat = tensor.concat dim(1) %p, %slice : (tensor<1x4x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x6x4x4xf32>
  %ins = tensor.insert_slice %patch into %cat[0, 3, 1, 0] [1, 1, 2, 4] [1, 1, 1, 1] : tensor<1x1x2x4xf32> into tensor<1x6x4x4xf32>
  %me = tensor.empty() : tensor<1x6xf32>
  %mi = linalg.fill ins(%zero : f32) outs(%me : tensor<1x6xf32>) -> tensor<1x6xf32>
  %mean = linalg.generic {indexing_maps = [#identity, #mean], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%ins : tensor<1x6x4x4xf32>) outs(%mi : tensor<1x6xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = arith.addf %in, %out : f32
    linalg.yield %a : f32
  } -> tensor<1x6xf32>
  return %mean : tensor<1x6xf32>
}

// -----

#identity = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// Upwards: the transpose passes what comes before the convolution, also where that has another user; indices that
// a body reads follow the loops.
// CHECK-LABEL: func.func @upwards(
// CHECK: linalg.transpose ins(%{{.*}} : tensor<1x2x4x6xf32>)
// CHECK: %[[S:.*]] = linalg.generic
// CHECK: linalg.index 3
// CHECK: %[[Y:.*]] = linalg.conv_2d_nhwc_fhwc {{.*}} ins(%[[S]],
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[Y]], %[[S]] :
// CHECK: %[[R:.*]] = linalg.transpose ins(%{{.*}} : tensor<1x4x6x2xf32>)
// CHECK: return %[[R]]
func.func @upwards(%x: tensor<1x2x4x6xf32>) -> tensor<1x2x4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<2x2x1x1xf32>
  %e = tensor.empty() : tensor<1x2x4x6xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x4x6xf32>) -> tensor<1x2x4x6xf32>
  %s = linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x : tensor<1x2x4x6xf32>) outs(%e : tensor<1x2x4x6xf32>) {
  ^bb0(%in: f32, %out: f32):
    %c = linalg.index 1 : index
    %ci = arith.index_cast %c : index to i32
    %cf = arith.sitofp %ci : i32 to f32
    %m = arith.mulf %in, %cf : f32
    linalg.yield %m : f32
  } -> tensor<1x2x4x6xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%s, %w : tensor<1x2x4x6xf32>, tensor<2x2x1x1xf32>) outs(%i : tensor<1x2x4x6xf32>) -> tensor<1x2x4x6xf32>
  %r = linalg.generic {indexing_maps = [#identity, #identity, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%y, %s : tensor<1x2x4x6xf32>, tensor<1x2x4x6xf32>) outs(%e : tensor<1x2x4x6xf32>) {
  ^bb0(%in: f32, %in1: f32, %out: f32):
    %a = arith.addf %in, %in1 : f32
    linalg.yield %a : f32
  } -> tensor<1x2x4x6xf32>
  return %r : tensor<1x2x4x6xf32>
}

// -----

// One channel in, one pixel out: changes of shape, no transposes.
// CHECK-LABEL: func.func @unit_dims(
// CHECK-NOT: linalg.transpose
// CHECK: linalg.conv_2d_nhwc_fhwc {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x2x2x1xf32>, tensor<3x2x2x1xf32>)
// CHECK-NOT: linalg.transpose
// CHECK: return %{{.*}} : tensor<1x3xf32>
func.func @unit_dims(%x: tensor<1x1x2x2xf32>) -> tensor<1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<3x1x2x2xf32>
  %e = tensor.empty() : tensor<1x3x1x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x1x1xf32>) -> tensor<1x3x1x1xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %w : tensor<1x1x2x2xf32>, tensor<3x1x2x2xf32>) outs(%i : tensor<1x3x1x1xf32>) -> tensor<1x3x1x1xf32>
  %flat = tensor.collapse_shape %y [[0], [1, 2, 3]] : tensor<1x3x1x1xf32> into tensor<1x3xf32>
  return %flat : tensor<1x3xf32>
}

// -----

// Transposes of the network's own that undo none of these stay, and the rewrites come to an end.
// CHECK-LABEL: func.func @rotated_twice(
// CHECK: linalg.conv_2d_nhwc_fhwc
// CHECK: linalg.generic
// CHECK: return
func.func @rotated_twice(%x: tensor<1x4x4x4xf32>, %z: tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x4x1x1xf32>
  %e = tensor.empty() : tensor<1x4x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %w : tensor<1x4x4x4xf32>, tensor<4x4x1x1xf32>) outs(%i : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  // expected-remark @+1 {{an image is transposed at run time: 'linalg.transpose' has no channels-last form here}}
  %t = linalg.transpose ins(%z : tensor<1x4x4x4xf32>) outs(%e : tensor<1x4x4x4xf32>) permutation = [0, 2, 3, 1]
  %r = linalg.add ins(%y, %t : tensor<1x4x4x4xf32>, tensor<1x4x4x4xf32>) outs(%e : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  return %r : tensor<1x4x4x4xf32>
}
