// RUN: gpfq-opt %s -gpfq-remove-asserts | FileCheck %s

// CHECK-LABEL: func.func @quotient
// CHECK-NOT: cf.assert
// CHECK: arith.divf
func.func @quotient(%x: f32, %y: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %ok = arith.cmpf one, %y, %zero : f32
  cf.assert %ok, "division by zero"
  %q = arith.divf %x, %y : f32
  return %q : f32
}
