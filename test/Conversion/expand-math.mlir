// RUN: gpfq-opt %s -gpfq-expand-math | FileCheck %s
// RUN: gpfq-opt %s -gpfq-expand-math=round | FileCheck %s --check-prefix=ROUND
// RUN: gpfq-opt %s -gpfq-expand-math=fma | FileCheck %s --check-prefix=FMA

// CHECK-LABEL: func.func @functions
// CHECK-NOT: math.exp {{.*}}
// CHECK-NOT: math.rsqrt
// CHECK-NOT: math.tanh
// CHECK-NOT: math.erf
// CHECK-NOT: math.powf
// CHECK-NOT: math.log
// CHECK: return
func.func @functions(%x: f32, %y: f32) -> (f32, f32, f32, f32, f32, f32) {
  %0 = math.exp %x : f32
  %1 = math.rsqrt %x : f32
  %2 = math.tanh %x : f32
  %3 = math.erf %x : f32
  %4 = math.powf %x, %y : f32
  %5 = math.log %x : f32
  return %0, %1, %2, %3, %4, %5 : f32, f32, f32, f32, f32, f32
}

// CHECK-LABEL: func.func @rounding
// CHECK: math.floor
// CHECK: math.ceil
// CHECK: math.roundeven
// CHECK: math.trunc
// ROUND-LABEL: func.func @rounding
// ROUND-NOT: math.{{floor|ceil|round|trunc}}
// ROUND: return
func.func @rounding(%x: f32) -> (f32, f32, f32, f32) {
  %0 = math.floor %x : f32
  %1 = math.ceil %x : f32
  %2 = math.roundeven %x : f32
  %3 = math.trunc %x : f32
  return %0, %1, %2, %3 : f32, f32, f32, f32
}

// CHECK-LABEL: func.func @multiply_add
// CHECK: math.fma
// FMA-LABEL: func.func @multiply_add
// FMA-SAME: %[[A:.*]]: vector<4xf32>, %[[B:.*]]: vector<4xf32>, %[[C:.*]]: vector<4xf32>
// FMA-NOT: math.fma
// FMA-DAG: %[[WIDE_A:.*]] = arith.extf %[[A]] : vector<4xf32> to vector<4xf64>
// FMA-DAG: %[[WIDE_B:.*]] = arith.extf %[[B]]
// FMA: %[[PRODUCT:.*]] = arith.mulf %[[WIDE_A]], %[[WIDE_B]] : vector<4xf64>
// FMA: %[[WIDE_C:.*]] = arith.extf %[[C]]
// FMA: %[[SUM:.*]] = arith.addf %[[PRODUCT]], %[[WIDE_C]] : vector<4xf64>
// FMA: %[[BITS:.*]] = arith.bitcast %[[SUM]] : vector<4xf64> to vector<4xi64>
// FMA: %[[ODD:.*]] = arith.select {{.*}}, %[[BITS]] : vector<4xi1>, vector<4xi64>
// FMA: arith.bitcast %[[ODD]] : vector<4xi64> to vector<4xf64>
// FMA: arith.truncf {{.*}} : vector<4xf64> to vector<4xf32>
func.func @multiply_add(%a: vector<4xf32>, %b: vector<4xf32>, %c: vector<4xf32>) -> vector<4xf32> {
  %0 = math.fma %a, %b, %c : vector<4xf32>
  return %0 : vector<4xf32>
}
