// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector="max-chunks=2 chunk-work=1" --canonicalize --cse | FileCheck %s
// RUN: gpfq-opt %s --split-input-file --convert-lowbit-to-vector="max-chunks=32 chunk-work=1" --canonicalize --cse | FileCheck %s --check-prefix=MOST

// vpmaddubsw saturates with levels of eight bits: AVX2 multiplies words. The levels of a panel of four vectors are
// widened once, those at even places of a lane before those at odd ones; each row of a tile of three reads them anew.

// CHECK-LABEL: func.func private @lowbit_matmul(
// CHECK: %[[BUFFER:.+]] = memref.alloca() {alignment = 64 : i64} : memref<4096xi8>
// CHECK: vector.load %arg1{{.*}} vector<32xi8>
// CHECK: arith.shli {{.*}} : vector<16xi16>
// CHECK: arith.shrsi {{.*}} : vector<16xi16>
// CHECK: arith.shrsi {{.*}} : vector<16xi16>
// CHECK-COUNT-2: vector.store {{.*}}, %[[BUFFER]]
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.load %arg0
// CHECK: arith.andi {{.*}} : vector<16xi16>
// CHECK: arith.shrui {{.*}} : vector<16xi16>
// CHECK-COUNT-2: vector.load %[[BUFFER]]
// CHECK: "llvm.x86.avx2.pmadd.wd"
// CHECK: "llvm.x86.avx2.pmadd.wd"
// CHECK: llvm.inline_asm
// CHECK-NOT: pmadd.ub.sw
func.func @short(%x: memref<96x64xi8>, %w: memref<2048xi8>, %y: memref<96x32xi32>) {
  lowbit.matmul ins(%x, %w : memref<96x64xi8>, memref<2048xi8>) outs(%y : memref<96x32xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 4, top_aligned, run = 64, kernel = [32, 64]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// A panel that is too large for the stack is in a workspace, of which each chunk has a part; there are eight at most.

// MOST-LABEL: func.func @long
// MOST: memref.alloc() {alignment = 64 : i64} : memref<1048576xi8>
// MOST: scf.parallel (%{{.*}}) = (%c0) to (%c8)
// CHECK-LABEL: func.func @long
// CHECK: %[[WORKSPACE:.+]] = memref.alloc() {alignment = 64 : i64} : memref<262144xi8>
// CHECK: %[[CAST:.+]] = memref.cast %[[WORKSPACE]]
// CHECK: scf.parallel (%[[CHUNK:.+]]) =
// CHECK:   func.call @lowbit_matmul({{.*}}, %[[CAST]], %[[CHUNK]])
// CHECK: memref.dealloc %[[WORKSPACE]]
// CHECK-LABEL: func.func private @lowbit_matmul(
// CHECK-SAME:      %[[BUFFER:[a-z0-9]+]]: memref<262144xi8, strided<[1], offset: ?>>, %[[CHUNK:[a-z0-9]+]]: index)
// CHECK-NOT: memref.alloca
// CHECK: arith.muli %[[CHUNK]], %c131072
// CHECK-COUNT-2: vector.store {{.*}}, %[[BUFFER]]
func.func @long(%x: memref<96x2048xi8>, %w: memref<131072xi8>, %y: memref<96x64xi32>) {
  lowbit.matmul ins(%x, %w : memref<96x2048xi8>, memref<131072xi8>) outs(%y : memref<96x64xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 4, top_aligned, run = 2048, kernel = [64, 2048]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}

// -----

// Few rows do not pay for it.

// CHECK-LABEL: func.func private @lowbit_matmul(
// CHECK-NOT: memref.alloc
// CHECK: "llvm.x86.avx2.pmadd.wd"
func.func @few(%x: memref<8x64xi8>, %w: memref<2048xi8>, %y: memref<8x32xi32>) {
  lowbit.matmul ins(%x, %w : memref<8x64xi8>, memref<2048xi8>) outs(%y : memref<8x32xi32>)
      {alphabet = #lowbit.alphabet<mid_tread, [127]>,
       layout = #lowbit.layout<"avx2", lanes = 8, vectors = 4, top_aligned, run = 64, kernel = [32, 64]>} epilogue {
  ^bb0(%acc: i32):
    lowbit.yield %acc : i32
  }
  return
}
