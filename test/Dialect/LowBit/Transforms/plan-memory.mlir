// RUN: gpfq-opt %s -split-input-file -lowbit-plan-memory | FileCheck %s
// RUN: gpfq-opt %s -split-input-file -lowbit-plan-memory=slack=0 | FileCheck %s --check-prefix=NOSLACK

// %a is dead when %c is written, %b is not.
// CHECK-LABEL: func.func @reuse
// CHECK-SAME: %[[ARENA:[a-z0-9]+]]: memref<192xi8>) attributes {lowbit.live_bytes = 128 : i64, lowbit.workspace_bytes = 192 : i64}
// NOSLACK-LABEL: func.func @reuse
// NOSLACK-SAME: memref<128xi8>) attributes {lowbit.live_bytes = {{[0-9]+}} : i64, lowbit.workspace_bytes = 128 : i64}
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK-NOT: memref.alloc
// CHECK: memref.view %[[ARENA]][%[[C0]]][] : memref<192xi8> to memref<4xf32>
// CHECK: memref.view %[[ARENA]][%[[C64]]][] : memref<192xi8> to memref<4xf32>
// CHECK: memref.view %[[ARENA]][%[[C0]]][] : memref<192xi8> to memref<4xf32>
// CHECK-NOT: memref.dealloc
func.func @reuse(%x: memref<4xf32>, %y: memref<4xf32>) {
  %a = memref.alloc() : memref<4xf32>
  linalg.exp ins(%x : memref<4xf32>) outs(%a : memref<4xf32>)
  %b = memref.alloc() {alignment = 64 : i64} : memref<4xf32>
  linalg.abs ins(%a : memref<4xf32>) outs(%b : memref<4xf32>)
  memref.dealloc %a : memref<4xf32>
  %c = memref.alloc() : memref<4xf32>
  linalg.abs ins(%b : memref<4xf32>) outs(%c : memref<4xf32>)
  linalg.add ins(%b, %c : memref<4xf32>, memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

// The views of %a keep it alive to the last op.
// CHECK-LABEL: func.func @aliases
// CHECK-SAME: memref<192xi8>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK: memref.view %{{.*}}[%[[C0]]][]
// CHECK: memref.view %{{.*}}[%[[C64]]][]
func.func @aliases(%x: memref<4x4xf32>, %y: memref<16xf32>) {
  %a = memref.alloc() : memref<4x4xf32>
  linalg.exp ins(%x : memref<4x4xf32>) outs(%a : memref<4x4xf32>)
  %flat = memref.collapse_shape %a [[0, 1]] : memref<4x4xf32> into memref<16xf32>
  %part = memref.subview %flat[0] [8] [1] : memref<16xf32> to memref<8xf32, strided<[1]>>
  %b = memref.alloc() : memref<16xf32>
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%b : memref<16xf32>)
  memref.copy %part, %part : memref<8xf32, strided<[1]>> to memref<8xf32, strided<[1]>>
  linalg.add ins(%flat, %b : memref<16xf32>, memref<16xf32>) outs(%y : memref<16xf32>)
  return
}

// -----

// A buffer used in a loop, through an iteration argument, is live for the whole loop.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: memref<192xi8>
func.func @loop(%x: memref<4xf32>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc() : memref<4xf32>
  linalg.exp ins(%x : memref<4xf32>) outs(%a : memref<4xf32>)
  %b = memref.alloc() : memref<4xf32>
  %r = scf.for %i = %c0 to %c1 step %c1 iter_args(%t = %a) -> memref<4xf32> {
    linalg.exp ins(%x : memref<4xf32>) outs(%b : memref<4xf32>)
    scf.yield %t : memref<4xf32>
  }
  linalg.add ins(%r, %b : memref<4xf32>, memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

// No buffers: the arena is empty, and the signature is the same as ever.
// CHECK-LABEL: func.func @empty
// CHECK-SAME: memref<0xi8>) attributes {lowbit.live_bytes = {{[0-9]+}} : i64, lowbit.workspace_bytes = 0 : i64}
func.func @empty(%x: memref<4xf32>, %y: memref<4xf32>) {
  linalg.exp ins(%x : memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

// A private function is a kernel: it gets its buffers from its caller, whose call uses them.
// CHECK-LABEL: func.func @caller
// CHECK-SAME: memref<128xi8>
func.func @caller(%x: memref<4xf32>, %y: memref<4xf32>) {
  %a = memref.alloc() : memref<4xf32>
  func.call @kernel(%x, %a, %y) : (memref<4xf32>, memref<4xf32>, memref<4xf32>) -> ()
  memref.dealloc %a : memref<4xf32>
  return
}
// CHECK-LABEL: func.func private @kernel
// CHECK-SAME: (%{{.+}}: memref<4xf32>, %{{.+}}: memref<4xf32>, %{{.+}}: memref<4xf32>) {
func.func private @kernel(%x: memref<4xf32>, %a: memref<4xf32>, %y: memref<4xf32>) {
  linalg.exp ins(%x : memref<4xf32>) outs(%a : memref<4xf32>)
  linalg.abs ins(%a : memref<4xf32>) outs(%y : memref<4xf32>)
  return
}
