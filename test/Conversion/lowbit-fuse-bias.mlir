// RUN: gpfq-opt %s --lowbit-fuse -split-input-file | FileCheck %s

// The bias of a layer that ends in codes of 8 bits is an integer, in units of the accumulator.

// Units of 1/64 of a code: at most 1/128 of a code is lost.

// CHECK-LABEL: func @fine_units
// CHECK-DAG: arith.constant dense<[333, -21]> : tensor<2xi32>
// CHECK: arith.constant 1.562500e-02 : f32
// CHECK-NOT: arith.shli
// CHECK: arith.addi
// CHECK-NEXT: arith.sitofp
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: math.roundeven
func.func @fine_units(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %s = arith.constant dense<1.0> : tensor<1xf32>
  %so = arith.constant dense<1.0> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %ws = arith.constant dense<[0.015625, 0.015625]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %ws axis 1 alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %bias = arith.constant dense<[[5.2, -0.33]]> : tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%bias : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = lowbit.quantize %y, %so : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// A unit is a quarter of a code, so the sums are shifted by a place: 7.1 codes become 57 of an eighth of a code.

// CHECK-LABEL: func @coarse_units
// CHECK-DAG: arith.constant dense<[57, -32]> : tensor<2xi32>
// CHECK: arith.shli %{{.*}}, %c1_i32
// CHECK-NEXT: arith.addi
func.func @coarse_units(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %s = arith.constant dense<1.0> : tensor<1xf32>
  %so = arith.constant dense<1.0> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [0, 4]]> : tensor<2x2xi8>
  %ws = arith.constant dense<[0.25, 0.25]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %ws axis 1 alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %bias = arith.constant dense<[[7.1, -4.0]]> : tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%bias : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = lowbit.quantize %y, %so : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// Weights of next to nothing: the bias would not fit an integer, so the unit of the channel is larger.

// CHECK-LABEL: func @dead_channel
// CHECK-DAG: arith.constant dense<[2147{{[0-9]+}}, 100]> : tensor<2xi32>
// CHECK-DAG: arith.constant dense<[{{.*}}E-9, 1.000000e-01]> : tensor<2xf32>
// CHECK: arith.addi
func.func @dead_channel(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %s = arith.constant dense<1.0> : tensor<1xf32>
  %so = arith.constant dense<1.0> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %ws = arith.constant dense<[1.0e-30, 0.1]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %ws axis 1 alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %bias = arith.constant dense<[[7.3, 10.0]]> : tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%bias : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = lowbit.quantize %y, %so : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// Levels of 64 and more cannot be shifted: a bias that is far from an integer stays a float.

// CHECK-LABEL: func @no_room
// CHECK-NOT: arith.addi
// CHECK: arith.sitofp
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK-NEXT: math.roundeven
func.func @no_room(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %s = arith.constant dense<1.0> : tensor<1xf32>
  %so = arith.constant dense<1.0> : tensor<1xf32>
  %l = arith.constant dense<[[1, 100], [0, 100]]> : tensor<2x2xi8>
  %ws = arith.constant dense<[1.0, 0.1]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %ws axis 1 alphabet <mid_tread, [127]> layer "fc" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %bias = arith.constant dense<[[0.4, 10.0]]> : tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%bias : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = lowbit.quantize %y, %so : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// A bias that is no number stays as it is.

// CHECK-LABEL: func @infinite
// CHECK-NOT: arith.addi
// CHECK: arith.addf
// CHECK: math.roundeven
func.func @infinite(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %s = arith.constant dense<1.0> : tensor<1xf32>
  %so = arith.constant dense<1.0> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %ws = arith.constant dense<[0.01, 0.01]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %ws axis 1 alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %bias = arith.constant dense<[[0x7F800000, 10.0]]> : tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%bias : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = lowbit.quantize %y, %so : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// A float result is not rounded, so neither is the bias.

// CHECK-LABEL: func @float_result
// CHECK-NOT: arith.addi
// CHECK: arith.addf
// CHECK-NEXT: lowbit.yield
func.func @float_result(%q: tensor<1x2xi8>) -> tensor<1x2xf32> {
  %s = arith.constant dense<1.0> : tensor<1xf32>
  %so = arith.constant dense<1.0> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %ws = arith.constant dense<[0.01, 0.01]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %ws axis 1 alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %bias = arith.constant dense<[[0.4, 10.0]]> : tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%bias : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// Codes of 4 bits, and of 8 bits that a clip before the rounding leaves 15 of, as some tools write them: the bias stays.

// CHECK-LABEL: func @few_codes
// CHECK-NOT: arith.addi
// CHECK: arith.addf
// CHECK: math.roundeven
// CHECK-NOT: arith.addi
// CHECK: arith.addf
// CHECK: lowbit.matmul
// CHECK-NOT: arith.addi
// CHECK: arith.addf
// CHECK: math.roundeven
func.func @few_codes(%q: tensor<1x2xi8>) -> (tensor<1x2xi8>, tensor<1x2xi8>) {
  %s = arith.constant dense<1.0> : tensor<1xf32>
  %so = arith.constant dense<1.0> : tensor<1xf32>
  %zero = arith.constant 0.0 : f32
  %most = arith.constant 15.0 : f32
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %ws = arith.constant dense<[0.015625, 0.015625]> : tensor<2xf32>
  %w = lowbit.dequantize %l, %ws axis 1 alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %bias = arith.constant dense<[[5.2, -0.33]]> : tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%bias : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = lowbit.quantize %y, %so zero_point 3 max 15 : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  %z = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%bias : tensor<1x2xf32>) -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%z : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.maximumf %in, %zero : f32
    %1 = arith.minimumf %0, %most : f32
    linalg.yield %1 : f32
  } -> tensor<1x2xf32>
  %t = lowbit.quantize %c, %so : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r, %t : tensor<1x2xi8>, tensor<1x2xi8>
}
