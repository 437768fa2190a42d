// RUN: gpfq-opt %s --gpfq-qdq-to-lowbit -split-input-file -verify-diagnostics | FileCheck %s

#id = affine_map<(d0) -> (d0)>
#one = affine_map<(d0) -> ()>

// CHECK-LABEL: func @unsigned
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<5.000000e-01> : tensor<1xf32>
// CHECK: %[[Q:.*]] = lowbit.quantize %[[X]], %[[S]] zero_point 3 :
// CHECK: %[[D:.*]] = lowbit.dequantize %[[Q]], %[[S]] zero_point 3 :
// CHECK: return %[[D]]
func.func @unsigned(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = arith.constant 0.5 : f32
  %z = arith.constant 3.0 : f32
  %low = arith.constant 0.0 : f32
  %high = arith.constant 255.0 : f32
  %z64 = arith.constant 3 : i64
  %eq = tensor.empty() : tensor<4xi8>
  %e = tensor.empty() : tensor<4xf32>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%eq : tensor<4xi8>) {
  ^bb0(%in: f32, %out: i8):
    %0 = arith.divf %in, %s : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.addf %1, %z : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptoui %4 : f32 to i8
    linalg.yield %5 : i8
  } -> tensor<4xi8>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%q : tensor<4xi8>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: i8, %out: f32):
    %0 = arith.extui %in : i8 to i64
    %1 = arith.subi %0, %z64 : i64
    %2 = arith.sitofp %1 : i64 to f32
    %3 = arith.mulf %2, %s : f32
    linalg.yield %3 : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Signed codes: -128 becomes 0. Bounds on the codes make the largest one less.

#id = affine_map<(d0) -> (d0)>

// CHECK-LABEL: func @signed
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<5.000000e-01> : tensor<1xf32>
// CHECK: %[[Q:.*]] = lowbit.quantize %[[X]], %[[S]] zero_point 128 :
// CHECK: %[[D:.*]] = lowbit.dequantize %[[Q]], %[[S]] zero_point 128 :
// CHECK: %[[R:.*]] = lowbit.quantize %[[D]], %[[S]] zero_point 8 max 15 :
// CHECK: %[[F:.*]] = lowbit.dequantize %[[R]], %[[S]] zero_point 8 :
// CHECK: %[[T:.*]] = lowbit.quantize %[[F]], %[[S]] zero_point 7 max 14 :
// CHECK: lowbit.dequantize %[[T]], %[[S]] zero_point 7 :
func.func @signed(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = arith.constant 0.5 : f32
  %z = arith.constant 0.0 : f32
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %z32 = arith.constant 0 : i32
  %m8 = arith.constant -8 : i8
  %m7 = arith.constant -7 : i8
  %p7 = arith.constant 7 : i8
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %s : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.addf %1, %z : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptosi %4 : f32 to i8
    %6 = arith.extsi %5 : i8 to i32
    %7 = arith.subi %6, %z32 : i32
    %8 = arith.sitofp %7 : i32 to f32
    %9 = arith.mulf %8, %s : f32
    linalg.yield %9 : f32
  } -> tensor<4xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %s : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.addf %1, %z : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptosi %4 : f32 to i8
    %c0 = arith.maxsi %5, %m8 : i8
    %c1 = arith.minsi %c0, %p7 : i8
    %6 = arith.extsi %c1 : i8 to i32
    %7 = arith.subi %6, %z32 : i32
    %8 = arith.sitofp %7 : i32 to f32
    %9 = arith.mulf %8, %s : f32
    linalg.yield %9 : f32
  } -> tensor<4xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%b : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %s : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.addf %1, %z : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptosi %4 : f32 to i8
    %c0 = arith.maxsi %5, %m7 : i8
    %c1 = arith.minsi %c0, %p7 : i8
    %6 = arith.extsi %c1 : i8 to i32
    %7 = arith.subi %6, %z32 : i32
    %8 = arith.sitofp %7 : i32 to f32
    %9 = arith.mulf %8, %s : f32
    linalg.yield %9 : f32
  } -> tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

// What has no form in lowbit stays, and says why: bounds on the bits in the other sign, a zero point that is no code,
// 16 bits, and a scale for each channel.

#id = affine_map<(d0) -> (d0)>

// CHECK-LABEL: func @left
// CHECK-NOT: lowbit.
func.func @left(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = arith.constant 0.5 : f32
  %z = arith.constant 0.0 : f32
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %z32 = arith.constant 0 : i32
  %m8 = arith.constant -8 : i8
  %m7 = arith.constant -7 : i8
  %p7 = arith.constant 7 : i8
  %e = tensor.empty() : tensor<4xf32>
  %z9 = arith.constant 9.0 : f32
  %low16 = arith.constant 0.0 : f32
  %high16 = arith.constant 65535.0 : f32
  %scales = arith.constant dense<[0.5, 0.25, 0.5, 1.0]> : tensor<4xf32>
  // expected-remark @+1 {{codes are computed in float: they are not of 8 bits with one constant scale}}
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %s : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.addf %1, %z : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptosi %4 : f32 to i8
    %c0 = arith.maxui %5, %m8 : i8
    %c1 = arith.minui %c0, %p7 : i8
    %6 = arith.extsi %c1 : i8 to i32
    %7 = arith.subi %6, %z32 : i32
    %8 = arith.sitofp %7 : i32 to f32
    %9 = arith.mulf %8, %s : f32
    linalg.yield %9 : f32
  } -> tensor<4xf32>
  // expected-remark @+1 {{codes are computed in float: its zero point 9 is not a code, -8 to 7}}
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %s : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.addf %1, %z9 : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptosi %4 : f32 to i8
    %c0 = arith.maxsi %5, %m8 : i8
    %c1 = arith.minsi %c0, %p7 : i8
    %6 = arith.extsi %c1 : i8 to i32
    %7 = arith.subi %6, %z32 : i32
    %8 = arith.sitofp %7 : i32 to f32
    %9 = arith.mulf %8, %s : f32
    linalg.yield %9 : f32
  } -> tensor<4xf32>
  // expected-remark @+1 {{codes are computed in float: they are not of 8 bits with one constant scale}}
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%b : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %s : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.addf %1, %z : f32
    %3 = arith.maximumf %2, %low16 : f32
    %4 = arith.minimumf %3, %high16 : f32
    %5 = arith.fptoui %4 : f32 to i16
    %6 = arith.extui %5 : i16 to i32
    %7 = arith.subi %6, %z32 : i32
    %8 = arith.sitofp %7 : i32 to f32
    %9 = arith.mulf %8, %s : f32
    linalg.yield %9 : f32
  } -> tensor<4xf32>
  // expected-remark @+1 {{codes are computed in float: they are not of 8 bits with one constant scale}}
  %d = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%c, %scales : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %s1: f32, %out: f32):
    %0 = arith.divf %in, %s1 : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.addf %1, %z : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptosi %4 : f32 to i8
    %6 = arith.extsi %5 : i8 to i32
    %7 = arith.subi %6, %z32 : i32
    %8 = arith.sitofp %7 : i32 to f32
    %9 = arith.mulf %8, %s1 : f32
    linalg.yield %9 : f32
  } -> tensor<4xf32>
  return %d : tensor<4xf32>
}
