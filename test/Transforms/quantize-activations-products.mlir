// RUN: gpfq-opt %s --gpfq-annotate-layers=products=int8 2>%t.err | FileCheck %s --check-prefix=MARK
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.err
// RUN: gpfq-opt %s --gpfq-annotate-layers 2>&1 | FileCheck %s --check-prefix=FLOAT
// RUN: gpfq-opt %s --gpfq-annotate-layers=products=int8 --gpfq-quantize-activations=mode=dynamic | FileCheck %s
// A second run finds everything quantised.
// RUN: gpfq-opt %s --gpfq-annotate-layers=products=int8 --gpfq-quantize-activations=mode=dynamic \
// RUN:   --gpfq-quantize-activations=mode=dynamic | FileCheck %s
// RUN: gpfq-opt %s --gpfq-annotate-layers=products=int8 --gpfq-quantize-activations="mode=dynamic symmetric" | FileCheck %s --check-prefix=SYMMETRIC
// RUN: not gpfq-opt %s --gpfq-annotate-layers=products=int4 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: error: products must be float or int8, got 'int4'

// Inputs of layers can be static beside them.
// RUN: %python %S/../Inputs/make_npy.py %t.x.npy 8x3x4 signed
// RUN: %python %S/../Inputs/make_npy.py %t.k.npy 8x5x2x4 signed
// RUN: %python %S/../Inputs/make_npy.py %t.v.npy 8x2x5x4 signed
// RUN: gpfq-opt %s --gpfq-annotate-layers=products=int8 --gpfq-quantize-activations="calibration=%t.x.npy,%t.k.npy,%t.v.npy" \
// RUN:   | FileCheck %s --check-prefix=STATIC
// Calibration of the weights goes through the quantised products.
// RUN: gpfq-opt %s --gpfq-annotate-layers=products=int8 --gpfq-quantize-activations=mode=dynamic \
// RUN:   --gpfq-quantize-weights="calibration=%t.x.npy,%t.k.npy,%t.v.npy" --lowbit-fuse | FileCheck %s --check-prefix=FUSED

// MARK: linalg.batch_matmul {lowbit.product = "scores"}
// MARK: linalg.batch_matmul {lowbit.product = "product_1"}
// MARK: linalg.batch_matmul indexing_maps = {{.*}} {lowbit.product = "product_2"}
// A generic of this form is a batch_matmul.
// MARK: linalg.batch_matmul {lowbit.product = "product_3"}
// MARK-NOT: lowbit.product
// REMARK: remark: multiplies two activations and stays in float: it is a linalg.matvec, not a linalg.matmul or linalg.batch_matmul
// REMARK: remark: multiplies two activations and stays in float: its first operand is transposed or broadcast, or the second one is broadcast
// FLOAT-COUNT-6: multiplies two activations, so it stays in float

