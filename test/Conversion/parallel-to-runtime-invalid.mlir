// RUN: gpfq-opt %s --split-input-file --verify-diagnostics --gpfq-parallel-to-runtime

func.func @start(%x: memref<8xi8>) {
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0 : i8
  // expected-error @+1 {{must have one induction variable, which runs from 0 in steps of 1}}
  scf.parallel (%i) = (%c1) to (%c8) step (%c1) {
    memref.store %zero, %x[%i] : memref<8xi8>
    scf.reduce
  }
  return
}

// -----

func.func @sum(%x: memref<8xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  // expected-error @+1 {{returns values; parts of a parallel loop only write buffers}}
  %r = scf.parallel (%i) = (%c0) to (%c8) step (%c1) init (%zero) -> f32 {
    %v = memref.load %x[%i] : memref<8xf32>
    scf.reduce(%v : f32) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      scf.reduce.return %s : f32
    }
  }
  return %r : f32
}

// -----

func.func @scalar(%x: memref<8xi8>, %v: i8) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  // expected-error @+1 {{uses a value of type 'i8' from around it; the parts of a parallel loop take buffers of static shape and strides}}
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    memref.store %v, %x[%i] : memref<8xi8>
    scf.reduce
  }
  return
}

// -----

// expected-error @+1 {{has parallel loops and is called by another function: inline it first}}
func.func private @callee(%x: memref<8xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0 : i8
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    memref.store %zero, %x[%i] : memref<8xi8>
    scf.reduce
  }
  return
}
func.func @caller(%x: memref<8xi8>) {
  call @callee(%x) : (memref<8xi8>) -> ()
  return
}
