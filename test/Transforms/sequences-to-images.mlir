// RUN: gpfq-opt %s -gpfq-sequences-to-images | FileCheck %s

#identity = affine_map<(a, b, c) -> (a, b, c)>

// Changes of shape stay at the signature.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME: %[[X:.*]]: tensor<1x3x8xf32>
// CHECK: %[[IMAGE:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1], [2, 3]] output_shape [1, 3, 1, 8]
// CHECK: %[[FIRST:.*]] = linalg.conv_2d_nchw_fchw
// CHECK-SAME: dilations = dense<1> : vector<2xi64>, strides = dense<[1, 2]> : vector<2xi64>
// CHECK-SAME: ins(%[[IMAGE]], %{{.*}} : tensor<1x3x1x8xf32>, tensor<4x3x1x2xf32>)
// CHECK: %[[RELU:.*]] = linalg.generic {{.*}} ins(%[[FIRST]] : tensor<1x4x1x4xf32>)
// CHECK: %[[PADDED:.*]] = tensor.pad %[[RELU]] low[0, 0, 0, 1] high[0, 0, 0, 1]
// CHECK: %[[POOLED:.*]] = linalg.pooling_nchw_max {{.*}} ins(%[[PADDED]], %{{.*}} : tensor<1x4x1x6xf32>, tensor<1x3xf32>)
// CHECK: %[[LAST:.*]] = linalg.depthwise_conv_2d_nchw_chw
// CHECK-SAME: dilations = dense<[1, 2]> : vector<2xi64>
// CHECK-SAME: ins(%[[POOLED]], %{{.*}} : tensor<1x4x1x4xf32>, tensor<4x1x2xf32>)
// CHECK: %[[Y:.*]] = tensor.collapse_shape %[[LAST]] {{\[\[}}0], [1], [2, 3]]
// CHECK: return %[[Y]] : tensor<1x4x2xf32>
func.func @chain(%x: tensor<1x3x8xf32>) -> tensor<1x4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %w = arith.constant dense<0.5> : tensor<4x3x2xf32>
  %v = arith.constant dense<0.25> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<1x4x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %0 = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<2> : vector<1xi64>}
    ins(%x, %w : tensor<1x3x8xf32>, tensor<4x3x2xf32>) outs(%z : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %1 = linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%0 : tensor<1x4x4xf32>) outs(%e : tensor<1x4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x4xf32>
  %p = tensor.pad %1 low[0, 0, 1] high[0, 0, 1] {
  ^bb0(%a: index, %b: index, %c: index):
    tensor.yield %least : f32
  } : tensor<1x4x4xf32> to tensor<1x4x6xf32>
  %window = tensor.empty() : tensor<3xf32>
  %l = linalg.fill ins(%least : f32) outs(%e : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %2 = linalg.pooling_ncw_max {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>}
    ins(%p, %window : tensor<1x4x6xf32>, tensor<3xf32>) outs(%l : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %d = tensor.empty() : tensor<1x4x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%d : tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
  %3 = linalg.depthwise_conv_1d_ncw_cw {dilations = dense<2> : vector<1xi64>, strides = dense<1> : vector<1xi64>}
    ins(%2, %v : tensor<1x4x4xf32>, tensor<4x2xf32>) outs(%i : tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
  return %3 : tensor<1x4x2xf32>
}

// CHECK-LABEL: func.func @channels_last(
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2], [3]] output_shape [1, 1, 8, 3]
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x1x8x3xf32>, tensor<1x2x3x4xf32>)
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2], [3]] : tensor<1x1x7x4xf32> into tensor<1x7x4xf32>
func.func @channels_last(%x: tensor<1x8x3xf32>, %i: tensor<1x7x4xf32>) -> tensor<1x7x4xf32> {
  %w = arith.constant dense<0.5> : tensor<2x3x4xf32>
  %0 = linalg.conv_1d_nwc_wcf {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>}
    ins(%x, %w : tensor<1x8x3xf32>, tensor<2x3x4xf32>) outs(%i : tensor<1x7x4xf32>) -> tensor<1x7x4xf32>
  return %0 : tensor<1x7x4xf32>
}

