// Each layer is between two readings of the clock, and so is the network; layers of one name share a counter.

// RUN: gpfq-opt %s --gpfq-profile-layers | FileCheck %s
// RUN: gpfq-opt %s --gpfq-profile-layers=clock=llvm.readsteadycounter | FileCheck %s --check-prefix=STEADY
// RUN: not gpfq-opt %s --pass-pipeline='builtin.module(gpfq-profile-layers,gpfq-profile-layers)' 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: echo 'module {}' | not gpfq-opt --gpfq-profile-layers 2>&1 | FileCheck %s --check-prefix=EMPTY

// CHECK: module attributes {gpfq.profiled_layers = ["fc", "linalg.matmul"]}
// CHECK: memref.global "private" @gpfq_profile : memref<3xi64> = dense<0>
// CHECK-LABEL: func @net
// CHECK: %[[COUNTERS:.*]] = memref.get_global @gpfq_profile
// CHECK: %[[BEGIN:.*]] = llvm.call_intrinsic "llvm.readcyclecounter"() : () -> i64
// CHECK: %[[BEFORE:.*]] = llvm.call_intrinsic "llvm.readcyclecounter"
// CHECK-NEXT: lowbit.matmul
// CHECK: %[[AFTER:.*]] = llvm.call_intrinsic "llvm.readcyclecounter"
// CHECK: %[[TICKS:.*]] = arith.subi %[[AFTER]], %[[BEFORE]]
// CHECK: %[[ONE:.*]] = arith.constant 1 : index
// CHECK: memref.atomic_rmw addi %[[TICKS]], %[[COUNTERS]][%[[ONE]]]
// CHECK: lowbit.matmul
// CHECK: %[[AGAIN:.*]] = arith.constant 1 : index
// CHECK: memref.atomic_rmw addi %{{.*}}, %[[COUNTERS]][%[[AGAIN]]]
// CHECK: linalg.matmul
// CHECK: arith.constant 2 : index
// CHECK: linalg.exp
// CHECK: %[[END:.*]] = llvm.call_intrinsic "llvm.readcyclecounter"
// CHECK: arith.subi %[[END]], %[[BEGIN]]
// CHECK: arith.constant 0 : index
// STEADY-COUNT-8: llvm.readsteadycounter
// TWICE: redefinition of symbol named 'gpfq_profile'
// EMPTY: error: has no network of one block to be profiled
func.func @net(%x: memref<2x4xi8>, %w: memref<3x4xi8>, %y: memref<2x3xi32>, %a: memref<2x2xf32>, %b: memref<2x2xf32>) {
  lowbit.matmul ins(%x, %w : memref<2x4xi8>, memref<3x4xi8>) outs(%y : memref<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, layer = "fc"} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  lowbit.matmul ins(%x, %w : memref<2x4xi8>, memref<3x4xi8>) outs(%y : memref<2x3xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [7]>, layer = "fc"} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  linalg.matmul ins(%a, %a : memref<2x2xf32>, memref<2x2xf32>) outs(%b : memref<2x2xf32>)
  linalg.exp ins(%b : memref<2x2xf32>) outs(%b : memref<2x2xf32>)
  return
}
