// No data are read.
// RUN: gpfq-opt %s --gpfq-quantize-activations=mode=dynamic | FileCheck %s
// RUN: gpfq-opt %s --gpfq-quantize-activations="mode=dynamic symmetric" | FileCheck %s --check-prefix=SYMMETRIC
// A second run finds everything quantised.
// RUN: gpfq-opt %s --gpfq-quantize-activations=mode=dynamic --gpfq-quantize-activations=mode=dynamic | FileCheck %s
// RUN: gpfq-opt %s --gpfq-quantize-activations=mode=dynamic --lowbit-dequantize | FileCheck %s --check-prefix=FLOAT
// Weights are fitted to what the quantised rows are.
// RUN: %python %S/../Inputs/make_npy.py %t.npy 40x3x4 signed
// RUN: gpfq-opt %s --gpfq-quantize-activations=mode=dynamic --gpfq-quantize-weights="calibration=%t.npy" | FileCheck %s --check-prefix=WEIGHTS

// RUN: not gpfq-opt %s --gpfq-quantize-activations=mode=rows 2>&1 | FileCheck %s --check-prefix=MODE
// MODE: error: mode=rows is not static or dynamic
// RUN: not gpfq-opt %s --gpfq-quantize-activations="mode=dynamic bits=4" 2>&1 | FileCheck %s --check-prefix=BITS
// BITS: error: mode=dynamic has codes of 8 bits, got bits=4
// RUN: not gpfq-opt %s --gpfq-quantize-activations="calibration=%t.npy symmetric" 2>&1 | FileCheck %s --check-prefix=STATIC
// STATIC: error: symmetric is for mode=dynamic

// Two layers read one set of codes; the sum behind them reads floats.
// CHECK-LABEL: func @block
// CHECK-SAME: %[[X:.*]]: tensor<3x4xf32>
// CHECK: %[[Q:.*]]:3 = lowbit.quantize_rows ins(%[[X]] : tensor<3x4xf32>) outs({{.*}}) -> tensor<3x4xi8>, tensor<3x1xf32>, tensor<3x1xi32>
// CHECK: %[[D:.*]] = lowbit.dequantize_rows %[[Q]]#0, %[[Q]]#1, %[[Q]]#2
// CHECK-NOT: lowbit.quantize_rows
// CHECK: linalg.matmul {{.*}} ins(%[[D]],
// CHECK: linalg.matmul {{.*}} ins(%[[D]],
// CHECK: linalg.add ins(%{{.*}}, %[[X]] :
// SYMMETRIC: lowbit.quantize_rows symmetric ins
// FLOAT-NOT: lowbit.quantize_rows
// FLOAT-NOT: lowbit.dequantize_rows
// FLOAT: linalg.matmul {{.*}} ins(%arg0
// WEIGHTS: lowbit.quantize_rows
// WEIGHTS: lowbit.dequantize %{{.*}} alphabet <mid_tread, [7]> layer "first"
// WEIGHTS: lowbit.dequantize %{{.*}} alphabet <mid_tread, [7]> layer "second"
func.func @block(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -0.25, 0.3, 1.0], [0.75, 0.5, -0.4, 0.2], [0.1, 0.2, 0.3, 0.4], [-0.5, 0.9, 0.2, 0.7]]> : tensor<4x4xf32>
  %v = arith.constant dense<[[0.5, 0.25, 0.3, 1.0], [0.75, 0.5, 0.4, 0.2], [0.1, 0.2, 0.3, 0.4], [0.5, 0.9, 0.2, 0.7]]> : tensor<4x4xf32>
  %e = tensor.empty() : tensor<3x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  %y = linalg.matmul {lowbit.layer = #lowbit.layer<"first", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<3x4xf32>, tensor<4x4xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  %z = linalg.matmul {lowbit.layer = #lowbit.layer<"second", <mid_tread, [7]>, channel>}
      ins(%x, %v : tensor<3x4xf32>, tensor<4x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  %s = linalg.add ins(%z, %x : tensor<3x4xf32>, tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %s : tensor<3x4xf32>
}
