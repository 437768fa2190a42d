// RUN: gpfq-opt %s --gpfq-channels-last --split-input-file --verify-diagnostics | FileCheck %s

// The filter and the bias are transposed at compile time, the image at the signature only.
// CHECK-LABEL: func.func @conv(
// CHECK-SAME: %[[X:.*]]: tensor<1x2x4x4xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]], {{\[\[\[}}5.000000e+00, 7.000000e+00], [6.000000e+00, 8.000000e+00]]]]> : tensor<2x1x2x2xf32>
// CHECK-DAG: %[[B:.*]] = arith.constant dense<[9.000000e+00, 1.000000e+01]> : tensor<2xf32>
// CHECK-DAG: %[[T:.*]] = linalg.transpose ins(%[[X]] : tensor<1x2x4x4xf32>) outs(%{{.*}} : tensor<1x4x4x2xf32>) permutation = [0, 2, 3, 1]
// CHECK-DAG: %[[P:.*]] = tensor.pad %[[T]] low[0, 1, 2, 0] high[0, 3, 4, 0]
// CHECK-DAG: %[[I:.*]] = linalg.broadcast ins(%[[B]] : tensor<2xf32>) outs(%{{.*}} : tensor<1x4x9x2xf32>) dimensions = [0, 1, 2]
// CHECK: %[[Y:.*]] = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 1]> : vector<2xi64>}
// CHECK-SAME: ins(%[[P]], %[[W]] : tensor<1x8x10x2xf32>, tensor<2x1x2x2xf32>) outs(%[[I]] : tensor<1x4x9x2xf32>)
// CHECK: %[[R:.*]] = linalg.transpose ins(%[[Y]] : tensor<1x4x9x2xf32>) outs(%{{.*}} : tensor<1x2x4x9xf32>) permutation = [0, 3, 1, 2]
// CHECK: return %[[R]]
func.func @conv(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x4x9xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[1.0, 2.0]], [[3.0, 4.0]]], [[[5.0, 6.0]], [[7.0, 8.0]]]]> : tensor<2x2x1x2xf32>
  %bias = arith.constant dense<[9.0, 10.0]> : tensor<2xf32>
  %p = tensor.pad %x low[0, 0, 1, 2] high[0, 0, 3, 4] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x8x10xf32>
  %e = tensor.empty() : tensor<1x2x4x9xf32>
  %i = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x2x4x9xf32>) dimensions = [0, 2, 3]
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 1]> : vector<2xi64>}
    ins(%p, %w : tensor<1x2x8x10xf32>, tensor<2x2x1x2xf32>) outs(%i : tensor<1x2x4x9xf32>) -> tensor<1x2x4x9xf32>
  return %y : tensor<1x2x4x9xf32>
}

// -----

// CHECK-LABEL: func.func @depthwise(
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]]> : tensor<1x2x2xf32>
// CHECK: %[[I:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<1x4x3x2xf32>)
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc {{.*}} ins(%{{.*}}, %[[W]] : tensor<1x4x4x2xf32>, tensor<1x2x2xf32>) outs(%[[I]] : tensor<1x4x3x2xf32>)
func.func @depthwise(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[1.0, 2.0]]], [[[3.0, 4.0]]]]> : tensor<2x1x1x2xf32>
  %v = tensor.collapse_shape %w [[0, 1], [2], [3]] : tensor<2x1x1x2xf32> into tensor<2x1x2xf32>
  %e = tensor.empty() : tensor<1x2x4x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x4x3xf32>) -> tensor<1x2x4x3xf32>
  %y = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %v : tensor<1x2x4x4xf32>, tensor<2x1x2xf32>) outs(%i : tensor<1x2x4x3xf32>) -> tensor<1x2x4x3xf32>
  return %y : tensor<1x2x4x3xf32>
}

// -----

