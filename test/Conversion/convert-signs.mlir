// RUN: gpfq-opt %s -split-input-file --convert-lowbit-to-vector | FileCheck %s

// Accumulators begin with the table and are doubled in the end. Two words a run; the second layer's are one word each.
// CHECK-LABEL: func.func private @lowbit_matmul
// CHECK: %[[T:.*]] = vector.load %{{.*}} : memref<192xi8, {{.*}}>, vector<64xi8>
// CHECK: %[[TABLE:.*]] = vector.bitcast %[[T]] : vector<64xi8> to vector<16xi32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[TABLE]]
// CHECK: arith.xori %{{.*}}, %{{.*}} : vector<64xi8>
// CHECK: math.ctpop %{{.*}} : vector<16xi32>
// CHECK: arith.subi
// CHECK: %[[ACC:.*]] = arith.addi %[[SUM:.*]], %[[SUM]] : vector<16xi32>
func.func @lanes(%x: memref<1x8xi8>, %w: memref<192xi8>, %y: memref<1x16xi32>) {
  lowbit.matmul ins(%x, %w : memref<1x8xi8>, memref<192xi8>) outs(%y : memref<1x16xi32>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>,
       layout = #lowbit.layout<"avx512vpopcntdq", lanes = 16, vectors = 1, signs, run = 8, kernel = [16, 64]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// Other targets count in bytes, which a dot product with -1 sums. Bits of 32 channels are stored as bytes.
// CHECK-LABEL: func.func private @lowbit_matmul
// CHECK: %[[MINUS:.*]] = arith.constant dense<-1> : vector<16xi8>
// CHECK: %[[COUNT:.*]] = math.ctpop %{{.*}} : vector<16xi8>
// CHECK: llvm.call_intrinsic "llvm.aarch64.neon.usdot.v4i32.v16i8"(%{{.*}}, %[[COUNT]], %[[MINUS]])
// CHECK: vector.bitcast %{{.*}} : vector<16xi1> to vector<2xi8>
// CHECK: vector.store %{{.*}} : memref<1x4xi8, {{.*}}>, vector<2xi8>
func.func @bytes(%x: memref<1x4xi8>, %w: memref<256xi8>, %y: memref<1x4xi8>) {
  lowbit.matmul ins(%x, %w : memref<1x4xi8>, memref<256xi8>) outs(%y : memref<1x4xi8>)
      {alphabet = #lowbit.alphabet<mid_rise, [1]>,
       layout = #lowbit.layout<"aarch64-i8mm", lanes = 4, vectors = 4, signs, run = 4, kernel = [32, 32]>} epilogue {
  ^bb0(%acc: i32):
    %zero = arith.constant 0 : i32
    %bit = arith.cmpi sge, %acc, %zero : i32
    lowbit.yield %bit : i1
  }
  return
}

// -----

// CHECK-LABEL: func.func @pack
// CHECK: call @lowbit_pack_signs
// CHECK-LABEL: func.func private @lowbit_pack_signs
// CHECK: arith.cmpf uge, %{{.*}}, %{{.*}} : vector<64xf32>
// CHECK: vector.bitcast %{{.*}} : vector<64xi1> to vector<8xi8>
// CHECK: vector.store
// The rest of the row, with zeros behind it.
// CHECK: arith.cmpf uge, %{{.*}}, %{{.*}} : vector<32xf32>
// CHECK: arith.andi %{{.*}}, %{{.*}} : vector<32xi1>
// CHECK: vector.bitcast %{{.*}} : vector<32xi1> to vector<4xi8>
func.func @pack(%x: memref<3x70xf32>, %y: memref<3x12xi8>) {
  lowbit.pack_signs ins(%x : memref<3x70xf32>) outs(%y : memref<3x12xi8>)
  return
}
