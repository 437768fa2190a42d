// A network that reads numbers of words and a mask, not floats.
// RUN: %python %S/../Inputs/make_npy.py %t.words.npy 40x3 words "<i8"
// RUN: %python %S/../Inputs/make_npy.py %t.mask.npy 40x3 ones "<i4"
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.words.npy,%t.mask.npy" \
// RUN:     --gpfq-quantize-weights="calibration=%t.words.npy,%t.mask.npy" | FileCheck %s
// CHECK-LABEL: func.func @encoder
// CHECK: lowbit.quantize %{{.*}} : tensor<3x4xf32>, tensor<1xf32> -> tensor<3x4xi8>
// CHECK: lowbit.dequantize %{{.*}} axis 1 alphabet <mid_tread, [7]> layer "linear" : tensor<4x2xi8>

// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.mask.npy,%t.mask.npy" 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: calibration file {{.*}} holds elements of type '<i4', and 64-bit integers ('<i8') are expected; convert it with array.astype(numpy.int64)
// RUN: %python %S/../Inputs/make_npy.py %t.floats.npy 40x3 ones
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.words.npy,%t.floats.npy" 2>&1 | FileCheck %s --check-prefix=FLOATS
// FLOATS: error: calibration file {{.*}} holds elements of type '<f4', and 32-bit integers ('<i4') are expected

// The table has 8 rows here, and 4 in the second network.
// RUN: sed 's/tensor<8x4xf32>/tensor<4x4xf32>/' %s > %t.mlir
// RUN: not gpfq-opt %t.mlir --gpfq-quantize-weights="calibration=%t.words.npy,%t.mask.npy" 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: error: calibration file {{.*}} has {{[4-7]}} in sample {{[0-9]+}}, element {{[0-2]}}, and the network looks it up in a table that takes 0 to 3

// RUN: sed 's/tensor<3xi32>/tensor<3xi16>/; s/%m: i32/%m: i16/; s/%m : i32/%m : i16/' %s > %t.short.mlir
// RUN: not gpfq-opt %t.short.mlir --gpfq-quantize-weights="calibration=%t.words.npy,%t.mask.npy" 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: error: argument 1 is 'tensor<3xi16>', and calibration takes tensors of f32, i8, i32 or i64

func.func @encoder(%words: tensor<3xi64>, %mask: tensor<3xi32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %size = arith.constant 8 : index
  %table = arith.constant dense<0.5> : tensor<8x4xf32>
  %w = arith.constant dense<[[0.7, -0.2], [0.1, 0.5], [-0.6, 0.3], [0.2, 0.4]]> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<3x4xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i)>, affine_map<(i, k) -> (i)>, affine_map<(i, k) -> (i, k)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%words, %mask : tensor<3xi64>, tensor<3xi32>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%word: i64, %m: i32, %out: f32):
    %row = arith.index_cast %word : i64 to index
    %column = linalg.index 1 : index
    %ok = arith.cmpi slt, %row, %size : index
    cf.assert %ok, "index must be smaller than dim size"
    %v = tensor.extract %table[%row, %column] : tensor<8x4xf32>
    %p = arith.sitofp %word : i64 to f32
    %f = arith.sitofp %m : i32 to f32
    %s = arith.mulf %v, %f : f32
    %y = arith.addf %s, %p : f32
    linalg.yield %y : f32
  } -> tensor<3x4xf32>
  %o = tensor.empty() : tensor<3x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%o : tensor<3x2xf32>) -> tensor<3x2xf32>
  %r = linalg.matmul {lowbit.layer = #lowbit.layer<"linear", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}
