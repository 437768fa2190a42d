// RUN: %python %S/../Inputs/make_npy.py %t.good.npy 3x4
// RUN: %python %S/../Inputs/make_npy.py %t.wide.npy 3x5
// RUN: %python %S/../Inputs/make_npy.py %t.double.npy 3x4 random "<f8"
// RUN: %python %S/../Inputs/make_npy.py %t.none.npy 0x4
// RUN: %python %S/../Inputs/make_npy.py %t.nan.npy 3x4 nan
// RUN: %python %S/../Inputs/make_npy.py %t.inf.npy 3x4 inf
// RUN: %python %S/../Inputs/make_npy.py %t.zeros.npy 3x4 zeros
// RUN: %python %S/../Inputs/make_npy.py %t.big.npy 3x4 random ">f4"
// RUN: head -c 150 %t.good.npy > %t.short.npy

// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.missing.npy" 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: quantize-bad-data.mlir:{{.*}} error: calibration file '{{.*}}' cannot be opened
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.short.npy" 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: error: {{.*}} is truncated: shape [3, 4] needs 48 bytes of data, and there are {{[0-9]+}}
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.wide.npy" 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: {{.*}} has samples of shape [5], and the argument needs [4]
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.double.npy" 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: {{.*}} holds elements of type '<f8', and 32-bit floats ('<f4') are expected
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.none.npy" 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: {{.*}} at least one sample is needed
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.nan.npy" 2>&1 | FileCheck %s --check-prefix=NAN
// NAN: error: {{.*}} has a NaN in sample 2, element 3
// RUN: not gpfq-opt %s --gpfq-quantize-activations="calibration=%t.inf.npy" 2>&1 | FileCheck %s --check-prefix=INF
// INF: error: {{.*}} has an infinity in sample 2, element 3
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.good.npy,%t.good.npy" 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: error: has 1 argument, and 2 calibration files are given
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.good.npy samples=4" 2>&1 | FileCheck %s --check-prefix=SAMPLES
// SAMPLES: error: 4 samples are asked for, and the calibration files have 3
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.good.npy patches=every" 2>&1 | FileCheck %s --check-prefix=PATCHES
// PATCHES: error: patches=every is not one of real, paper
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.good.npy patches=paper" 2>&1 | FileCheck %s --check-prefix=PAPER
// PAPER: error: patches=paper has rows that the layer does not compute; it needs clip-rounds=0, pool-rounds=0 and residual-targets=false
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.good.npy recipe=paper patches=paper retain-rate=0" 2>&1 | FileCheck %s --check-prefix=RATE
// RATE: error: retain-rate is not in (0, 1]
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.good.npy report=/nonexistent/report.json" 2>&1 | FileCheck %s --check-prefix=REPORT
// REPORT: error: cannot write '/nonexistent/report.json'
// RUN: not gpfq-opt %s --gpfq-quantize-weights="calibration=%t.good.npy method=best" 2>&1 | FileCheck %s --check-prefix=METHOD
// METHOD: error: method=best is not one of gpfq, msq, optq, qronos, spfq, auto

// The activations of 400 samples do not fit the budget, and the temporary file cannot be made.
// RUN: %python %S/../Inputs/make_npy.py %t.many.npy 400x4
// RUN: not env TMPDIR=/nonexistent gpfq-opt %s --gpfq-quantize-weights="calibration=%t.many.npy memory-budget=4000" 2>&1 | FileCheck %s --check-prefix=TMPDIR
// TMPDIR: error: cannot create a temporary file in '/nonexistent'

// Zeros are data: the result is the nearest level, and a remark says so.
// RUN: gpfq-opt %s --gpfq-quantize-activations="calibration=%t.zeros.npy" --gpfq-quantize-weights="calibration=%t.zeros.npy" 2>&1 >/dev/null | FileCheck %s --check-prefix=ZEROS
// ZEROS: remark: is 0 in all calibration data; its scale is set to 1
// ZEROS: remark: layer 'first' reads only zeros in the calibration data
// The same sample again and again says nothing about the weights, which are rounded.
// RUN: %python %S/../Inputs/make_npy.py %t.ones.npy 3x4 ones
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.ones.npy step=absmax" | FileCheck %s --check-prefix=CONSTANT
// CONSTANT-LABEL: func @three_layers
// CONSTANT: arith.constant dense<{{\[\[}}5, -2, 5, 7], [7, 4, -7, 1], [1, 2, 5, 3], [-5, 7, {{3|4}}, 5]]> : tensor<4x4xi8>
// Big-endian files are read.
// RUN: gpfq-opt %s --gpfq-quantize-weights="calibration=%t.big.npy" | FileCheck %s --check-prefix=BIG
// BIG: lowbit.dequantize

func.func @three_layers(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -0.25, 0.3, 1.0], [0.75, 0.5, -0.4, 0.2], [0.1, 0.2, 0.3, 0.4], [-0.5, 0.9, 0.2, 0.7]]> : tensor<4x4xf32>
  %v = arith.constant dense<[[0.5, 0.25, 0.3, 1.0], [0.75, 0.5, 0.4, 0.2], [0.1, 0.2, 0.3, 0.4], [0.5, 0.9, 0.2, 0.7]]> : tensor<4x4xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %y = linalg.matmul {lowbit.layer = #lowbit.layer<"first", <mid_tread, [7]>, channel>}
      ins(%x, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %z = linalg.matmul {lowbit.layer = #lowbit.layer<"second", <mid_tread, [7]>, channel>}
      ins(%y, %v : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  %u = linalg.matmul {lowbit.layer = #lowbit.layer<"third", <mid_tread, [3]>, channel>}
      ins(%z, %v : tensor<1x4xf32>, tensor<4x4xf32>) outs(%i : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %u : tensor<1x4xf32>
}
