// RUN: gpfq-opt %s --lowbit-fuse -split-input-file | FileCheck %s

// No activation: the sum cannot be NaN, so the test for it goes.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @linear
// CHECK: ^bb0(%[[ACC:.*]]: i32, %[[B:.*]]: i32):
// CHECK-DAG: %[[S:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: %[[T:.*]] = arith.addi %[[ACC]], %[[B]]
// CHECK: %[[F:.*]] = arith.sitofp %[[T]]
// CHECK: %[[Y:.*]] = arith.mulf %[[F]], %[[S]]
// CHECK: math.roundeven %[[Y]]
// CHECK-NOT: arith.cmpf uno
// CHECK: lowbit.yield
func.func @linear(%q: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = lowbit.quantize %y, %s zero_point 100 : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// A float operand can be NaN.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @float_residual
// CHECK: lowbit.matmul {{.*}} fused({{.*}}tensor<1x2xf32>
// CHECK: arith.cmpf uno
func.func @float_residual(%q: tensor<1x2xi8>, %other: tensor<1x2xf32>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %other : tensor<1x2xf32>, tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2xf32>
  %r = lowbit.quantize %t, %s zero_point 100 : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// A dequantized operand is read as codes; its scale over that of the result is 1, its offset goes into the bias.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @codes_residual
// CHECK-SAME: %{{.*}}: tensor<1x2xi8>, %[[O:.*]]: tensor<1x2xi8>
// CHECK: lowbit.matmul {{.*}} fused({{.*}}%[[O]]{{.*}} : {{.*}}tensor<1x2xi8>{{.*}})
// CHECK: %[[C:.*]] = arith.uitofp
// CHECK: %[[T:.*]] = arith.addi
// CHECK: %[[F:.*]] = arith.sitofp %[[T]]
// CHECK: %[[Y:.*]] = arith.mulf %[[F]]
// CHECK: %[[Z:.*]] = arith.addf %[[Y]], %[[C]]
// CHECK-NEXT: math.roundeven %[[Z]]
func.func @codes_residual(%q: tensor<1x2xi8>, %o: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %other = lowbit.dequantize %o, %s zero_point 7 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%other, %y : tensor<1x2xf32>, tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2xf32>
  %r = lowbit.quantize %t, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// -----

// Two consumers: the float result stays, nothing is computed twice.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @two_consumers
// CHECK: %[[Y:.*]] = lowbit.matmul
// CHECK: lowbit.yield %{{.*}} : f32
// CHECK: lowbit.quantize %[[Y]]
// CHECK-NOT: lowbit.matmul
// CHECK: return
func.func @two_consumers(%q: tensor<1x2xi8>) -> (tensor<1x2xi8>, tensor<1x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = lowbit.quantize %y, %s : tensor<1x2xf32>, tensor<1xf32> -> tensor<1x2xi8>
  return %r, %y : tensor<1x2xi8>, tensor<1x2xf32>
}

// -----

// A float input: the accumulator is f32.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @weights_only
// CHECK: lowbit.matmul ins(%{{.*}}, %{{.*}} : tensor<1x2xf32>, tensor<2x2xi8>)
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32):
// CHECK: %[[M:.*]] = arith.mulf %[[ACC]]
// CHECK: %[[G:.*]] = arith.cmpf ugt, %[[M]]
// CHECK: %[[R:.*]] = arith.select %[[G]], %[[M]]
// CHECK: lowbit.yield %[[R]] : f32
func.func @weights_only(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.cmpf ugt, %a, %zero : f32
    %1 = arith.select %0, %a, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<1x2xf32>
  return %t : tensor<1x2xf32>
}

// -----

// Subtraction, product, quotient and sum with constants are one scale and one offset: 0.25 * 3 / 2 = 0.375.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @batch_norm
// CHECK: ^bb0(%[[ACC:.*]]: i32, %[[B:.*]]: f32):
// CHECK-DAG: %[[S:.*]] = arith.constant 3.750000e-01 : f32
// CHECK: %[[F:.*]] = arith.sitofp %[[ACC]]
// CHECK: %[[M:.*]] = arith.mulf %[[F]], %[[S]]
// CHECK: %[[Y:.*]] = arith.addf %[[M]], %[[B]]
// CHECK: lowbit.yield %[[Y]] : f32
func.func @batch_norm(%q: tensor<1x2xi8>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %two = arith.constant 2.0 : f32
  %three = arith.constant 3.0 : f32
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.subf %a, %two : f32
    %1 = arith.mulf %three, %0 : f32
    %2 = arith.divf %1, %two : f32
    %3 = arith.addf %two, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<1x2xf32>
  return %t : tensor<1x2xf32>
}

// -----

// An operand that is read transposed does not fuse.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @transposed
// CHECK: lowbit.matmul
// CHECK: lowbit.yield %{{.*}} : f32
// CHECK: linalg.generic
func.func @transposed(%q: tensor<1x2xi8>, %other: tensor<2x1xf32>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, affine_map<(m, n) -> (n, m)>, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %other : tensor<1x2xf32>, tensor<2x1xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2xf32>
  return %t : tensor<1x2xf32>
}

// -----

// A constant that the front end wrote in f64 is rounded at compile time, and joins the scale.

#id = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @double_constant
// CHECK: ^bb0(%[[ACC:.*]]: i32, %{{.*}}: f32):
// CHECK-NOT: f64
// CHECK: %[[F:.*]] = arith.sitofp %[[ACC]]
// CHECK-NEXT: arith.mulf %[[F]]
// CHECK-NEXT: arith.addf
// CHECK-NEXT: lowbit.yield
func.func @double_constant(%q: tensor<1x2xi8>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %fifth = arith.constant 0.2 : f64
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %l = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %w = lowbit.dequantize %l, %s alphabet <mid_tread, [7]> layer "fc" : tensor<2x2xi8>, tensor<1xf32> -> tensor<2x2xf32>
  %x = lowbit.dequantize %q, %s zero_point 3 : tensor<1x2xi8>, tensor<1xf32> -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.truncf %fifth : f64 to f32
    %1 = arith.mulf %a, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x2xf32>
  return %t : tensor<1x2xf32>
}
