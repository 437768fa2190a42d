// RUN: gpfq-opt %s -gpfq-remove-asserts | FileCheck %s

// CHECK-LABEL: func.func @quotient
// CHECK-NOT: cf.assert
// CHECK: arith.divf
func.func @quotient(%x: f32, %y: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %ok = arith.cmpf one, %y, %zero : f32
  cf.assert %ok, "division by zero"
  %q = arith.divf %x, %y : f32
  return %q : f32
}

// An index that data give is clamped to the table; one that counts elements is left alone.
// CHECK-LABEL: func.func @embedding
// CHECK: ^bb0(%[[I:.*]]: i64, %{{.*}}: f32):
// CHECK: %[[ROW:.*]] = arith.index_cast %[[I]] : i64 to index
// CHECK: %[[COLUMN:.*]] = linalg.index 1 : index
// CHECK-NOT: cf.assert
// CHECK: %[[LOW:.*]] = arith.maxsi %[[ROW]], %c0
// CHECK: %[[CLAMPED:.*]] = arith.minsi %[[LOW]], %c4
// CHECK: tensor.extract %{{.*}}[%[[CLAMPED]], %[[COLUMN]]]
func.func @embedding(%words: tensor<3xi64>, %table: tensor<5x2xf32>) -> tensor<3x2xf32> {
  %size = arith.constant 5 : index
  %e = tensor.empty() : tensor<3x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i)>, affine_map<(i, k) -> (i, k)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%words : tensor<3xi64>) outs(%e : tensor<3x2xf32>) {
  ^bb0(%word: i64, %out: f32):
    %row = arith.index_cast %word : i64 to index
    %column = linalg.index 1 : index
    %ok = arith.cmpi slt, %row, %size : index
    cf.assert %ok, "index must be smaller than dim size"
    %x = tensor.extract %table[%row, %column] : tensor<5x2xf32>
    linalg.yield %x : f32
  } -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}