// CHECK-LABEL: func @attention
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<3x4xf32>, %[[K:[a-z0-9]+]]: tensor<5x2x4xf32>, %[[V:[a-z0-9]+]]: tensor<2x5x4xf32>
// STATIC: lowbit.quantize %
// STATIC: lowbit.quantize_rows
// STATIC: linalg.batch_matmul {lowbit.product = "scores"}
// FUSED: lowbit.batch_matmul {{.*}}layer = "scores"
// FUSED: lowbit.batch_matmul {{.*}}layer = "product_1"
// FUSED: lowbit.batch_matmul {{.*}}layer = "product_2"
// FUSED: lowbit.batch_matmul {{.*}}layer = "product_3"
func.func @attention(%x: tensor<3x4xf32>, %keys: tensor<5x2x4xf32>, %v: tensor<2x5x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x3xf32>, tensor<2x3xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -0.25, 0.3, 1.0], [0.75, 0.5, -0.4, 0.2], [0.1, 0.2, 0.3, 0.4], [-0.5, 0.9, 0.2, 0.7]]> : tensor<4x4xf32>
  %e = tensor.empty() : tensor<3x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x4xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  %eb = tensor.empty() : tensor<2x3x4xf32>
  %q = linalg.broadcast ins(%y : tensor<3x4xf32>) outs(%eb : tensor<2x3x4xf32>) dimensions = [0]
  // The transpose of the keys and that of the columns are one.
  // CHECK: %[[ROWS:.*]] = linalg.transpose ins(%[[K]] : tensor<5x2x4xf32>) {{.*}} permutation = [1, 0, 2]
  // CHECK: %[[C:.*]]:3 = lowbit.quantize_rows symmetric ins(%[[ROWS]] : tensor<2x5x4xf32>)
  // CHECK: %[[D:.*]] = lowbit.dequantize_rows %[[C]]#0, %[[C]]#1, %[[C]]#2
  // CHECK: %[[B:.*]] = linalg.transpose ins(%[[D]] : tensor<2x5x4xf32>) {{.*}} permutation = [0, 2, 1]
  // CHECK: linalg.batch_matmul {lowbit.product = "scores"} ins(%[[A:.*]], %[[B]] :
  // SYMMETRIC-COUNT-7: lowbit.quantize_rows symmetric
  // SYMMETRIC-NOT: lowbit.quantize_rows ins
  %et = tensor.empty() : tensor<2x4x5xf32>
  %kt = linalg.transpose ins(%keys : tensor<5x2x4xf32>) outs(%et : tensor<2x4x5xf32>) permutation = [1, 2, 0]
  %es = tensor.empty() : tensor<2x3x5xf32>
  %is = linalg.fill ins(%zero : f32) outs(%es : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%is : tensor<2x3x5xf32>) -> tensor<2x3x5xf32> loc("scores")
  // CHECK: %[[VT:.*]] = linalg.transpose ins(%[[V]] : tensor<2x5x4xf32>) {{.*}} permutation = [0, 2, 1]
  // CHECK: lowbit.quantize_rows symmetric ins(%[[VT]] : tensor<2x4x5xf32>)
  // CHECK: linalg.batch_matmul {lowbit.product = "product_1"}
  %io = linalg.fill ins(%zero : f32) outs(%eb : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %o = linalg.batch_matmul ins(%s, %v : tensor<2x3x5xf32>, tensor<2x5x4xf32>) outs(%io : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  // The rows of a transposed second operand are the columns.
  // CHECK: lowbit.quantize_rows symmetric ins(%{{.*}} : tensor<2x3x5xf32>)
  // CHECK: linalg.batch_matmul indexing_maps = {{.*}} {lowbit.product = "product_2"}
  %eg = tensor.empty() : tensor<2x3x3xf32>
  %ig = linalg.fill ins(%zero : f32) outs(%eg : tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %g = linalg.batch_matmul
      indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%s, %s : tensor<2x3x5xf32>, tensor<2x3x5xf32>) outs(%ig : tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%s, %v : tensor<2x3x5xf32>, tensor<2x5x4xf32>) outs(%io : tensor<2x3x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %out, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x3x4xf32>
  %c0 = tensor.extract_slice %v[0, 0, 0] [1, 5, 1] [1, 1, 1] : tensor<2x5x4xf32> to tensor<5xf32>
  %s0 = tensor.extract_slice %s[0, 0, 0] [1, 3, 5] [1, 1, 1] : tensor<2x3x5xf32> to tensor<3x5xf32>
  %ev = tensor.empty() : tensor<3xf32>
  %iv = linalg.fill ins(%zero : f32) outs(%ev : tensor<3xf32>) -> tensor<3xf32>
  %mv = linalg.matvec ins(%s0, %c0 : tensor<3x5xf32>, tensor<5xf32>) outs(%iv : tensor<3xf32>) -> tensor<3xf32>
  %e2 = tensor.empty() : tensor<2x3xf32>
  %r2 = linalg.broadcast ins(%mv : tensor<3xf32>) outs(%e2 : tensor<2x3xf32>) dimensions = [0]
  %u = linalg.batch_matmul
      indexing_maps = [affine_map<(b, m, n, k) -> (b, k, m)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%g, %h : tensor<2x3x3xf32>, tensor<2x3x4xf32>) outs(%io : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %o, %g, %r2, %h, %u : tensor<2x3x4xf32>, tensor<2x3x3xf32>, tensor<2x3xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
}
