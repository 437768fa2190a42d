// RUN: gpfq-opt %s -gpfq-expand-math | FileCheck %s
// RUN: gpfq-opt %s -gpfq-expand-math=round | FileCheck %s --check-prefix=ROUND

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
