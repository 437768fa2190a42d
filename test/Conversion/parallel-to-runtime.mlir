// RUN: gpfq-opt %s --gpfq-parallel-to-runtime | FileCheck %s
// RUN: gpfq-opt %s --gpfq-parallel-to-runtime --expand-strided-metadata --lower-affine --convert-scf-to-cf --finalize-memref-to-llvm --convert-func-to-llvm --convert-arith-to-llvm --convert-index-to-llvm --convert-cf-to-llvm --reconcile-unrealized-casts | FileCheck %s --check-prefix=LLVM

func.func private @part(memref<4x8xf32, strided<[8, 1], offset: ?>>, memref<8xi8>, memref<2xi32>, index)
memref.global "private" constant @table : memref<2xi32> = dense<[1, 2]>

// Buffers go by address, constants and globals are made anew.
// CHECK-LABEL: func.func @f(
// CHECK-SAME:      %[[X:.*]]: memref<16x8xf32>, %[[Y:.*]]: memref<8xi8>, %[[PARALLEL:.*]]: !llvm.ptr)
// CHECK:         %[[CONTEXT:.*]] = llvm.alloca %{{.*}} x !llvm.array<2 x i64>
// CHECK:         %[[P:.*]] = memref.extract_aligned_pointer_as_index %[[VIEW:.*]] :
// CHECK:         memref.extract_strided_metadata %[[VIEW]]
// CHECK:         %[[BYTES:.*]] = arith.muli
// CHECK:         %[[SUM:.*]] = arith.addi %[[P]], %[[BYTES]]
// CHECK:         %[[ADDRESS:.*]] = arith.index_cast %[[SUM]] : index to i64
// CHECK:         %[[SLOT:.*]] = llvm.getelementptr %[[CONTEXT]][0, 0]
// CHECK:         llvm.store %[[ADDRESS]], %[[SLOT]]
// CHECK:         memref.extract_aligned_pointer_as_index %[[Y]]
// CHECK:         llvm.getelementptr %[[CONTEXT]][0, 1]
// CHECK:         %[[BODY:.*]] = constant @f_parallel :
// CHECK:         %[[FUNCTION:.*]] = builtin.unrealized_conversion_cast %[[BODY]]
// CHECK:         call @gpfq_parallel_for(%[[PARALLEL]], %{{.*}}, %[[FUNCTION]], %[[CONTEXT]])
// CHECK-NOT:     scf.parallel

// Nothing but LLVM is left.
// LLVM-NOT: unrealized_conversion_cast
// LLVM-LABEL: llvm.func @f(
// LLVM: %[[BODY:.*]] = llvm.mlir.addressof @f_parallel
// LLVM: llvm.call @gpfq_parallel_for(%{{.*}}, %{{.*}}, %[[BODY]], %{{.*}})
// LLVM-LABEL: llvm.func internal @f_parallel(
// LLVM: llvm.inttoptr
// LLVM: llvm.call @part(
func.func @f(%x: memref<16x8xf32>, %y: memref<8xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %view = memref.subview %x[4, 0] [4, 8] [1, 1] : memref<16x8xf32> to memref<4x8xf32, strided<[8, 1], offset: 32>>
  %open = memref.cast %view : memref<4x8xf32, strided<[8, 1], offset: 32>> to memref<4x8xf32, strided<[8, 1], offset: ?>>
  %table = memref.get_global @table : memref<2xi32>
  scf.parallel (%i) = (%c0) to (%c3) step (%c1) {
    func.call @part(%open, %y, %table, %i) : (memref<4x8xf32, strided<[8, 1], offset: ?>>, memref<8xi8>, memref<2xi32>, index) -> ()
    scf.reduce
  }
  return
}

// A second loop has a body of its own, which calls a function of the buffers; functions without loops stay as they are.
// CHECK-LABEL: func.func @two(
// CHECK:         constant @two_parallel :
// CHECK:         constant @two_parallel_0 :
func.func @two(%x: memref<8xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0 : i8
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    memref.store %zero, %x[%i] : memref<8xi8>
    scf.reduce
  }
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    memref.store %zero, %x[%i] : memref<8xi8>
    scf.reduce
  }
  return
}

// CHECK-LABEL: func.func @none(%{{.*}}: memref<8xi8>) {
func.func @none(%x: memref<8xi8>) {
  return
}

// CHECK-LABEL: func.func private @f_parallel(
// CHECK-SAME:      %[[CONTEXT:.*]]: !llvm.ptr, %[[I:.*]]: i64)
// CHECK:         %[[TABLE:.*]] = memref.get_global @table
// CHECK:         %[[INDEX:.*]] = arith.index_cast %[[I]] : i64 to index
// CHECK:         call @part(%{{.*}}, %{{.*}}, %[[TABLE]], %[[INDEX]])

// CHECK-LABEL: func.func private @two_parallel(
// CHECK:         call @two_parallel_part(%{{.*}}, %{{.*}}) : (memref<8xi8>, index) -> ()
// CHECK-LABEL: func.func private @two_parallel_part(
// CHECK-SAME:      %[[X:.*]]: memref<8xi8>, %[[I:.*]]: index)
// CHECK:         %[[ZERO:.*]] = arith.constant 0 : i8
// CHECK:         memref.store %[[ZERO]], %[[X]][%[[I]]]
