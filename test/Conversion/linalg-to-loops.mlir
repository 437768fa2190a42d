// RUN: gpfq-opt %s -split-input-file -gpfq-linalg-to-loops -canonicalize | FileCheck %s
// RUN: gpfq-opt %s -split-input-file -gpfq-linalg-to-loops="max-chunks=3 chunk-work=8192" -canonicalize | FileCheck %s --check-prefix=CHUNKS

// The contiguous parallel loop n is inside of the reduction.
// CHECK-LABEL: func.func @matmul
// CHECK: scf.for %[[M:.*]] = %{{.*}} to %c4
// CHECK: scf.for %[[K:.*]] = %{{.*}} to %c8
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %c16
// CHECK: memref.load %{{.*}}[%[[M]], %[[K]]]
// CHECK: memref.load %{{.*}}[%[[K]], %[[N]]]
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[M]], %[[N]]]
func.func @matmul(%a: memref<4x8xf32>, %b: memref<8x16xf32>, %c: memref<4x16xf32>) {
  linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x16xf32>) outs(%c : memref<4x16xf32>)
  return
}

// -----

// A strided copy becomes loops; a block of bytes stays a copy.
// CHECK-LABEL: func.func @copies
// CHECK: scf.for
// CHECK: memref.store
// CHECK: memref.copy
func.func @copies(%a: memref<4x8xf32>, %b: memref<6x10xf32>, %c: memref<4x8xf32>) {
  %s = memref.subview %b[1, 1] [4, 8] [1, 1] : memref<6x10xf32> to memref<4x8xf32, strided<[10, 1], offset: 11>>
  memref.copy %a, %s : memref<4x8xf32> to memref<4x8xf32, strided<[10, 1], offset: 11>>
  memref.copy %a, %c : memref<4x8xf32> to memref<4x8xf32>
  return
}

// -----

// NCHW pooling: rows of the result are innermost.
// CHECK-LABEL: func.func @pool
// CHECK: scf.for %{{.*}} = %{{.*}} to %c3
// CHECK: scf.for %{{.*}} = %{{.*}} to %c4
// CHECK: scf.for %{{.*}} = %{{.*}} to %c2
// CHECK: scf.for %{{.*}} = %{{.*}} to %c2
// CHECK: scf.for %[[W:.*]] = %{{.*}} to %c5
// CHECK: memref.store %{{.*}}, %{{.*}}[%c0, %{{.*}}, %{{.*}}, %[[W]]]
func.func @pool(%a: memref<1x3x5x6xf32>, %k: memref<2x2xf32>, %c: memref<1x3x4x5xf32>) {
  linalg.pooling_nchw_max ins(%a, %k : memref<1x3x5x6xf32>, memref<2x2xf32>) outs(%c : memref<1x3x4x5xf32>)
  return
}

// -----

// A private function, and an op with a value that is neither a buffer nor a constant, stay whole; so does a small op.
// CHUNKS-LABEL: func.func private @private_copy
// CHUNKS-NOT: scf.parallel
func.func private @private_copy(%a: memref<1x7x8192xf32>, %b: memref<1x7x8192xf32, strided<[65536, 8200, 1]>>) {
  linalg.copy ins(%a : memref<1x7x8192xf32>) outs(%b : memref<1x7x8192xf32, strided<[65536, 8200, 1]>>)
  return
}

// CHUNKS-LABEL: func.func @scalar
// CHUNKS-NOT: scf.parallel
func.func @scalar(%a: memref<7x8192xf32>, %s: f32) {
  linalg.fill ins(%s : f32) outs(%a : memref<7x8192xf32>)
  return
}

// CHUNKS-LABEL: func.func @small
// CHUNKS-NOT: scf.parallel
func.func @small(%a: memref<7x1024xf32>, %b: memref<7x1024xf32>) {
  linalg.exp ins(%a : memref<7x1024xf32>) outs(%b : memref<7x1024xf32>)
  return
}

// The first loop of more than one iteration, seven rows, in three parts of at most three.
// CHUNKS-LABEL: func.func @rows
// CHUNKS: scf.parallel (%[[PART:.*]]) = (%c0) to (%c3) step (%c1)
// CHUNKS: %[[BEGIN:.*]] = arith.muli %[[PART]], %c3
// CHUNKS: %[[NEXT:.*]] = arith.addi %[[BEGIN]], %c3
// CHUNKS: %[[END:.*]] = arith.minui %[[NEXT]], %c7
// CHUNKS: scf.for %[[ROW:.*]] = %[[BEGIN]] to %[[END]]
// CHUNKS: scf.for %[[COLUMN:.*]] = %c0 to %c8192
// CHUNKS: math.exp
// CHUNKS: memref.store %{{.*}}, %{{.*}}[%{{.*}}, %[[ROW]], %[[COLUMN]]]
func.func @rows(%a: memref<1x7x8192xf32>, %b: memref<1x7x8192xf32>) {
  linalg.exp ins(%a : memref<1x7x8192xf32>) outs(%b : memref<1x7x8192xf32>)
  return
}

// The outermost loop is a reduction.
// CHUNKS-LABEL: func.func @sum
// CHUNKS-NOT: scf.parallel
func.func @sum(%a: memref<8x8192xf32>, %b: memref<f32>) {
  linalg.reduce { arith.addf } ins(%a : memref<8x8192xf32>) outs(%b : memref<f32>) dimensions = [0, 1]
  return
}
