// RUN: gpfq-opt %s -split-input-file -verify-diagnostics -lowbit-plan-memory

func.func @dynamic(%n: index) {
  // expected-error @below {{of a dynamic shape cannot be placed in the arena}}
  %a = memref.alloc(%n) : memref<?xf32>
  return
}

// -----

func.func @returned() -> memref<4xf32> {
  // expected-error @below {{is returned by the function}}
  %a = memref.alloc() : memref<4xf32>
  return %a : memref<4xf32>
}

// -----

func.func @parallel(%y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
    // expected-error @below {{inside of a parallel loop}}
    %a = memref.alloc() : memref<4xf32>
    linalg.exp ins(%y : memref<4xf32>) outs(%a : memref<4xf32>)
  }
  return
}

// -----

// expected-error @below {{must have one block}}
func.func @control_flow(%y: memref<4xf32>, %c: i1) {
  cf.cond_br %c, ^bb1, ^bb1
^bb1:
  return
}

// -----

func.func @layout() {
  // expected-error @below {{with a layout map}}
  %a = memref.alloc() : memref<4xf32, strided<[2]>>
  return
}

// -----

func.func @alignment() {
  // expected-error @below {{asks for an alignment of more than 64 bytes}}
  %a = memref.alloc() {alignment = 128 : i64} : memref<4xf32>
  return
}

// -----

func.func private @kernel(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @below {{in a private function cannot be placed in the arena: inline the function first, or pass it the buffer}}
  %a = memref.alloc() : memref<4xf32>
  linalg.exp ins(%x : memref<4xf32>) outs(%a : memref<4xf32>)
  linalg.abs ins(%a : memref<4xf32>) outs(%y : memref<4xf32>)
  return
}