// Two groups of two input and one output channel, in the form of torch-mlir; the pad moves to NHWC too.
// CHECK-LABEL: func.func @grouped(
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]]], {{\[\[\[\[}}5.000000e+00, 7.000000e+00], [6.000000e+00, 8.000000e+00]]]]]> : tensor<2x1x1x2x2xf32>
// CHECK-DAG: %[[B:.*]] = arith.constant dense<{{\[}}[9.000000e+00], [1.000000e+01]]> : tensor<2x1xf32>
// CHECK-DAG: %[[P:.*]] = tensor.pad %{{.*}} low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK-DAG: %[[G:.*]] = tensor.expand_shape %[[P]] {{\[\[}}0], [1], [2], [3, 4]] output_shape [1, 6, 6, 2, 2]
// CHECK-DAG: %[[I:.*]] = linalg.broadcast ins(%[[B]] : tensor<2x1xf32>) outs(%{{.*}} : tensor<1x6x5x2x1xf32>) dimensions = [0, 1, 2]
// CHECK: %[[Y:.*]] = linalg.conv_2d_nhwgc_gfhwc {{.*}} ins(%[[G]], %[[W]] : tensor<1x6x6x2x2xf32>, tensor<2x1x1x2x2xf32>) outs(%[[I]] : tensor<1x6x5x2x1xf32>)
// CHECK: %[[M:.*]] = tensor.collapse_shape %[[Y]] {{\[\[}}0], [1], [2], [3, 4]]
// CHECK: %[[R:.*]] = linalg.transpose ins(%[[M]]
// CHECK-NEXT: return %[[R]]
func.func @grouped(%x: tensor<1x4x4x4xf32>) -> tensor<1x2x6x5xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[1.0, 2.0]], [[3.0, 4.0]]], [[[5.0, 6.0]], [[7.0, 8.0]]]]> : tensor<2x2x1x2xf32>
  %bias = arith.constant dense<[9.0, 10.0]> : tensor<2xf32>
  %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x4xf32> to tensor<1x4x6x6xf32>
  %e = tensor.empty() : tensor<1x2x6x5xf32>
  %i = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x2x6x5xf32>) dimensions = [0, 2, 3]
  %pg = tensor.expand_shape %p [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 6, 6] : tensor<1x4x6x6xf32> into tensor<1x2x2x6x6xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4]] output_shape [2, 1, 2, 1, 2] : tensor<2x2x1x2xf32> into tensor<2x1x2x1x2xf32>
  %ig = tensor.expand_shape %i [[0], [1, 2], [3], [4]] output_shape [1, 2, 1, 6, 5] : tensor<1x2x6x5xf32> into tensor<1x2x1x6x5xf32>
  %y = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%pg, %wg : tensor<1x2x2x6x6xf32>, tensor<2x1x2x1x2xf32>) outs(%ig : tensor<1x2x1x6x5xf32>) -> tensor<1x2x1x6x5xf32>
  %c = tensor.collapse_shape %y [[0], [1, 2], [3], [4]] : tensor<1x2x1x6x5xf32> into tensor<1x2x6x5xf32>
  return %c : tensor<1x2x6x5xf32>
}

// -----

// Flattening: the rows of the weight, numbered c, h, w, follow the order h, w, c. The elementwise op in between moves.
// CHECK-LABEL: func.func @flatten(
// CHECK-SAME: %[[X:.*]]: tensor<1x1x1x3xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}1.000000e+00], [4.000000e+00], [2.000000e+00], [5.000000e+00], [3.000000e+00], [6.000000e+00]]> : tensor<6x1xf32>
// CHECK: %[[Y:.*]] = linalg.conv_2d_nhwc_fhwc
// CHECK-NOT: linalg.transpose
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[Y]] : tensor<1x1x3x2xf32>)
// CHECK-NOT: linalg.transpose
// CHECK: %[[F:.*]] = tensor.collapse_shape %[[R]] {{\[\[}}0], [1, 2, 3]]
// CHECK: linalg.matmul {gpfq.flattened_image = array<i64: 1, 3, 2>} ins(%[[F]], %[[W]] :
func.func @flatten(%x: tensor<1x1x1x3xf32>) -> tensor<1x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<2x1x1x1xf32>
  %v = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]> : tensor<1x6xf32>
  %e = tensor.empty() : tensor<1x2x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x1x3xf32>) -> tensor<1x2x1x3xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %w : tensor<1x1x1x3xf32>, tensor<2x1x1x1xf32>) outs(%i : tensor<1x2x1x3xf32>) -> tensor<1x2x1x3xf32>
  %flat = tensor.collapse_shape %y [[0], [1, 2, 3]] : tensor<1x2x1x3xf32> into tensor<1x6xf32>
  %fe = tensor.empty() : tensor<1x6xf32>
  %relu = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
    ins(%flat : tensor<1x6xf32>) outs(%fe : tensor<1x6xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x6xf32>
  %te = tensor.empty() : tensor<6x1xf32>
  %t = linalg.transpose ins(%v : tensor<1x6xf32>) outs(%te : tensor<6x1xf32>) permutation = [1, 0]
  %oe = tensor.empty() : tensor<1x1xf32>
  %o = linalg.fill ins(%zero : f32) outs(%oe : tensor<1x1xf32>) -> tensor<1x1xf32>
  %r = linalg.matmul ins(%relu, %t : tensor<1x6xf32>, tensor<6x1xf32>) outs(%o : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %r : tensor<1x1xf32>
}

// -----

// A weight that is not constant is transposed at run time.
// CHECK-LABEL: func.func @runtime_weight(
// CHECK-SAME: %{{.*}}: tensor<1x2x4x4xf32>, %[[W:.*]]: tensor<3x2x2x1xf32>
// CHECK-DAG: %[[V:.*]] = linalg.transpose ins(%[[W]] : {{.*}}) permutation = [0, 2, 3, 1]
// CHECK: linalg.conv_2d_nhwc_fhwc {{.*}} ins(%{{.*}}, %[[V]] : tensor<1x4x4x2xf32>, tensor<3x2x1x2xf32>)
func.func @runtime_weight(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x2x1xf32>) -> tensor<1x3x3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x3x3x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x4xf32>) -> tensor<1x3x3x4xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %w : tensor<1x2x4x4xf32>, tensor<3x2x2x1xf32>) outs(%i : tensor<1x3x3x4xf32>) -> tensor<1x3x3x4xf32>
  return %y : tensor<1x3x3x4xf32>
}

