// RUN: gpfq-opt %s -split-input-file -gpfq-linalg-to-loops -canonicalize -cse | FileCheck %s
// RUN: gpfq-opt %s -split-input-file -gpfq-linalg-to-loops="max-chunks=4 chunk-work=1" -canonicalize -cse | FileCheck %s --check-prefix=CHUNKS

// Two vectors of 64 channels, and 6 more channels as 4 and 2. The fill is the start of the maxima.
// CHECK-LABEL: func.func @max
// CHECK-NOT: linalg.fill
// CHECK-DAG: %[[START:.*]] = arith.constant dense<0> : vector<64xi8>
// CHECK: scf.for %[[Y:.*]] = %c0 to %c4
// CHECK: scf.for %[[X:.*]] = %c0 to %c5
// CHECK: scf.for %[[V:.*]] = %c0 to %c2
// CHECK: %[[C:.*]] = arith.muli %[[V]], %c64
// CHECK: %[[ROWS:.*]] = scf.for %[[KY:.*]] = %c0 to %c3 step %c1 iter_args(%[[OUTER:.*]] = %[[START]])
// CHECK: scf.for %[[KX:.*]] = %c0 to %c3 step %c1 iter_args(%[[MAX:.*]] = %[[OUTER]])
// CHECK: vector.load %{{.*}}[%c0, %{{.*}}, %{{.*}}, %[[C]]] : memref<1x9x11x134xi8>, vector<64xi8>
// CHECK: arith.maxui %{{.*}} : vector<64xi8>
// CHECK: vector.store %[[ROWS]], %{{.*}}[%c0, %[[Y]], %[[X]], %[[C]]]
// CHECK: vector.load {{.*}} vector<4xi8>
// CHECK: vector.load {{.*}} vector<2xi8>
// CHECK: vector.store {{.*}} vector<4xi8>
// CHECK: vector.store {{.*}} vector<2xi8>
// CHUNKS-LABEL: func.func @max
// CHUNKS: scf.parallel (%[[PART:.*]]) = (%c0) to (%c4)
// CHUNKS: vector.store
func.func @max(%a: memref<1x9x11x134xi8>, %k: memref<3x3xi8>, %y: memref<1x4x5x134xi8>) {
  %zero = arith.constant 0 : i8
  linalg.fill ins(%zero : i8) outs(%y : memref<1x4x5x134xi8>)
  linalg.pooling_nhwc_max_unsigned {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%a, %k : memref<1x9x11x134xi8>, memref<3x3xi8>) outs(%y : memref<1x4x5x134xi8>)
  return
}

// -----

// Without a constant fill right before it, sums start from the result. Sums of f32 are formed in their order.
// CHECK-LABEL: func.func @sum
// CHECK: memref.store %{{.*}} : memref<1x1x1x32xf32>
// CHECK: %[[START:.*]] = vector.load %{{.*}} : memref<1x1x1x32xf32>, vector<16xf32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[START]])
// CHECK: arith.addf %{{.*}}, %{{.*}} : vector<16xf32>
// The channels are the only loop to split.
// CHUNKS-LABEL: func.func @sum
// CHUNKS: scf.parallel (%{{.*}}) = (%c0) to (%c2)
func.func @sum(%a: memref<1x7x7x32xf32>, %k: memref<7x7xf32>, %y: memref<1x1x1x32xf32>, %v: f32) {
  linalg.fill ins(%v : f32) outs(%y : memref<1x1x1x32xf32>)
  linalg.pooling_nhwc_sum ins(%a, %k : memref<1x7x7x32xf32>, memref<7x7xf32>) outs(%y : memref<1x1x1x32xf32>)
  return
}

// -----

// Channels that are no whole number of vectors, and nothing else to split.
// CHUNKS-LABEL: func.func @tail
// CHUNKS-NOT: scf.parallel
// CHUNKS: return
func.func @tail(%a: memref<1x7x7x40xf32>, %k: memref<7x7xf32>, %y: memref<1x1x1x40xf32>) {
  linalg.pooling_nhwc_sum ins(%a, %k : memref<1x7x7x40xf32>, memref<7x7xf32>) outs(%y : memref<1x1x1x40xf32>)
  return
}

// -----

// The payload may compute, widen and use constants and values from around it.
// CHECK-LABEL: func.func @squares
// CHECK: %[[CODES:.*]] = vector.load {{.*}} vector<16xi8>
// CHECK: %[[X:.*]] = arith.uitofp %[[CODES]] : vector<16xi8> to vector<16xf32>
// CHECK: %[[SCALE:.*]] = vector.broadcast %{{.*}} : f32 to vector<16xf32>
// CHECK: arith.mulf %[[X]], %[[SCALE]] : vector<16xf32>
func.func @squares(%a: memref<8x3x16xi8>, %y: memref<8x16xf32>, %scale: f32) {
  linalg.generic {indexing_maps = [affine_map<(i, j, c) -> (i, j, c)>, affine_map<(i, j, c) -> (i, c)>],
                  iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%a : memref<8x3x16xi8>) outs(%y : memref<8x16xf32>) {
  ^bb0(%code: i8, %sum: f32):
    %x = arith.uitofp %code : i8 to f32
    %scaled = arith.mulf %x, %scale : f32
    %square = arith.mulf %scaled, %scaled : f32
    %next = arith.addf %sum, %square : f32
    linalg.yield %next : f32
  }
  return
}

// -----

// Not a window: too many elements, two operands, or neighbours that are not next to each other.
// CHECK-LABEL: func.func @others
// CHECK-NOT: vector.
// CHECK: return
func.func @others(%a: memref<65x16xf32>, %b: memref<16xf32>, %c: memref<4x16xf32>, %d: memref<4x16xf32>,
                  %e: memref<4x16xf32, strided<[64, 2]>>) {
  linalg.reduce { arith.addf } ins(%a : memref<65x16xf32>) outs(%b : memref<16xf32>) dimensions = [0]
  linalg.generic {indexing_maps = [affine_map<(i, c) -> (i, c)>, affine_map<(i, c) -> (i, c)>, affine_map<(i, c) -> (c)>],
                  iterator_types = ["reduction", "parallel"]}
      ins(%c, %d : memref<4x16xf32>, memref<4x16xf32>) outs(%b : memref<16xf32>) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %product = arith.mulf %x, %y : f32
    %next = arith.addf %sum, %product : f32
    linalg.yield %next : f32
  }
  linalg.reduce { arith.addf } ins(%e : memref<4x16xf32, strided<[64, 2]>>) outs(%b : memref<16xf32>) dimensions = [0]
  return
}