// What torch-mlir makes of a sequence with groups, and its padding.
// CHECK-LABEL: func.func @column(
// CHECK-SAME: %[[X:.*]]: tensor<1x8x6xf32>
// CHECK: %[[PADDED:.*]] = tensor.pad %[[X]] low[0, 0, 1] high[0, 0, 1]
// CHECK: %[[GROUPS:.*]] = tensor.expand_shape %[[PADDED]] {{\[\[}}0], [1, 2], [3, 4]] output_shape [1, 2, 4, 1, 8]
// CHECK: %[[BIAS:.*]] = linalg.broadcast ins(%{{.*}} : tensor<2x3xf32>) outs(%{{.*}} : tensor<1x2x3x1x6xf32>) dimensions = [0, 3, 4]
// CHECK: %[[CONV:.*]] = linalg.conv_2d_ngchw_gfchw
// CHECK-SAME: ins(%[[GROUPS]], %{{.*}} : tensor<1x2x4x1x8xf32>, tensor<2x3x4x1x3xf32>) outs(%[[BIAS]]
// CHECK: %[[MERGED:.*]] = tensor.collapse_shape %[[CONV]] {{\[\[}}0], [1, 2], [3], [4]]
// CHECK: %[[RELU:.*]] = linalg.generic {{.*}} ins(%[[MERGED]] : tensor<1x6x1x6xf32>)
// CHECK: tensor.collapse_shape %[[RELU]] {{\[\[}}0], [1], [2, 3]]
func.func @column(%x: tensor<1x8x6xf32>) -> tensor<1x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<2x3x4x3x1xf32>
  %b = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %0 = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 8, 6, 1] : tensor<1x8x6xf32> into tensor<1x8x6x1xf32>
  %1 = tensor.pad %0 low[0, 0, 1, 0] high[0, 0, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x8x6x1xf32> to tensor<1x8x8x1xf32>
  %2 = tensor.expand_shape %1 [[0], [1, 2], [3], [4]] output_shape [1, 2, 4, 8, 1] : tensor<1x8x8x1xf32> into tensor<1x2x4x8x1xf32>
  %e = tensor.empty() : tensor<1x6x6x1xf32>
  %3 = linalg.broadcast ins(%b : tensor<6xf32>) outs(%e : tensor<1x6x6x1xf32>) dimensions = [0, 2, 3]
  %4 = tensor.expand_shape %3 [[0], [1, 2], [3], [4]] output_shape [1, 2, 3, 6, 1] : tensor<1x6x6x1xf32> into tensor<1x2x3x6x1xf32>
  %5 = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%2, %w : tensor<1x2x4x8x1xf32>, tensor<2x3x4x3x1xf32>) outs(%4 : tensor<1x2x3x6x1xf32>) -> tensor<1x2x3x6x1xf32>
  %6 = tensor.collapse_shape %5 [[0], [1, 2], [3, 4]] : tensor<1x2x3x6x1xf32> into tensor<1x6x6xf32>
  %f = tensor.empty() : tensor<1x6x6xf32>
  %7 = linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%6 : tensor<1x6x6xf32>) outs(%f : tensor<1x6x6xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x6x6xf32>
  return %7 : tensor<1x6x6xf32>
}

// Without a layer nothing changes.
// CHECK-LABEL: func.func @no_layer(
// CHECK-NEXT: tensor.collapse_shape
// CHECK-NEXT: linalg.abs
func.func @no_layer(%x: tensor<1x4x6x1xf32>, %e: tensor<1x4x6xf32>) -> tensor<1x4x6xf32> {
  %0 = tensor.collapse_shape %x [[0], [1], [2, 3]] : tensor<1x4x6x1xf32> into tensor<1x4x6xf32>
  %1 = linalg.abs ins(%0 : tensor<1x4x6xf32>) outs(%e : tensor<1x4x6xf32>) -> tensor<1x4x6xf32>
  return %1 : tensor<1x4x6xf32>
}
