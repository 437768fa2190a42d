// RUN: gpfq-opt %s | %run-main > %t.nchw
// RUN: gpfq-opt %s --gpfq-channels-last | %run-main > %t.nhwc
// RUN: gpfq-opt %s --gpfq-fold-batch-norm --gpfq-channels-last --canonicalize --cse | %run-main > %t.folded
// RUN: %python %S/../Conversion/Inputs/compare-codes.py %t.nchw %t.nhwc
// RUN: %python %S/../Conversion/Inputs/compare-codes.py %t.nchw %t.folded

// Every kind of convolution, pooling, padding, slices, concat, broadcasts, flattening: the same in both layouts, bit for
// bit, since all numbers are small integers.

#identity = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, 0)>
#vector = affine_map<(d0, d1, d2, d3) -> (d1, 0, 0)>
#row = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>

func.func @net(%x: tensor<1x4x7x6xf32>) -> tensor<1x5xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %w1 = arith.constant dense<[[[[2.0, 0.0], [0.0, 2.0], [-2.0, 1.0]], [[-1.0, -2.0], [-1.0, -2.0], [0.0, 1.0]], [[-1.0, 1.0], [2.0, -2.0], [2.0, -1.0]], [[-2.0, -1.0], [1.0, 0.0], [-1.0, 1.0]]], [[[-1.0, -2.0], [-1.0, 2.0], [2.0, 1.0]], [[-1.0, -1.0], [-2.0, -2.0], [-1.0, -1.0]], [[-1.0, -1.0], [0.0, 0.0], [-1.0, 2.0]], [[-1.0, -1.0], [-1.0, 1.0], [0.0, -2.0]]], [[[0.0, 1.0], [-1.0, -1.0], [0.0, -2.0]], [[0.0, 0.0], [2.0, 2.0], [-2.0, 2.0]], [[0.0, -2.0], [0.0, 0.0], [0.0, 1.0]], [[0.0, -1.0], [1.0, 1.0], [-1.0, -2.0]]], [[[0.0, -2.0], [0.0, 1.0], [-2.0, 2.0]], [[1.0, 0.0], [1.0, 2.0], [-2.0, 1.0]], [[-2.0, -1.0], [2.0, -1.0], [-2.0, -1.0]], [[1.0, 0.0], [2.0, 0.0], [2.0, 0.0]]], [[[1.0, -2.0], [2.0, 0.0], [0.0, -2.0]], [[1.0, -2.0], [-1.0, 0.0], [2.0, 2.0]], [[0.0, -1.0], [0.0, 0.0], [2.0, -2.0]], [[0.0, 0.0], [0.0, -1.0], [-2.0, -1.0]]], [[[0.0, 1.0], [-1.0, -2.0], [-2.0, 2.0]], [[2.0, 1.0], [-2.0, -1.0], [2.0, 0.0]], [[0.0, 1.0], [1.0, -1.0], [-2.0, -2.0]], [[1.0, 0.0], [-1.0, -1.0], [2.0, -1.0]]]]> : tensor<6x4x3x2xf32>
  %b1 = arith.constant dense<[1.0, -2.0, -1.0, 1.0, 0.0, -1.0]> : tensor<6xf32>
  %scale = arith.constant dense<[-2.0, 1.0, 0.0, -1.0, 1.0, 2.0]> : tensor<6xf32>
  %offset = arith.constant dense<[-1.0, 2.0, 1.0, 1.0, 0.0, 1.0]> : tensor<6xf32>
  %w2 = arith.constant dense<[[[[0.0, 0.0]], [[1.0, 1.0]], [[-1.0, -2.0]]], [[[1.0, 2.0]], [[-1.0, 1.0]], [[0.0, -1.0]]], [[[-2.0, 1.0]], [[0.0, 2.0]], [[2.0, 2.0]]], [[[0.0, -2.0]], [[0.0, 2.0]], [[-2.0, 0.0]]], [[[0.0, 2.0]], [[0.0, 1.0]], [[0.0, 0.0]]], [[[0.0, -1.0]], [[2.0, -2.0]], [[1.0, 2.0]]]]> : tensor<6x3x1x2xf32>
  %b2 = arith.constant dense<[0.0, 0.0, 0.0, 1.0, 0.0, 2.0]> : tensor<6xf32>
  %w3 = arith.constant dense<[[[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]], [[-1.0, 1.0], [0.0, 0.0], [2.0, -1.0]], [[2.0, -1.0], [-1.0, 0.0], [1.0, 0.0]], [[-2.0, 1.0], [-1.0, 2.0], [2.0, 2.0]], [[1.0, 0.0], [2.0, 2.0], [0.0, -2.0]], [[-1.0, -1.0], [2.0, 1.0], [2.0, -1.0]]]> : tensor<6x3x2xf32>
  %w4 = arith.constant dense<[[[[-1.0]], [[-1.0]], [[-2.0]], [[1.0]], [[-1.0]], [[-1.0]]], [[[-2.0]], [[-1.0]], [[-2.0]], [[0.0]], [[-1.0]], [[1.0]]], [[[-1.0]], [[2.0]], [[-2.0]], [[1.0]], [[1.0]], [[0.0]]], [[[1.0]], [[2.0]], [[-2.0]], [[2.0]], [[-1.0]], [[-1.0]]], [[[0.0]], [[-2.0]], [[0.0]], [[1.0]], [[0.0]], [[1.0]]], [[[-2.0]], [[2.0]], [[0.0]], [[-2.0]], [[2.0]], [[2.0]]]]> : tensor<6x6x1x1xf32>
  %patch = arith.constant dense<[[[[0.0, -2.0, 0.0], [2.0, 2.0, 0.0]], [[2.0, 0.0, 0.0], [-1.0, 1.0, 1.0]]]]> : tensor<1x2x2x3xf32>
  %w5 = arith.constant dense<[[2.0, 2.0, 0.0, 1.0, -1.0, -1.0, 2.0, 1.0, 2.0, 1.0, -1.0, -1.0, 2.0, -2.0, 0.0, -2.0, 1.0, -2.0, 0.0, 2.0, 2.0, 2.0, -1.0, 0.0, 2.0, 1.0, 1.0, 1.0, -1.0, 1.0, 0.0, 1.0, 1.0, 1.0, -1.0, 2.0, 2.0, 0.0, 0.0, 1.0, 0.0, 1.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0, 1.0, -2.0, -2.0, 2.0, 1.0, -1.0, 0.0, -2.0, -1.0, 1.0, -2.0, 1.0, 2.0, 2.0, 0.0, -1.0, 1.0, -2.0, -1.0, 1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 2.0, 1.0, 2.0, 2.0, -2.0, -2.0, -1.0, 0.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0, -2.0, 1.0, 0.0, 0.0, 2.0, -1.0, -2.0, -2.0, 0.0, 2.0, 1.0, -2.0, 2.0, -1.0, -2.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, -1.0, 0.0, 1.0, -2.0, 0.0, -2.0, 1.0, 2.0, 0.0, 1.0, 0.0, -1.0, -1.0, 1.0, 2.0, 1.0, 0.0, 2.0, -1.0, 1.0, 2.0, 2.0, -2.0, -2.0, -1.0, 0.0, -2.0, -2.0, -2.0, 0.0, 1.0, -2.0, 1.0, 1.0, -2.0, -2.0, -2.0, -1.0, 2.0, -2.0, -1.0, 0.0, 1.0, -1.0, -1.0, 2.0, -1.0, 1.0, -1.0, -2.0, 2.0, -1.0, -2.0, 2.0, -2.0, 1.0, -2.0, 0.0, -2.0, 2.0, 2.0, -2.0, 1.0, 2.0, -1.0, -2.0, 1.0, -2.0, 0.0, 2.0, 1.0, 1.0, 0.0, 0.0, -2.0, -1.0, 0.0, -1.0, 2.0, 2.0, 0.0, 2.0], [2.0, 2.0, -1.0, 0.0, -2.0, 2.0, -1.0, 0.0, 0.0, 2.0, -1.0, -1.0, 0.0, 1.0, 1.0, -1.0, -1.0, -2.0, 0.0, -2.0, 2.0, -2.0, -2.0, -2.0, 2.0, 2.0, 1.0, -1.0, 1.0, 1.0, 1.0, 0.0, -2.0, 2.0, -2.0, 2.0, 1.0, -2.0, -1.0, 1.0, -1.0, -2.0, -2.0, 1.0, -1.0, -1.0, 2.0, 1.0, 0.0, -1.0, 0.0, 0.0, 2.0, 0.0, 1.0, 1.0, -1.0, 0.0, 0.0, 1.0, 0.0, 2.0, -2.0, 2.0, 2.0, -1.0, -1.0, 1.0, -2.0, -2.0, -2.0, -2.0, -1.0, -1.0, -1.0, -2.0, 1.0, 1.0, 0.0, -2.0, 1.0, 1.0, 0.0, 2.0, 1.0, 0.0, 1.0, 1.0, -2.0, -1.0, -1.0, -1.0, -2.0, 0.0, 1.0, 1.0, -1.0, 2.0, 0.0, -2.0, 0.0, -1.0, 0.0, -1.0, -2.0, 1.0, -2.0, 0.0, 0.0, 0.0, -2.0, -2.0, 1.0, 1.0, -1.0, -2.0, 0.0, 0.0, 1.0, -1.0, -1.0, -2.0, -1.0, -2.0, 2.0, -1.0, -2.0, 2.0, 1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0, -2.0, 1.0, -1.0, -1.0, -1.0, -1.0, -2.0, 2.0, 1.0, 0.0, -2.0, 1.0, -2.0, 1.0, 1.0, -1.0, -2.0, -2.0, 2.0, 2.0, 2.0, 0.0, -2.0, -2.0, -1.0, 1.0, -2.0, 1.0, -2.0, -1.0, -2.0, 1.0, 1.0, -2.0, -2.0, 0.0, 1.0, 1.0, 0.0, -2.0, -2.0, -1.0, -1.0, 2.0, 1.0, -1.0, 2.0, -1.0, -2.0, 0.0, -2.0, -2.0, 2.0, -1.0, 2.0, -2.0, -1.0], [2.0, -2.0, 1.0, 2.0, 0.0, 1.0, 1.0, 2.0, 1.0, 2.0, -1.0, -2.0, 0.0, 1.0, -1.0, 2.0, -2.0, -1.0, 0.0, 1.0, -2.0, 0.0, 1.0, 0.0, -1.0, -1.0, 2.0, -2.0, 1.0, -1.0, -2.0, 1.0, 2.0, -1.0, 0.0, -2.0, 1.0, -1.0, -2.0, -1.0, 0.0, 0.0, -2.0, -2.0, 1.0, 0.0, 1.0, 2.0, -2.0, 0.0, -1.0, 2.0, -2.0, 1.0, -1.0, -2.0, -2.0, 1.0, 0.0, -2.0, 1.0, 2.0, -1.0, 0.0, -2.0, 0.0, -1.0, -1.0, 0.0, 1.0, 0.0, 0.0, -2.0, -2.0, 2.0, 2.0, -2.0, -2.0, -2.0, -2.0, -1.0, 0.0, 1.0, 0.0, 2.0, -2.0, -1.0, 2.0, 1.0, -1.0, 0.0, -1.0, 0.0, 0.0, -2.0, -1.0, 2.0, 2.0, -1.0, -2.0, 0.0, 2.0, 2.0, -1.0, -1.0, 1.0, 1.0, 1.0, -2.0, 0.0, 0.0, 1.0, -1.0, 1.0, 2.0, 1.0, -1.0, 1.0, -2.0, -1.0, 2.0, 1.0, 1.0, 2.0, -2.0, -2.0, -1.0, 1.0, -2.0, -1.0, -2.0, -2.0, 2.0, -1.0, 1.0, 0.0, 1.0, 1.0, -1.0, -1.0, 0.0, -1.0, 0.0, 2.0, 2.0, 0.0, -1.0, 0.0, 0.0, -1.0, -2.0, 2.0, 1.0, 1.0, 0.0, -1.0, -1.0, -1.0, 1.0, 1.0, -2.0, -2.0, -1.0, 1.0, -2.0, 0.0, -1.0, 0.0, 1.0, 1.0, 2.0, 2.0, -2.0, -1.0, 1.0, -2.0, -2.0, 2.0, 2.0, 2.0, 2.0, -1.0, 1.0, -2.0, 0.0, -2.0, 2.0, 0.0, 2.0, 1.0, 2.0, 1.0], [2.0, 1.0, 1.0, 2.0, 2.0, -2.0, 2.0, -1.0, 1.0, 0.0, 2.0, -2.0, 2.0, -1.0, 0.0, 0.0, -2.0, -2.0, -2.0, 0.0, 2.0, 2.0, 1.0, 0.0, -2.0, 0.0, -1.0, -2.0, -2.0, -2.0, 0.0, 0.0, 2.0, 2.0, 2.0, -1.0, 1.0, 2.0, -2.0, -2.0, -1.0, 0.0, 2.0, 1.0, 1.0, -2.0, 1.0, 1.0, -1.0, 2.0, -1.0, 2.0, 0.0, 1.0, 0.0, -2.0, 2.0, 0.0, -1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 2.0, -2.0, -1.0, -2.0, 1.0, -1.0, -1.0, -2.0, 2.0, 2.0, 2.0, 1.0, 1.0, -1.0, 1.0, 1.0, 2.0, 2.0, -1.0, 0.0, 1.0, 0.0, -2.0, 2.0, 0.0, -1.0, 1.0, -2.0, -1.0, -2.0, 0.0, 2.0, 2.0, 2.0, 2.0, -1.0, 1.0, -1.0, 0.0, 2.0, -2.0, 0.0, -2.0, -2.0, 1.0, -1.0, 2.0, -2.0, 0.0, -1.0, 1.0, 1.0, -1.0, 2.0, 1.0, -2.0, -2.0, -1.0, -1.0, -2.0, -2.0, 0.0, -1.0, 0.0, 2.0, -2.0, 2.0, 1.0, 0.0, -1.0, 2.0, 2.0, -2.0, 0.0, -2.0, -2.0, -1.0, -1.0, 0.0, 0.0, -1.0, 1.0, -2.0, -1.0, 1.0, 2.0, 1.0, 1.0, -2.0, -2.0, 2.0, 0.0, -1.0, -2.0, 1.0, 1.0, 0.0, -2.0, 1.0, 0.0, -2.0, -2.0, 1.0, 0.0, -1.0, 0.0, 1.0, -1.0, 0.0, 1.0, -2.0, 2.0, -2.0, 0.0, 1.0, 0.0, -2.0, 2.0, 1.0, -2.0, -1.0, 1.0, -1.0, 0.0, -2.0, -1.0, 0.0, -2.0], [2.0, 1.0, 1.0, -1.0, 2.0, 1.0, -1.0, -2.0, 1.0, 0.0, -1.0, -2.0, -2.0, -1.0, 0.0, -2.0, -2.0, 0.0, 2.0, 1.0, 1.0, 2.0, -2.0, -2.0, -1.0, -1.0, 1.0, -2.0, 1.0, 2.0, -2.0, 0.0, 2.0, 1.0, 2.0, -2.0, -2.0, -1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 2.0, -2.0, -1.0, -2.0, 1.0, 1.0, 1.0, 1.0, -2.0, -1.0, 0.0, -1.0, 0.0, -1.0, 1.0, -2.0, 0.0, -1.0, 1.0, 1.0, -1.0, 0.0, -1.0, 1.0, 0.0, 0.0, -2.0, -2.0, -1.0, 1.0, -2.0, -2.0, 1.0, -2.0, 1.0, -1.0, -1.0, -2.0, 1.0, 0.0, 2.0, 1.0, -1.0, 1.0, -1.0, -2.0, 0.0, 2.0, -2.0, -2.0, -1.0, 1.0, -2.0, 0.0, -1.0, 0.0, 0.0, -1.0, -1.0, 0.0, 2.0, 2.0, -2.0, 0.0, -2.0, -2.0, 1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 1.0, -1.0, 2.0, -1.0, 0.0, -2.0, 2.0, -2.0, 1.0, -1.0, -1.0, 1.0, -2.0, -2.0, -2.0, -1.0, 1.0, -1.0, 2.0, 2.0, -1.0, 0.0, -2.0, 2.0, -1.0, -2.0, 1.0, 0.0, -2.0, 2.0, 0.0, 1.0, 1.0, -2.0, -2.0, 0.0, 2.0, 2.0, 0.0, 2.0, 2.0, 1.0, 1.0, 0.0, -1.0, 2.0, -2.0, 1.0, -2.0, -1.0, 2.0, 2.0, 1.0, -2.0, 2.0, 0.0, 2.0, 0.0, 1.0, -1.0, 1.0, 0.0, -2.0, 1.0, -2.0, 2.0, 2.0, -1.0, 2.0, 1.0, -2.0, -2.0, -2.0, -2.0, 0.0, -1.0]]> : tensor<5x192xf32>
  %b5 = arith.constant dense<[0.0, 0.0, 0.0, 0.0, 1.0]> : tensor<5xf32>
  %p1 = tensor.pad %x low[0, 0, 1, 0] high[0, 0, 2, 1] {
  ^bb0(%k0: index, %k1: index, %k2: index, %k3: index):
    tensor.yield %zero : f32
  } : tensor<1x4x7x6xf32> to tensor<1x4x10x7xf32>
  %e1 = tensor.empty() : tensor<1x6x8x6xf32>
  %i1 = linalg.broadcast ins(%b1 : tensor<6xf32>) outs(%e1 : tensor<1x6x8x6xf32>) dimensions = [0, 2, 3]
  %c1 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%p1, %w1 : tensor<1x4x10x7xf32>, tensor<6x4x3x2xf32>) outs(%i1 : tensor<1x6x8x6xf32>) -> tensor<1x6x8x6xf32>
  %scales = tensor.expand_shape %scale [[0, 1, 2]] output_shape [6, 1, 1] : tensor<6xf32> into tensor<6x1x1xf32>
  %offsets = tensor.expand_shape %offset [[0, 1, 2]] output_shape [6, 1, 1] : tensor<6xf32> into tensor<6x1x1xf32>
  %en1 = tensor.empty() : tensor<1x6x8x6xf32>
  %n1 = linalg.generic {indexing_maps = [#identity, #vector, #vector, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%c1, %scales, %offsets : tensor<1x6x8x6xf32>, tensor<6x1x1xf32>, tensor<6x1x1xf32>) outs(%en1 : tensor<1x6x8x6xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %c : f32
    linalg.yield %1 : f32
  } -> tensor<1x6x8x6xf32>
  %er1 = tensor.empty() : tensor<1x6x8x6xf32>
  %r1 = linalg.generic {indexing_maps = [#identity, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%n1 : tensor<1x6x8x6xf32>) outs(%er1 : tensor<1x6x8x6xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x6x8x6xf32>
  %window = tensor.empty() : tensor<2x2xf32>
  %pe = tensor.empty() : tensor<1x6x4x3xf32>
  %pi = linalg.fill ins(%lowest : f32) outs(%pe : tensor<1x6x4x3xf32>) -> tensor<1x6x4x3xf32>
  %pool = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
    ins(%r1, %window : tensor<1x6x8x6xf32>, tensor<2x2xf32>) outs(%pi : tensor<1x6x4x3xf32>) -> tensor<1x6x4x3xf32>
  %p2 = tensor.pad %pool low[0, 0, 0, 1] high[0, 0, 0, 0] {
  ^bb0(%k0: index, %k1: index, %k2: index, %k3: index):
    tensor.yield %zero : f32
  } : tensor<1x6x4x3xf32> to tensor<1x6x4x4xf32>
  %g2 = tensor.expand_shape %p2 [[0], [1, 2], [3], [4]] output_shape [1, 2, 3, 4, 4] : tensor<1x6x4x4xf32> into tensor<1x2x3x4x4xf32>
  %v2 = tensor.expand_shape %w2 [[0, 1], [2], [3], [4]] output_shape [2, 3, 3, 1, 2] : tensor<6x3x1x2xf32> into tensor<2x3x3x1x2xf32>
  %e2 = tensor.empty() : tensor<1x6x4x3xf32>
  %i2 = linalg.broadcast ins(%b2 : tensor<6xf32>) outs(%e2 : tensor<1x6x4x3xf32>) dimensions = [0, 2, 3]
  %j2 = tensor.expand_shape %i2 [[0], [1, 2], [3], [4]] output_shape [1, 2, 3, 4, 3] : tensor<1x6x4x3xf32> into tensor<1x2x3x4x3xf32>
  %c2 = linalg.conv_2d_ngchw_gfchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%g2, %v2 : tensor<1x2x3x4x4xf32>, tensor<2x3x3x1x2xf32>) outs(%j2 : tensor<1x2x3x4x3xf32>) -> tensor<1x2x3x4x3xf32>
  %d2 = tensor.collapse_shape %c2 [[0], [1, 2], [3], [4]] : tensor<1x2x3x4x3xf32> into tensor<1x6x4x3xf32>
  %p3 = tensor.pad %d2 low[0, 0, 1, 0] high[0, 0, 1, 1] {
  ^bb0(%k0: index, %k1: index, %k2: index, %k3: index):
    tensor.yield %zero : f32
  } : tensor<1x6x4x3xf32> to tensor<1x6x6x4xf32>
  %i3 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x6x4x3xf32>) -> tensor<1x6x4x3xf32>
  %c3 = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%p3, %w3 : tensor<1x6x6x4xf32>, tensor<6x3x2xf32>) outs(%i3 : tensor<1x6x4x3xf32>) -> tensor<1x6x4x3xf32>
  %qe = tensor.empty() : tensor<1x6x1x1xf32>
  %qi = linalg.fill ins(%zero : f32) outs(%qe : tensor<1x6x1x1xf32>) -> tensor<1x6x1x1xf32>
  %q = linalg.generic {indexing_maps = [#identity, #channel], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%pool : tensor<1x6x4x3xf32>) outs(%qi : tensor<1x6x1x1xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.maximumf %a, %out : f32
    linalg.yield %0 : f32
  } -> tensor<1x6x1x1xf32>
  %c4 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%q, %w4 : tensor<1x6x1x1xf32>, tensor<6x6x1x1xf32>) outs(%qi : tensor<1x6x1x1xf32>) -> tensor<1x6x1x1xf32>
  %es = tensor.empty() : tensor<1x6x4x3xf32>
  %s = linalg.generic {indexing_maps = [#identity, #channel, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%pool, %c4 : tensor<1x6x4x3xf32>, tensor<1x6x1x1xf32>) outs(%es : tensor<1x6x4x3xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x6x4x3xf32>
  %er = tensor.empty() : tensor<1x6x4x3xf32>
  %r = linalg.generic {indexing_maps = [#identity, #identity, #identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%c3, %s : tensor<1x6x4x3xf32>, tensor<1x6x4x3xf32>) outs(%er : tensor<1x6x4x3xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.subf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x6x4x3xf32>
  %slice = tensor.extract_slice %x[0, 1, 0, 0] [1, 2, 4, 3] [1, 1, 2, 2] : tensor<1x4x7x6xf32> to tensor<1x2x4x3xf32>
  %cat = tensor.concat dim(1) %r, %slice, %pool, %slice : (tensor<1x6x4x3xf32>, tensor<1x2x4x3xf32>, tensor<1x6x4x3xf32>, tensor<1x2x4x3xf32>) -> tensor<1x16x4x3xf32>
  %ins = tensor.insert_slice %patch into %cat[0, 3, 1, 0] [1, 2, 2, 3] [1, 1, 1, 1] : tensor<1x2x2x3xf32> into tensor<1x16x4x3xf32>
  %flat = tensor.collapse_shape %ins [[0], [1, 2, 3]] : tensor<1x16x4x3xf32> into tensor<1x192xf32>
  %erf = tensor.empty() : tensor<1x192xf32>
  %rf = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
    ins(%flat : tensor<1x192xf32>) outs(%erf : tensor<1x192xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x192xf32>
  %te = tensor.empty() : tensor<192x5xf32>
  %v5 = linalg.transpose ins(%w5 : tensor<5x192xf32>) outs(%te : tensor<192x5xf32>) permutation = [1, 0]
  %e5 = tensor.empty() : tensor<1x5xf32>
  %i5 = linalg.fill ins(%zero : f32) outs(%e5 : tensor<1x5xf32>) -> tensor<1x5xf32>
  %m5 = linalg.matmul ins(%rf, %v5 : tensor<1x192xf32>, tensor<192x5xf32>) outs(%i5 : tensor<1x5xf32>) -> tensor<1x5xf32>
  %ey = tensor.empty() : tensor<1x5xf32>
  %y = linalg.generic {indexing_maps = [#row, #column, #row], iterator_types = ["parallel", "parallel"]}
    ins(%m5, %b5 : tensor<1x5xf32>, tensor<5xf32>) outs(%ey : tensor<1x5xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x5xf32>
  return %y : tensor<1x5xf32>
}

// Prints the results for an input of pseudo-random integers in -5..5.
func.func @main() {
  %empty = tensor.empty() : tensor<1x4x7x6xf32>
  %x = linalg.generic {indexing_maps = [#identity], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    outs(%empty : tensor<1x4x7x6xf32>) {
  ^bb0(%out: f32):
    %d1 = linalg.index 1 : index
    %d2 = linalg.index 2 : index
    %d3 = linalg.index 3 : index
    %k1 = arith.constant 631 : index
    %m1 = arith.muli %d1, %k1 : index
    %k2 = arith.constant 173 : index
    %m2 = arith.muli %d2, %k2 : index
    %k3 = arith.constant 97 : index
    %m3 = arith.muli %d3, %k3 : index
    %t1 = arith.addi %m1, %m2 : index
    %t2 = arith.addi %t1, %m3 : index
    %square = arith.muli %t2, %t2 : index
    %modulus = arith.constant 11 : index
    %residue = arith.remui %square, %modulus : index
    %bits = arith.index_cast %residue : index to i32
    %float = arith.sitofp %bits : i32 to f32
    %five = arith.constant 5.0 : f32
    %value = arith.subf %float, %five : f32
    linalg.yield %value : f32
  } -> tensor<1x4x7x6xf32>
  %y = func.call @net(%x) : (tensor<1x4x7x6xf32>) -> tensor<1x5xf32>
  %result = tensor.empty() : tensor<1x5xi32>
  %integers = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
    ins(%y : tensor<1x5xf32>) outs(%result : tensor<1x5xi32>) {
  ^bb0(%in: f32, %out: i32):
    %0 = arith.fptosi %in : f32 to i32
    linalg.yield %0 : i32
  } -> tensor<1x5xi32>
  %unranked = tensor.cast %integers : tensor<1x5xi32> to tensor<*xi32>
  call @printMemrefI32(%unranked) : (tensor<*xi32>) -> ()
  return
}
func.func private @printMemrefI32(tensor<*xi32>) attributes {llvm.emit_c_interface}
