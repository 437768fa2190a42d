// What torch-mlir makes of DequantizeLinear and QuantizeLinear: weights get their levels, activations their codes.

// RUN: gpfq-opt %s --gpfq-qdq-to-lowbit -split-input-file -verify-diagnostics | FileCheck %s

#elementwise = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>
#one = affine_map<(d0, d1) -> ()>
#vector = affine_map<(d0) -> (d0)>

// A scale and a zero point for each row, the difference in i16; a bias of i32.

// CHECK-LABEL: func @signed
// CHECK-DAG: %[[LEVELS:.*]] = arith.constant dense<{{\[\[}}1, -7, 3], [2, 0, -1]]> : tensor<2x3xi8>
// CHECK-DAG: %[[SCALES:.*]] = arith.constant dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>
// CHECK-DAG: %[[BIAS:.*]] = arith.constant dense<[5.000000e+00, -1.500000e+00]> : tensor<2xf32>
// CHECK: %[[W:.*]] = lowbit.dequantize %[[LEVELS]], %[[SCALES]] axis 0 alphabet <mid_tread, [7]> layer "linear_0"
// CHECK: linalg.broadcast ins(%[[BIAS]]
func.func @signed(%x: tensor<1x3xf32>) -> tensor<1x2xf32> {
  %codes = arith.constant dense<[[1, -7, 3], [3, 1, 0]]> : tensor<2x3xi8>
  %zeros = arith.constant dense<[0, 1]> : tensor<2xi8>
  %scales = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %b = arith.constant dense<[10, -3]> : tensor<2xi32>
  %half = arith.constant 0.5 : f32
  %e = tensor.empty() : tensor<2x3xf32>
  %w = linalg.generic {indexing_maps = [#elementwise, #rows, #rows, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scales, %zeros : tensor<2x3xi8>, tensor<2xf32>, tensor<2xi8>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%q: i8, %s: f32, %z: i8, %out: f32):
    %0 = arith.extsi %z : i8 to i16
    %1 = arith.extsi %q : i8 to i16
    %2 = arith.subi %1, %0 : i16
    %3 = arith.sitofp %2 : i16 to f32
    %4 = arith.mulf %3, %s : f32
    linalg.yield %4 : f32
  } -> tensor<2x3xf32>
  %eb = tensor.empty() : tensor<2xf32>
  %bias = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]}
      ins(%b : tensor<2xi32>) outs(%eb : tensor<2xf32>) {
  ^bb0(%q: i32, %out: f32):
    %0 = arith.sitofp %q : i32 to f32
    %1 = arith.mulf %0, %half : f32
    linalg.yield %1 : f32
  } -> tensor<2xf32>
  %et = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x3xf32>) outs(%et : tensor<3x2xf32>) permutation = [1, 0]
  %ei = tensor.empty() : tensor<1x2xf32>
  %i = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%ei : tensor<1x2xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %t : tensor<1x3xf32>, tensor<3x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// Unsigned codes less a zero point of 128; the name of the resource is that of the layer. A Clip, a Cast, a Sub and a
// Mul, one op each, are the same. The levels decide on the alphabet.

#elementwise = affine_map<(d0, d1) -> (d0, d1)>
#one = affine_map<(d0, d1) -> ()>

