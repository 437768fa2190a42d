// RUN: gpfq-opt %s --lowbit-fuse -split-input-file | FileCheck %s

// With zero point 0 the clamp at code 0 is the ReLU.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @relu_is_clamp
// CHECK: math.roundeven
// CHECK: arith.cmpf ogt
// CHECK: arith.cmpf olt
// CHECK-NOT: arith.cmpf
// CHECK: lowbit.yield
func.func @relu_is_clamp(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf ugt, %a, %zero : f32
    %1 = arith.select %0, %a, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<1x2xf32>
  %r = lowbit.quantize %t, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// Another spelling of ReLU: no division is left.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @relu_maximumf
// CHECK-NOT: arith.divf
// CHECK: arith.mulf
// CHECK-NEXT: math.roundeven
// CHECK-NOT: arith.divf
// CHECK: lowbit.yield
func.func @relu_maximumf(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.maximumf %zero, %a : f32
    linalg.yield %0 : f32
  } -> tensor<1x2xf32>
  %r = lowbit.quantize %t, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// Another spelling of ReLU: no division is left.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @relu_maxnumf
// CHECK-NOT: arith.divf
// CHECK: arith.mulf
// CHECK-NEXT: math.roundeven
// CHECK-NOT: arith.divf
// CHECK: lowbit.yield
func.func @relu_maxnumf(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.maxnumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<1x2xf32>
  %r = lowbit.quantize %t, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// Another spelling of ReLU: no division is left.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @relu_less
// CHECK-NOT: arith.divf
// CHECK: arith.mulf
// CHECK-NEXT: math.roundeven
// CHECK-NOT: arith.divf
// CHECK: lowbit.yield
func.func @relu_less(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf olt, %a, %zero : f32
    %1 = arith.select %0, %zero, %a : f32
    linalg.yield %1 : f32
  } -> tensor<1x2xf32>
  %r = lowbit.quantize %t, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// ReLU6 up to the largest code is the clamp; a lower bound than the clamp's stays.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @relu6_is_clamp
// CHECK: arith.mulf
// CHECK-NEXT: math.roundeven
// CHECK-NEXT: arith.cmpf ogt
// CHECK-NEXT: arith.select
// CHECK-NEXT: arith.cmpf olt
// CHECK-NEXT: arith.select
// CHECK-NEXT: arith.fptoui
// CHECK-LABEL: func @low_cap_stays
// CHECK: arith.mulf
// CHECK-NEXT: arith.cmpf ult
// CHECK-NEXT: arith.select
// CHECK-NEXT: math.roundeven
func.func @relu6_is_clamp(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %cap = arith.constant 6.0 : f32
  %s = arith.constant dense<0.0234375> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf ugt, %a, %zero : f32
    %1 = arith.select %0, %a, %zero : f32
    %2 = arith.cmpf ult, %1, %cap : f32
    %3 = arith.select %2, %1, %cap : f32
    linalg.yield %3 : f32
  } -> tensor<1x2xf32>
  %r = lowbit.quantize %t, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}
func.func @low_cap_stays(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %cap = arith.constant 3.0 : f32
  %s = arith.constant dense<0.0234375> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf ugt, %a, %zero : f32
    %1 = arith.select %0, %a, %zero : f32
    %2 = arith.cmpf ult, %1, %cap : f32
    %3 = arith.select %2, %1, %cap : f32
    linalg.yield %3 : f32
  } -> tensor<1x2xf32>
  %r = lowbit.quantize %t, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}