// -----

// An op that has no channels-last form.
// CHECK-LABEL: func.func @inside(
// CHECK: %[[Y:.*]] = linalg.conv_2d_nhwc_fhwc
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[Y]]
// CHECK: tensor.collapse_shape %[[T]]
func.func @inside(%x: tensor<1x2x4x4xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<2x2x1x1xf32>
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  // expected-remark @+1 {{an image is transposed at run time: 'tensor.collapse_shape' has no channels-last form here}}
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %w : tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) outs(%i : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %c = tensor.collapse_shape %y [[0, 1, 2], [3]] : tensor<1x2x4x4xf32> into tensor<8x4xf32>
  return %c : tensor<8x4xf32>
}

// -----

// Nothing asks for channels-last.
// CHECK-LABEL: func.func @no_convolution(
// CHECK-NEXT: tensor.empty
// CHECK-NEXT: linalg.exp
// CHECK-NEXT: return
func.func @no_convolution(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %y = linalg.exp ins(%x : tensor<1x2x4x4xf32>) outs(%e : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %y : tensor<1x2x4x4xf32>
}

// -----

// Depthwise with a multiplier, as JAX and TOSA give it: of 1, and of 2.
// CHECK-LABEL: func.func @multiplier_1(
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]]> : tensor<1x2x2xf32>
// CHECK-DAG: %[[I:.*]] = linalg.broadcast ins(%{{.*}} : tensor<2xf32>) outs(%{{.*}} : tensor<1x4x3x2xf32>) dimensions = [0, 1, 2]
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc {{.*}} ins(%{{.*}}, %[[W]] : tensor<1x4x4x2xf32>, tensor<1x2x2xf32>) outs(%[[I]] :
func.func @multiplier_1(%x: tensor<1x4x4x2xf32>) -> tensor<1x4x3x2xf32> {
  %w = arith.constant dense<[[[[1.0], [2.0]], [[3.0], [4.0]]]]> : tensor<1x2x2x1xf32>
  %bias = arith.constant dense<[[5.0], [6.0]]> : tensor<2x1xf32>
  %e = tensor.empty() : tensor<1x4x3x2x1xf32>
  %i = linalg.broadcast ins(%bias : tensor<2x1xf32>) outs(%e : tensor<1x4x3x2x1xf32>) dimensions = [0, 1, 2]
  %y = linalg.depthwise_conv_2d_nhwc_hwcm {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<1x4x4x2xf32>, tensor<1x2x2x1xf32>) outs(%i : tensor<1x4x3x2x1xf32>) -> tensor<1x4x3x2x1xf32>
  %c = tensor.collapse_shape %y [[0], [1], [2], [3, 4]] : tensor<1x4x3x2x1xf32> into tensor<1x4x3x2xf32>
  return %c : tensor<1x4x3x2xf32>
}

// CHECK-LABEL: func.func @multiplier_2(
// CHECK-SAME: %[[X:.*]]: tensor<1x4x4x2xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[\[\[}}1.000000e+00], [5.000000e+00]]], {{\[\[\[}}2.000000e+00], [6.000000e+00]]]], {{\[\[\[\[}}3.000000e+00], [7.000000e+00]]], {{\[\[\[}}4.000000e+00], [8.000000e+00]]]]]> : tensor<2x2x1x2x1xf32>
// CHECK-DAG: %[[G:.*]] = tensor.expand_shape %[[X]] {{.*}} : tensor<1x4x4x2xf32> into tensor<1x4x4x2x1xf32>
// CHECK: linalg.conv_2d_nhwgc_gfhwc {{.*}} ins(%[[G]], %[[W]] : {{.*}}) outs(%{{.*}} : tensor<1x4x3x2x2xf32>)
func.func @multiplier_2(%x: tensor<1x4x4x2xf32>) -> tensor<1x4x3x2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]]> : tensor<1x2x2x2xf32>
  %e = tensor.empty() : tensor<1x4x3x2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x3x2x2xf32>) -> tensor<1x4x3x2x2xf32>
  %y = linalg.depthwise_conv_2d_nhwc_hwcm {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<1x4x4x2xf32>, tensor<1x2x2x2xf32>) outs(%i : tensor<1x4x3x2x2xf32>) -> tensor<1x4x3x2x2xf32>
  return %y : tensor<1x4x3x2x2xf32>
}