// CHECK-LABEL: func @unsigned
// CHECK-DAG: %[[A:.*]] = arith.constant dense<{{\[\[}}-128, 0], [127, 1]]> : tensor<2x2xi8>
// CHECK-DAG: %[[B:.*]] = arith.constant dense<{{\[\[}}-2, 1], [0, 1]]> : tensor<2x2xi8>
// CHECK-DAG: %[[C:.*]] = arith.constant dense<{{\[\[}}-1, 1], [1, 1]]> : tensor<2x2xi8>
// CHECK-DAG: lowbit.dequantize %[[A]], %{{.*}} alphabet <range, [-128, 127]> layer "hidden" : tensor<2x2xi8>, tensor<1xf32>
// CHECK-DAG: lowbit.dequantize %[[B]], %{{.*}} alphabet <range, [-2, 1]> layer "linear_1"
// CHECK-DAG: lowbit.dequantize %[[C]], %{{.*}} alphabet <mid_rise, [1]> layer "linear_2"
// CHECK-NOT: linalg.generic
func.func @unsigned(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %codes = arith.constant dense_resource<hidden.weight> : tensor<2x2xi8>
  %clipped = arith.constant dense<[[3, 9], [5, 6]]> : tensor<2x2xi8>
  %binary = arith.constant dense<[[-1, 1], [1, 1]]> : tensor<2x2xi8>
  %low = arith.constant dense<0> : tensor<i8>
  %high = arith.constant dense<6> : tensor<i8>
  %five = arith.constant dense<5.0> : tensor<f32>
  %scale = arith.constant dense<0.5> : tensor<f32>
  %c128 = arith.constant 128 : i64
  %half = arith.constant 0.5 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %eq = tensor.empty() : tensor<2x2xi8>
  %w = linalg.generic {indexing_maps = [#elementwise, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%codes : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: i8, %out: f32):
    %0 = arith.extui %q : i8 to i64
    %1 = arith.subi %0, %c128 : i64
    %2 = arith.sitofp %1 : i64 to f32
    %3 = arith.mulf %2, %half : f32
    linalg.yield %3 : f32
  } -> tensor<2x2xf32>
  %clip = linalg.generic {indexing_maps = [#elementwise, #one, #one, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%clipped, %low, %high : tensor<2x2xi8>, tensor<i8>, tensor<i8>) outs(%eq : tensor<2x2xi8>) {
  ^bb0(%q: i8, %l: i8, %h: i8, %out: i8):
    %0 = arith.maxui %q, %l : i8
    %1 = arith.minui %0, %h : i8
    linalg.yield %1 : i8
  } -> tensor<2x2xi8>
  %cast = linalg.generic {indexing_maps = [#elementwise, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%clip : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: i8, %out: f32):
    %0 = arith.uitofp %q : i8 to f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  %sub = linalg.generic {indexing_maps = [#elementwise, #one, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%cast, %five : tensor<2x2xf32>, tensor<f32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: f32, %z: f32, %out: f32):
    %0 = arith.subf %q, %z : f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  %v = linalg.generic {indexing_maps = [#elementwise, #one, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%sub, %scale : tensor<2x2xf32>, tensor<f32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: f32, %s: f32, %out: f32):
    %0 = arith.mulf %q, %s : f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  %u = linalg.generic {indexing_maps = [#elementwise, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%binary : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: i8, %out: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %half, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  %ei = tensor.empty() : tensor<1x2xf32>
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%ei : tensor<1x2xf32>) -> tensor<1x2xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = linalg.matmul ins(%0, %v : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %2 = linalg.matmul ins(%1, %u : tensor<1x2xf32>, tensor<2x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %2 : tensor<1x2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      hidden.weight: "0x010000000080FF81"
    }
  }
#-}

// -----

// Blocks: scales that are equal along runs of one dimension.

#elementwise = affine_map<(d0, d1) -> (d0, d1)>

// CHECK-LABEL: func @blocks
// CHECK-DAG: %[[SCALES:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 1.000000e+00]]> : tensor<2x2xf32>
// CHECK: lowbit.dequantize %{{.*}}, %[[SCALES]] axis 0 block_axis 1 alphabet <mid_tread, [3]> layer "linear_0" : tensor<2x4xi8>, tensor<2x2xf32>
func.func @blocks(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %codes = arith.constant dense<[[1, 2, 3, -3], [0, 1, -1, 2]]> : tensor<2x4xi8>
  %scales = arith.constant dense<[[1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 1.0, 1.0]]> : tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %w = linalg.generic {indexing_maps = [#elementwise, #elementwise, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scales : tensor<2x4xi8>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%q: i8, %s: f32, %out: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %s : f32
    linalg.yield %1 : f32
  } -> tensor<2x4xf32>
  %et = tensor.empty() : tensor<4x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x4xf32>) outs(%et : tensor<4x2xf32>) permutation = [1, 0]
  %ei = tensor.empty() : tensor<1x2xf32>
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%ei : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %t : tensor<1x4xf32>, tensor<4x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// What has no levels is a constant of floats, and says why where it is a weight.

#elementwise = affine_map<(d0, d1) -> (d0, d1)>

// CHECK-LABEL: func @floats
// CHECK-DAG: arith.constant dense<{{\[\[}}-5.000000e+01, 7.750000e+01], [0.000000e+00, 5.000000e-01]]> : tensor<2x2xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [9.000000e+00, 1.600000e+01]]> : tensor<2x2xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}0.000000e+00, -0.000000e+00], [0.000000e+00, 0.000000e+00]]> : tensor<2x2xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}5.000000e-01, -5.000000e-01], [1.000000e+00, 1.500000e+00]]> : tensor<2x2xf32>
// CHECK-NOT: lowbit.
// CHECK: linalg.add
func.func @floats(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %asymmetric = arith.constant dense<[[0, -1], [100, 101]]> : tensor<2x2xi8>
  %codes = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %other = arith.constant dense<[[1, -1], [2, 3]]> : tensor<2x2xi8>
  %scales = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c100 = arith.constant 100 : i32
  %half = arith.constant 0.5 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  // expected-remark @+1 {{weights stay in float: levels less the zero point, -100 to 155, do not fit 8 bits; quantise the weights symmetrically}}
  %u = linalg.generic {indexing_maps = [#elementwise, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%asymmetric : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: i8, %out: f32):
    %0 = arith.extui %q : i8 to i32
    %1 = arith.subi %0, %c100 : i32
    %2 = arith.sitofp %1 : i32 to f32
    %3 = arith.mulf %2, %half : f32
    linalg.yield %3 : f32
  } -> tensor<2x2xf32>
  // expected-remark @+1 {{weights stay in float: scales are not one for each output channel, or each block of its inputs}}
  %v = linalg.generic {indexing_maps = [#elementwise, #elementwise, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%codes, %scales : tensor<2x2xi8>, tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: i8, %s: f32, %out: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %s : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  // expected-remark @+1 {{weights stay in float: a scale is not positive and finite}}
  %w = linalg.generic {indexing_maps = [#elementwise, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%other : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: i8, %out: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  %addend = linalg.generic {indexing_maps = [#elementwise, #elementwise], iterator_types = ["parallel", "parallel"]}
      ins(%other : tensor<2x2xi8>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%q: i8, %out: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %half : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %0 = linalg.matmul ins(%x, %u : tensor<2x2xf32>, tensor<2x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %1 = linalg.matmul ins(%0, %v : tensor<2x2xf32>, tensor<2x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %2 = linalg.matmul ins(%1, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %3 = linalg.add ins(%2, %addend : tensor<2x2xf32>, tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %3 : tensor<2x2xf32>
}
