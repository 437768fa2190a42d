// RUN: gpfq-opt %s -gpfq-decompose-aggregates | FileCheck %s

// CHECK-LABEL: func.func @softmax
// CHECK-NOT: linalg.softmax
// CHECK: linalg.generic {{.*}} "reduction"
// CHECK: arith.max
// CHECK: linalg.generic
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: linalg.generic {{.*}} "reduction"
// CHECK: arith.addf
// CHECK: %[[Y:.*]] = linalg.generic
// CHECK: arith.divf
// CHECK: return %[[Y]]
func.func @softmax(%x: tensor<?x100xf32>, %e: tensor<?x100xf32>) -> tensor<?x100xf32> {
  %y = linalg.softmax dimension(1) ins(%x : tensor<?x100xf32>) outs(%e : tensor<?x100xf32>) -> tensor<?x100xf32>
  return %y : tensor<?x100xf32>
}
