// RUN: gpfq-opt %s -split-input-file -gpfq-linalg-to-loops -canonicalize | FileCheck %s

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
